"""How a row of the record is told in a line, wherever it is told: a workbook, evidence, a proposal.

In: events and totals of a case. Out: texts. What a row counts is one number, or a range, of which one end may be unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from qantar.cases.case import Case
from qantar.messages import days_in_words, text
from qantar.record.schema import Event, Region, Total

QUANTITIES = ("participants", "deaths", "deaths_security", "injured", "injured_security", "detained")
"""What an event counts, as it is told."""
Span = tuple[int | None, int | None]
"""Least and most of a count; None where that end is unknown."""


def counted(event: Event, quantity: str) -> Span | None:
    """What an event says of a quantity; None if it says nothing. Where a best number stands between a low and a high one, these count.

    >>> event = Event.model_validate({"date": "2022-01-05", "kind": "clash", "region_id": "KZ", "deaths_low": 17, "deaths_high": 18})
    >>> counted(event, "deaths"), counted(event, "injured")
    ((17, 18), None)
    """
    best = getattr(event, quantity, None)
    low, high = (getattr(event, f"{quantity}_{end}", None) for end in ("low", "high"))
    if quantity == "participants":
        return None if low is None and high is None else (low, high)
    found = [x for x in (low, best, high) if x is not None]
    return (min(found), max(found)) if found else None


def row_in_words(row: Event | Total, names: Mapping[str, str], lang: str, *, elsewhere: bool = False) -> str:
    """One row of the record in a line: its id, when, where (by the `names` of places), what, how many; what is noted of it, and its source.

    Where it is told `elsewhere` too, its id, its note and its source alone. A count of nobody is left out: most tables have a nought
    where nothing is told.
    """
    note = (lang == "zh" and row.note_zh) or row.note
    told = key_of(row) if elsewhere else f"{key_of(row)} {what_it_says(row, names, lang)}"
    return told + (f'; "{note}"' if note else "") + f" [{row.source}]"


def key_of(row: Event | Total) -> str:
    """The id of a row."""
    return row.event_id if isinstance(row, Event) else row.total_id


def what_it_says(row: Event | Total, names: Mapping[str, str], lang: str) -> str:
    """The same without its id, its source and its note: whose words those are, and whether they may be passed on, is left open here."""
    where = row.settlement_id or row.region_id
    place = (isinstance(row, Event) and row.settlement) or names.get(where, where)
    if isinstance(row, Event):
        days = days_in_words(row.date, row.date_end or row.date, lang)
        counts = [_said(name, span, lang) for name in QUANTITIES if any(span := counted(row, name) or (0, 0))]
        said = [text(f"event.{row.kind}", lang), *counts]
    else:
        days = days_in_words(row.as_of, row.as_of, lang)
        said = [_said(row.quantity, (row.value_low, row.value_high), lang), row.status, row.stated_by]
    return f"{days}, {place}: {', '.join(filter(None, said))}"


def names_of_places(case: Case, lang: str) -> dict[str, str]:
    """Names of the settlements, the regions and the country, by their ids; of regions that are called alike with what tells them apart."""
    called = Counter(getattr(r, f"name_{lang}") for r in case.record.regions)

    def name_of(region: Region) -> str:
        name = str(getattr(region, f"name_{lang}"))
        return name if called[name] == 1 else f"{name} ({next(iter(region.aliases), region.region_id)})"

    towns = {s.settlement_id: getattr(s, f"name_{lang}") for s in case.record.settlements}
    regions = {r.region_id: name_of(r) for r in case.record.regions}
    return {**regions, **towns, case.head.country: getattr(case.head, f"country_{lang}")}


def _said(name: str, span: Span, lang: str) -> str:
    """A quantity between two numbers, of which one may be unknown.

    >>> _said("deaths", (3, 3), "en"), _said("participants", (1000, None), "en"), _said("deaths", (17, 18), "zh")
    ('deaths 3', 'participants 1,000–', '死亡 17–18')
    >>> _said("deaths_security_cumulative", (19, 19), "en"), _said("deaths_status_attackers", (67, 67), "en")
    ('deaths of security forces 19', 'deaths_status_attackers 67')
    """
    counted_so_far = name.removesuffix("_cumulative")
    return f"{text(f'row.{counted_so_far}', lang) if counted_so_far in QUANTITIES else name} {span_in_words(span)}"


def span_in_words(span: Span) -> str:
    """A number, or a range of which one end may be unknown.

    >>> span_in_words((20000, 20000)), span_in_words((500, None))
    ('20,000', '500–')
    """
    ends = ["" if x is None else f"{x:,}" for x in span]
    return ends[0] if span[0] == span[1] else "–".join(ends)
