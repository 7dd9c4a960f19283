"""Rival stories weighed on the items of evidence of a ledger: how far each item moves the odds, and what they add up to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any

from qantar.account.weights import NARROWEST, Band, Story
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail, nearest
from qantar.files.result import read_result
from qantar.inference.posterior import FIT
from qantar.studies import kind
from qantar.studies.blocks import Bands, Block, Cell, Column, Figure, Pair, Row, Sentence, Table, joined, pair
from qantar.studies.cells import left_out
from qantar.studies.kind import Asked, Options, Outcome, Result, Study
from qantar.verdicts.tracing import APART, PRIOR_ODDS, Weighing, sha256_of, tipping, weigh

MOST_ODDS = 1_000_000
RIVALS = "rivals"
"""The study whose stored result says what the simulation thinks of the stories that have an arm."""


class WeighOptions(Options):
    """What can be asked."""

    account: kind.AccountName
    without: Annotated[tuple[str, ...], kind.Option("cli.opt_weigh_without", metavar="ITEM")] = ()


def run(asked: Asked[WeighOptions], runner: Runner) -> Outcome:
    """Every pair of stories, and every item for every pair."""
    (loaded,) = asked.accounts
    account, files = loaded.account, loaded.account.head.files
    if account.rivals is None or not len(account.weights):
        raise fail(StudyError, account.folder / "account.toml", "no_weights", value=account.head.id)
    digest = sha256_of(account.rivals, *(account.folder / name for name in (files.items, files.weights) if name))
    out, known = asked.options.without, [i.item_id for i in account.items]
    for item in out:
        if item not in known:
            raise fail(StudyError, "--without", "no_such_name", value=item, choices=nearest(item, known))
    if not {*known} - {*out}:
        raise fail(StudyError, "--without", "nothing_weighed", n=len(known))
    found = weigh(account.rivals.stories, [i for i in account.items if i.item_id not in out], account.weights)
    registered = account.rivals.registered
    facts = {
        "question_en": account.rivals.question_en, "question_zh": account.rivals.question_zh,
        "both_en": account.rivals.both_en, "both_zh": account.rivals.both_zh,
        "weights_sha256": digest,
        "registered": None if registered is None else {"date": registered.date.isoformat(), "same": registered.sha256 == digest},
        "coders": sorted({w.coder for w in account.weights}),
        "blind": sorted({w.coder for w in account.weights} - {w.coder for w in account.weights if w.blind != "yes"}),
    }  # fmt: skip
    tables = tables_of(found)
    model = of_the_model(account.rivals.stories, loaded.case.folder)
    tables["pairs"] = [row | _ends(model.get((row["a"], row["b"])), "model") for row in tables["pairs"]]
    return Outcome(tables, loaded.facts() | facts)


def of_the_model(stories: Sequence[Story], case: Path) -> dict[tuple[str, str], Band]:
    """Approximate Bayes factor of the simulation in decibel, with two standard errors, for stories that have an arm that was fitted.

    From the share of each arm's prior that comes as near to the record (`forecast.rivals.mass_at`); it is not added to the weights.
    """
    stored = read_result(case / FIT / RIVALS, RIVALS)
    rows = {r["rival"]: (float(r["log_share"]), float(r["log_share_se"])) for r in stored.rows(f"{RIVALS}.csv")} if stored else {}
    known = {s.id: rows[s.arm] for s in stories if s.arm in rows}
    found = {}
    for a, b in permutations(known, 2):
        best, half = known[a][0] - known[b][0], 2 * math.hypot(known[a][1], known[b][1])
        found[a, b] = Band(*(10 / math.log(10) * x for x in (best - half, best, best + half)))
    return found


def tables_of(found: Weighing) -> dict[str, list[dict[str, Any]]]:
    """A weighing as rows."""
    stories = [s.model_dump(mode="json") for s in found.stories]
    pairs = []
    for p in found.pairs:
        low, best, high = tipping(p.band)
        least, most = p.odds
        of = {"band": p.band, "one_sided": p.one_sided, "naive": p.naive, "own": p.own, "rest": p.rest, "disinterested": p.disinterested}
        pairs.append(
            {"a": p.a, "b": p.b}
            | {f"{name}_{end}": getattr(band, end) for name, band in of.items() for end in ("low", "best", "high")}
            | {"odds_low": least, "odds_high": most, "tipping_low": low, "tipping_best": best, "tipping_high": high}
            | {"bias": p.bias, "ahead": p.verdict, "fragile": ";".join(p.fragile)}
        )
    items = [
        {"item": w.item.item_id, "what_en": w.item.what_en, "what_zh": w.item.what_zh, "evidence": ";".join(w.item.evidence)}
        | {"present": w.item.present, "seen": w.item.seen, "group": w.item.group or "", "interest": w.item.interest, "own": w.item.own}
        | {"counted": any(w.item.item_id in p.without for p in found.pairs), "apart": w.apart}
        for w in found.items
    ]
    weights = [
        {"item": w.item.item_id, "a": p.a, "b": p.b, **_ends(w.weights[p.a, p.b])}
        | {f"{c}_{end}": v for c, of in sorted(w.coders.items()) for end, v in _ends(of[p.a, p.b]).items()}
        | {f"without_{end}": v for end, v in _ends(p.without.get(w.item.item_id)).items()}
        for w in found.items
        for p in found.pairs
    ]
    return {"stories": stories, "pairs": pairs, "items": items, "weights": weights}


def _ends(band: Band | None, name: str = "") -> dict[str, float]:
    ends = ("low", "best", "high")
    return {f"{name}_{end}" if name else end: math.nan if band is None else getattr(band, end) for end in ends}


def page(result: Result) -> Iterator[Block]:
    """Which stories are ahead of which; the tug of war of the first against each other one; items that coders see differently."""
    made, pairs = result.made, result.tables["pairs"]
    names: dict[str, Pair] = {s["id"]: (s["name_en"], s["name_zh"]) for s in result.tables["stories"]}
    settled = [p for p in pairs if p["ahead"]]
    filled: dict[str, Any] = {"stories": len(names), "items": len(result.tables["items"]), "coders": len(made["coders"])}
    filled |= {"pairs": len(pairs), "settled": len(settled)}
    yield Sentence(pair("report.gist.weigh", **filled), "lead")
    yield Sentence((made["question_en"], made["question_zh"]), "head")
    yield Sentence(pair("weigh.text", narrowest=f"{NARROWEST:g}", odds=f"{PRIOR_ODDS:g}"))
    yield Sentence((made["both_en"], made["both_zh"]), "note")
    yield Sentence(pair("weigh.no_guilt"), "warn")
    if without := left_out(result):
        yield Sentence(pair("weigh.without", items=", ".join(without)), "warn")
    yield _stories(result.tables["stories"])
    yield from _pairs(pairs, names)
    yield from _tugs(result, names)
    yield from _disputed(result)
    yield Sentence(_sealed(made), "note")


def _stories(stories: Sequence[Row]) -> Table:
    rows: list[list[Cell]] = [
        [(s["name_en"], s["name_zh"]), (s["story_en"], s["story_zh"]), (s["forbids_en"], s["forbids_zh"])] for s in stories
    ]
    return Table([Column(pair(f"weigh.{k}"), wide=k != "name") for k in ("name", "story", "forbids")], rows, look="features")


def _pairs(pairs: Sequence[Row], names: Mapping[str, Pair]) -> Iterator[Table]:
    """Who is ahead of whom, and how firmly."""
    rows: list[list[Cell]] = []
    firm: list[list[Cell]] = []
    for p in pairs:
        name = joined([names[p["a"]], names[p["b"]]], pair("weigh.against"))
        odds = pair("weigh.odds_between", low=odds_words(float(p["odds_low"])), high=odds_words(float(p["odds_high"])))
        ahead: Cell = names[p["ahead"]] if p["ahead"] else pair("weigh.nobody")
        if p["fragile"]:
            ahead = joined([ahead, pair("weigh.fragile", items=p["fragile"].replace(";", ", "))], pair("error.space"))
        rows.append([name, ahead, odds])
        tip = f"{_prior(p['tipping_high'])} – {_prior(p['tipping_low'])}"
        bands = [band_words(p, k) for k in ("band", "one_sided", "naive", "own", "disinterested", "model")]
        firm.append([name, *bands, tip, f"{float(p['bias']):.1f}"])
    yield Table([Column(pair(f"weigh.{k}"), wide=k == "ahead") for k in ("pair", "ahead", "odds")], rows, look="features")
    heads = ("pair", "band", "one_sided", "naive", "own", "disinterested", "model", "tipping", "bias")
    yield Table([Column(pair(f"weigh.{k}")) for k in heads], firm, pair("weigh.pairs"), look="features")


def _prior(cell: str) -> str:
    """A probability in percent, as far as it is worth saying.

    >>> _prior("0.00001"), _prior("0.25"), _prior("0.9999")
    ('<0.1 %', '25 %', '>99.9 %')
    """
    p = 100 * float(cell)
    return "<0.1 %" if p < 0.1 else ">99.9 %" if p > 99.9 else f"{p:.2g} %" if p < 99 else f"{p:.1f} %"


def band_words(row: Row, name: str) -> str:
    """A band as it is read.

    >>> band_words({"x_low": "-3", "x_best": "1.5", "x_high": "6"}, "x")
    '+2 [−3, +6]'
    """
    if row[f"{name}_best"] == "":
        return "–"
    low, best, high = (f"{float(row[f'{name}_{end}']):+.0f}".replace("-", "−") for end in ("low", "best", "high"))
    return f"{best} [{low}, {high}]"


def odds_words(odds: float) -> str:
    """Odds as they are said, to two digits; beyond a million nobody can tell them apart.

    >>> odds_words(4.2), odds_words(0.25), odds_words(1e9)
    ('4 : 1', '1 : 4', '>1,000,000 : 1')
    """
    times = max(odds, 1 / odds)
    digits = max(0, math.floor(math.log10(times)) - 1)
    words = ">1,000,000" if times > MOST_ODDS else f"{round(times / 10**digits) * 10**digits:,.0f}"
    return f"{words} : 1" if odds >= 1 else f"1 : {words}"


def _tugs(result: Result, names: Mapping[str, Pair]) -> Iterator[Block]:
    """What each item says, and what it pulls for the story that is ahead at the best weights against each other one."""
    counted = {i["item"] for i in result.tables["items"] if i["counted"] == "1"}
    items: list[list[Cell]] = [
        [i["item"], (i["what_en"], i["what_zh"]), i["evidence"].replace(";", ", "), _counts(i["item"] in counted)]
        for i in result.tables["items"]
    ]
    yield Table([Column(pair(f"weigh.{k}"), wide=k == "what") for k in ("item", "what", "record", "counted")], items, look="features")
    first = next(iter(names))
    for k, other in enumerate(list(names)[1:], 1):
        rows = [w for w in result.tables["weights"] if (w["a"], w["b"]) == (first, other)]
        rows.sort(key=lambda w: (-float(w["best"]), w["item"]))
        bands = [(float(w["low"]), float(w["best"]), float(w["high"])) for w in rows]
        cells: list[list[Cell]] = [[w["item"], band_words({f"w_{end}": w[end] for end in ("low", "best", "high")}, "w")] for w in rows]
        table = Table([Column(pair(f"weigh.{h}")) for h in ("item", "weight")], cells)
        yield Sentence(joined([names[first], names[other]], pair("weigh.against")), "head")
        yield Figure("weigh", Bands([w["item"] for w in rows], bands, (names[other], names[first])), table, number=k)


def _counts(counted: bool) -> Cell:
    return pair("weigh.yes" if counted else "weigh.same_witness")


def _disputed(result: Result) -> Iterator[Block]:
    rows = sorted((i for i in result.tables["items"] if float(i["apart"]) > APART), key=lambda i: (-float(i["apart"]), i["item"]))
    if rows:
        cells: list[list[Cell]] = [[joined([f"{i['item']} ", (i["what_en"], i["what_zh"])]), f"{float(i['apart']):.0f}"] for i in rows]
        yield Table(
            [Column(pair("weigh.item"), wide=True), Column(pair("weigh.apart"), number=True)],
            cells,
            pair("weigh.disputed"),
            look="features",
        )


def _sealed(made: Mapping[str, Any]) -> Pair:
    """Whether the weights are those that were registered before anything was added up."""
    digest, registered = made["weights_sha256"][:12], made["registered"]
    if registered is None:
        return pair("weigh.unregistered", digest=digest)
    return pair("weigh.registered" if registered["same"] else "weigh.changed", digest=digest, date=registered["date"])


STUDY = Study(
    "weigh",
    WeighOptions,
    run,
    page,
    small={"account": "kazakhstan-2022"},
    columns={
        "stories": ("id", "name_en", "name_zh", "story_en", "story_zh"),
        "pairs": (
            "a",
            "b",
            "band_low",
            "band_best",
            "band_high",
            "odds_low",
            "odds_high",
            "tipping_best",
            "ahead",
            "naive_best",
            "own_best",
        ),
        "items": ("item", "evidence", "present", "seen", "group", "interest", "own", "counted", "apart"),
        "weights": ("item", "a", "b", "low", "best", "high", "without_low", "without_best", "without_high"),
    },
    facts=("ledger", "weights_sha256", "registered", "coders"),
    simulates=False,
)
