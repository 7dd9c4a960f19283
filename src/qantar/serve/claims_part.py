"""What becomes of an account: claims with filters, the argument with premises to let fall, rival stories weighed, accounts side by side.

Every choice stands in the address, so that it can be passed on and gone back from; what falls, and what the rest weighs, is worked out here
by the studies that the command line runs, never in the browser.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import AfterValidator, BeforeValidator

from qantar.account.schema import KINDS
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail, nearest
from qantar.files.cells import Choice
from qantar.files.result import made_of
from qantar.lookup.show import plain
from qantar.report.findings import groups
from qantar.report.pairs import day_in
from qantar.report.sections import Section, section_of
from qantar.serve.part import Asked, Operation, Page, Part, Served
from qantar.studies import study
from qantar.studies.argument import diagram, drawn_from, scheme_name, why
from qantar.studies.blocks import Block, Diagram, Figure, Pair, Sentence, Table, joined, pair
from qantar.studies.kind import Result, as_json, ask, perform, result_of
from qantar.studies.weigh import band_words, odds_words
from qantar.verdicts.argument import OUT, argue
from qantar.verdicts.claims import BASES, FLAGS, WORDS, Judged
from qantar.verdicts.load import Loaded

DOORS = (("claims", "/claims"), ("argument", "/argument"), ("weights", "/weights"), ("accounts", "/accounts"))
"""Pages about one account."""
FULL = 30.0
"""Decibel at the end of a bar: no item may say more."""


def _one_of(words: tuple[str, ...]) -> BeforeValidator:
    """One of a list of words, or nothing."""
    return BeforeValidator(lambda word: word if word == "" else Choice(words)(word))


class Wanted(Asked):
    """Which claims of an account are shown, and which of them is open."""

    name: str = ""
    kind: Annotated[str, _one_of(KINDS)] = ""
    verdict: Annotated[str, _one_of(WORDS)] = ""
    basis: Annotated[str, _one_of(BASES)] = ""
    flag: Annotated[str, _one_of(FLAGS)] = ""
    section: str = ""
    words: str = ""
    claim: str = ""


class Without(Asked):
    """An account, and what of its argument, or of its items of evidence, is left out."""

    name: str = ""
    without: tuple[str, ...] = ()

    @property
    def out(self) -> tuple[str, ...]:
        """What is left out: one name after the other, or several with commas between."""
        return tuple(dict.fromkeys(one for word in self.without for one in word.split(",") if one))


class Weighed(Without):
    """The same with the two stories that are shown, `a:b`."""

    pair: str = ""


class Several(Asked):
    """Accounts of the same days; of one alone, all that ship beside it."""

    name: Annotated[tuple[str, ...], AfterValidator(lambda names: tuple(filter(None, names)))] = ()
    only: Annotated[str, _one_of(("contested", "agreed", "alone"))] = ""


@dataclass(frozen=True)
class Filter:
    """One thing to narrow the claims by: its name, the value that is chosen, and how many claims have each value."""

    name: str
    chosen: str
    choices: Sequence[tuple[str, Pair, int]]


def address(path: str, asked: Asked, **changed: object) -> str:
    """The address of a page with what is asked, some of it changed; what goes without saying is left out.

    >>> address("/claims", Wanted(name="a b", kind="fact"), kind="", claim="C1")
    '/claims?name=a+b&claim=C1'
    """
    values = {k: v for k, v in {**asked.model_dump(), **changed}.items() if v not in ("", [], ())}
    return f"{path}?{urlencode(values, doseq=True)}" if values else path


def _about(served: Served, name: str) -> dict[str, Any]:
    """What every page of an account is given; without a name, the accounts that there are."""
    accounts = [entry for entry in served.home.entries() if entry.account and not entry.faulty]
    found: dict[str, Any] = {"name": name, "accounts": accounts, "doors": DOORS, "loaded": None}
    if name:
        found["loaded"] = _of(served, name)
    return found


def _of(served: Served, name: str) -> Loaded:
    if not name:
        raise fail(StudyError, "name", "not_here", choices=nearest("", [e.name for e in served.home.entries() if e.account]))
    return served.home.loaded(name)


# Claims


def claims(served: Served, asked: Wanted) -> dict[str, Any]:
    """The claims that fit, in the order of the report, with one of them open."""
    found = _about(served, asked.name)
    if not asked.name:
        return found
    loaded, judged = found["loaded"], served.home.judged(asked.name)
    fitting = [j for j in judged if fits(j, asked, loaded)]
    return {
        **found,
        "asked": asked,
        "to": lambda **changed: address("/claims", asked, **changed),
        "filters": _filters(judged, asked, loaded),
        "groups": groups(fitting),
        "shown": len(fitting),
        "of": len(judged),
        "account": loaded.account,
        "opened": _opened(served, asked, loaded, judged) if asked.claim else None,
        **_behind(loaded),
    }


def fits(j: Judged, asked: Wanted, loaded: Loaded) -> bool:
    """Whether a claim has all that is asked for; the words in any language, and in any place that its reader sees."""
    c = j.claim
    own = {"kind": c.kind, "verdict": j.word, "basis": j.basis, "section": str(c.section)}
    if any(getattr(asked, name) not in ("", value) for name, value in own.items()) or (asked.flag and asked.flag not in j.flags):
        return False
    said = [c.claim_id, c.place, c.claim_en, c.claim_zh, c.summary_en, c.summary_zh, c.evidence_en, c.evidence_zh, *c.sources, *c.events]
    told = plain(" ".join([*said, *pair(f"verdict.{j.shown}"), *pair(f"basis.{j.basis}"), *loaded_section(loaded, c.section)]))
    return all(word in told for word in plain(asked.words).split())


def loaded_section(loaded: Loaded, section: int) -> Pair:
    """What a section is called in both languages."""
    return loaded.account.section_name(section, "en"), loaded.account.section_name(section, "zh")


def _filters(judged: Sequence[Judged], asked: Wanted, loaded: Loaded) -> list[Filter]:
    counts: dict[str, Counter[str]] = {
        "kind": Counter(j.claim.kind for j in judged),
        "verdict": Counter(j.word for j in judged),
        "basis": Counter(j.basis for j in judged),
        "flag": Counter(f for j in judged for f in j.flags),
        "section": Counter(str(j.claim.section) for j in judged),
    }
    orders: dict[str, Iterable[str]] = {"kind": KINDS, "verdict": WORDS, "basis": BASES, "flag": FLAGS}
    orders["section"] = sorted(counts["section"], key=int)

    def words(name: str, value: str) -> Pair:
        if name != "section":
            return pair(f"{name}.{value}")
        en, zh = loaded_section(loaded, int(value))
        return f"{value} {en}", f"{value} {zh}"

    return [
        Filter(name, getattr(asked, name), [(v, words(name, v), counts[name][v]) for v in order if counts[name][v]])
        for name, order in orders.items()
    ]


def _behind(loaded: Loaded) -> dict[str, Any]:
    """What the macros of claims read besides: sources, events and trials by their ids, and how days are written."""
    record = loaded.case.record.for_others()
    return {
        "sources": loaded.account.sources,
        "events": {e.event_id: e for e in record.events},
        "totals": {t.total_id: t for t in record.totals},
        "regions": {r.region_id: (r.name_en or r.name_zh, r.name_zh or r.name_en) for r in record.regions},
        "trials": loaded.trials(),
        "day": day_in(loaded.case.head.first_day.year),
    }


def _opened(served: Served, asked: Wanted, loaded: Loaded, judged: Sequence[Judged]) -> dict[str, Any]:
    """All that stands behind one claim."""
    by_id = {j.claim.claim_id: j for j in judged}
    if asked.claim not in by_id:
        raise fail(StudyError, asked.claim, "no_such_name", value=asked.claim, choices=nearest(asked.claim, by_id))
    j = by_id[asked.claim]
    inferences = [i for i in loaded.account.arguments if i.conclusion == asked.claim]
    argument = argue(judged, list(loaded.account.arguments))
    conclusion = next((c for c in argument.conclusions if c.claim == asked.claim), None)
    hypothesis = next((h for h in loaded.account.hypotheses if h.hypothesis_id == j.claim.hypothesis_id), None)
    return {
        "id": asked.claim,
        "j": j,
        "needs": needs(j),
        "repeat": j.repeat(loaded.name, loaded.case_name),
        "hypothesis": hypothesis,
        "label": conclusion and conclusion.label,
        "because": conclusion and why(conclusion.fallen, conclusion.doubtful, conclusion.partial),
        "inferences": [(i.id, drawn_from(i.premises, i.link), scheme_name(i.scheme)) for i in inferences],
        "premise": asked.claim in argument.premises,
        "falls": argument.falls_with(asked.claim) if asked.claim in argument.premises else (),
    }


def needs(j: Judged) -> list[Pair]:
    """What would have to be there for the verdict to be firmer, or to be one at all."""
    trial = j.trial or j.beside
    reasons = [trial.why(lang) for lang in ("en", "zh")] if trial else ["", ""]
    found: list[Pair] = [(reasons[0], reasons[1])] if reasons[0] else []
    found.append(pair(f"serve.claims.needs.{j.basis}"))
    return found + [pair(f"serve.claims.needs.flag.{f}") for f in j.flags if f not in ("memory",)]


def claims_as_data(served: Served, asked: Wanted) -> dict[str, Any]:
    """The same for programs."""
    loaded, judged = _of(served, asked.name), served.home.judged(asked.name)
    rows = [j.as_dict() | {"needs": [dict(zip(("en", "zh"), n, strict=True)) for n in needs(j)]} for j in judged if fits(j, asked, loaded)]
    return {"account": asked.name, "of": len(judged), "claims": [r for r in rows if asked.claim in ("", r["id"])]}


# The studies of a ledger


def done(kind: str, values: Mapping[str, Any], at_hand: Sequence[Loaded]) -> Result:
    """What a study of ledgers says, done on the spot: it reads tables only."""
    described = study(kind)
    files = perform(described, ask(described, {k: v for k, v in values.items() if v}, at_hand), Runner())
    return result_of(files, made_of(files))


def without_figures(section: Section, dropped: Callable[[Block], bool] = lambda block: False) -> Section:
    """A section without its figures, which the page draws in its own way, and without what heads them."""
    kept = [[b for b in blocks if not dropped(b)] for drawn, blocks in section.groups if not drawn]
    return replace(section, groups=[(False, blocks) for blocks in kept])


def argument(served: Served, asked: Without) -> dict[str, Any]:
    """The map of an argument, its premises as switches, and what falls with those that were let fall."""
    found = _about(served, asked.name)
    loaded = found["loaded"]
    if loaded is None or not len(loaded.account.arguments):
        return {**found, "section": None}
    now = _argued(loaded, asked)
    before = _argued(loaded, Without(name=asked.name)) if asked.out else now
    was, rows = ({r["claim"]: r for r in x.tables["conclusions"]} for x in (before, now))
    fell = [c for c, r in rows.items() if r["label"] == OUT and was[c]["label"] != OUT and c not in asked.out]
    other = [c for c, r in rows.items() if r["label"] != was[c]["label"] and c not in (*fell, *asked.out)]
    drawing = diagram(*(now.tables[k] for k in ("conclusions", "inferences", "premises")))

    def toggled(claim: str) -> str:
        kept = [c for c in asked.out if c != claim] if claim in asked.out else [*asked.out, claim]
        return address("/argument", asked, without=kept)

    let: dict[str, Any] = {"state": pair("serve.argument.let_fall"), "label": OUT}
    nodes = [replace(n, to=toggled(n.name), **(let if n.name in asked.out else {})) for n in drawing.nodes]
    says = {r["claim"]: (r["claim_en"], r["claim_zh"]) for x in ("premises", "conclusions") for r in now.tables[x]}
    return {
        **found,
        "asked": asked,
        "out": asked.out,
        "says": says,
        "toggled": toggled,
        "premises": [(r["claim"], r["label"], r["verdict"], _names(r["falls"])) for r in now.tables["premises"]],
        "fell": fell,
        "changed": other,
        "figure": Figure("argument", Diagram(nodes, drawing.arrows), Table([], [])),
        "section": without_figures(section_of("argument", now)),
        "plain_address": address("/argument", asked, without=[]),
    }


def _argued(loaded: Loaded, asked: Without) -> Result:
    return done("argument", {"account": loaded.name, "without": asked.out}, [loaded])


def argument_as_data(served: Served, asked: Without) -> dict[str, Any]:
    """The labels of an argument, with premises let fall."""
    return as_json(_argued(_of(served, asked.name), asked))


def weights(served: Served, asked: Weighed) -> dict[str, Any]:
    """Two stories in a tug of war: each item with its pull and a switch, and the sum of those that are left in."""
    found = _about(served, asked.name)
    loaded = found["loaded"]
    if loaded is None or loaded.account.rivals is None:
        return {**found, "section": None}
    whole, now = _weighed(loaded, Without()), _weighed(loaded, asked)
    names = {s["id"]: (s["name_en"], s["name_zh"]) for s in whole.tables["stories"]}
    pairs = [f"{p['a']}:{p['b']}" for p in whole.tables["pairs"]]
    shown = asked.pair or pairs[0]
    if shown not in pairs:
        raise fail(StudyError, shown, "no_such_name", value=shown, choices=nearest(shown, pairs))
    a, b = shown.split(":")
    pulls = {w["item"]: _bar(w, (a, b), "") for w in whole.tables["weights"] if {w["a"], w["b"]} == {a, b}}
    counted = {i["item"]: i["counted"] == "1" for i in now.tables["items"]}
    items = sorted(whole.tables["items"], key=lambda i: (-pulls[i["item"]].best, i["item"]))
    sums = [next(_bar(p, (a, b), "band") for p in x.tables["pairs"] if {p["a"], p["b"]} == {a, b}) for x in (whole, now)]
    of_now = next(p for p in now.tables["pairs"] if {p["a"], p["b"]} == {a, b})
    odds = [float(of_now[f"odds_{end}"]) for end in ("low", "high")]
    low, high = odds if of_now["a"] == a else (1 / odds[1], 1 / odds[0])
    return {
        **found,
        **_behind(loaded),
        "says": {c.claim_id: c.told for c in loaded.account.claims},
        "asked": asked,
        "out": asked.out,
        "names": names,
        "pairs": [(p, joined([names[s] for s in p.split(":")], pair("weigh.against"))) for p in pairs],
        "shown": shown,
        "ends": (names[b], names[a]),
        "items": [(i, pulls[i["item"]], counted.get(i["item"], False)) for i in items],
        "sums": sums,
        "ahead": names.get(of_now["ahead"]),
        "odds": pair("weigh.odds_between", low=odds_words(low), high=odds_words(high)),
        "section": without_figures(section_of("weigh", now), lambda block: isinstance(block, Sentence) and block.role == "head"),
        "plain_address": address("/weights", asked, without=[]),
    }


@dataclass(frozen=True)
class Bar:
    """A weight as a bar between two ends, each of which is `FULL` decibel away (or more, of a sum)."""

    low: float
    best: float
    high: float
    words: str

    def place(self, value: float, full: float) -> float:
        """Where a value stands, in percent from the left."""
        return round(50 + 50 * max(-1.0, min(1.0, value / full)), 1)

    def scale(self) -> float:
        """What the ends of its axis stand for: that of an item, or so much that a sum fits in."""
        return max(FULL, *(abs(v) for v in (self.low, self.high)))


def _bar(row: Mapping[str, str], ends: tuple[str, str], name: str) -> Bar:
    low, best, high = (float(row[f"{name}_{end}" if name else end]) for end in ("low", "best", "high"))
    if (row["a"], row["b"]) != ends:
        low, best, high = -high, -best, -low
    return Bar(low, best, high, band_words({f"x_{end}": str(v) for end, v in (("low", low), ("best", best), ("high", high))}, "x"))


def _weighed(loaded: Loaded, asked: Without) -> Result:
    return done("weigh", {"account": loaded.name, "without": asked.out}, [loaded])


def weights_as_data(served: Served, asked: Without) -> dict[str, Any]:
    """Rival stories weighed, with items left out."""
    return as_json(_weighed(_of(served, asked.name), asked))


def accounts(served: Served, asked: Several) -> dict[str, Any]:
    """What accounts of the same days answer to the same questions, side by side."""
    first = asked.name[0] if asked.name else ""
    found = _about(served, first)
    if not first:
        return found
    beside = served.home.beside(first)
    chosen = asked.name if len(asked.name) > 1 else [first, *(n for n in beside if n != first)]
    found |= {"asked": asked, "beside": beside, "chosen": chosen, "section": None}
    if len(chosen) < 2 or not len(found["loaded"].case.questions):
        return found
    result = _compared(served, chosen)
    answers: dict[tuple[str, str], list[Any]] = {}
    for row in result.tables["answers"]:
        answers.setdefault((row["question"], row["account"]), []).append(row)
    sort = _sorted(result)
    return {
        **found,
        "result": result,
        "titles": {a["account"]: (a["title_en"], a["title_zh"]) for a in result.tables["accounts"]},
        "named": dict(zip((a["account"] for a in result.tables["accounts"]), chosen, strict=True)),
        "questions": [(q, sort[q["question"]]) for q in result.tables["questions"] if asked.only in ("", sort[q["question"]])],
        "counts": Counter(sort.values()),
        "answers": answers,
        "section": without_figures(section_of("compare", result)),
    }


def _sorted(result: Result) -> dict[str, str]:
    """Of each question whether accounts contradict each other on it, agree, or only one of them speaks."""
    relations: dict[str, set[str]] = {q["question"]: set() for q in result.tables["questions"]}
    for row in result.tables["pairs"]:
        relations[row["question"]].add(row["relation"])
    return {q: "contested" if {"contradict", "mixed"} & of else "agreed" if "agree" in of else "alone" for q, of in relations.items()}


def _compared(served: Served, names: Sequence[str]) -> Result:
    at_hand = [served.home.loaded(name) for name in names]
    return done("compare", {"accounts": tuple(loaded.name for loaded in at_hand)}, at_hand)


def accounts_as_data(served: Served, asked: Several) -> dict[str, Any]:
    """The same for programs."""
    names = asked.name if len(asked.name) != 1 else accounts(served, asked)["chosen"]
    return as_json(_compared(served, names))


def _names(cell: str) -> list[str]:
    return cell.split(";") if cell else []


PART = Part(
    "claims",
    pages=[
        Page("/claims", "claims.html.j2", claims, Wanted, opens="account"),
        Page("/argument", "argument.html.j2", argument, Without),
        Page("/weights", "weights.html.j2", weights, Weighed),
        Page("/accounts", "accounts.html.j2", accounts, Several),
    ],
    operations=[
        Operation("claims", "GET", "/claims", Wanted, claims_as_data),
        Operation("argument", "GET", "/argument", Without, argument_as_data),
        Operation("weights", "GET", "/weights", Without, weights_as_data),
        Operation("accounts", "GET", "/accounts", Several, accounts_as_data),
    ],
)
