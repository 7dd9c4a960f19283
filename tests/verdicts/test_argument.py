"""The labelling of arguments: against the definition, against PyArg, and on arguments whose answer is known."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from py_arg.abstract_argumentation_classes.abstract_argumentation_framework import AbstractArgumentationFramework
from py_arg.abstract_argumentation_classes.argument import Argument as Theirs
from py_arg.abstract_argumentation_classes.defeat import Defeat
from py_arg.algorithms.semantics.get_grounded_extension import get_grounded_extension

from conftest import CASE, call_qantar
from qantar.account.arguments import Inference
from qantar.verdicts.argument import IN, OUT, UNDECIDED, Argument, Framework, argue, framework_of, grounded
from qantar.verdicts.claims import Judged, judge
from qantar.verdicts.load import load_account


def theirs(framework: Framework) -> set[str]:
    """The grounded extension by PyArg."""
    of = {name: Theirs(name) for name in framework}
    defeats = [Defeat(of[b], of[a]) for a, by in framework.items() for b in by]
    return {a.name for a in get_grounded_extension(AbstractArgumentationFramework("", list(of.values()), defeats))}


def drawn(seed: int) -> Framework:
    """A random framework of up to 14 arguments, circles and attacks on oneself among them."""
    lots = random.Random(seed)
    names = [f"a{k}" for k in range(lots.randint(1, 14))]
    share = lots.choice((0.05, 0.1, 0.2, 0.4))
    return {a: {b for b in names if lots.random() < share} for a in names}


@pytest.mark.parametrize("seed", range(250))
def test_grounded_is_that_of_pyarg(seed: int) -> None:
    framework = drawn(seed)
    label = grounded(framework)
    assert {a for a, found in label.items() if found == IN} == theirs(framework)
    for a, by in framework.items():  # a labelling in the sense of Caminada: each label follows from those of the attackers
        assert (label[a] == IN) == all(label[b] == OUT for b in by)
        assert (label[a] == OUT) == any(label[b] == IN for b in by)


def test_random_frameworks_have_every_label() -> None:
    labels = [x for seed in range(250) for x in grounded(drawn(seed)).values()]
    assert min(labels.count(x) for x in (IN, OUT, UNDECIDED)) > 100


def inference(words: str, link: str = "linked", name: str = "A1") -> Inference:
    """`C1 C2 > C3` as an inference."""
    premises, _, conclusion = words.partition(" > ")
    return Inference.model_validate(
        {"id": name, "conclusion": conclusion, "premises": premises.replace(" ", ";"), "link": link, "scheme": "sign"}
    )


def label_of(verdicts: str, *inferences: Inference, claim: str) -> str:
    """`C1 supported, C2 unverifiable`: the label of a claim."""
    of = dict(part.split() for part in verdicts.split(", "))
    return grounded(framework_of(of, inferences))[claim]


@pytest.mark.parametrize(
    ("premises", "link", "expected"),
    [
        ("C1 supported, C2 supported", "linked", IN),
        ("C1 supported, C2 partly", "linked", IN),
        ("C1 supported, C2 contradicted", "linked", OUT),
        ("C1 supported, C2 contradicted", "convergent", IN),
        ("C1 contradicted, C2 contradicted", "convergent", OUT),
        ("C1 supported, C2 unverifiable", "linked", UNDECIDED),
        ("C1 contradicted, C2 unverifiable", "linked", OUT),
        ("C1 contradicted, C2 unverifiable", "convergent", UNDECIDED),
        ("C1 supported, C2 not-empirical", "linked", IN),
        ("C1 supported, C2 open", "linked", UNDECIDED),
    ],
)
def test_a_conclusion_stands_as_its_premises_do(premises: str, link: str, expected: str) -> None:
    assert label_of(f"{premises}, C3 unverifiable", inference("C1 C2 > C3", link), claim="C3") == expected


def test_a_verdict_of_the_record_outweighs_the_argument() -> None:
    chain = inference("C1 > C2")
    assert label_of("C1 contradicted, C2 supported", chain, claim="C2") == IN
    assert label_of("C1 supported, C2 contradicted", chain, claim="C2") == OUT


def test_support_in_a_circle_supports_nothing() -> None:
    circle = inference("C1 > C2"), inference("C2 > C1", name="A2")
    assert label_of("C1 unverifiable, C2 unverifiable", *circle, claim="C1") == UNDECIDED
    assert label_of("C1 unverifiable, C2 unverifiable, C3 supported", *circle, inference("C3 > C1", name="A3"), claim="C2") == IN


def argued(verdicts: str, *inferences: Inference, fallen: frozenset[str] = frozenset()) -> Argument:
    claims = {c.claim_id: c for c in load_account("kazakhstan-2022").account.claims}
    judged = []
    for part, claim in zip(verdicts.split(", "), claims.values(), strict=False):
        name, verdict = part.split()
        judged.append(Judged(claim.model_copy(update={"claim_id": name, "verdict": verdict}), "record", ()))
    return argue(judged, inferences, fallen)


def test_what_falls_with_a_premise_is_all_that_has_no_other_support() -> None:
    steps = inference("C1 > C3"), inference("C3 C4 > C5", name="A2"), inference("C2 > C5", name="A3")
    argument = argued("C1 supported, C2 supported, C3 unverifiable, C4 supported, C5 unverifiable", *steps)
    assert argument.falls_with("C1") == ("C3",)  # C5 keeps its other support
    assert argument.falls_with("C2") == ()
    without = argued("C1 supported, C2 contradicted, C3 unverifiable, C4 supported, C5 unverifiable", *steps)
    assert without.falls_with("C1") == ("C3", "C5")
    assert without.falls_with("C2") == ()  # it has fallen already


def test_premises_that_are_let_fall_count_as_contradicted() -> None:
    steps = inference("C1 > C3"), inference("C3 C4 > C5", name="A2"), inference("C2 > C5", name="A3")
    let = argued("C1 supported, C2 partly, C3 unverifiable, C4 supported, C5 unverifiable", *steps, fallen=frozenset({"C2"}))
    fell = argued("C1 supported, C2 contradicted, C3 unverifiable, C4 supported, C5 unverifiable", *steps)
    assert let.labels == fell.labels
    assert let.falls_with("C1") == fell.falls_with("C1") == ("C3", "C5")
    assert [(c.fallen, c.partial) for c in let.conclusions if c.claim == "C5"] == [(("C2",), ())]


def test_a_premise_is_let_fall_by_an_option_and_named(tmp_path: Path) -> None:
    whole, let = (call_qantar("argument", CASE, *more, "--json", cwd=tmp_path).json() for more in ((), ("--without", "C004")))
    assert let["command"]["options"]["without"] == ["C004"]
    falls = next(p["falls"] for p in whole["premises"] if p["claim"] == "C004").split(";")
    before, now = ({c["claim"] for c in told["conclusions"] if c["label"] == OUT} for told in (whole, let))
    assert now - before == {*falls} - before
    wrong = call_qantar("argument", CASE, "--without", "C999", cwd=tmp_path)
    assert (wrong.code, "C999" in wrong.err) == (2, True)


def test_the_packaged_argument_is_that_of_pyarg() -> None:
    account = load_account("kazakhstan-2022")
    judged = judge(account.account, account.trials())
    framework = framework_of({j.claim.claim_id: j.word for j in judged}, account.account.arguments)
    assert len(account.account.arguments) >= 40
    assert {a for a, found in grounded(framework).items() if found == IN} == theirs(framework)
