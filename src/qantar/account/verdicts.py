"""What each claim is worth, on which basis, and how far to trust it.

In: an `Account`. Out: `Judged` rows and the agreement of two readers. A verdict here rests on the record alone: no
model has been run, and the value says so (`model` is None, `experiment` names what is still to be run).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from qantar.account.ledger import Account, Claim

BASES = ("record", "order", "memory", "none", "judgement", "open")
FLAGS = ("memory", "memory-in-part", "address-lost", "seen-in-copy", "one-reader", "readers-differed")


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict as a value that cannot be quoted without its basis."""

    claim: Claim
    basis: str
    flags: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The shape of `qantar verdicts --json`."""
        c = self.claim
        return {
            "id": c.claim_id,
            "section": c.section,
            "paragraph": c.paragraph,
            "sentence": c.sentence,
            "kind": c.kind,
            "claim_en": c.claim_en,
            "claim_zh": c.claim_zh,
            "verdict": c.verdict,
            "basis": self.basis,
            "model": None,
            "hypothesis": c.hypothesis_id,
            "evidence_en": c.evidence_en,
            "evidence_zh": c.evidence_zh,
            "sources": list(c.sources),
            "flags": list(self.flags),
            "reading": c.reading,
        }


def _seen(claim: Claim, account: Account) -> dict[str, str]:
    return {key: account.sources[key].seen for key in claim.sources if key in account.sources}


def basis(claim: Claim, account: Account) -> str:
    """What the verdict rests on.

    `record`: sourced events or figures. `order`: for a cause, the order of recorded events only; no experiment has been
    run. `memory`: the main source is the compilers' memory of a public work. `none`: nothing was found that could decide
    it. `judgement`: nothing empirical is claimed. `open`: not judged yet.
    """
    if claim.verdict == "open":
        return "open"
    if claim.verdict == "not-empirical":
        return "judgement"
    if _seen(claim, account).get(claim.source or "") == "memory":
        return "memory"
    if claim.verdict == "unverifiable":
        return "none"
    return "order" if claim.kind == "cause" else "record"


def flags(claim: Claim, account: Account) -> tuple[str, ...]:
    """Reasons to trust a verdict less, in a fixed order; an empty tuple means none of them applies."""
    if claim.verdict in ("open", "not-empirical"):
        return ()
    seen = _seen(claim, account)
    from_memory = seen.get(claim.source or "") == "memory"
    rules = {
        "memory": from_memory,
        "memory-in-part": "memory" in seen.values() and not from_memory,
        "address-lost": set(seen.values()) - {"memory", "computed"} == {"copy-address-lost"},
        "seen-in-copy": any(s.startswith("copy") for s in seen.values()),
        "one-reader": claim.reading in ("first-only", "second-only", "one"),
        "readers-differed": claim.reading == "settled",
    }
    return tuple(name for name, applies in rules.items() if applies)


def judge(account: Account) -> list[Judged]:
    """Every claim of the ledger with basis and flags, in the order of the ledger."""
    return [Judged(c, basis(c, account), flags(c, account)) for c in account.claims]


def tally(judged: Iterable[Judged]) -> dict[str, Counter[str]]:
    """Counts of verdicts by kind of claim."""
    counts: dict[str, Counter[str]] = {}
    for j in judged:
        counts.setdefault(j.claim.kind, Counter())[j.claim.verdict] += 1
    return counts


@dataclass(frozen=True)
class Agreement:
    """How often two readers, the second blind to the first, gave the same verdict.

    `share` and `kappa` come with 95 % intervals: `share_low` to `share_high` (Wilson 1927), `kappa_low` to `kappa_high`
    (Cohen 1960, large-sample standard error), or None where kappa is not defined.
    `opposite` counts pairs of supported against contradicted.
    """

    n: int
    same: int
    share: float
    share_low: float
    share_high: float
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None
    changed_to_second: int
    kept_first: int
    opposite: int


def agreement(account: Account) -> Agreement | None:
    """Agreement over the claims that two readers judged; None where there was no second reading.

    Computed from the ledger and `second_reading.csv`, never stored: a claim marked `agreed` has the same verdict twice,
    one marked `settled` has both verdicts in its row of the second reading.
    """
    pairs = [(c.verdict, c.verdict) for c in account.claims if c.reading == "agreed"]
    pairs += [(r.first, r.second) for r in account.second_reading]
    if not pairs:
        return None
    n, same = len(pairs), sum(a == b for a, b in pairs)
    low, high = wilson(same, n)
    adopted = sum(r.settled == r.second != r.first for r in account.second_reading)
    kept = sum(r.settled == r.first != r.second for r in account.second_reading)
    opposite = sum({a, b} == {"supported", "contradicted"} for a, b in pairs)
    kappa, kappa_low, kappa_high = _kappa(pairs)
    return Agreement(
        n=n,
        same=same,
        share=same / n,
        share_low=low,
        share_high=high,
        kappa=kappa,
        kappa_low=kappa_low,
        kappa_high=kappa_high,
        changed_to_second=adopted,
        kept_first=kept,
        opposite=opposite,
    )


def _kappa(pairs: list[tuple[str, str]]) -> tuple[float, float, float] | tuple[None, None, None]:
    """Cohen's kappa with its 95 % interval; None where chance alone would agree always."""
    n = len(pairs)
    share = sum(a == b for a, b in pairs) / n
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(first[v] * second[v] for v in first) / n**2
    if chance == 1:
        return None, None, None
    kappa = (share - chance) / (1 - chance)
    error = 1.96 * math.sqrt(share * (1 - share) / n) / (1 - chance)
    return kappa, max(-1.0, kappa - error), min(1.0, kappa + error)


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927, JASA 22, 209-212).

    >>> low, high = wilson(51, 66)
    >>> round(low, 3), round(high, 3)
    (0.658, 0.857)
    """
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)
