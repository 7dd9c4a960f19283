"""The argument of an account: which of its conclusions stand on premises that the sources bear out, and what falls with what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from qantar.account.arguments import LINKS, Inference, schemes
from qantar.account.exchange import aif, argdown, graph_of, read_inferences
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail, nearest
from qantar.studies import kind
from qantar.studies.blocks import Arrow, Block, Cell, Column, Diagram, Figure, Node, Pair, Row, Sentence, Table, joined, pair
from qantar.studies.cells import either, left_out
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Study
from qantar.verdicts.argument import IN, OUT, UNDECIDED, Argument, argue
from qantar.verdicts.claims import Judged, judge

LABELS = (OUT, UNDECIDED, IN)
"""In the order in which conclusions are shown."""


class ArgumentOptions(Options):
    """What can be asked."""

    account: kind.AccountName
    from_: Annotated[Path | None, Option("cli.opt_argument_from", metavar="FILE")] = None
    without: Annotated[tuple[str, ...], Option("cli.opt_argument_without", metavar="CLAIM")] = ()


def run(asked: Asked[ArgumentOptions], runner: Runner) -> Outcome:
    """Conclusions, inferences and premises with their labels, and the argument for other programs."""
    (loaded,) = asked.accounts
    account, file = loaded.account, asked.options.from_
    inferences = list(account.arguments) if file is None else read_inferences(file, account.claims.ids())
    if not inferences:
        raise fail(StudyError, account.folder / "account.toml", "no_argument", value=account.head.id)
    judged, known = judge(account, loaded.trials()), {c for i in inferences for c in (i.conclusion, *i.premises)}
    for claim in asked.options.without:
        if claim not in known:
            raise fail(StudyError, "--without", "no_such_name", value=claim, choices=nearest(claim, known))
    argument = argue(judged, inferences, frozenset(asked.options.without))
    graph = graph_of(inferences, {c.claim_id: c.in_words("en") for c in account.claims})
    files = {"argument.argdown": argdown(graph, account.head.title_en), "argument.aif.json": aif(graph)}
    return Outcome(tables_of(argument, judged), loaded.facts(), files=files)


def tables_of(argument: Argument, judged: Sequence[Judged]) -> dict[str, list[dict[str, Any]]]:
    """The labelled argument as rows."""
    claims = {j.claim.claim_id: j.claim for j in judged}

    def words(claim: str) -> dict[str, Any]:
        c = claims[claim]
        en, zh = c.told
        return {"claim": claim, "place": c.place, "claim_en": en, "claim_zh": zh, "verdict": argument.verdicts[claim]}

    conclusions = [
        words(c.claim)
        | {"label": c.label, "fallen": ";".join(c.fallen), "doubtful": ";".join(c.doubtful), "partial": ";".join(c.partial)}
        | {"inferences": ";".join(c.inferences)}
        for c in sorted(argument.conclusions, key=lambda c: (LABELS.index(c.label), c.claim))
    ]
    label = {i: name for c in argument.conclusions for i, name in c.inferences.items()}
    inferences = [_row(i) | {"label": label[i.id]} for i in argument.inferences]
    premises = [words(p) | {"label": argument.labels[p], "falls": ";".join(argument.falls_with(p))} for p in sorted(argument.premises)]
    return {"conclusions": conclusions, "inferences": inferences, "premises": premises}


def _row(i: Inference) -> dict[str, Any]:
    return {
        "id": i.id, "conclusion": i.conclusion, "premises": ";".join(i.premises), "link": i.link, "scheme": i.scheme,
        "place": i.place or "", "open": ";".join(i.open), "note_en": i.note_en, "note_zh": i.note_zh,
    }  # fmt: skip


def page(result: Result) -> Iterator[Block]:
    """How many conclusions stand, which have fallen with what, and the map."""
    conclusions, inferences, premises = (result.tables[name] for name in ("conclusions", "inferences", "premises"))
    n = {label: sum(r["label"] == label for r in conclusions) for label in LABELS}
    filled: dict[str, Any] = {"n": len(conclusions), "stand": n[IN], "fall": n[OUT], "open": n[UNDECIDED]}
    yield Sentence(pair("report.gist.argument", **filled), "lead")
    yield Sentence(pair("argument.text", n=len(inferences)))
    yield Sentence(pair("argument.never_false"), "warn")
    if without := left_out(result):
        yield Sentence(pair("argument.without", claims=", ".join(without)), "warn")
    rows: list[list[Cell]] = [
        [
            r["claim"],
            either(r, "claim"),
            pair(f"verdict.{r['verdict']}"),
            pair(f"argument.label.{r['label']}"),
            why(_ids(r["fallen"]), _ids(r["doubtful"]), _ids(r["partial"])),
        ]
        for r in conclusions
    ]
    heads = [Column(pair(f"argument.{k}"), wide=k == "says") for k in ("claim", "says", "verdict", "standing", "why")]
    yield Table(heads, rows, pair("argument.conclusions"), look="features", anchor="")
    yield Figure("argument", diagram(conclusions, inferences, premises), _steps(inferences))
    bearing = [r for r in premises if r["falls"]]
    falls: list[list[Cell]] = [
        [r["claim"], either(r, "claim"), pair(f"verdict.{r['verdict']}"), r["falls"].replace(";", ", ")]
        for r in sorted(bearing, key=lambda r: -r["falls"].count(";"))
    ]
    if falls:
        heads = [Column(pair(f"argument.{k}"), wide=k == "says") for k in ("claim", "says", "verdict", "falls")]
        yield Table(heads, falls, pair("argument.if_this_falls"), look="features", anchor="")


def why(fallen: Sequence[str], doubtful: Sequence[str], partial: Sequence[str]) -> Pair:
    """The premises that decide a label, in words."""
    parts = {"fallen": fallen, "doubtful": doubtful, "partial": partial}
    told = [pair(f"argument.{part}", claims=", ".join(claims)) for part, claims in parts.items() if claims]
    return joined(told, pair("error.space")) if told else pair("argument.all_stand")


def drawn_from(premises: Sequence[str], link: str) -> str:
    """Premises as they bear the conclusion, together or each.

    >>> drawn_from(["C1", "C2"], "linked"), drawn_from(["C1", "C2"], "convergent")
    ('C1 + C2', 'C1 / C2')
    """
    return (" + " if link == LINKS[0] else " / ").join(premises)


def scheme_name(scheme: str) -> Pair:
    """A kind of reasoning as it is called."""
    return schemes()[scheme].name_en, schemes()[scheme].name_zh


def _ids(cell: str) -> list[str]:
    return cell.split(";") if cell else []


def _steps(inferences: Sequence[Row]) -> Table:
    """Every inference with its kind, its premises and what it leaves open."""
    heads = [Column(pair(f"argument.{k}"), wide=k == "open") for k in ("id", "premises", "scheme", "conclusion", "standing", "open")]
    rows: list[list[Cell]] = []
    for r in inferences:
        asked = [schemes()[r["scheme"]].questions[key] for key in _ids(r["open"])]
        premises, name = drawn_from(_ids(r["premises"]), r["link"]), scheme_name(r["scheme"])
        left: Cell = joined([(q["en"], q["zh"]) for q in asked], pair("error.space")) if asked else ""
        rows.append([r["id"], premises, name, r["conclusion"], pair(f"argument.label.{r['label']}"), left])
    return Table(heads, rows, look="features")


def diagram(conclusions: Sequence[Row], inferences: Sequence[Row], premises: Sequence[Row]) -> Diagram:
    """Claims as nodes, one arrow from each premise to the conclusion, with the label of the inference."""
    own = {r["claim"]: r for r in premises} | {r["claim"]: r for r in conclusions}
    nodes = {c: Node(c, either(r, "claim"), pair(f"argument.node.{r['label']}"), r["label"]) for c, r in own.items()}
    arrows = [Arrow(p, r["conclusion"], r["label"], r["link"] == "linked") for r in inferences for p in r["premises"].split(";")]
    return Diagram([nodes[c] for c in sorted(nodes)], arrows)


STUDY = Study(
    "argument",
    ArgumentOptions,
    run,
    page,
    small={"account": "kazakhstan-2022"},
    columns={
        "conclusions": ("claim", "place", "claim_en", "claim_zh", "verdict", "label", "fallen", "doubtful", "partial", "inferences"),
        "inferences": ("id", "conclusion", "premises", "link", "scheme", "place", "open", "note_en", "note_zh", "label"),
        "premises": ("claim", "place", "claim_en", "claim_zh", "verdict", "label", "falls"),
    },
    facts=("ledger", "hashes"),
    simulates=False,
)
