"""Accounts of the same week side by side: what each says to the same questions, on which premises, and what of it survives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Annotated, Any

from qantar.account.schema import Claim
from qantar.cases.case import Question
from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail
from qantar.studies.blocks import Block, Cell, Column, Pair, Row, Sentence, Table, joined, pair
from qantar.studies.cells import either
from qantar.studies.kind import Asked, Option, Options, Outcome, Result, Study
from qantar.verdicts.argument import FALLS, IN, OUT, STANDS, Argument, argue
from qantar.verdicts.claims import judge
from qantar.verdicts.load import Loaded

ASSERTS = "asserts"


class CompareOptions(Options):
    """What can be asked."""

    accounts: Annotated[tuple[str, ...], Option("cli.arg_accounts", argument=True, metavar="ACCOUNT...")]


def run(asked: Asked[CompareOptions], runner: Runner) -> Outcome:
    """What each account answers to each question of the case, and how pairs of accounts agree."""
    loaded = asked.accounts
    if len(loaded) < 2:
        raise fail(StudyError, "compare", "too_few_accounts", n=len(loaded))
    ids = [x.account.head.id for x in loaded]
    if len({*ids}) < len(ids):
        raise fail(StudyError, "compare", "account_twice", value=next(i for i in ids if ids.count(i) > 1))
    cases = {x.case.head.id for x in loaded}
    if len(cases) > 1:
        raise fail(StudyError, "compare", "other_cases", cases=", ".join(sorted(cases)))
    questions = loaded[0].case.questions
    if not len(questions):
        raise fail(StudyError, loaded[0].case.folder / "questions.csv", "no_questions", value=loaded[0].case.head.id)
    argued = [(x, argue(judge(x.account, x.trials()), list(x.account.arguments))) for x in loaded]
    answers = [answer for x, argument in argued for answer in answers_of(x, argument)]
    pairs = pairs_of(ids, [q.question_id for q in questions], answers)
    return Outcome(
        {
            "accounts": [_survival(x, argument) for x, argument in argued], "questions": [_question(q) for q in questions],
            "answers": answers, "pairs": pairs,
        },
        {"case": loaded[0].case.head.id, "hashes": {x.account.head.id: x.hashes()["ledger"] for x in loaded}},
    )  # fmt: skip


def _survival(x: Loaded, argument: Argument) -> dict[str, Any]:
    """How many claims and conclusions of an account there are, and what became of them."""
    head, words, labels = x.account.head, argument.verdicts.values(), [c.label for c in argument.conclusions]
    return {
        "account": head.id, "title_en": head.title_en, "title_zh": head.title_zh,
        "claims": len(words), "stand": sum(w in STANDS for w in words), "contradicted": sum(w in FALLS for w in words),
        "conclusions": len(labels), "supported": labels.count(IN), "not_supported": labels.count(OUT),
    }  # fmt: skip


def _question(q: Question) -> dict[str, str]:
    return {"question": q.question_id, "question_en": q.question_en, "question_zh": q.question_zh}


def answers_of(x: Loaded, argument: Argument) -> list[dict[str, Any]]:
    """The claims of an account that answer a question, with their verdicts and what they rest on."""
    concluded = {c.claim: c for c in argument.conclusions}

    def row(c: Claim) -> dict[str, Any]:
        own = concluded.get(c.claim_id)
        premises = {p for i in argument.inferences if i.conclusion == c.claim_id for p in i.premises}
        return {
            "question": c.question, "account": x.account.head.id, "claim": c.claim_id, "stance": c.stance or ASSERTS,
            "claim_en": c.told[0], "claim_zh": c.told[1], "verdict": argument.verdicts[c.claim_id],
            "evidence_en": c.evidence_en, "evidence_zh": c.evidence_zh, "argument": own.label if own else "",
            "premises": ";".join(sorted(premises)), "fallen": ";".join(own.fallen) if own else "",
        }  # fmt: skip

    return [row(c) for c in x.account.claims if c.question]


def pairs_of(accounts: Sequence[str], questions: Sequence[str], answers: Sequence[Row]) -> list[dict[str, Any]]:
    """For each pair of accounts and each question: whether they agree, contradict each other, or one says nothing."""
    stances: dict[tuple[str, str], set[str]] = {}
    for a in answers:
        stances.setdefault((a["account"], a["question"]), set()).add(a["stance"])
    return [
        {"one": one, "other": other, "question": q, "relation": _relation(stances.get((one, q)), stances.get((other, q)))}
        for one, other in combinations(accounts, 2)
        for q in questions
        if (one, q) in stances or (other, q) in stances
    ]


def _relation(mine: set[str] | None, theirs: set[str] | None) -> str:
    """How two answers go together.

    >>> _relation({"asserts"}, {"asserts"}), _relation({"asserts"}, {"denies"}), _relation(None, {"denies"})
    ('agree', 'contradict', 'only_other')
    """
    if mine is None or theirs is None:
        return "only_other" if mine is None else "only_one"
    return "agree" if mine == theirs and len(mine) == 1 else "contradict" if not mine & theirs else "mixed"


def page(result: Result) -> Iterator[Block]:
    """The accounts, then question by question what each says and what the sources say to it."""
    accounts, answers = result.tables["accounts"], result.tables["answers"]
    questions = {q["question"]: (q["question_en"], q["question_zh"]) for q in result.tables["questions"]}
    contested = {r["question"] for r in result.tables["pairs"] if r["relation"] in ("contradict", "mixed")}
    agreed = {r["question"] for r in result.tables["pairs"] if r["relation"] == "agree"} - contested
    filled: dict[str, Any] = {"accounts": len(accounts), "questions": len(questions), "contested": len(contested), "agreed": len(agreed)}
    yield Sentence(pair("report.gist.compare", **filled), "lead")
    yield Sentence(pair("compare.text"))
    titles: dict[str, Pair] = {a["account"]: (a["title_en"], a["title_zh"]) for a in accounts}
    heads = ("account", "claims", "stand", "contradicted", "conclusions", "supported", "not_supported")
    rows: list[list[Cell]] = [[titles[a["account"]], *(a[k] for k in heads[1:])] for a in accounts]
    yield Table([Column(pair(f"compare.{k}"), number=k != "account") for k in heads], rows, pair("compare.accounts"))
    columns = [Column(pair(f"compare.{k}"), wide=k in ("question", "says")) for k in ("question", "account", "says", "verdict", "because")]
    for asked, title in ((contested, "contested"), (agreed, "agreed"), ({*questions} - contested - agreed, "alone")):
        cells = [_row(questions[q], titles, a) for q in questions if q in asked for a in answers if a["question"] == q]
        if cells:
            yield Table(columns, cells, pair(f"compare.{title}"), look="features")


def _row(question: Pair, titles: dict[str, Pair], a: Row) -> list[Cell]:
    says = joined([pair(f"compare.{a['stance']}"), either(a, "claim")], pair("error.space"))
    why: list[Cell] = [pair("compare.standing", label=pair(f"argument.label.{a['argument']}"))] if a["argument"] else []
    for column, key in (("premises", "compare.rests_on"), ("fallen", "argument.fallen")):
        if a[column]:
            why.append(pair(key, claims=a[column].replace(";", ", ")))
    return [
        question,
        joined([titles[a["account"]], f" ({a['claim']})"]),
        says,
        pair(f"verdict.{a['verdict']}"),
        joined(why, pair("error.space")),
    ]


STUDY = Study(
    "compare",
    CompareOptions,
    run,
    page,
    small={"accounts": ("kazakhstan-2022", "kazakhstan-2022/official", "kazakhstan-2022/split")},
    columns={
        "accounts": ("account", "title_en", "title_zh", "claims", "stand", "contradicted", "conclusions", "supported", "not_supported"),
        "questions": ("question", "question_en", "question_zh"),
        "answers": ("question", "account", "claim", "stance", "claim_en", "claim_zh", "verdict", "argument", "premises", "fallen"),
        "pairs": ("one", "other", "question", "relation"),
    },
    facts=("case", "hashes"),
    simulates=False,
)
