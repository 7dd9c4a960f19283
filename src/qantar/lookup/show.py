"""Shows what a case holds: observables, a table or what is found in it, one row by its id; the same values as text and as JSON."""

from __future__ import annotations

import datetime as dt
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qantar.account.schema import Claim
from qantar.errors import StudyError, fail, nearest
from qantar.files.result import RESULT
from qantar.lookup.rows import names_of_places, row_in_words
from qantar.messages import days_in_words, text
from qantar.record.schema import OWN, Event, Source, Total
from qantar.verdicts.argument import argue
from qantar.verdicts.claims import Judged, judge
from qantar.verdicts.load import Loaded

if TYPE_CHECKING:
    from qantar.record.observables import Observables

SEARCHED = ("events", "claims", "totals", "sources")
"""Tables that a search goes through where none is named."""
MARKS = {"present": "●", "doubtful": "○", "absent": "·", "missing": "?"}
"""Signs of presence on a day."""
GROUPS = 10
"""Groups of rows that are named."""
WHOLE = 3
"""Rows of a search that are shown cell by cell; of more each has a line."""
Block = tuple[str, list[tuple[str, str]]]
"""A heading, and pairs of a label and a text below it."""


@dataclass
class Shown:
    """`value` for JSON; `tables` (title, columns, rows), `blocks` and `lines` for a terminal, in this order."""

    value: Any
    tables: list[tuple[str, list[str], list[Sequence[object]]]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def show(loaded: Loaded, what: str, *, region: str | None, day: str | None, lang: str, find: str | None = None) -> Shown:
    """What `what` names in a case: `observables`, `onset`, a table, or an id; a StudyError has the nearest names if there is none.

    `find` are words that a row of a table must hold, all of them, in any language of the table; the names of its places count as held. With
    `observables`, all tables of `SEARCHED` are searched.
    """
    record, tables = loaded.case.record, loaded.tables()
    regions = [r.region_id for r in record.regions] + [record.country]
    named: list[str] = []
    if region is not None and region not in regions:
        region, named = _region(loaded, region, lang)
    if day is not None and not _is_day(day):
        raise fail(StudyError, "--day", "not_a_date", value=day)
    if find is not None and not plain(find).split():
        raise fail(StudyError, "--find", "nothing_asked")
    if find is not None:
        if what not in ("observables", *tables):
            raise fail(StudyError, "--find", "nothing_to_search", value=what, choices=", ".join(tables))
        found = _found(loaded, [what] if what in tables else list(SEARCHED), find, region, day, lang)
        return replace(found, lines=[*named, *found.lines])
    if what in ("observables", "onset"):
        from qantar.record.observables import observe

        seen = _observables(loaded, observe(record), lang, whole=what == "observables", only=region)
        return replace(seen, lines=[*named, *seen.lines])
    if what == "parameters":
        return _parameters(lang)
    if what == "step":
        return _step(loaded, lang)
    if what == "steps":
        return _steps(loaded, lang)
    if what in tables:
        rows = [r for r in (r.model_dump(mode="json") for r in tables[what]) if _wanted(r, region, day)]
        return Shown(rows, blocks=[_block(r, lang) for r in rows], lines=[*named, f"{what}: {len(rows)} {text('out.rows', lang)}"])
    rows_by_id = {_id(row): (name, row) for name, table in tables.items() if name != "second_reading" for row in table if _id(row)}
    rows_by_id |= {key: ("sources", source) for key, source in loaded.account.sources.items()}  # also those of the account alone
    if what in rows_by_id:
        return _row(loaded, *rows_by_id[what], lang)
    known = ["observables", "onset", "parameters", "step", "steps", *tables, *rows_by_id]
    raise fail(StudyError, what, "no_such_name", value=what, choices=nearest(what, known))


def groups_in_words(groups: Sequence[Sequence[str]], lang: str) -> str:
    """Ids of rows that belong together, some groups of them.

    >>> groups_in_words([["E1", "E2"], ["E5", "E7", "E8"]], "en")
    'E1, E2; E5, E7, E8'
    """
    found = [", ".join(group) for group in groups[:GROUPS]]
    return text("report.semicolon", lang).join([*found, "…"] if len(groups) > GROUPS else found)


def _region(loaded: Loaded, asked: str, lang: str) -> tuple[str, list[str]]:
    """The region that bears this name in any language, and a sentence that says so; a StudyError has the nearest ids and names."""
    case, names = loaded.case, loaded.case.record.names()
    bearers = {r.region_id: names[r.region_id] for r in case.record.regions}
    bearers[case.head.country] = (case.head.country_en, case.head.country_zh)
    for key, own in bearers.items():
        for name in own:
            if plain(name) == plain(asked):
                return key, [text("out.region_is", lang, name=name, id=key)]
    known = [*bearers, *(name for own in bearers.values() for name in own)]
    raise fail(StudyError, "--region", "no_such_name", value=asked, choices=nearest(asked, known))


def is_result(folder: Path) -> bool:
    """Whether a folder holds a result and no case."""
    return (folder / RESULT).is_file() and not any((folder / name).is_file() for name in ("case.toml", "account.toml"))


def _parameters(lang: str) -> Shown:
    """Every parameter with unit, prior and status."""
    from qantar.scenario.parameters import parameters

    table = parameters()
    heads = [text(f"out.{k}", lang) for k in ("parameter", "unit", "default", "prior", "status")]
    rows = [[name, p.unit, f"{p.default:g}", str(p.prior), text(f"status.{p.status}", lang)] for name, p in table.items()]
    value = {name: p.model_dump(mode="json") for name, p in table.items()}
    return Shown(value, [(text("out.parameters", lang), heads, [*rows])], lines=[text("out.parameters_note", lang)])


def _step(loaded: Loaded, lang: str) -> Shown:
    """The operations of one hour in order, with the file that does each, and which are off in this scenario."""
    from qantar.engine.loop import ORDER
    from qantar.model import assemble
    from qantar.scenario.scenario import load_scenario

    on = load_scenario(str(loaded.case.folder)).file.mechanisms
    rows = [(name, file, name not in assemble.MECHANISMS or name in on) for name, file in ORDER]
    heads = [text("out.what", lang), text("out.file", lang)]
    lines: list[Sequence[object]] = [(n, f if works else f"{f}  ({text('out.off_here', lang)})") for n, f, works in rows]
    return Shown([{"name": n, "file": f, "on": works} for n, f, works in rows], [("", heads, lines)])


def _steps(loaded: Loaded, lang: str) -> Shown:
    """Decisions of the state that the scenario replays."""
    from qantar.scenario.scenario import load_scenario

    steps = load_scenario(str(loaded.case.folder)).file.steps
    heads = ["id", *(text(f"out.{k}", lang) for k in ("date", "what", "size", "region"))]
    rows: list[Sequence[object]] = [
        [s.id, f"{s.at:%Y-%m-%d %H:%M}{'' if s.hour == 'recorded' else ' ~'}", s.kind, f"{s.size:g}", " ".join([*s.places, *s.events])]
        for s in sorted(steps, key=lambda s: s.at)
    ]
    return Shown([s.model_dump(mode="json") for s in steps], [("", heads, rows)], lines=[text("out.steps_note", lang)])


def _is_day(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


_ID_COLUMNS = ("claim_id", "event_id", "hypothesis_id", "total_id", "force_id", "disagreement_id", "tension_id", "key")


def _id(row: Any) -> str:
    own = next((getattr(row, c) for c in _ID_COLUMNS if getattr(row, c, None)), None)
    return str(own or (getattr(row, "region_id", "") if hasattr(row, "capital") else getattr(row, "settlement_id", "")))


def _wanted(row: dict[str, Any], region: str | None, day: str | None) -> bool:
    in_region = region is None or region in (row.get("region_id"), row.get("region_a"), row.get("region_b"))
    first = row.get("date") or row.get("as_of") or row.get("reference_date") or ""
    return in_region and (day is None or first <= day <= (row.get("date_end") or first))


def _found(loaded: Loaded, names: Sequence[str], find: str, region: str | None, day: str | None, lang: str) -> Shown:
    """Rows of tables that hold all words of `find`, and how many there are."""
    wanted, tables, places = plain(find).split(), loaded.tables(), loaded.case.record.names()
    shown, found = Shown({}), {}
    for name in names:
        rows = [(r, cells) for r in tables[name] if _wanted(cells := r.model_dump(mode="json"), region, day)]
        found[name] = [(r, cells) for r, cells in rows if _holds(cells, wanted, places)]
        shown.value[name] = [cells for _, cells in found[name]]
        shown.lines.append(text("out.found", lang, table=name, n=len(found[name]), of=len(rows), words=find))
    if listed := sum(map(len, found.values())) > WHOLE:
        shown.blocks = [_listed(loaded, name, [r for r, _ in hits], lang) for name, hits in found.items() if hits]
    else:
        shown.blocks = [_block(cells, lang) for hits in found.values() for _, cells in hits]
    if not any(found.values()):
        shown.lines.append(text("out.found_none", lang))
    if listed and (key := next((_id(r) for hits in found.values() for r, _ in hits if _id(r)), "")):
        shown.lines.append(text("out.found_listed", lang, id=key))
    return shown


def _listed(loaded: Loaded, name: str, rows: Sequence[Any], lang: str) -> Block:
    """Rows of a table under its name, each in a line beside its id."""
    places = names_of_places(loaded.case, lang)

    def said(row: Any) -> str:
        if isinstance(row, Event | Total):
            return row_in_words(row, places, lang).removeprefix(_id(row)).lstrip()
        if isinstance(row, Claim):
            source = f" [{row.source}]" if row.source else ""
            return text(f"verdict.{row.verdict}", lang) + text("report.colon", lang) + row.in_words(lang) + source
        if isinstance(row, Source):
            return _source(loaded, row.key, lang)
        return text("report.semicolon", lang).join(_said(v) for k, v in _filled(row.model_dump(mode="json"), lang) if v != _id(row))

    return name, [(_id(row), said(row)) for row in rows]


def plain(words: str) -> str:
    """A text as it is compared: no difference of case, width or accents.

    >>> plain("ＡÉROPORT Әуе 机场")
    'aeroport әуе 机场'
    """
    apart = unicodedata.normalize("NFKD", words.casefold())
    return unicodedata.normalize("NFC", "".join(c for c in apart if not "\u0300" <= c <= "\u036f"))


def _holds(row: dict[str, Any], words: Sequence[str], places: dict[str, tuple[str, ...]]) -> bool:
    """Whether a row holds all words, itself or in a name of its places."""
    cells = [";".join(map(str, v)) if isinstance(v, list) else str(v) for v in row.values() if v is not None]
    named = [name for key in ("region_id", "settlement_id") for name in places.get(str(row.get(key)), ())]
    said = plain(" ".join([*cells, *named]))
    return all(word in said for word in words)


def _block(row: dict[str, Any], lang: str) -> Block:
    """A row under its id."""
    (_, head), *rest = _filled(row, lang)
    return str(head), [(k, _said(v)) for k, v in rest]


def _said(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)


def _filled(row: dict[str, Any], lang: str) -> list[tuple[str, Any]]:
    """Cells that hold something, without the texts of the other language where this one has its own."""
    other = "_en" if lang == "zh" else "_zh"
    stems = {k: k.removesuffix(other) for k in row if k.endswith(other)}
    hidden = {k for k, stem in stems.items() if row.get(f"{stem}_{lang}") or row.get(stem)}
    return [(k, v) for k, v in row.items() if v not in (None, "", []) and k not in hidden]


def _row(loaded: Loaded, name: str, row: Any, lang: str) -> Shown:
    """One row, and the sources it names."""
    if name == "claims":
        every = judge(loaded.account, loaded.trials())
        judged = next(j for j in every if j.claim is row)
        value, blocks = (
            judged.as_dict(),
            [_claim(judged, _differed(loaded, judged, lang), lang), *_argued(loaded, every, row.claim_id, lang)],
        )
    else:
        value = row.model_dump(mode="json")
        blocks = [_block(value, lang)]
        if resting := [*loaded.account.resting_on(_id(row))]:
            blocks.append((text("out.resting", lang), [(c.claim_id, c.in_words(lang)) for c in resting]))
        if name == "hypotheses" and (trial := loaded.trials().get(_id(row))):
            blocks.append((text("out.experiment", lang), [(text("out.verdict", lang), trial.said(lang))]))
    cited = (row.source, *row.sources_more) if getattr(row, "source", None) and hasattr(row, "sources_more") else ()
    if cited:
        blocks.append((text("out.sources_column", lang), [(key, _source(loaded, key, lang)) for key in cited]))
    return Shown(value, blocks=blocks)


def _source(loaded: Loaded, key: str, lang: str) -> str:
    s = loaded.account.sources[key]
    parts = [s.title, ", ".join(filter(None, [s.publisher, s.date])), s.address]
    return f"{'. '.join(filter(None, parts))} [{text(f'seen.{s.seen}', lang)}]"


def _differed(loaded: Loaded, judged: Judged, lang: str) -> str:
    """What each of two readers wrote, and why they settled it so; empty where they agreed or only one read."""
    own = (r for r in loaded.account.second_reading if r.claim_id == judged.claim.claim_id and r.reading == "settled")
    colon, lines = text("report.colon", lang), []
    for r in own:
        why = (r.why_zh or r.why_en) if lang == "zh" else (r.why_en or r.why_zh)
        said = (("first_reader", text(f"verdict.{r.first}", lang)), ("second_reader", text(f"verdict.{r.second}", lang)), ("why", why))
        lines += [f"{text(f'report.{key}', lang)}{colon}{value}" for key, value in said if value]
    return "\n".join(lines)


def _claim(judged: Judged, differed: str, lang: str) -> Block:
    """A claim with what is said of it and why; `differed` tells what each of two readers wrote."""
    c, trial = judged.claim, judged.trial
    other = "en" if lang == "zh" else "zh"
    lines = [
        ("claim", c.in_words(lang)),
        ("kind", text(f"kind.{c.kind}", lang)),
        ("verdict", f"{text('sign.' + judged.shown, lang)} {text('verdict.' + judged.shown, lang)}"),
        ("proposed_column", getattr(c, f"proposed_{lang}") or getattr(c, f"proposed_{other}")),
        ("basis", text(f"basis_meaning.{judged.basis}", lang)),
        ("experiment", f"{trial.hypothesis}{text('error.colon', lang)}{trial.said(lang)}" if trial else c.hypothesis_id or ""),
        ("reader_says", text(f"verdict.{c.verdict}", lang) if trial else ""),
        ("evidence", getattr(c, f"evidence_{lang}") or getattr(c, f"evidence_{other}")),
        ("flags", "\n".join(text(f"flag_meaning.{f}", lang) for f in judged.flags)),
        ("readers_column", "\n".join(filter(None, (text(f"reading.{c.reading}", lang), differed)))),
        ("events_column", ", ".join(c.events)),
        ("claim_summary", getattr(c, f"summary_{lang}") or getattr(c, f"summary_{other}")),
        ("claim_said", text("error.sep", lang).join(filter(None, (c.said_by, str(c.said_on or ""), c.link, *c.archived)))),
        ("claim_checked", text("error.sep", lang).join(filter(None, (c.checked_by, str(c.checked_on or ""))))),
        ("claim_corrections", c.corrections),
    ]
    return f"{c.claim_id}  {c.place}", [(text(f"out.{key}", lang), value) for key, value in lines if value]


def _argued(loaded: Loaded, judged: Sequence[Judged], claim: str, lang: str) -> Iterator[Block]:
    """What the account's argument makes of a claim: the inferences to it, and what would fall with it."""
    from qantar.studies.argument import drawn_from, scheme_name, why  # a study, which a look at a table need not wait for
    from qantar.studies.blocks import in_language

    argument = argue(judged, list(loaded.account.arguments))
    lines = []
    for c in (c for c in argument.conclusions if c.claim == claim):
        lines.append((text("argument.standing", lang), text(f"argument.label.{c.label}", lang)))
        for i in (i for i in argument.inferences if i.conclusion == claim):
            lines.append((i.id, f"{drawn_from(i.premises, i.link)} ({in_language(scheme_name(i.scheme), lang)})"))
        lines.append((text("argument.why", lang), in_language(why(c.fallen, c.doubtful, c.partial), lang)))
    if claim in argument.premises and (falls := argument.falls_with(claim)):
        lines.append((text("argument.falls", lang), ", ".join(falls)))
    if lines:
        yield text("report.part.argument", lang), lines


def _observables(loaded: Loaded, seen: Observables, lang: str, *, whole: bool, only: str | None) -> Shown:
    from qantar.record.observables import dead_perhaps_twice, strikes_alone

    names = {r.region_id: getattr(r, f"name_{lang}") for r in loaded.case.record.regions}
    towns = {s.settlement_id: getattr(s, f"name_{lang}") for s in loaded.case.record.settlements}

    def t(key: str, **args: object) -> str:
        return text(f"out.{key}", lang, **args)

    rows: list[Sequence[object]] = []
    onset_json, words, (_, never_more) = [], seen.words(), strikes_alone(loaded.case.record)
    for o, presence in zip(seen.onsets, seen.presence.tolist(), strict=True):
        if only not in (None, o.region_id):
            continue
        seat = t({True: "yes", False: "no", None: "unknown"}[seen.seats_entered[o.region_id]])
        latest = o.latest.isoformat() if o.latest else t("never")
        latest += text("report.semicolon", lang) + t("strikes_only") if o.region_id in never_more else ""
        rows.append([o.region_id, names[o.region_id], o.earliest.isoformat(), latest, "".join(MARKS[w] for w in words[o.region_id]), seat])
        days = [None if math.isnan(p) else int(p) for p in presence]
        onset_json.append(asdict(o) | {"firm": o.firm, "presence": days, "seat_entered": seen.seats_entered[o.region_id]})
    span = days_in_words(seen.days[0], seen.days[-1], lang, seen.days[0].year) if seen.days else ""
    heads = ["id", t("region"), t("earliest"), t("latest"), span, t("seat")]
    shown = Shown({"onset": onset_json}, [(t("onset"), heads, rows)], lines=[t("legend_presence")])
    if not whole:
        return shown
    series = {"participants": seen.participants, "detained": seen.detained, "regions_with_unrest": seen.regions_with_unrest}
    dated = [[n, d.date.isoformat(), str(d.interval), d.source] for n, ds in series.items() for d in ds]
    units = [(u, towns.get(u.settlement_id or "") or (names[u.region_id] if u.region_id else t("rest"))) for u in seen.deaths]
    deaths = [
        [u.region_id, label, str(u.interval), ", ".join(text("report.own_source", lang) if s == OWN else s for s in u.sources)]
        for u, label in units
    ]
    if dated:
        shown.tables.append((t("observables"), [t("quantity"), t("date"), t("value"), t("sources_column")], [*dated]))
    if seen.deaths_total is not None:
        heads = ["id", t("region"), t("deaths"), t("sources_column")]
        shown.tables.append((t("deaths_title", total=seen.deaths_total.interval), heads, [*deaths]))
        if seen.deaths_total.basis == "events":
            shown.lines.append(t("deaths_summed"))
            if twice := [[e.event_id for e in group] for group in dead_perhaps_twice(loaded.case.record)]:
                shown.lines.append(t("dead_twice", n=len(twice), groups=groups_in_words(twice, lang)))
                shown.value["dead_perhaps_twice"] = twice
    shown.value |= {n: [asdict(d) for d in ds] for n, ds in series.items()}
    shown.value |= {"deaths": [asdict(u) for u in seen.deaths], "deaths_total": asdict(seen.deaths_total) if seen.deaths_total else None}
    return shown
