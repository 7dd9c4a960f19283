"""Early warning: what the model would have said evening by evening, and what that was worth (`forecast.outlook`)."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from qantar.ensemble.run import STAMP
from qantar.ensemble.runner import Runner
from qantar.forecast.outlook import LOOK_BACK, REFERENCE, THRESHOLDS, Outlook, Terms, outlook
from qantar.inference.posterior import known_table, posterior_of
from qantar.scenario.scenario import resolve
from qantar.studies import kind
from qantar.studies.blocks import Block, Cell, Column, Evenings, Figure, Row, Sentence, Table, heads, label, pair
from qantar.studies.cells import around, calendar_day, number, percent, told_apart, within
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Ships, Study

HINDSIGHT = "hindsight: parameters were fitted to the days to be foreseen"


class WarningOptions(Options):
    """What can be asked."""

    scenario: kind.ScenarioName
    draws: Annotated[int | None, kind.whole("cli.opt_warning_draws", "histories", 8, 100_000)] = None
    table: Annotated[int | None, kind.whole("cli.opt_warning_table", "draws", 50, 1_000_000)] = None
    horizon: Annotated[int, kind.whole("cli.opt_horizon", "days", 1, 14)] = 3
    quick: Annotated[bool, Option("cli.opt_warning_quick")] = False
    posterior: Annotated[bool, Option("cli.opt_hindsight")] = False
    known: kind.KnownTable = None
    seed: kind.Seed = 2022
    scale: kind.QuickScale = None


def run(asked: Asked[WarningOptions], runner: Runner) -> Outcome:
    """Forecasts on every evening, their scores, alarms at thresholds fixed beforehand, and what would have been said on the eve."""
    options, scenario = asked.options, asked.named
    scale, (draws, table) = kind.scale_of(options.scale, options.quick), (40, 150) if options.quick else (400, 4_000)
    draws, table = options.draws or draws, options.table or table
    plan = resolve(scenario, scale=scale)
    known = None if options.known is None else known_table(options.known, plan, options.seed)
    values = posterior_of(scenario).values if options.posterior else None
    forecasts = outlook(scenario, runner, Terms(options.seed, draws, table, options.horizon, scale, values, known))
    effort = {"draws": draws, "table": table, "horizon": options.horizon, "posterior": options.posterior, "quick": options.quick}
    return Outcome(as_tables(forecasts), {**effort, **facts_of(forecasts)}, plan, options.seed)


def facts_of(outlook: Outlook) -> dict[str, Any]:
    """What the tables do not say."""
    wave = None if outlook.wave is None else str(outlook.date(outlook.wave))
    days = {"first": str(outlook.first), "eve": str(outlook.date(outlook.eve)), "wave": wave, "last_seen": str(outlook.date(outlook.end))}
    rules = {"least_regions": outlook.least, "thresholds": list(THRESHOLDS), "look_back_days": LOOK_BACK, "reference": REFERENCE}
    return {**days, **rules, "hindsight": outlook.hindsight, "stamp": HINDSIGHT if outlook.hindsight else STAMP}


def as_tables(outlook: Outlook) -> dict[str, list[dict[str, Any]]]:
    """Evenings, scores, alarms and the eve, as they are written."""
    origins: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    alarms, start = [], []
    for f in outlook.forecasts:
        for t, p, count, followed in zip(outlook.origins, f.p, f.counts, outlook.followed, strict=True):
            low, high = count.interval() if count else (math.nan, math.nan)
            behind = {"shown": count.hits if count else "", "of": count.of if count else ""}
            chance = {"probability": float(p), "low": low, "high": high, **behind, "followed": bool(followed)}
            origins.append({"date": str(outlook.date(t)), "forecaster": f.name, **chance})
    for w in outlook.worth:
        (bl, bh), (ll, lh) = w.brier.interval(), w.log.interval()
        of = {"forecaster": w.forecaster, "n": w.brier.n, "brier": w.brier.mean, "brier_low": bl, "brier_high": bh}
        against = {"against": w.against.mean, "against_se": w.against.se, "separated": w.against.separated}
        scores.append({**of, "log": w.log.mean, "log_low": ll, "log_high": lh, **against})
    for name, rows in outlook.warnings.items():
        for a in rows:
            low, high = a.false_alarms.interval()
            counted = {"alarms": a.precision.of, "true": a.precision.hits}
            (pl, ph), (rl, rh) = a.precision.interval(), a.recall.interval()
            ends = {"precision_low": pl, "precision_high": ph, "recall_low": rl, "recall_high": rh}
            rate = {"false_per_month": a.false_alarms.per_month, "false_low": low, "false_high": high}
            of_waves = {"waves": a.recall.of, "warned": a.recall.hits, "lead_days": float(a.lead[0]) if len(a.lead) else math.nan}
            alarms.append({"forecaster": name, "threshold": a.threshold, **counted, **rate, **of_waves, **ends})
    for what, share in outlook.start.items():
        low, high = share.interval()
        start.append({"what": what, "share": share.share, "low": low, "high": high, "shown": share.hits, "of": share.of})
    return {"origins": origins, "scores": scores, "alarms": alarms, "start": start}


def page(result: Result) -> Iterator[Block]:
    """Whether it would have warned, in words; then the eve, every evening, scores and alarms."""
    made, eve = result.made, {r["what"]: r for r in result.tables["start"]}
    day, h = calendar_day(made["eve"]), made["horizon"]
    shares = {f"p_{what}": percent(r["share"], r["low"], r["high"]) for what, r in eve.items()}
    yield Sentence(pair("report.evidence.warning_said", day=day, h=h, **shares), "lead")
    yield Sentence(pair(f"report.evidence.warning_{'stands_out' if stands_out(eve) else 'no_more'}"))
    wave = made["wave"]
    none = pair("report.evidence.warning_none", least=made["least_regions"])
    yield Sentence(pair("report.evidence.warning_one", day=calendar_day(wave)) if wave else none)
    yield Sentence(pair("warning.hindsight" if made["hindsight"] else "warning.prior"))
    yield Sentence(pair("report.evidence.warning_text", least=made["least_regions"], h=h))
    yield Table(
        heads("warning", ("what", "share", "histories"), words=["what"]),
        [[label("warning", what), percent(r["share"], r["low"], r["high"]), f"{r['shown']} / {r['of']}"] for what, r in eve.items()],
        pair("warning.start_title", day=day, h=h),
    )
    yield evenings(result.tables["origins"], made["thresholds"])
    yield scores(result.tables["scores"])
    yield alarms(result.tables["alarms"])
    yield Sentence(pair("warning.assumed"), "note")
    yield Sentence(pair("warning.note", h=h), "note")


def stands_out(eve: Mapping[str, Row]) -> bool:
    """Whether more was said on the eve than on a usual quiet evening, beyond chance of the draws."""
    low, high = eve["with"]["low"], eve["usual"]["high"]
    return low != "" and high != "" and float(low) > float(high)


def evenings(rows: Sequence[Row], thresholds: Sequence[float]) -> Figure:
    """Every forecaster evening by evening."""
    by_day: dict[str, dict[str, Row]] = {}
    for r in rows:
        by_day.setdefault(r["date"], {})[r["forecaster"]] = r
    names, days = list(dict.fromkeys(r["forecaster"] for r in rows)), sorted(by_day)
    followed = [any(r["followed"] == "1" for r in by_day[d].values()) for d in days]

    def point(r: Row | None) -> tuple[float, float | None, float | None] | None:
        if r is None or r["probability"] == "":
            return None
        return (float(r["probability"]), *(None if r[k] == "" else float(r[k]) for k in ("low", "high")))  # type: ignore[return-value]

    def share(r: Row | None) -> str:
        return "" if r is None else percent(r["probability"], r["low"], r["high"])

    series = {n: [point(by_day[d].get(n)) for d in days] for n in names}
    ordinals = [dt.date.fromisoformat(d).toordinal() for d in days]

    def evening(day: str, after: bool) -> Cell:
        """A day in one piece, marked if a wave followed."""
        en, zh = (f"{words}{' ●' if after else ''}".replace(" ", "\u00a0") for words in calendar_day(day))
        return en, zh

    columns = [Column(pair("warning.date")), *(Column(label("forecaster", n), number=True) for n in names)]
    cells = [[evening(d, after), *(share(by_day[d].get(n)) for n in names)] for d, after in zip(days, followed, strict=True)]
    return Figure("warning", Evenings(ordinals, followed, thresholds, series), Table(columns, cells))


def scores(rows: Sequence[Row]) -> Table:
    """What the forecasts were worth, a row a forecaster."""

    def cells(r: Row) -> list[Cell]:
        losses = [within(r[k], r[f"{k}_low"], r[f"{k}_high"], 3) for k in ("brier", "log")]
        apart: Cell = "–" if r["against"] == "" or float(r["against"]) == 0 else told_apart(r["separated"])
        return [label("forecaster", r["forecaster"]), *losses, around(r, "against", "against_se", 3), apart]

    columns = heads("warning", ("forecaster", "brier", "log", "against", "rule"), words=("forecaster", "rule"))
    return Table(columns, list(map(cells, rows)), pair("warning.scores_title", n=rows[0]["n"]))


def alarms(rows: Sequence[Row]) -> Table:
    """Alarms at each threshold, by forecaster."""

    def cells(r: Row) -> list[Cell]:
        false = within(r["false_per_month"], r["false_low"], r["false_high"], 1)
        counts = [r["threshold"], f"{r['alarms']} ({r['true']})", false, f"{r['warned']} / {r['waves']}"]
        return [label("forecaster", r["forecaster"]), *counts, number(r["lead_days"], 0)]

    columns = heads("warning", ("forecaster", "threshold", "alarms", "false", "warned", "lead"), words=["forecaster"])
    return Table(columns, list(map(cells, rows)), pair("warning.alarms_title"))


STUDY = Study(
    "warning",
    WarningOptions,
    run,
    page,
    Ships(minutes=8, options={"table": 20_000}, places={"known": kind.PRIOR_TABLE}),
    small={"scenario": "kazakhstan-2022", "draws": 8, "table": 50, "scale": 0.001},
    columns={
        "origins": ("date", "forecaster", "probability", "low", "high", "shown", "of", "followed"),
        "scores": (
            "forecaster", "n", "brier", "brier_low", "brier_high", "log", "log_low", "log_high", "against", "against_se", "separated"
        ),
        "alarms": (
            "forecaster", "threshold", "alarms", "true", "false_per_month", "false_low", "false_high", "waves", "warned", "lead_days"
        ),
        "start": ("what", "share", "low", "high", "shown", "of"),
    },
    facts=("eve", "wave", "horizon", "least_regions", "thresholds", "hindsight"),
)  # fmt: skip
