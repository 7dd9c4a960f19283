"""What is compared without base and arms: two policies on dates, a few regions against the others, accounts against each other.

comparison      of models: each account that has what is claimed against the best held out of those without it, paired by region
of policies: error of the signal it is held against less that of the signal claimed, by draw of the priors
none            a power: what the record could show at most
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from qantar.effects import decision
from qantar.effects.experiment_file import Experiment
from qantar.effects.policy_dates import constant_error, date_policies
from qantar.ensemble.store import model_hash
from qantar.files.result import read_checked
from qantar.forecast.scores import paired
from qantar.inference.posterior import FIT
from qantar.record.observables import observe
from qantar.scenario.scenario import Scenario, resolve
from qantar.study_keys import StudyKey, lot

POLICY_DRAWS = 200
POWER_RECORDS, LEVEL, POWER = 2000, 0.05, 0.8
"""Simulated records behind a power calculation, its error of the first kind, and the share of them in which a difference is seen."""


def policy_row(
    scenario: Scenario, hypothesis: str, claimed_signal: str, other: str, margin: float, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """A policy that reacts to one signal against one that reacts to another, on the dates of the record."""
    signals = [claimed_signal, other]
    own, rival = date_policies(scenario, resolve(scenario), draws=POLICY_DRAWS, signals=signals, progress=progress)
    mine, theirs = own.errors(), rival.errors()
    constant = constant_error(rival.recorded)
    better = float((mine < constant).mean())
    judgement = decision.of_policy(theirs - mine, margin, better)
    f = judgement.finding
    low, middle, high = np.quantile(theirs - mine, (0.05, 0.5, 0.95)).tolist()
    return {
        "hypothesis": hypothesis, "part": "a", "basis": "prior", "rival": "", "measure": "date_error", "unit": "hours",
        "direction": "rise", "smallest": margin, "asserts": "effect", "effect": middle, "low": low, "high": high, "base": constant,
        "probability": judgement.chance.share, "probability_low": judgement.chance.low, "probability_high": judgement.chance.high,
        "likelihood": judgement.chance.word, "draws": f.draws, "reached": f.reached, "between": f.between, "reversed": f.reversed,
        "finding": f.name,
        "verdict": judgement.verdict, "reason": judgement.reason, "reason_share": judgement.share,
        "coefficient": None, "tipping": None, "chance": 0.0, "detectable": None, "better_than_constant": better,
    }  # fmt: skip


def power_row(scenario: Scenario, hypothesis: str, regions: Sequence[str]) -> dict[str, Any]:
    """How much sooner a few regions would have to rise for this record to show it.

    First days of unrest of all regions are taken as independent and exponential, those of the few so many times as fast, rounded down to
    days as the record has them, with the record's own mean delay behind its first region; a two-sided rank-sum test (Mann and Whitney 1947,
    Ann. Math. Stat. 18) at 5 %. Gives the least ratio of rates that is found in 80 % of `POWER_RECORDS` simulated records.
    """
    from scipy.stats import mannwhitneyu

    ids = [r.id for r in resolve(scenario).regions]
    few = np.array([i in regions for i in ids])
    rose = [o.earliest for o in observe(scenario.case.record).onsets if o.earliest is not None]
    delay = float(np.mean([(day - min(rose)).days for day in rose]))
    u = np.array([[lot(1, StudyKey.REGION_DAY, k, r) for r in range(len(ids))] for k in range(POWER_RECORDS)])
    times = -np.log(u) * delay
    shares = {}
    for ratio in (2.0 ** np.arange(0, 7.5, 0.5)).tolist():
        day = np.floor(np.where(few, times / ratio, times))
        p = mannwhitneyu(day[:, few], day[:, ~few], axis=1).pvalue
        shares[ratio] = float((p < LEVEL).mean())
    return {
        "hypothesis": hypothesis, "part": "a", "basis": "none", "rival": "", "measure": "power", "unit": "ratio", "few": int(few.sum()),
        "of": len(ids), "detectable": next((ratio for ratio, share in shares.items() if share >= POWER), None), "power_at_2": shares[2.0],
        "verdict": "not-testable", "effect": None, "low": None, "high": None, "tipping": None, "chance": 0.0,
    }  # fmt: skip


def compared_rows(scenario: Scenario, spec: Experiment) -> list[dict[str, Any]] | None:
    """The accounts that have what is claimed, each against the best of those without it, by the comparison that ships; None without one."""
    stored = read_checked(scenario.case.folder / FIT / "rivals", "rivals", columns={"regions": ("rival", "log_score")})
    scores: dict[str, list[float]] = {}
    for r in stored.rows("regions.csv") if stored and stored.made.get("model_sha256") == model_hash() else []:
        scores.setdefault(r["rival"], []).append(float(r["log_score"]))
    if not {*spec.compare, *spec.plain} <= {*scores}:
        return None
    best = min(spec.plain, key=lambda arm: float(np.mean(scores[arm])), default="")
    rows = []
    for arm in spec.compare:
        gain = paired(np.array(scores[best]), np.array(scores[arm]))
        low, high = gain.interval()
        word = decision.compared(gain.mean, gain.se, spec.margin)
        rows.append(
            {
                "hypothesis": spec.hypothesis, "part": arm, "basis": "posterior", "rival": "", "measure": "held_out", "unit": "nats",
                "effect": gain.mean, "low": low, "high": high, "smallest": spec.margin, "finding": word, "verdict": word,
                "against": best, "tipping": None, "chance": 0.0,
            }
        )  # fmt: skip
    return rows
