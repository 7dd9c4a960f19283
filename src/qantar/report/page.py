"""The page: one HTML file with everything in it, English and Chinese, light and dark, readable without scripts.

In: an account with its case and verdicts. Out: the HTML as text. Every user-written string is escaped; links lead only
to http and https addresses; a content security policy forbids everything but what is in the file.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

import qantar
from qantar.account.ledger import KINDS
from qantar.cases.case import case_names, cases_folder
from qantar.effects.decision import versions as rule_versions
from qantar.effects.experiment_file import FOLDER, Experiment
from qantar.ensemble.histories import Feature
from qantar.ensemble.run import Result
from qantar.errors import Problems
from qantar.files.read import read_toml
from qantar.files.result import command_line
from qantar.inference.packed import read, ships
from qantar.inference.posterior import read_fit
from qantar.messages import text
from qantar.record.load import Record, cited
from qantar.record.observables import Observables, days_between, disagreement, observe
from qantar.record.schema import Event
from qantar.report.curves import draw_all
from qantar.report.findings import decided, findings, groups, shown_by_half
from qantar.report.map import Sheet, draw
from qantar.report.pairs import attributes, both, message, option
from qantar.report.sections import figure_html, folded_html, section_html
from qantar.report.simulated import Simulated, draw_simulated, simulated
from qantar.report.tables import narrowed
from qantar.scenario.parameters import parameters
from qantar.studies import KINDS as STUDIES
from qantar.studies import study
from qantar.studies.blocks import Pair, pair
from qantar.studies.cells import arm_name, percent
from qantar.studies.experiments import forest_of, rows_of
from qantar.studies.repeat import Repeated
from qantar.studies.shipped import Shipped, shipped
from qantar.studies.shown import Sample
from qantar.stylized.experiment import Experiment as Stylized
from qantar.stylized.experiment import stylized_file
from qantar.verdicts.claims import BASES, FLAGS, WORDS, agreement, judge, tally
from qantar.verdicts.hypotheses import by_hypothesis, summed
from qantar.verdicts.load import Loaded

_SIGNS = {
    "crowd": "protest march strike road_blocked rail_blocked talks",
    "violence": "clash building_attacked building_seized armoury_seized airport_seized looting control_lost prison_attacked "
    "infrastructure_attacked symbol_attacked",
    "state": "repression detained retaken airport_retaken emergency_declared stand_aside",
}


def marker(event: Event) -> str:
    """Which sign an event gets on the map: of the crowd, of violence, of the state, or none."""
    return next((name for name, kinds in _SIGNS.items() if event.kind in kinds.split()), "")


def safe_link(address: str) -> str:
    """The address if a browser may follow it, else nothing. Incomplete ones (with an ellipsis) are not links."""
    return address if address.startswith(("http://", "https://")) and "…" not in address else ""


def render(loaded: Loaded, result: Result | None = None, sampled: Sample | None = None, repeated: Sequence[Repeated] = ()) -> str:
    """The whole page of an account, with what was simulated if anything was.

    The same account gives the same bytes: nothing of the machine, the user or the time goes in.
    """
    account, case = loaded.account, loaded.case
    seen = observe(case.record)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("qantar.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals.update(command_line=command_line)
    environment.globals.update(
        t=message, both=both, attr=attributes, option=option, safe_link=safe_link, day=_day_in(case.head.first_day.year)
    )
    names = {r.region_id: (r.name_en, r.name_zh) for r in case.record.regions}
    environment.globals.update(share=_share, numbers=_numbers, sim_days=_sim_days, scale_of=_scale, feature_of=_of_feature(names))
    environment.globals.update(short=_short, meaning_of=_meaning, people_of=_people, part_name=_part_name)
    style, script = (
        resources.files("qantar.report").joinpath("templates", name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
    )
    tried = loaded.trials()
    judged, trials = judge(account, tried), by_hypothesis(tried)
    agreed = agreement(account)
    days = seen.days or days_between(case.head.first_day, case.head.last_day)
    presence = _presence(seen, len(days))
    sheet = draw(case)
    sim = simulated(result, days) if result else None
    fit = read_fit(case.folder) if result and result.provenance["calibrated"] else None
    results = Shipped(None, {}, []) if loaded.own else shipped(case)
    if results.scenario and ships(case.folder) and read(results.scenario) is None:
        results.stale.append("simulated")
    called = partial(arm_name, scenario=results.scenario)
    environment.globals.update(section_html=section_html, folded_html=folded_html, figure_html=figure_html)
    environment.globals.update(arm_name=called, as_percent=percent)
    figures = draw_all(case.record, seen) | (draw_simulated(sim, seen) if sim else {})
    page = environment.get_template("page.html.j2").render(
        head=account.head,
        case=case.head,
        account=account,
        judged=judged,
        findings=findings(judged, agreed, fit, trials),
        groups=groups(judged),
        tally=tally(judged),
        kinds=[k for k in KINDS if any(j.claim.kind == k for j in judged)],
        verdicts=[v for v in WORDS if any(j.word == v for j in judged)],
        trials=trials,
        sampled=sampled,
        repeated=repeated,
        specs=specs_of(case.folder),
        forest=forest_of(trials, results.scenario) if rows_of(trials) else None,
        summed=summed(list(trials.values())),
        rules=rule_versions(),
        versions=sorted({int(r["rules_version"]) for t in trials.values() for r in t.versions}),
        flags=Counter(f for j in judged for f in j.flags),
        flag_names=FLAGS,
        bases=[b for b in BASES if any(j.basis == b for j in judged)],
        agreement=agreed,
        shown_by_half=shown_by_half(fit) if fit else None,
        decided=decided(trials),
        own=loaded.own,
        ships=ships(case.folder),
        sections=sorted({j.claim.section for j in judged}),
        record=case.record,
        regions={r.region_id: r for r in case.record.regions},
        settlements={s.settlement_id: s for s in case.record.settlements},
        sources=_cited(loaded, seen),
        seen=seen,
        days=days,
        presence=presence,
        sheet=sheet,
        signs=_signs(loaded, sheet, days),
        figure_sources=_figure_sources(case.record, seen),
        figures=figures,
        sim=sim,
        fit=fit,
        results=results,
        counts=[Counter(row[n] for row in presence.values()) for n in range(len(days))],
        peak=_peak(presence),
        disagreements=[(d, disagreement(case.record, d)) for d in case.record.disagreements],
        onsets={r.region_id: r for r in case.record.region_onset},
        hashes=loaded.hashes(),
        packaged=account.head.id in case_names() and account.folder == cases_folder() / account.head.id,
        version=qantar.__version__,
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return narrowed(page)


def specs_of(folder: Path) -> dict[str, Experiment | Stylized]:
    """The experiment files of a case by hypothesis; a file that cannot be read is left out (`qantar check` says why)."""
    paths, drawn = sorted((folder / FOLDER).glob("H*.toml")), stylized_file(folder / FOLDER)
    specs: list[Experiment | Stylized | None] = [
        read_toml(path, Stylized, Problems()) if path == drawn else read_toml(path, Experiment, Problems()) for path in paths
    ]
    return {spec.hypothesis: spec for spec in specs if spec is not None}


def _share(f: Feature) -> str:
    low, high = f.interval()
    return f"{100 * f.share:.0f} % ({100 * low:.0f}–{100 * high:.0f})"


def _numbers(f: Feature) -> str:
    return f.numbers() or "–"


def _sim_days(f: Feature) -> str:
    """Calendar days of the first month, counted from day 0: only for those histories that report the region at all."""
    return "–" if math.isnan(f.median) else f"{f.median + 1:.0f} ({f.low + 1:.0f}–{f.high + 1:.0f})"


def _scale(sim: Simulated, lang: str) -> str:
    scale = sim.result.recipe.plan.scale
    return text("out.scale_full", lang) if scale == 1 else text("out.scale_part", lang, n=f"{1 / scale:g}")


def _of_feature(names: dict[str, tuple[str, str]]) -> Callable[[Feature], tuple[str, str]]:
    """What a feature is of, in both languages: a region's name, or a date as it is."""
    named = _named(names)
    return lambda f: named(f.of)


def _named(names: dict[str, tuple[str, str]]) -> Callable[[str], tuple[str, str]]:
    """Regions by their names, anything else as it is, in both languages."""

    def of(what: str) -> tuple[str, str]:
        pairs = [names.get(part, (part, part)) for part in what.split(";")]
        return ", ".join(en for en, _ in pairs), "、".join(zh for _, zh in pairs)

    return of


def _part_name(kind: str) -> Pair:
    """What the part of the page is called that a kind of study makes."""
    return pair(f"report.part.{(kind in STUDIES and study(kind).part) or kind}")


def _people(n: float) -> tuple[str, str]:
    """A population in words, in both languages.

    >>> _people(19_122_420), _people(5_400)
    (('19.1 million', '1,912万'), ('5,400', '5,400'))
    """
    return (f"{n / 1e6:.1f} million", f"{n / 1e4:,.0f}万") if n >= 1e6 else (f"{n:,.0f}", f"{n:,.0f}")


def _short(number: str | float) -> str:
    return f"{float(number):.3g}"


def _meaning(name: str) -> Markup:
    """What a parameter means, in both languages."""
    row = parameters()[name]
    return both(row.meaning_en, row.meaning_zh)


def _cited(loaded: Loaded, seen: Observables) -> dict[str, Any]:
    """Sources that the page cites, in the order of the table."""
    account, record = loaded.account, loaded.case.record
    shown = {d.total_id for d in (*seen.participants, *seen.detained, *seen.regions_with_unrest, *seen.deaths_over_time)}
    totals = [t for t in record.totals if t.total_id in shown]
    tables = (account.claims, account.second_reading, record.events, totals, record.region_onset, record.disagreements, record.presence)
    used = {key for table in tables for row in table for key in cited(row)} | {key for u in seen.deaths for key in u.sources}
    return {key: source for key, source in account.sources.items() if key in used}


def _figure_sources(record: Record, seen: Observables) -> dict[str, list[str]]:
    """Source keys behind each figure, in order of first use."""
    rows = {
        "regions": [*(p.source for p in record.presence), *(d.source for d in seen.regions_with_unrest)],
        "participants": [d.source for d in seen.participants],
        "detained": [d.source for d in seen.detained],
        "deaths": [key for u in seen.deaths for key in u.sources],
        "simulated-participants": [d.source for d in seen.participants],
        "simulated-detained": [d.source for d in seen.detained],
    }
    return {name: list(dict.fromkeys(keys)) for name, keys in rows.items()}


def _presence(seen: Observables, n_days: int) -> dict[str, list[str]]:
    """Presence by region as words for CSS and tables: present, doubtful, absent, missing."""
    if not seen.days:
        return {region: ["missing"] * n_days for region in seen.region_ids}
    return {
        region: [_word(value, unsure) for value, unsure in zip(values, doubts, strict=True)]
        for region, values, doubts in zip(seen.region_ids, seen.presence.tolist(), seen.doubtful.tolist(), strict=True)
    }


def _word(value: float, unsure: bool) -> str:
    if math.isnan(value):
        return "missing"
    return "absent" if value == 0 else "doubtful" if unsure else "present"


@dataclass(frozen=True)
class Sign:
    """One or more events of a kind, at a place, on a day: where it is drawn and what it stands for."""

    day: int
    kind: str
    x: float
    y: float


def _signs(loaded: Loaded, sheet: Sheet, days: Sequence[dt.date]) -> list[Sign]:
    """Signs of the map, side by side where a place has several kinds on one day, above the circle of a city region."""
    cities = {r.region_id for r in loaded.case.record.regions if r.type == "city"}
    found: dict[tuple[str, int], set[str]] = {}
    lifted: set[str] = set()
    for event in loaded.case.record.events:
        if event.settlement_id and event.one_happening and marker(event):
            for n, day in enumerate(days):
                if event.date <= day <= (event.date_end or event.date):
                    found.setdefault((event.settlement_id, n), set()).add(marker(event))
            if event.region_id in cities:
                lifted.add(event.settlement_id)
    signs = []
    for (place, n), kinds in sorted(found.items()):
        x, y = sheet.places[place]
        for i, kind in enumerate(k for k in _SIGNS if k in kinds):
            signs.append(Sign(n, kind, round(x + 13 * (i - (len(kinds) - 1) / 2), 1), y - 20 if place in lifted else y))
    return signs


def _peak(presence: dict[str, list[str]]) -> int:
    """The day on which most regions have unrest: what the map shows first."""
    days = range(len(next(iter(presence.values()), [])))
    return max(days, key=lambda n: sum(row[n] in ("present", "doubtful") for row in presence.values()), default=0)


def _day_in(year: int) -> Callable[..., Markup]:
    """How a calendar day or a stretch of days is written in both languages: the year only where it is not the case's own."""

    def parts(date: dt.date) -> tuple[str, str]:
        other = date.year != year
        en = f"{date.day} {date:%b}" + (f" {date.year}" if other else "")
        return en, (f"{date.year}年" if other else "") + f"{date.month}月{date.day}日"

    def day(first: dt.date | None, last: dt.date | None = None) -> Markup:
        if first is None:
            return message("report.unknown")
        if last is None or last == first:
            en, zh = parts(first)
        else:
            same = (first.year, first.month) == (last.year, last.month)
            en = (str(first.day) if same else parts(first)[0]) + f"–{parts(last)[0]}"
            zh = f"{parts(first)[1]}至" + (f"{last.day}日" if same else parts(last)[1])
        return both(en.replace(" ", "\u00a0"), zh)

    return day
