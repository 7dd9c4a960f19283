"""What stands, and what falls with what: the grounded labelling of an account's argument.

In: the inferences of a ledger and the verdict on each of its claims. Out: for each claim whether it stands, falls or cannot be told, and
for each conclusion whether this account's own argument supports it.

A claim stands if the record supports it (in part counts, and is said), falls if the record contradicts it, and is granted to the account
if it is a judgement that nothing is offered for. What the record does not decide stands or falls with the inferences to it; with none, it
cannot be told. An inference stands if all its premises do. All this is put as an abstract argumentation framework (Dung 1995, Artificial
Intelligence 77) and read off its grounded extension, the most cautious one: support in a circle supports nothing.

A conclusion whose inferences have fallen is "not supported by this account's argument". That never means false.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from qantar.account.arguments import Inference
from qantar.verdicts.claims import Judged

IN, OUT, UNDECIDED = "in", "out", "undecided"
STANDS = ("supported", "partly", "model-supported")
FALLS = ("contradicted", "model-contradicted")
PART = "partly"
Framework = dict[str, set[str]]
"""Of each argument, those that attack it."""


def grounded(framework: Mapping[str, Set[str]]) -> dict[str, str]:
    """The grounded labelling: in what every attacker of which is out, out what something in attacks, undecided the rest.

    >>> grounded({"a": set(), "b": {"a"}, "c": {"b"}, "d": {"d"}})
    {'a': 'in', 'b': 'out', 'c': 'in', 'd': 'undecided'}
    """
    label: dict[str, str] = {}
    while new := [a for a, by in framework.items() if a not in label and all(label.get(b) == OUT for b in by)]:
        label |= dict.fromkeys(new, IN)
        label |= {a: OUT for a, by in framework.items() if a not in label and any(label.get(b) == IN for b in by)}
    return {a: label.get(a, UNDECIDED) for a in framework}


def framework_of(verdicts: Mapping[str, str], inferences: Iterable[Inference], fallen: Set[str] = frozenset()) -> Framework:
    """The abstract framework of an argument.

    A claim is attacked by the record that contradicts it, by doubt where nothing decides it, or by the absence of an argument, which each
    inference to it attacks in turn. An inference is attacked by the failure of each of its premises, which the premise attacks.

    Parameters
    ----------
    verdicts : of each claim, one of `claims.WORDS`
    fallen : claims taken to be contradicted, whatever their verdict

    >>> i = Inference(id="A1", conclusion="C2", premises="C1", link="linked", scheme="sign")
    >>> grounded(framework_of({"C1": "contradicted", "C2": "unverifiable"}, [i]))["C2"]
    'out'
    """
    attacks: Framework = {c: set() for c in verdicts}
    to: dict[str, list[str]] = {}
    for inference in inferences:
        for unit, premises in inference.units.items():
            to.setdefault(inference.conclusion, []).append(unit)
            attacks[unit] = {f"not {p}" for p in premises}
            attacks |= {f"not {p}": {p} for p in premises}
    for claim, word in verdicts.items():
        if claim in fallen or word in FALLS:
            attacks[claim] = {f"against {claim}"}
            attacks[f"against {claim}"] = set()
        elif word in STANDS:
            continue
        elif claim in to:
            attacks[claim] = {f"unargued {claim}"}
            attacks[f"unargued {claim}"] = set(to[claim])
        elif word != "not-empirical":
            attacks[claim] = {f"doubt {claim}"}
            attacks[f"doubt {claim}"] = {f"doubt {claim}"}
    return attacks


@dataclass(frozen=True)
class Conclusion:
    """A claim that the account argues for."""

    claim: str
    verdict: str
    """its own, from the record or a model"""
    label: str
    """of the account's argument for it: `in` if an inference stands, `out` if all have fallen, else `undecided`"""
    inferences: dict[str, str]
    """label of each inference to it"""
    fallen: tuple[str, ...]
    """premises that the record contradicts, or whose own argument has fallen"""
    doubtful: tuple[str, ...]
    """premises that cannot be told"""
    partial: tuple[str, ...]
    """premises that hold only in part"""


@dataclass(frozen=True)
class Argument:
    """An account's argument, labelled."""

    inferences: tuple[Inference, ...]
    verdicts: dict[str, str]
    labels: dict[str, str]
    """of every claim and every part of an inference"""
    conclusions: tuple[Conclusion, ...]
    fallen: Set[str] = frozenset()
    """claims that are taken to be contradicted, whatever their verdict"""

    @property
    def premises(self) -> set[str]:
        """Claims on which something rests."""
        return {p for i in self.inferences for p in i.premises}

    def falls_with(self, claim: str) -> tuple[str, ...]:
        """Claims that stand now, or of which it cannot be told, and would fall if this one fell; those next to it and beyond."""
        if self.labels[claim] == OUT:
            return ()
        then = grounded(framework_of(self.verdicts, self.inferences, {claim, *self.fallen}))
        supported = _support(self.inferences, then)
        now = _support(self.inferences, self.labels)
        return tuple(c for c in now if c != claim and now[c] != OUT and supported[c] == OUT)


def _support(inferences: Sequence[Inference], labels: Mapping[str, str]) -> dict[str, str]:
    """Label of the account's argument for each conclusion: that of its best inference."""
    found: dict[str, set[str]] = {}
    for i in inferences:
        found.setdefault(i.conclusion, set()).update(labels[unit] for unit in i.units)
    return {c: next(x for x in (IN, UNDECIDED, OUT) if x in seen) for c, seen in found.items()}


def argue(judged: Sequence[Judged], inferences: Sequence[Inference], fallen: Set[str] = frozenset()) -> Argument:
    """Label an argument, with these claims taken to be contradicted; every claim that an inference names must be among the judged ones."""
    verdicts = {j.claim.claim_id: j.word for j in judged}
    labels = grounded(framework_of(verdicts, inferences, fallen))
    support = _support(inferences, labels)
    conclusions = []
    for claim, label in support.items():
        own = [i for i in inferences if i.conclusion == claim]
        premises = list(dict.fromkeys(p for i in own for p in i.premises))
        conclusions.append(
            Conclusion(
                claim,
                verdicts[claim],
                label,
                {i.id: _support([i], labels)[claim] for i in own},
                tuple(p for p in premises if labels[p] == OUT),
                tuple(p for p in premises if labels[p] == UNDECIDED),
                tuple(p for p in premises if verdicts[p] == PART and labels[p] != OUT),
            )
        )
    kept = {name: label for name, label in labels.items() if name in verdicts or any(name in i.units for i in inferences)}
    return Argument(tuple(inferences), verdicts, kept, tuple(conclusions), fallen)
