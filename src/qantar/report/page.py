"""The page: one HTML file with everything in it, English and Chinese, light and dark, readable without scripts.

In: an account with its case and verdicts. Out: the HTML as text. Every user-written string is escaped; links lead only
to http and https addresses; a content security policy forbids everything but what is in the file.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

import qantar
from qantar.account.account import Account
from qantar.account.schema import KINDS
from qantar.cases.case import cases_folder
from qantar.effects.decision import versions as rule_versions
from qantar.effects.experiment_file import FOLDER, Experiment
from qantar.ensemble.histories import Feature
from qantar.ensemble.run import Result
from qantar.errors import Problems
from qantar.files.markup import read_toml
from qantar.inference.packed import read, ships
from qantar.inference.posterior import Fit, read_fit
from qantar.record.complete import GATHERINGS, UNREST, VIOLENCE
from qantar.record.observables import (
    Interval,
    Observables,
    days_between,
    dead_perhaps_twice,
    disagreement,
    observe,
    strikes_alone,
)
from qantar.record.record import Record, cited
from qantar.record.schema import Event
from qantar.report.curves import draw_all
from qantar.report.findings import decided, findings, groups
from qantar.report.map import draw, signs
from qantar.report.pairs import attributes, day_in, option, safe_link
from qantar.report.sections import argued, templates
from qantar.report.simulated import CURVES, draw_simulated, simulated
from qantar.report.tables import narrowed
from qantar.studies import KINDS as STUDIES
from qantar.studies import study
from qantar.studies.blocks import Pair, joined, pair
from qantar.studies.cells import arm_name, feature_label, shown_share
from qantar.studies.experiments import accounts_table, curves_table, forest_of, order_words, rows_of
from qantar.studies.repeat import Repeated
from qantar.studies.shipped import Shipped, shipped
from qantar.studies.shown import Sample
from qantar.stylized.experiment import Experiment as Stylized
from qantar.stylized.experiment import stylized_file
from qantar.verdicts.claims import BASES, FLAGS, WITHOUT, WORDS, agreement, judge, tally
from qantar.verdicts.hypotheses import by_hypothesis, summed
from qantar.verdicts.load import Loaded


def render(loaded: Loaded, result: Result | None = None, sampled: Sample | None = None, repeated: Sequence[Repeated] = ()) -> str:
    """The whole page of an account, with what was simulated if anything was.

    The same account gives the same bytes: nothing of the machine, the user or the time goes in, and no words of rows that may not be passed
    on: a page is made to be shown.
    """
    withheld = loaded.case.record.withheld()
    case = replace(loaded.case, record=loaded.case.record.for_others())
    loaded = replace(loaded, case=case)
    seen = observe(case.record)
    days = seen.days or days_between(case.head.first_day, case.head.last_day)
    sim = simulated(result, days) if result else None
    fit = read_fit(case.folder) if result and result.provenance["calibrated"] else None
    results = Shipped(None, {}, []) if loaded.own else shipped(case)
    if results.scenario and ships(case.folder) and read(results.scenario) is None:
        results.stale.append("simulated")
    drawn = templates()
    drawn.globals.update(attr=attributes, option=option, safe_link=safe_link, day=day_in(case.head.first_day.year))
    drawn.globals.update(share=shown_share, sim_days=_sim_days, short=_short, people_of=_people, part_name=_part_name)
    drawn.globals.update(range_of=_range, figures_of=figures_of)
    names = {r.region_id: (r.name_en, r.name_zh) for r in case.record.regions}
    drawn.globals.update(feature=partial(feature_label, names=names), arm_name=partial(arm_name, scenario=results.scenario))
    page = drawn.get_template("page.html.j2").render(
        loaded=loaded,
        ships=ships(case.folder),
        sim=sim,
        fit=fit,
        results=results,
        withheld=withheld,
        told=results.shown | argued(loaded),
        sampled=sampled,
        repeated=repeated,
        figures=draw_all(case.record, seen) | (draw_simulated(sim, seen) if sim else {}),
        **_verdicts(loaded, fit, results),
        **_record(loaded, seen, days),
        **_file(loaded),
    )
    return narrowed(page)


def _verdicts(loaded: Loaded, fit: Fit | None, results: Shipped) -> dict[str, Any]:
    """What the page says of claims and hypotheses."""
    tried = loaded.trials()
    judged, trials = judge(loaded.account, tried), by_hypothesis(tried)
    agreed = agreement(loaded.account)
    return {
        "judged": judged,
        "findings": findings(judged, agreed, fit, trials),
        "groups": groups(judged),
        "tally": tally(judged),
        "kinds": [k for k in KINDS if any(j.claim.kind == k for j in judged)],
        "verdicts": [v for v in WORDS if any(j.word == v for j in judged)],
        "bases": [b for b in BASES if any(j.basis == b for j in judged)],
        "sections": sorted({j.claim.section for j in judged}),
        "flags": Counter(f for j in judged for f in j.flags),
        "flag_names": FLAGS,
        "agreement": agreed,
        "trials": trials,
        "decided": decided(trials),
        "summed": summed(list(trials.values())),
        "specs": _specs(loaded.case.folder / FOLDER),
        "forest": forest_of(trials, results.scenario) if rows_of(trials) else None,
        "folds": [table for table in (curves_table(trials), accounts_table(trials, results.scenario)) if table is not None],
        "without": WITHOUT,
        "order_words": order_words,
        "rules": rule_versions(),
        "versions": sorted({int(r["rules_version"]) for t in trials.values() for r in t.versions}),
    }


def _record(loaded: Loaded, seen: Observables, days: Sequence[dt.date]) -> dict[str, Any]:
    """What the page shows of the record; the map begins on the day on which most regions have unrest."""
    record, sheet = loaded.case.record, draw(loaded.case)
    presence = seen.words() if seen.days else {region: ["missing"] * len(days) for region in seen.region_ids}
    counts = [Counter(row[n] for row in presence.values()) for n in range(len(days))]
    names = {r.region_id: (r.name_en or r.name_zh, r.name_zh or r.name_en) for r in record.regions}
    strikes, never_more = strikes_alone(record)
    silent = ("missing", "absent")
    return {
        "regions": {r.region_id: r for r in record.regions},
        "strikes": [[r for r, row in presence.items() if day in strikes.get(r, ()) and row[n] in silent] for n, day in enumerate(days)],
        "never_more": never_more,
        "listed": lambda ids: joined([names[i] for i in ids if i in names], pair("report.comma")),
        "counted": counted(),
        "settlements": {s.settlement_id: s for s in record.settlements},
        "events": {e.event_id for e in record.events},
        "onsets": {r.region_id: r for r in record.region_onset},
        "sources": _cited(loaded, seen),
        "seen": seen,
        "days": days,
        "presence": presence,
        "counts": counts,
        "peak": max(range(len(days)), key=lambda n: counts[n]["present"] + counts[n]["doubtful"]),
        "sheet": sheet,
        "signs": signs(record, sheet, days),
        "dead_twice": dead_perhaps_twice(record),
        "figure_sources": figure_sources(record, seen),
        "disagreements": [(d, disagreement(record, d)) for d in record.disagreements],
    }


def counted() -> dict[str, Pair]:
    """Which kinds of events count as unrest, in words."""
    kinds = {"gatherings": GATHERINGS, "violence": VIOLENCE}
    return {name: joined([pair(f"event.{k}") for k in found], pair("report.comma")) for name, found in kinds.items()}


def _file(loaded: Loaded) -> dict[str, Any]:
    """What the file itself needs: style, script, and what it says of its making."""
    folder = resources.files("qantar.report").joinpath("templates")
    style, script = (folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    script = re.sub(r"\n(?: *//.*\n)* *", "\n", script)  # comments and indents are for whoever reads the program
    return {
        "style": Markup(style),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "version": qantar.__version__,
        "packaged": loaded.account.folder == cases_folder() / loaded.account.head.id,
        "document_beside": _beside(loaded.account),
    }


def _beside(account: Account) -> str:
    """The file in the folder of a ledger that is its document; empty where that is not passed on."""
    texts = (p for p in sorted(account.folder.glob("*.md")) if p.is_file())
    return next((p.name for p in texts if hashlib.sha256(p.read_bytes()).hexdigest() == account.head.document.sha256), "")


def _specs(folder: Path) -> dict[str, Experiment | Stylized]:
    """The experiment files of a case by hypothesis; a file that cannot be read is left out (`qantar check` says why)."""
    drawn = stylized_file(folder)
    found: dict[str, Experiment | Stylized] = {}
    for path in sorted(folder.glob("H*.toml")):
        spec = read_toml(path, Stylized, Problems()) if path == drawn else read_toml(path, Experiment, Problems())
        if spec is not None:
            found[spec.hypothesis] = spec
    return found


def _sim_days(f: Feature) -> str:
    """Calendar days of the first month, counted from day 0: only for those histories that report the region at all."""
    return "–" if math.isnan(f.median) else f"{f.median + 1:.0f} ({f.low + 1:.0f}–{f.high + 1:.0f})"


def _part_name(kind: str) -> Pair:
    """What the part of the page is called that a kind of study makes."""
    return pair(f"report.part.{(kind in STUDIES and study(kind).part) or kind}")


def _people(n: float) -> Pair:
    """A population in words, in both languages.

    >>> _people(19_122_420), _people(5_400)
    (('19.1 million', '1,912万'), ('5,400', '5,400'))
    """
    return (f"{n / 1e6:.1f} million", f"{n / 1e4:,.0f}万") if n >= 1e6 else (f"{n:,.0f}", f"{n:,.0f}")


def _range(low: int | None, high: int | None) -> str:
    """Both ends of a figure; … stands for one that nobody gave.

    >>> _range(500, 1000), _range(500, None), _range(40, 40)
    ('500–1,000', '500–…', '40')
    """
    ends = ["…" if x is None else f"{x:,}" for x in (low, high)]
    return ends[0] if low == high else "–".join(ends)


def figures_of(event: Event) -> Pair:
    """What a row counts: a crowd, the dead, the injured, the detained; of each what the row has."""
    dead = [x for x in (event.deaths_low, event.deaths, event.deaths_high) if x is not None]
    if not any(dead) and event.kind not in (*UNREST, "repression", "deaths"):
        dead = []  # that nobody died of an announcement is no news
    crowd = (event.participants_low, event.participants_high)
    found = {
        "crowd": "" if crowd == (None, None) else _range(*crowd),
        "dead": str(Interval(min(dead), event.deaths, max(dead))) if dead else "",
        **{k: "" if (n := getattr(event, k)) is None else f"{n:,}" for k in ("injured", "detained")},
    }
    return joined([pair(f"report.row.{k}", n=n) for k, n in found.items() if n], " · ")


def _short(number: str | float) -> str:
    return f"{float(number):.3g}"


def _cited(loaded: Loaded, seen: Observables) -> dict[str, Any]:
    """Sources that the page cites, in the order of the table."""
    account, record = loaded.account, loaded.case.record
    shown = {d.total_id for d in (*seen.participants, *seen.detained, *seen.regions_with_unrest, *seen.deaths_over_time)}
    totals = [t for t in record.totals if t.total_id in shown]
    tables = (account.claims, account.second_reading, record.events, totals, record.region_onset, record.disagreements, record.presence)
    used = {key for table in tables for row in table for key in cited(row)} | {key for u in seen.deaths for key in u.sources}
    return {key: source for key, source in account.sources.items() if key in used}


def figure_sources(record: Record, seen: Observables) -> dict[str, list[str]]:
    """Source keys behind each figure, in order of first use."""
    rows = {
        "regions": [*(p.source for p in record.presence), *(d.source for d in seen.regions_with_unrest)],
        "participants": [d.source for d in seen.participants],
        "detained": [d.source for d in seen.detained],
        "deaths": [key for u in seen.deaths for key in u.sources],
    }
    rows |= {f"simulated-{name}": rows[name] for name in CURVES}
    return {name: list(dict.fromkeys(keys)) for name, keys in rows.items()}
