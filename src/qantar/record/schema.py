"""One class per table of the record: the columns, their types, units and limits.

What each column means stands in `messages/columns.csv`, in both languages; `qantar explain TABLE.COLUMN` joins the two.
An empty cell is always "not known", never zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, ClassVar

from pydantic import BeforeValidator

from qantar.files.cells import Choice, Clock, Confidence, Date, Form, Key, Keys, Moment, Number, Row, Text, Words, Zone

PEOPLE_MAX = 10_000_000_000
"""More people do not live on Earth. The register of quantities says the same of every quantity in people or persons (a test compares)."""
ITEMS_MAX = 1_000_000_000
KM_MAX = 40_100
"""Once round the Earth."""
DAYS_AROUND = {"presence": 0, "region_onset": 0, "events": 5 * 366, "forces": 5 * 366, "totals": 5 * 366, "economy": 50 * 366}
"""Days before the first and after the last day of a case that a table may speak of: presence and onsets are of the case's own days; a cause
may lie, and a count be settled, some years off; a series of the economy reaches back for decades."""
SPAN_MAX = 3 * 366
"""Days of a case."""
MONEY = "money"
"""In units of the general register it stands for the currency of a case."""
OWN = "own"
"""Source of a row of a table that has no column for sources."""
NOT_SAID = "(not said)"
"""Publisher of a source whose publisher nobody told."""

People = Annotated[int, BeforeValidator(Number("people", 0, PEOPLE_MAX, whole=True))]
Items = Annotated[int, BeforeValidator(Number("items", 0, ITEMS_MAX, whole=True))]
Plain = Annotated[float, BeforeValidator(Number("see column unit"))]
Km = Annotated[float, BeforeValidator(Number("km", 0, KM_MAX))]
Lat = Annotated[float, BeforeValidator(Number("degrees north", -90, 90))]
Lon = Annotated[float, BeforeValidator(Number("degrees east", -180, 180))]
Offset = Annotated[float, BeforeValidator(Number("hours ahead of UTC", -12, 14))]
Flag = Annotated[int, BeforeValidator(Number("0 = no, 1 = yes", 0, 1, whole=True))]
Region_ = Annotated[str, BeforeValidator(Form(r"[A-Z]{2}(-[A-Z0-9]{1,6})?", "KZ-MAN"))]
_SOME_DAY = r"\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?"
"""A day, a month or a year."""


def _address(cell: object) -> object:
    """An address of the web has no blanks and quote marks; any other way to say where something is may be any text."""
    web = Form(r"https?://[^\s\"<>]+", "https://example.org/page")
    return web(cell) if isinstance(cell, str) and cell.lower().startswith(("http:", "https:")) else cell


class Source(Row):
    """Where a figure or a statement comes from, and how much of it the compilers saw."""

    key: Key
    title: Text
    publisher: Text
    date: Annotated[str, BeforeValidator(Form(f"{_SOME_DAY}(/{_SOME_DAY})?", "2022-01-05"))] = ""
    address: Annotated[Text, BeforeValidator(_address)] = ""
    address_complete: Annotated[str, BeforeValidator(Choice(("yes", "no", "n/a")))]
    licence: Text
    how_obtained: Text
    seen: Annotated[str, BeforeValidator(Choice(("whole", "copy", "copy-address-lost", "computed", "memory", "searched", "not-said")))]
    redistribution: Annotated[str, BeforeValidator(Choice(("yes", "no")))] = "yes"

    @property
    def lost(self) -> bool:
        """Whether nobody can look it up from here, because its address was not kept."""
        return self.seen == "copy-address-lost" or (self.address_complete == "no" and not self.address)

    @property
    def nowhere(self) -> bool:
        """Whether nobody can look it up from here, as it never had an address, nor says anybody whose it is: a table of one's own, say."""
        return not (self.lost or self.address) and (self.publisher in ("", NOT_SAID) or self.seen == "not-said")


class Region(Row):
    """A first-level unit of the country, as it was on the days of the record."""

    whole: ClassVar = ("type", "capital", "source")
    region_id: Region_
    name_en: Text
    name_zh: Text
    name_kk: Text = ""
    name_ru: Text = ""
    aliases: Words = ()
    type: Annotated[str, BeforeValidator(Choice(("region", "city")))] = "region"
    capital: Text = ""
    lat: Lat
    lon: Lon
    utc_offset: Offset = math.nan
    time_zone: Zone = ""
    economic_profile: Text = ""
    note: Text = ""
    source: Key = OWN
    sources_more: Keys = ()


class RegionValue(Row):
    """One figure about one region (or the whole country), with its unit and source."""

    whole: ClassVar = ("reference_date", "method", "confidence", "source")
    region_id: Region_
    variable: Key
    value: Plain
    unit: Text
    reference_date: Text = ""
    method: Text = ""
    confidence: Confidence = "medium"
    note: Text = ""
    source: Key = OWN


def residents_by_region(values: Iterable[RegionValue]) -> dict[str, float]:
    """Residents of each region, and of the whole country under its code."""
    return {v.region_id: v.value for v in values if v.variable == "population"}


def residents_of(country: str, values: Iterable[RegionValue]) -> float:
    """Residents of a country: as its own row has them, else the sum of its regions; 0 where nothing is known."""
    by_region = residents_by_region(values)
    return by_region.pop(country, None) or sum(by_region.values())


class Settlement(Row):
    """A town, a village of 5,000 or more, or an industrial site named in the record."""

    whole: ClassVar = ("kind", "source")
    settlement_id: Key
    geonameid: Items | None = None
    name_en: Text
    name_zh: Text = ""
    name_kk: Text = ""
    name_ru: Text = ""
    aliases: Words = ()
    kind: Annotated[str, BeforeValidator(Choice(("settlement", "region_capital", "oil_field")))] = "settlement"
    region_id: Region_
    region_later: Text = ""
    lat: Lat
    lon: Lon
    population_geonames: People | None = None
    population_used: People | None = None
    utc_offset: Offset = math.nan
    time_zone: Zone = ""
    note: Text = ""
    source: Key = OWN
    sources_more: Keys = ()


class Adjacency(Row):
    """A pair of regions: whether they share a land border, and how far apart they are."""

    region_a: Region_
    region_b: Region_
    adjacent: Flag
    shared_border_km: Km | None = None
    capital_distance_gc_km: Km | None = None
    centroid_distance_gc_km: Km | None = None


EVENT_KINDS = (
    "protest", "march", "strike", "road_blocked", "rail_blocked", "talks", "dispersed_peacefully", "quiet",
    "clash", "building_attacked", "building_seized", "infrastructure_attacked", "symbol_attacked", "prison_attacked",
    "armoury_seized", "airport_seized", "looting", "control_lost", "retaken", "airport_retaken", "airport_reopened",
    "repression", "detained", "deaths", "injuries", "stand_aside", "troops_deployed", "arrest_official", "alert",
    "shoot_order",
    "price_rise", "price_cut", "concession", "cabinet_resigned", "leadership_change", "statement", "mourning",
    "emergency_declared", "emergency_extended", "emergency_lifted", "internet_cut", "internet_restored",
    "foreign_troops_requested", "foreign_troops_approved", "foreign_troops_arrived", "foreign_troops_deployed_total",
    "foreign_troops_left", "output_reduced", "strike_ended", "damage_total",
)  # fmt: skip
EVENT_SCOPES = (
    "event", "event; number not given", "date uncertain", "inferred", "claim", "national day total", "region-day total", "city-day total",
    "national total to date", "region total to date", "city total to date", "two-city total to date", "region total",
    "city total, incidents analysed", "national final total",
)  # fmt: skip


class Event(Row):
    """One reported happening, or a cumulative statement (see `scope`), in local time.

    Its place is a region, a settlement, or a point: what is left out follows from what is given.
    """

    whole: ClassVar = ("event_id", "scope", "confidence", "source")
    event_id: Key = ""
    date: Date
    date_end: Date | None = None
    time_local: Clock | None = None
    region_id: Region_ = ""
    settlement: Text = ""
    settlement_id: Key | None = None
    lat: Lat | None = None
    lon: Lon | None = None
    kind: Annotated[str, BeforeValidator(Choice(EVENT_KINDS))]
    scope: Annotated[str, BeforeValidator(Choice(EVENT_SCOPES))] = "event"
    participants_low: People | None = None
    participants_high: People | None = None
    number_basis: Text = ""
    deaths: People | None = None
    deaths_low: People | None = None
    deaths_high: People | None = None
    deaths_security: People | None = None
    injured: People | None = None
    injured_security: People | None = None
    detained: People | None = None
    actor: Text = ""
    actor_zh: Text = ""
    confidence: Confidence = "medium"
    note: Text = ""
    note_zh: Text = ""
    source: Key = OWN
    sources_more: Keys = ()
    external_id: Text = ""

    @property
    def one_happening(self) -> bool:
        """Whether this row is a single happening rather than a running total or one party's claim."""
        return self.scope == "event"

    @property
    def sure_of_its_day(self) -> bool:
        """Whether something of the kind happened on its day for certain: once, or so often that a total of the day was written down."""
        return self.scope in ("event", "region-day total", "city-day total")


class PresenceRow(Row):
    """Whether unrest was reported in a region on a local calendar day; a day without a row is not known."""

    whole: ClassVar = ("source",)
    region_id: Region_
    date: Date
    unrest: Flag
    source: Key = OWN


class OnsetRow(Row):
    """What the record says of one region: first day of unrest as an interval, largest crowd, seat, deaths.

    Where no unrest is recorded, the interval is empty. A region without a row has that of its first gathering in the events.
    """

    whole: ClassVar = ("confidence", "source")
    region_id: Region_
    onset_date: Date | None = None
    onset_earliest: Date | None = None
    onset_latest: Date | None = None
    first_settlement: Text = ""
    first_violence: Date | None = None
    max_crowd_low: People | None = None
    max_crowd_high: People | None = None
    max_crowd_date: Date | None = None
    seat_of_government: Text = ""
    seat_of_government_zh: Text = ""
    seat_entered: Flag | None = None
    deaths_official: People | None = None
    deaths_as_of: Text = ""
    deaths_source: Key | None = None
    taken_to_police: People | None = None
    taken_source: Key | None = None
    emergency_from: Moment | None = None
    emergency_lifted: Moment | None = None
    confidence: Confidence = "medium"
    note: Text = ""
    note_zh: Text = ""
    source: Key = OWN
    sources_more: Keys = ()


class Total(Row):
    """One statement of a count for the country or a region, as of a date."""

    total_id: Key
    as_of: Date
    region_id: Region_
    settlement_id: Key | None = None
    quantity: Key
    value_low: People
    value_high: People | None = None
    status: Annotated[str, BeforeValidator(Choice(("day", "to_date", "revised", "final", "independent", "withdrawn", "claim", "computed")))]
    stated_by: Text
    stated_by_zh: Text = ""
    note: Text = ""
    note_zh: Text = ""
    source: Key
    sources_more: Keys = ()


class EconomyRow(Row):
    """One value of an economic series."""

    date: Date
    date_end: Date | None = None
    series: Key
    region_id: Region_
    value: Plain
    unit: Text
    method: Text
    confidence: Confidence
    note: Text = ""
    source: Key


class Force(Row):
    """Order of magnitude of one body of police, guard, army or foreign troops."""

    force_id: Key
    organisation: Text
    kind: Key
    country: Text
    region_id: Region_
    strength_low: People | None = None
    strength_high: People | None = None
    vehicles: Items | None = None
    arrival: Date | None = None
    departure: Date | None = None
    place: Text = ""
    confidence: Confidence
    note: Text = ""
    source: Key
    sources_more: Keys = ()


class Disagreement(Row):
    """A matter on which sources differ: kept as an interval over the rows named, not resolved."""

    disagreement_id: Key
    matter_en: Text
    matter_zh: Text
    rows: Keys = ()
    low: Plain | None = None
    high: Plain | None = None
    unit: Annotated[str, BeforeValidator(Choice(("people", "cities", "regions", "days", "day of January")))] | None = None
    versions_en: Text
    versions_zh: Text
    source: Key
    sources_more: Keys = ()


class Variable(Row):
    """The register of quantities: the one unit each is written in, and its limits. What a case has goes before the general one."""

    variable: Key
    unit: Text
    low: Plain | None = None
    high: Plain | None = None
    meaning_en: Text
    meaning_zh: Text


MODELS: dict[str, type[Row]] = {
    "sources": Source,
    "regions": Region,
    "region_values": RegionValue,
    "settlements": Settlement,
    "adjacency": Adjacency,
    "events": Event,
    "presence": PresenceRow,
    "region_onset": OnsetRow,
    "totals": Total,
    "economy": EconomyRow,
    "forces": Force,
    "disagreements": Disagreement,
    "variables": Variable,
}
"""Tables of a record, in the order in which they are loaded: file `NAME.csv`."""
