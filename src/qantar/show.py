"""Shows what a case holds: observables, one table, or one row by its id; the same values as text and as JSON."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from qantar.account.load import Loaded
from qantar.account.verdicts import judge
from qantar.engine.loop import ORDER
from qantar.errors import StudyError, fail, nearest
from qantar.messages import text
from qantar.model import assemble
from qantar.record.observables import Observables, observe
from qantar.scenario.parameters import parameters
from qantar.scenario.scenario import load_scenario
from qantar.study.trials import read_trials


@dataclass
class Shown:
    """`value` for JSON; `tables` (title, columns, rows) and `lines` for a terminal."""

    value: Any
    tables: list[tuple[str, list[str], list[Sequence[object]]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def show(loaded: Loaded, what: str, *, region: str | None, day: str | None, lang: str) -> Shown:
    """What `what` names in a case: `observables`, `onset`, a table, or an id.

    Raises
    ------
    StudyError
        When there is nothing of that name, with the nearest ones.
    """
    record, tables = loaded.case.record, loaded.tables()
    regions = [r.region_id for r in record.regions] + [record.country]
    if region is not None and region not in regions:
        raise fail(StudyError, "--region", "no_such_name", value=region, choices=nearest(region, regions))
    if day is not None and not _is_day(day):
        raise fail(StudyError, "--day", "not_a_date", value=day)
    if what in ("observables", "onset"):
        return _observables(loaded, observe(record), lang, whole=what == "observables", only=region)
    if what == "parameters":
        return _parameters(lang)
    if what == "step":
        return _step(loaded, lang)
    if what == "steps":
        return _steps(loaded, lang)
    if what in tables:
        rows = [r.model_dump(mode="json") for r in tables[what]]
        return _table(what, [r for r in rows if _wanted(r, region, day)], lang)
    rows_by_id = {_id(row): (name, row) for name, table in tables.items() if name != "second_reading" for row in table if _id(row)}
    if what in rows_by_id:
        return _row(loaded, *rows_by_id[what], lang)
    known = ["observables", "onset", "parameters", "step", "steps", *tables, *rows_by_id]
    raise fail(StudyError, what, "no_such_name", value=what, choices=nearest(what, known))


def _parameters(lang: str) -> Shown:
    """Every parameter with unit, prior and status."""
    table = parameters()
    heads = [text(f"out.{k}", lang) for k in ("parameter", "unit", "default", "prior", "status")]
    rows: list[Sequence[object]] = [
        [name, p.unit, f"{p.default:g}", str(p.prior), text(f"status.{p.status}", lang)] for name, p in table.items()
    ]
    return Shown(
        {name: p.model_dump(mode="json") for name, p in table.items()},
        [(text("out.parameters", lang), heads, rows)],
        [text("out.parameters_note", lang)],
    )


def _step(loaded: Loaded, lang: str) -> Shown:
    """The operations of one hour in order, with the file that does each, and which are off in this scenario."""
    on = load_scenario(str(loaded.case.folder)).file.mechanisms
    rows = [(name, file, name not in assemble.MECHANISMS or name in on) for name, file in ORDER]
    heads = [text("out.what", lang), text("out.file", lang)]
    lines: list[Sequence[object]] = [(n, f if works else f"{f}  ({text('out.off_here', lang)})") for n, f, works in rows]
    return Shown([{"name": n, "file": f, "on": works} for n, f, works in rows], [("", heads, lines)])


def _steps(loaded: Loaded, lang: str) -> Shown:
    """Decisions of the state that the scenario replays."""
    steps = load_scenario(str(loaded.case.folder)).file.steps
    heads = ["id", *(text(f"out.{k}", lang) for k in ("date", "what", "size", "region"))]
    rows: list[Sequence[object]] = [
        [s.id, f"{s.at:%Y-%m-%d %H:%M}{'' if s.hour == 'recorded' else ' ~'}", s.kind, f"{s.size:g}", " ".join([*s.places, *s.events])]
        for s in sorted(steps, key=lambda s: s.at)
    ]
    return Shown([s.model_dump(mode="json") for s in steps], [("", heads, rows)], [text("out.steps_note", lang)])


def _is_day(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


_ID_COLUMNS = ("claim_id", "event_id", "hypothesis_id", "total_id", "force_id", "disagreement_id", "key")


def _id(row: Any) -> str:
    own = next((getattr(row, c) for c in _ID_COLUMNS if getattr(row, c, None)), None)
    return str(own or (getattr(row, "region_id", "") if hasattr(row, "capital") else getattr(row, "settlement_id", "")))


def _wanted(row: dict[str, Any], region: str | None, day: str | None) -> bool:
    in_region = region is None or region in (row.get("region_id"), row.get("region_a"), row.get("region_b"))
    first = row.get("date") or row.get("as_of") or row.get("reference_date") or ""
    return in_region and (day is None or first <= day <= (row.get("date_end") or first))


def _table(name: str, rows: list[dict[str, Any]], lang: str) -> Shown:
    """A whole table, told row by row: wide tables do not fit a terminal."""
    lines = []
    for row in rows:
        head, *rest = _filled(row, lang)
        lines.append(f"{head[1]}  " + " · ".join(f"{k}: {';'.join(v) if isinstance(v, list) else v}" for k, v in rest))
    return Shown(rows, lines=[*lines, f"{name}: {len(rows)} {text('out.rows', lang)}"])


def _filled(row: dict[str, Any], lang: str) -> list[tuple[str, Any]]:
    """Cells that hold something, without the texts of the other language."""
    other = [k.removesuffix("_zh") for k in row if k.endswith("_zh")] if lang == "zh" else [k for k in row if k.endswith("_zh")]
    hidden = {*other, *(f"{k}_en" for k in other)} if lang == "zh" else set(other)
    return [(k, v) for k, v in row.items() if v not in (None, "", []) and k not in hidden]


def _row(loaded: Loaded, name: str, row: Any, lang: str) -> Shown:
    if name == "claims":
        judged = next(j for j in judge(loaded.account, read_trials(loaded.case.folder)) if j.claim is row)
        value = judged.as_dict()
    else:
        value = row.model_dump(mode="json")
    lines = [f"{k}{text('error.colon', lang)}{', '.join(v) if isinstance(v, list) else v}" for k, v in _filled(value, lang)]
    for key in (row.source, *row.sources_more) if getattr(row, "source", None) and hasattr(row, "sources_more") else ():
        source = loaded.account.sources[key]
        lines.append(f"  {key}: {source.title}. {source.publisher}, {source.date}. {source.address} [{text('seen.' + source.seen, lang)}]")
    return Shown(value, lines=lines)


def _observables(loaded: Loaded, seen: Observables, lang: str, *, whole: bool, only: str | None) -> Shown:
    record = loaded.case.record

    def name(region_id: str) -> str:
        r = record.region(region_id)
        return r.name_zh if lang == "zh" else r.name_en

    def t(key: str, **args: object) -> str:
        return text(f"out.{key}", lang, **args)

    rows: list[Sequence[object]] = []
    onset_json = []
    for o, presence in zip(seen.onsets, seen.presence.tolist(), strict=True):
        if only not in (None, o.region_id):
            continue
        marks = "".join("?" if math.isnan(p) else "●" if p else "·" for p in presence)
        seat = {True: t("yes"), False: t("no"), None: t("unknown")}[seen.seats_entered[o.region_id]]
        latest = o.latest.isoformat() if o.latest else t("never")
        rows.append([o.region_id, name(o.region_id), o.earliest.isoformat(), latest, marks, seat])
        days = [None if math.isnan(p) else int(p) for p in presence]
        onset_json.append(asdict(o) | {"firm": o.firm, "presence": days, "seat_entered": seen.seats_entered[o.region_id]})
    span = f"{seen.days[0]:%d}-{seen.days[-1]:%d %b}" if seen.days else ""
    heads = ["id", t("region"), t("earliest"), t("latest"), span, t("seat")]
    shown = Shown({"onset": onset_json}, [(t("onset"), heads, rows)], [t("legend_presence")])
    if not whole:
        return shown
    series = {"participants": seen.participants, "detained": seen.detained, "regions_with_unrest": seen.regions_with_unrest}
    dated = [[n, d.date.isoformat(), str(d.interval), d.source] for n, ds in series.items() for d in ds]
    towns = {s.settlement_id: s.name_zh if lang == "zh" else s.name_en for s in record.settlements}
    units = [(u, towns.get(u.settlement_id or "") or (name(u.region_id) if u.region_id else t("rest"))) for u in seen.deaths]
    deaths = [[u.region_id, label, str(u.interval), ", ".join(u.sources)] for u, label in units]
    shown.tables.append((t("observables"), [t("quantity"), t("date"), t("value"), t("sources_column")], [*dated]))
    if seen.deaths_total is not None:
        heads = ["id", t("region"), t("deaths"), t("sources_column")]
        shown.tables.append((t("deaths_title", total=seen.deaths_total.interval), heads, [*deaths]))
    shown.value |= {n: [asdict(d) for d in ds] for n, ds in series.items()}
    shown.value |= {"deaths": [asdict(u) for u in seen.deaths], "deaths_total": asdict(seen.deaths_total) if seen.deaths_total else None}
    return shown
