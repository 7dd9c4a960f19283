"""What each claim is worth, on which basis, and how far to trust it.

In: an `Account`, and the experiments that were run for its hypotheses (`hypotheses`). Out: `Judged` rows, and
how two readers agreed.

A fact has the verdict that readers of the ledger wrote; nothing here compares it with the events. A cause or a prediction whose hypothesis
was tried has the verdict of the experiment, "in this model" and its basis in the same value, and the reading of the record stands beside
it. Where only the order of events speaks for a cause, readers see that the order fits, and no more. What the record contradicts stays
contradicted; where an experiment gave no answer, the record's word stands if it has one.
"""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qantar.account.account import Account
from qantar.account.schema import VERDICTS, Claim
from qantar.statistics import NORMAL_95, wilson

if TYPE_CHECKING:
    from qantar.verdicts.hypotheses import Trial

BASES = ("record", "order", "memory", "none", "judgement", "open", "experiment", "assumed", "fitted", "prior")
WITHOUT = ("not-judged", "not-decidable", "not-testable")
"""What is said where an experiment gives no answer."""
WORDS = (*VERDICTS[:4], "model-supported", "model-contradicted", "model-undecided", *WITHOUT, *VERDICTS[4:])
"""Verdicts of the record and, in between, of experiments."""
ORDER_FITS = "order-fits"
"""What readers see of a cause for which only the order of events speaks."""
FLAGS = (
    "memory", "memory-in-part", "address-lost", "no-address", "seen-in-copy", "one-reader", "readers-differed", "proposed", "rows-changed",
    "draft", "unparaphrased",
)  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict as a value that cannot be quoted without its basis."""

    claim: Claim
    basis: str
    flags: tuple[str, ...]
    trial: Trial | None = None
    """the experiment that the verdict rests on; None where it rests on the record"""
    beside: Trial | None = None
    """the experiment that was to decide and gave no answer, where the record's word stands"""

    @property
    def word(self) -> str:
        """One of `WORDS`."""
        if self.trial is None:
            return self.claim.verdict
        return self.trial.verdict if self.trial.verdict in WITHOUT else f"model-{self.trial.verdict}"

    @property
    def shown(self) -> str:
        """The word as readers see it: that what came before fits what came after supports no cause."""
        return ORDER_FITS if self.basis == "order" and self.word == "supported" else self.word

    @property
    def value(self) -> str:
        """The verdict as it must be quoted: of an experiment, with the model and its basis inside."""
        return self.shown if self.trial is None else self.trial.words

    def repeat(self, account: str, case: str | None = None) -> str:
        """The command that shows or repeats what the verdict rests on; `account` and `case` (if another) as `Loaded` names them."""
        if self.trial is None or self.trial.verdict == "not-testable":
            return f"qantar show {shlex.quote(account)} {self.claim.claim_id}"
        if self.trial.type == "stylized":
            return f"qantar methods {shlex.quote(case or account)}"
        return f"qantar experiments {shlex.quote(case or account)} --only {self.trial.hypothesis}"

    def as_dict(self) -> dict[str, object]:
        """The shape of `qantar verdicts --json`."""
        c = self.claim
        return {
            "id": c.claim_id,
            **{k: getattr(c, k) for k in ("section", "paragraph", "sentence", "kind", "claim_en", "claim_zh")},
            "verdict": self.value,
            "word": self.word,
            "basis": self.basis,
            "record": c.verdict,
            "hypothesis": c.hypothesis_id,
            **_figures(self.trial or self.beside),
            "evidence_en": c.evidence_en,
            "evidence_zh": c.evidence_zh,
            "sources": list(c.sources),
            "events": list(c.events),
            "flags": list(self.flags),
            "reading": c.reading,
            **{k: getattr(c, k) for k in ("proposed", "proposed_en", "proposed_zh")},
            "proposed_rows": list(c.proposed_rows),
            **{
                k: getattr(c, k)
                for k in ("said_by", "said_on", "link", "checked_by", "checked_on", "corrections", "summary_en", "summary_zh")
            },
            "archived": list(c.archived),
        }


def _figures(trial: Trial | None) -> dict[str, object]:
    """Effect, interval and tipping value of the first part, over the posterior if there is one; None where there are none."""
    lead = trial.lead if trial and trial.verdict != "not-testable" else None
    names = ("measure", "unit", "effect", "low", "high", "smallest", "probability", "probability_low", "probability_high", "likelihood",
             "detectable", "attainable", "ceiling", "coefficient", "tipping")  # fmt: skip
    return {
        **{k: lead.get(k) if lead else None for k in names},
        "state": trial.state if trial else None,
        "repeated_under": trial.repeated if trial else [],
        "flips": trial.flips if trial else [],
        "experiment": trial.verdict if trial else None,
        "reason_en": trial.why("en") if trial else None,
        "reason_zh": trial.why("zh") if trial else None,
        "rules_version": trial.rules if trial else None,
        "rule_changed_since": trial.changed if trial else None,
        "under_other_rules": [f"{r['rules_version']}: {r['verdict']}" for r in trial.versions if r["verdict"] != trial.verdict]
        if trial
        else [],
    }


def _seen(claim: Claim, account: Account) -> dict[str, str]:
    return {key: account.sources[key].seen for key in claim.sources if key in account.sources}


def basis(claim: Claim, account: Account) -> str:
    """What the verdict rests on.

    `record`: sourced events or figures. `order`: for a cause, the order of recorded events only; no experiment judges
    it. `memory`: the main source is the compilers' memory of a public work. `none`: nothing was found that could decide
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
    rows_changed = any(c.claim == claim.claim_id for c in account.changed)
    if claim.verdict in ("open", "not-empirical"):
        unsaid = claim.unparaphrased and claim.verdict != "open"
        some = (("proposed", claim.only_proposed), ("rows-changed", rows_changed), ("unparaphrased", unsaid))
        return tuple(name for name, applies in some if applies)
    seen = _seen(claim, account)
    read = [account.sources[key] for key, how in seen.items() if how not in ("memory", "computed", "searched")]
    from_memory = seen.get(claim.source or "") == "memory"
    rules = {
        "memory": from_memory,
        "memory-in-part": "memory" in seen.values() and not from_memory,
        "address-lost": any(s.lost for s in read) and all(s.lost or s.nowhere for s in read),
        "no-address": bool(read) and all(s.nowhere for s in read),
        "seen-in-copy": any(s.startswith("copy") for s in seen.values()),
        "one-reader": claim.reading in ("first-only", "second-only", "one"),
        "readers-differed": claim.reading == "settled",
        "proposed": claim.only_proposed,
        "rows-changed": rows_changed,
        "draft": claim.drafted,
        "unparaphrased": claim.unparaphrased,
    }
    return tuple(name for name, applies in rules.items() if applies)


def judge(account: Account, trials: Mapping[str, Trial] | None = None) -> list[Judged]:
    """Every claim of the ledger with basis and flags, in its order, by trials as `hypotheses.read_trials` gives them.

    Candidates into which nobody has written anything are no claims.
    """
    found = []
    for c in (c for c in account.claims if not c.blank):
        trial = _tried(c, trials or {})
        bears = trial is not None and (trial.verdict not in WITHOUT or c.verdict == "unverifiable")
        on = basis(c, account) if trial is None or not bears else "none" if trial.verdict in WITHOUT else trial.basis
        found.append(Judged(c, on, flags(c, account), trial if bears else None, None if bears else trial))
    return found


def _tried(claim: Claim, trials: Mapping[str, Trial]) -> Trial | None:
    """The experiment that was to decide a claim: one whose file names it."""
    trial = trials.get(claim.claim_id) or trials.get(claim.hypothesis_id or "")
    open_to = claim.kind in ("cause", "prediction") and claim.verdict != "contradicted"
    return trial if trial and open_to and claim.claim_id in trial.judges and trial.verdict != "not-run" else None


def tally(judged: Iterable[Judged]) -> dict[str, Counter[str]]:
    """Counts of verdicts by kind of claim."""
    counts: dict[str, Counter[str]] = {}
    for j in judged:
        counts.setdefault(j.claim.kind, Counter())[j.word] += 1
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

    Computed from the table of both readers' verdicts (`second_reading.csv`) alone, never stored and never from a mark of the ledger.
    """
    pairs = [(r.first, r.second) for r in account.second_reading]
    if not pairs:
        return None
    n, same = len(pairs), sum(a == b for a, b in pairs)
    adopted = sum(r.settled == r.second != r.first for r in account.second_reading)
    kept = sum(r.settled == r.first != r.second for r in account.second_reading)
    opposite = sum({a, b} == {"supported", "contradicted"} for a, b in pairs)
    (low, high), (kappa, kappa_low, kappa_high) = wilson(same, n), _kappa(pairs)
    return Agreement(n, same, same / n, low, high, kappa, kappa_low, kappa_high, adopted, kept, opposite)


def _kappa(pairs: list[tuple[str, str]]) -> tuple[float, float, float] | tuple[None, None, None]:
    """Cohen's kappa with its 95 % interval; None where chance alone would agree always."""
    n = len(pairs)
    share = sum(a == b for a, b in pairs) / n
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(first[v] * second[v] for v in first) / n**2
    if chance == 1:
        return None, None, None
    kappa = (share - chance) / (1 - chance)
    error = NORMAL_95 * math.sqrt(share * (1 - share) / n) / (1 - chance)
    return kappa, max(-1.0, kappa - error), min(1.0, kappa + error)
