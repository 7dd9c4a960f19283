"""Effects that ship, computed a second time: whether this machine gives what the result says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from qantar.effects.contrast import effect_of
from qantar.effects.experiment_file import load_experiments
from qantar.effects.parameter_sets import Draws, unlearned
from qantar.inference.posterior import read_fit
from qantar.scenario.scenario import Scenario
from qantar.study_keys import StudyKey, lot
from qantar.verdicts.hypotheses import read_verdicts


@dataclass(frozen=True)
class RepeatedEffect:
    """One effect of a result that ships, computed a second time."""

    hypothesis: str
    part: str
    draw: int
    shipped: float
    found: float

    @property
    def same(self) -> bool:
        """Equal in the six digits that are written."""
        return math.isclose(self.shipped, self.found, rel_tol=1e-5, abs_tol=1e-9)


def repeat_effects(
    scenario: Scenario, n: int, seed: int, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[RepeatedEffect]:
    """Effects over the posterior that are not zero, drawn by lot from the result that ships, from new histories.

    None if no such result ships, or all its effects are zero: an arm that changes nothing would come out the same whatever was simulated.

    Parameters
    ----------
    n : how many effects of one draw
    seed : of the lots
    """
    folder = scenario.case.folder
    stored, fit = read_verdicts(folder, "experiments"), read_fit(folder)
    if stored is None or fit is None:
        return []
    rows = [r for r in stored.rows("draws.csv") if r["basis"] == "posterior" and not r["rival"]]
    specs = {w.spec.hypothesis: w.spec for w in load_experiments(scenario)}
    rows = [r for r in rows if r["hypothesis"] in specs]
    lots = [r for r in rows if float(r["effect"]) != 0]
    repeated = []
    for k in range(min(n, len(lots))):
        r = lots[int(lot(seed, StudyKey.REPEATED_EFFECT, k) * len(lots))]
        spec = specs[r["hypothesis"]]
        n_draws = sum(all(x[k] == r[k] for k in ("hypothesis", "part", "state")) for x in rows)
        values = (
            Draws(fit.posterior.values, fit.posterior.ancestors.tolist())
            .redrawn(unlearned(scenario, spec), spec.seed)
            .spread(n_draws)
            .values
        )
        part = next(p for p in spec.parts if p.id == r["part"])
        effect = effect_of(scenario, spec, part, values, int(r["draw"]), scale=float(stored.made["scale"]), state=r["state"])
        repeated.append(RepeatedEffect(r["hypothesis"], r["part"], int(r["draw"]), float(r["effect"]), effect))
        progress(k + 1, n)
    return repeated
