"""Rows of a downloaded table, one after the other, become rows of events.csv, or are listed with the reason why not.

In: a `Source`, its `Form` and the `Country`. Out: `Taken`, with every row counted once: taken, twice in the file, or unmatched. What is
kept grows with the rows taken, not with the file; points are looked up many at once.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from itertools import islice
from typing import NamedTuple

from qantar.errors import DataError, Problem, fail
from qantar.files.cells import quoted
from qantar.files.sheet import ROWS_MAX
from qantar.importing.country import Country
from qantar.importing.days import Days, OrderUnknown
from qantar.importing.figures import NONE, NUMBERS, OF_TWO, as_told, read_figure
from qantar.importing.form import IN_NOTE, Form
from qantar.importing.source import Source
from qantar.importing.spots import Spot, Spots
from qantar.importing.taken import EVENT_COLUMNS, LINES, Refused, Row, Taken, Unmatched
from qantar.importing.words import act_of_authority
from qantar.importing.written import HARMLESS, age, digits, event_id, made_id, plain
from qantar.record.complete import GATHERINGS, NATIONAL_DAY
from qantar.record.schema import DAYS_AROUND

_BLOCK = 20_000
"""Rows whose points are looked up at once."""


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
        self.spots = Spots(country)
        self.made: set[str] = set()
        self.updated: dict[str, str] = {}
        self.told = [self.at.get(f) for f in ("id", "date", "settlement", "type", "subtype")]
        self.name = str(quoted(plain(source.name)))

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
            name = plain(self._cell(whole, "id")) if "id" in self.at else made_id(cells)
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
            first.setdefault(reason, []).append(Refused(line, plain(column), plain(value), *hints()))
        *told, kind, subkind = [cells[i] if i is not None and i < n else "" for i in self.told]
        row = [column, value, *told, f"{kind}/{subkind}" if subkind else kind]
        if not HARMLESS.fullmatch("|".join(row)):  # looking at each cell takes five times as long, and few need it
            row = [str(quoted(plain(c))) for c in row]
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
        if "latitude" in self.at and "longitude" in self.at:
            a, b = self.at["latitude"], self.at["longitude"]
            self.spots.look_up((p.cells[a], p.cells[b]) for p in block)

    def _place(self, p: _Pending) -> Row | None:
        """The cells of a row that say where it was; None if it is not taken."""
        cells = p.cells
        named = self._cell(cells, "region")
        town = plain(self.form.word_for_settlement(self._cell(cells, "settlement")))
        precision = self.form.precision(self._cell(cells, "place_precision"))
        if precision == "country":
            elsewhere = self._is_elsewhere(cells)
            self._refuse("outside_country" if elsewhere else "only_country", p.line, cells, "country" if elsewhere else "place_precision")
            return None
        spot = Spot("", "", "", "")
        if "latitude" in self.at:
            spot = self.spots[cells[self.at["latitude"]], cells[self.at["longitude"]]]
        if not spot.region and not spot.note:
            return self._place_by_name(p, named, town)
        if spot.note in ("near", "swapped") and self._is_elsewhere(cells):
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

    def _is_elsewhere(self, cells: Sequence[str]) -> bool:
        """Whether a row names another country."""
        return self.country.is_another(self.form.word_for_country(self._cell(cells, "country")))

    def _place_by_name(self, p: _Pending, named: str, town: str) -> Row | None:
        if self._is_elsewhere(p.cells):
            self._refuse("outside_country", p.line, p.cells, "country")
            return None
        named, town = ("" if plain(name) in NONE else name for name in (named, town))
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
            self.taken.apart[town, plain(named), place.elsewhere] += 1
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
            self.taken.kinds[plain(types[-1] if types else ""), "?" if kind is None else ""] += 1
            without = "kind_left_empty" if self.form.of_mapping else "no_kind"
            self._refuse("unknown_kind" if kind is None else without, p.line, p.cells, "subtype" if "subtype" in self.at else "type")
            return
        numbers = self._numbers(p)
        if numbers is None:
            return
        own = IN_NOTE if by_note else kind
        shown = plain(next((t for t in types if self.form.kinds.get(t.strip().casefold()) == own), ""))
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
        found: dict[str, int | None] = dict.fromkeys(NUMBERS)
        crowd: tuple[int | None, int | None] = (None, None)
        for name in NUMBERS:
            cell = self._number(p.cells, name)
            if not cell or cell in NONE:
                continue
            figure = read_figure(cell)
            if figure is None and name == "participants":
                self.taken.words[plain(cell)] += 1
                continue
            if figure is None or (figure.low != figure.high and name not in OF_TWO):
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
        basis = [f"{count} events" if several else "", *as_told(lambda name: self._number(p.cells, name))]
        # that a size is estimated, or a day or a town not known, is no doubt that it happened; that it was in this region may be one
        in_region = self.form.precision(cell("place_precision")) != "region"
        row = {
            **place,
            "date": p.first.isoformat(),
            "date_end": "" if p.first == p.last else p.last.isoformat(),
            "kind": kind,
            "scope": scope,
            "participants_low": digits(low),
            "participants_high": digits(numbers["participants_high"]),
            "number_basis": "; ".join(filter(None, basis)),
            **{name: digits(numbers[name]) for name in ("deaths_low", "deaths", "deaths_high", "injured", "detained")},
            "actor": "; ".join(dict.fromkeys(filter(None, (plain(cell("actor")), plain(cell("actor_2")))))),
            "confidence": self.form.confidence(cell) if in_region else "low",
            "note": self._note(p.cells),
            "source": self.form.key,
        }
        return {name: str(quoted(value)) if name in _TEXTS else value for name, value in row.items()}

    def _note(self, cells: Sequence[str]) -> str:
        """The note of a row, with where it was read."""
        note = "; ".join(filter(None, (plain(self._cell(cells, name)) for name in ("note", "note_more"))))
        told = plain(self._cell(cells, "note_source"))
        return f"{note} [{told}]" if note and told else note or told

    def _keep(self, p: _Pending, row: Row, shown: str, types: Sequence[str]) -> None:
        """Count a row once, and keep the newer of two with one id."""
        taken = self.taken
        own = "id" in self.at
        name = plain(self._cell(p.cells, "id")) if own else self._made_id(p)
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
            if age(updated) < age(self.updated.get(name, "")):
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
        name = made_id(p.cells)
        if name in self.made:
            return ""
        self.made.add(name)
        return name


_TEXTS = ("settlement", "number_basis", "actor", "note")
