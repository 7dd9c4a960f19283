"""Rows of a downloaded table, one after the other, become rows of events.csv, or are listed with the reason why not.

In: a `Source`, its `Form` and the `Country`. Out: `Taken`, with every row counted once: taken, twice in the file, or unmatched. What is
kept grows with the rows taken, not with the file; points are looked up many at once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np

from qantar.errors import DataError, Problem, fail
from qantar.files.cells import NAME_MAX, printable, quoted
from qantar.files.read import ROWS_MAX
from qantar.importing.country import Country
from qantar.importing.days import Days, OrderUnknown
from qantar.importing.figures import NONE, read_figure
from qantar.importing.form import IN_NOTE, Form
from qantar.importing.source import Source
from qantar.importing.words import act_of_authority
from qantar.record.complete import GATHERINGS, NATIONAL_DAY
from qantar.record.schema import DAYS_AROUND

EVENT_COLUMNS = (
    "event_id", "date", "date_end", "region_id", "settlement", "settlement_id", "lat", "lon", "kind", "scope",
    "participants_low", "participants_high", "number_basis", "deaths_low", "deaths", "deaths_high", "injured", "detained",
    "actor", "confidence", "note", "source", "external_id",
)  # fmt: skip
"""Columns of events.csv that an import fills."""
UNMATCHED_COLUMNS = ("source", "file", "line", "reason", "column", "value", "external_id", "date", "place", "type")
REASONS = (
    "cell_count", "no_date", "bad_date", "low_above_high", "outside_days", "outside_country", "only_country", "swapped_coordinates",
    "bad_coordinates", "no_place", "unknown_place", "ambiguous_place", "ambiguous_region", "unknown_kind", "no_kind", "kind_left_empty",
    "bad_number", "more_than_residents", "count_zero", "no_id",
)  # fmt: skip
"""Why a row is not taken."""
LINES = 5
"""Rows that are told of each reason; all of them stand in unmatched.csv."""
_BLOCK = 20_000
"""Rows whose points are looked up at once."""
_POINTS = 200_000
"""Points whose region is remembered."""
_DEGREES = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{1,20})?", re.ASCII)

Row = dict[str, str]
Unmatched = Callable[[Sequence[object]], None]


class Spot(NamedTuple):
    """Where two cells with coordinates lie: a region, or the reason why none."""

    region: str
    lat: str
    lon: str
    note: str
    """`near`, `swapped` or empty; without a region the reason"""


class Refused(NamedTuple):
    """A row that was not taken: its line, and the column and the cell that are the reason, where there is one."""

    line: int
    column: str
    value: str
    hint: str = ""
    """what may have been meant"""
    within: str = ""
    """regions of the case that lie in a larger unit of this name"""


@dataclass
class Taken:
    """What a file holds for a case."""

    rows: dict[str, Row] = field(default_factory=dict)
    """by external id"""
    line_of: dict[tuple[str, str], int] = field(default_factory=dict)
    """line of each row in the file, by source and external id as they are written"""
    told: dict[str, str] = field(default_factory=dict)
    """what a cell with types says, of rows read by a mapping, by external id"""
    read: int = 0
    duplicates: int = 0
    """the same row once more"""
    superseded: int = 0
    """the same id with other content, of which the newer was kept"""
    near: int = 0
    swapped: int = 0
    elsewhere: int = 0
    """rows whose named region is not the one their coordinates lie in"""
    spans: int = 0
    """rows of which one cell holds the first and the last day"""
    words: Counter[str] = field(default_factory=Counter)
    """crowds in words, which have no number"""
    lowest: int = 0
    """injured and detained of which the low end of a range was kept"""
    unnamed: Counter[str] = field(default_factory=Counter)
    """places that the case does not know, of rows that have only the names of region and place"""
    apart: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """places, with the region that the row names, of which the case knows one in another region only, the third"""
    reasons: Counter[str] = field(default_factory=Counter)
    refused: dict[str, list[Refused]] = field(default_factory=dict)
    """the first rows of each reason"""
    blanked: Counter[str] = field(default_factory=Counter)
    """cells that were left out of rows that were taken, by the reason"""
    left_out: dict[str, list[Refused]] = field(default_factory=dict)
    """the first cells of each reason"""
    still: set[str] = field(default_factory=set)
    """those of the ids and notes to be watched that rows have which were not taken, and so are in the file all the same"""
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    """type of the file and kind of qantar, empty where there is none, `?` where the type is not known"""
    first: dt.date | None = None
    last: dt.date | None = None


class _Pending(NamedTuple):
    line: int
    cells: list[str]
    first: dt.date
    last: dt.date
    lasting: bool


def take(
    source: Source,
    form: Form,
    country: Country,
    unmatched: Unmatched,
    *,
    date_order: str | None = None,
    swap: bool = False,
    watched: Set[str] = frozenset(),
) -> Taken:
    """All rows of a file that are events of the case; the others go to `unmatched` (cells of `UNMATCHED_COLUMNS`).

    A number that is none is left out of its row, and goes to `unmatched` too. Of the external ids and notes in `watched` those are said
    that stand in the file though their rows were not taken.

    Raises
    ------
    DataError
        Where the file cannot be read to its end, day and month cannot be told apart, or more rows belong to the case than a table may have.
    """
    return _Take(source, form, country, unmatched, date_order or form.date_order, swap, watched).all()


def _none() -> tuple[str, str]:
    return "", ""


class _Take:
    def __init__(
        self, source: Source, form: Form, country: Country, unmatched: Unmatched, order: str | None, swap: bool, watched: Set[str]
    ) -> None:
        self.source, self.form, self.country, self.unmatched, self.swap, self.watched = source, form, country, unmatched, swap, watched
        self.taken = Taken()
        self.at = dict(form.columns)
        self.days = {
            f: Days(country.first, self._column(self.at[f]), order, source.counts_from_1904)
            for f in ("date", "date_end", "date_latest")
            if f in self.at
        }
        self.spots: dict[tuple[str, str], Spot] = {}
        self.made: set[str] = set()
        self.updated: dict[str, str] = {}
        self.told = [self.at.get(f) for f in ("id", "date", "settlement", "type", "subtype")]
        self.name = str(quoted(_plain(source.name)))

    def _column(self, k: int) -> Callable[[], Iterator[str]]:
        return lambda: (cells[k] for _, cells in self._rows() if k < len(cells))

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        rows = self.source.lines()
        return islice(rows, 1, None) if self.form.has_header else rows

    def all(self) -> Taken:
        rows = self._dated()
        while block := list(islice(rows, _BLOCK)):
            self._look_up(block)
            for pending in block:
                self._one(pending)
        return self.taken

    def _cell(self, cells: Sequence[str], name: str) -> str:
        k = self.at.get(name)
        return cells[k] if k is not None else ""

    def _refuse(self, reason: str, line: int, cells: Sequence[str], name: str = "", hints: Callable[[], tuple[str, str]] = _none) -> None:
        """A row is not taken."""
        if self.watched:
            whole = [*cells, *[""] * (self.form.width - len(cells))]
            name = _plain(self._cell(whole, "id")) if "id" in self.at else _made(cells)
            self.taken.still |= {str(quoted(name)), str(quoted(self._note(whole)))} & self.watched
        self._list(reason, line, cells, name, hints, counts=self.taken.reasons, first=self.taken.refused)

    def _blank(self, reason: str, p: _Pending, name: str) -> None:
        """A cell of a row is left out; the row is taken."""
        self._list(reason, p.line, p.cells, name, _none, counts=self.taken.blanked, first=self.taken.left_out)

    def _list(
        self,
        reason: str,
        line: int,
        cells: Sequence[str],
        name: str,
        hints: Callable[[], tuple[str, str]],
        *,
        counts: Counter[str],
        first: dict[str, list[Refused]],
    ) -> None:
        k, n = self.at.get(name), len(cells)
        column, value = ("", "") if k is None or k >= n else (self.form.names[k], cells[k])
        counts[reason] += 1
        if counts[reason] <= LINES:
            first.setdefault(reason, []).append(Refused(line, _plain(column), _plain(value), *hints()))
        *told, kind, subkind = [cells[i] if i is not None and i < n else "" for i in self.told]
        row = [column, value, *told, f"{kind}/{subkind}" if subkind else kind]
        if not _HARMLESS.fullmatch("|".join(row)):  # looking at each cell takes five times as long, and few need it
            row = [str(quoted(_plain(c))) for c in row]
        self.unmatched((self.form.key, self.name, line, reason, *row))

    # --- days ------------------------------------------------------------------------------------------------------------

    def _dated(self) -> Iterator[_Pending]:
        """Rows that have a day among those of the case."""
        width, first, last = self.form.width, self.country.first, self.country.last
        around = dt.timedelta(days=DAYS_AROUND["events"])
        for line, cells in self._rows():
            self.taken.read += 1
            if len(cells) != width:
                if len(cells) > width and not any(cells[width:]):
                    del cells[width:]
                elif self.source.kind == "xlsx" and len(cells) < width:
                    cells += [""] * (width - len(cells))
                else:
                    self._refuse("cell_count", line, cells)
                    continue
            span = self._span(line, cells)
            if span is None:
                continue
            if span.last < first or span.first > last or first - span.first > around or span.last - last > around:
                self._refuse("outside_days", line, cells, "date")
                continue
            yield span

    def _span(self, line: int, cells: list[str]) -> _Pending | None:
        found: dict[str, dt.date] = {}
        for name, days in self.days.items():
            cell = cells[self.at[name]]
            if not cell.strip():
                if name == "date":
                    self._refuse("no_date", line, cells, name)
                    return None
                continue
            span = self._days(days, name, line, cell)
            if span is None:
                self._refuse("bad_date", line, cells, name)
                return None
            found[name] = span[name != "date"]
            if name == "date" and span[1] > span[0]:
                found["date_end"] = span[1]
                self.taken.spans += 1
        first = found["date"]
        latest, end = found.get("date_latest", first), found.get("date_end")
        if max(latest, end or first) < first or latest < first:
            self._refuse("low_above_high", line, cells, "date")
            return None
        if end is not None and end >= first:
            return _Pending(line, cells, first, end, lasting=True)
        low, high = self.form.days(self._cell(cells, "time_precision"), first, latest)
        return _Pending(line, cells, low, high, lasting=False)

    def _days(self, days: Days, name: str, line: int, cell: str) -> tuple[dt.date, dt.date] | None:
        try:
            return days.span(cell)
        except OrderUnknown as unknown:
            args = {"value": unknown.value, "other": unknown.other, "column": self.form.names[self.at[name]]}
            raise DataError([Problem(self.source.name, line, args["column"], unknown.code, args)]) from None

    # --- places ----------------------------------------------------------------------------------------------------------

    def _look_up(self, block: Sequence[_Pending]) -> None:
        """Regions of all points of a block that are not known yet."""
        if "latitude" not in self.at or "longitude" not in self.at:
            return
        if len(self.spots) > _POINTS:
            self.spots.clear()
        a, b = self.at["latitude"], self.at["longitude"]
        new = list(dict.fromkeys(key for p in block if (key := (p.cells[a], p.cells[b])) not in self.spots))
        points = {key: (lat, lon) for key in new if (lat := _degrees(key[0])) is not None and (lon := _degrees(key[1])) is not None}
        found = np.array(list(points.values()), float).reshape(-1, 2)
        lats, lons = found[:, 0], found[:, 1]
        here, there = self.country.region_of(lons, lats), self.country.region_of(lats, lons)
        beside = self.country.region_beside(lons, lats, here)
        for k, (key, (y, x)) in enumerate(points.items()):
            if here[k]:
                self.spots[key] = Spot(here[k], _written(y), _written(x), "")
            elif beside[k]:
                self.spots[key] = Spot(beside[k], _written(y), _written(x), "near")
            elif there[k]:
                self.spots[key] = Spot(there[k], _written(x), _written(y), "swapped")
            else:
                self.spots[key] = Spot("", "", "", "outside_country" if abs(y) <= 90 and abs(x) <= 180 else "bad_coordinates")
        for key in new:
            if key not in points:
                blank = not (key[0].strip() or key[1].strip())
                self.spots[key] = Spot("", "", "", "" if blank else "bad_coordinates")

    def _place(self, p: _Pending) -> Row | None:
        """The cells of a row that say where it was; None if it is not taken."""
        cells = p.cells
        named = self._cell(cells, "region")
        town = _plain(self.form.word_for_settlement(self._cell(cells, "settlement")))
        precision = self.form.precision(self._cell(cells, "place_precision"))
        if precision == "country":
            self._refuse("only_country", p.line, cells, "place_precision")
            return None
        spot = Spot("", "", "", "")
        if "latitude" in self.at:
            spot = self.spots[cells[self.at["latitude"]], cells[self.at["longitude"]]]
        if not spot.region and not spot.note:
            return self._place_by_name(p, named, town)
        if spot.note in ("near", "swapped") and self.country.is_another(self._cell(cells, "country")):
            spot = Spot("", "", "", "outside_country")
        if spot.note == "swapped" and not self.swap:
            self._refuse("swapped_coordinates", p.line, cells, "latitude")
            return None
        if not spot.region:
            self._refuse(spot.note, p.line, cells, "latitude")
            return None
        self.taken.near += spot.note == "near"
        self.taken.swapped += spot.note == "swapped"
        meant = self.country.names.region(named) if named else set()
        self.taken.elsewhere += bool(meant) and spot.region not in meant
        if precision == "region":
            return {"region_id": spot.region, "settlement": "", "settlement_id": "", "lat": "", "lon": ""}
        known = self.country.names.settlement(town, spot.region)
        (settlement,) = known if len(known) == 1 else ("",)
        return {"region_id": spot.region, "settlement": town, "settlement_id": settlement, "lat": spot.lat, "lon": spot.lon}

    def _place_by_name(self, p: _Pending, named: str, town: str) -> Row | None:
        if self.country.is_another(self._cell(p.cells, "country")):
            self._refuse("outside_country", p.line, p.cells, "country")
            return None
        named, town = ("" if _plain(name) in NONE else name for name in (named, town))
        if self.country.is_whole(named or town) and (not (named and town) or self.country.is_whole(town)):
            return {"region_id": self.country.code, "settlement": "", "settlement_id": "", "lat": "", "lon": ""}
        place = self.country.names.find(named, town)
        if place.reason:
            names = self.country.names
            of_region = place.reason == "ambiguous_region" or not town or (bool(named.strip()) and not names.region(named))
            column = "region" if of_region and "region" in self.at else "settlement"
            told = named if of_region else town
            self._refuse(place.reason, p.line, p.cells, column, lambda: self._hints(told, place.elsewhere))
            return None
        if place.elsewhere:
            self.taken.apart[town, _plain(named), place.elsewhere] += 1
        elif town and not place.settlement:
            self.taken.unnamed[town] += 1
        return {"region_id": place.region, "settlement": town, "settlement_id": place.settlement, "lat": "", "lon": ""}

    def _hints(self, named: str, elsewhere: str) -> tuple[str, str]:
        """What a name that is not known may mean: regions in a larger unit of this name, or a place elsewhere or one spelt almost alike."""
        within = self.country.within(named)
        return ("", " ".join(within)) if within else (elsewhere or self.country.names.like(named), "")

    # --- the rest --------------------------------------------------------------------------------------------------------

    def _one(self, p: _Pending) -> None:
        """One row that has a day of the case: taken, or refused."""
        place = self._place(p)
        if place is None:
            return
        types = self.form.types(lambda name: self._cell(p.cells, name))
        kind = self.form.kind(types)
        by_note = kind == IN_NOTE
        if by_note:
            kind = act_of_authority(self._cell(p.cells, "note"))
        if not kind:
            self.taken.kinds[_plain(types[-1] if types else ""), "?" if kind is None else ""] += 1
            without = "kind_left_empty" if self.form.of_mapping else "no_kind"
            self._refuse("unknown_kind" if kind is None else without, p.line, p.cells, "subtype" if "subtype" in self.at else "type")
            return
        numbers = self._numbers(p)
        if numbers is None:
            return
        own = IN_NOTE if by_note else kind
        shown = _plain(next((t for t in types if self.form.kinds.get(t.strip().casefold()) == own), ""))
        self._keep(p, self._row(p, place, kind, numbers), shown, types)

    def _numbers(self, p: _Pending) -> dict[str, int | None] | None:
        """Counts of people, and of happenings; None if the row is not taken.

        What is no number, or more people than there are, is left out and told: day, place and kind of the row are no worse for it.
        """
        found = self._figures(p)
        if found is None:
            return None
        if found["count"] == 0:
            self._refuse("count_zero", p.line, p.cells, "count")
            return None
        people = {name: n for name, n in found.items() if n is not None and name != "count"}
        for column in dict.fromkeys(self._column_of(name) for name, n in people.items() if n > self.country.residents):
            self._blank("more_than_residents", p, column)
            found |= {name: None for name in people if column in (name, self._column_of(name))}
        for low, high in (
            ("deaths_low", "deaths"),
            ("deaths", "deaths_high"),
            ("deaths_low", "deaths_high"),
            ("participants_low", "participants_high"),
        ):
            a, b = found[low], found[high]
            if a is not None and b is not None and a > b:
                self._refuse("low_above_high", p.line, p.cells, self._column_of(low))
                return None
        return found

    def _figures(self, p: _Pending) -> dict[str, int | None] | None:
        """What the cells for numbers say; None if the row is not taken, because it cannot be said for how many events it stands."""
        found: dict[str, int | None] = dict.fromkeys(_NUMBERS)
        crowd: tuple[int | None, int | None] = (None, None)
        for name in _NUMBERS:
            cell = self._number(p.cells, name)
            if not cell or cell in NONE:
                continue
            figure = read_figure(cell)
            if figure is None and name == "participants":
                self.taken.words[_plain(cell)] += 1
                continue
            if figure is None or (figure.low != figure.high and name not in _OF_TWO):
                if name == "count":  # of how many events a row tells is no figure beside an event
                    self._refuse("bad_number", p.line, p.cells, name)
                    return None
                self._blank("bad_number", p, name)
                continue
            if name == "participants":
                crowd = figure[:2]
            elif name == "deaths" and figure.low != figure.high:
                found["deaths_low"] = figure.low if found["deaths_low"] is None else found["deaths_low"]
                found["deaths_high"] = figure.high
                continue
            self.taken.lowest += figure.low != figure.high and name in ("injured", "detained")
            found[name] = figure.low
        if found["participants_low"] is None and found["participants_high"] is None:
            found["participants_low"], found["participants_high"] = crowd
        return found

    def _number(self, cells: Sequence[str], name: str) -> str:
        """What a row says of a number."""
        cell = self._cell(cells, name)
        return self.form.word_for_crowd(cell) if name == "participants" else cell.strip()

    def _column_of(self, name: str) -> str:
        """The field whose column holds a number: one column can give the low and the high one."""
        return name if name in self.at else name.partition("_")[0]

    def _row(self, p: _Pending, place: Row, kind: str, numbers: dict[str, int | None]) -> Row:
        def cell(name: str) -> str:
            return self._cell(p.cells, name)

        count, several = numbers["count"] or 1, (numbers["count"] or 1) > 1
        uncertain = p.first != p.last and not p.lasting
        scope = "date uncertain" if uncertain else "event"
        low = numbers["participants_low"] if numbers["participants_low"] is not None else numbers["participants"]
        of_country = place["region_id"] == self.country.code
        if several:
            scope = "city-day total" if place["settlement"] or place["lat"] else NATIONAL_DAY if of_country else "region-day total"
        elif of_country and kind in GATHERINGS and p.first == p.last and low is not None:
            scope = NATIONAL_DAY  # whoever counts a crowd of the whole country counts its day
        basis = [f"{count} events" if several else "", *_as_told(lambda name: self._number(p.cells, name))]
        # that a size is estimated, or a day or a town not known, is no doubt that it happened; that it was in this region may be one
        in_region = self.form.precision(cell("place_precision")) != "region"
        row = {
            **place,
            "date": p.first.isoformat(),
            "date_end": "" if p.first == p.last else p.last.isoformat(),
            "kind": kind,
            "scope": scope,
            "participants_low": _digits(low),
            "participants_high": _digits(numbers["participants_high"]),
            "number_basis": "; ".join(filter(None, basis)),
            **{name: _digits(numbers[name]) for name in ("deaths_low", "deaths", "deaths_high", "injured", "detained")},
            "actor": "; ".join(dict.fromkeys(filter(None, (_plain(cell("actor")), _plain(cell("actor_2")))))),
            "confidence": self.form.confidence(cell) if in_region else "low",
            "note": self._note(p.cells),
            "source": self.form.key,
        }
        return {name: str(quoted(value)) if name in _TEXTS else value for name, value in row.items()}

    def _note(self, cells: Sequence[str]) -> str:
        """The note of a row, with where it was read."""
        note = "; ".join(filter(None, (_plain(self._cell(cells, name)) for name in ("note", "note_more"))))
        told = _plain(self._cell(cells, "note_source"))
        return f"{note} [{told}]" if note and told else note or told

    def _keep(self, p: _Pending, row: Row, shown: str, types: Sequence[str]) -> None:
        """Count a row once, and keep the newer of two with one id."""
        taken = self.taken
        own = "id" in self.at
        name = _plain(self._cell(p.cells, "id")) if own else self._made_id(p)
        if not name:
            if own:
                self._refuse("no_id", p.line, p.cells, "id")
            else:
                taken.duplicates += 1
            return
        row |= {"external_id": str(quoted(name)), "event_id": event_id(self.form.key, name) if own else ""}
        before, updated = taken.rows.get(name), self._cell(p.cells, "updated").strip()
        if before == row:
            taken.duplicates += 1
            return
        if before is not None:
            taken.superseded += 1
            if _age(updated) < _age(self.updated.get(name, "")):
                return
        elif len(taken.rows) >= ROWS_MAX:
            raise fail(DataError, "events.csv", "too_many_rows", high=f"{ROWS_MAX:,}")
        else:
            taken.kinds[shown, row["kind"]] += 1
        taken.rows[name] = {c: row[c] for c in EVENT_COLUMNS}
        taken.line_of[self.form.key, row["external_id"]] = p.line
        if self.form.of_mapping and types:
            taken.told[row["external_id"]] = types[0]
        if updated:
            self.updated[name] = updated
        taken.first = min(taken.first or p.first, p.first)
        taken.last = max(taken.last or p.last, p.last)

    def _made_id(self, p: _Pending) -> str:
        """An id for a row of a table without ids, the same as long as no cell of it changes; empty for a row seen before."""
        name = _made(p.cells)
        if name in self.made:
            return ""
        self.made.add(name)
        return name


def _made(cells: Sequence[str]) -> str:
    return hashlib.sha256("\x1f".join(cells).encode("utf-8", "replace")).hexdigest()[:16]


def _as_told(cell: Callable[[str], str]) -> Iterator[str]:
    """What a row says of its figures beside them: a crowd in words, and what is only about so high or doubted."""
    for name in _NUMBERS[1:]:
        told = cell(name)
        figure = read_figure(told) if told and told not in NONE else None
        if name == "participants" and told not in NONE and (figure is None or not figure.sure):
            yield _plain(told)
        elif figure is not None and not figure.sure:
            yield f"{name} {_plain(told)}"


_NUMBERS = (
    "count", "participants", "participants_low", "participants_high", "deaths_low", "deaths", "deaths_high", "injured", "detained",
)  # fmt: skip
_OF_TWO = ("participants", "deaths", "injured", "detained")
"""Numbers that may be written as a range; of one without columns for its ends the low one is kept."""
_TEXTS = ("settlement", "number_basis", "actor", "note")


def event_id(key: str, name: str) -> str:
    """The id of an event in the record: that of its provider; empty where it cannot be one, and the event is numbered.

    >>> event_id("acled", "KAZ1234"), event_id("own", "a b")
    ('acled-KAZ1234', '')
    """
    whole = f"{key}-{name}"
    fits = len(whole) <= NAME_MAX and re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?", name, re.ASCII)
    return whole if fits else ""


def _plain(text: str) -> str:
    """Text of one line without characters that steer a terminal; what looks like HTML stays text."""
    return printable(" ".join(text.split())) if text else ""


_HARMLESS = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9 _.,:/-]*)?(?:\|(?:[A-Za-z0-9][A-Za-z0-9 _.,:/-]*)?)*", re.ASCII)
"""Cells joined by a mark of which none can be a formula or steer a terminal."""


def _digits(number: int | None) -> str:
    return "" if number is None else str(number)


def _degrees(cell: str) -> float | None:
    cell = cell.strip()
    return float(cell.replace(",", ".")) if _DEGREES.fullmatch(cell) else None


def _written(degrees: float) -> str:
    """Degrees to a tenth of a metre.

    >>> _written(15.0), _written(43.2567), _written(-0.1)
    ('15', '43.2567', '-0.1')
    """
    return f"{degrees:.6f}".rstrip("0").rstrip(".")


def _age(updated: str) -> tuple[float, str]:
    """Orders times of change: numbers of seconds, or text that begins with the year."""
    return (float(updated), "") if re.fullmatch(r"\d{1,20}", updated, re.ASCII) else (0, updated)
