"""Sets of parameters that an experiment is run over: draws of the priors with an uprising, and what the posterior holds.

What is tested and not fitted is drawn from its prior in both: a dated decision is an input of the fit, and what stands beside a surge in
time would come out as its cause.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from qantar.effects import decision
from qantar.effects.contrast import even
from qantar.effects.experiment_file import Experiment
from qantar.ensemble.histories import Runs
from qantar.inference.calibration import uprisings
from qantar.scenario.parameters import Prior, Values, draw, parameters
from qantar.scenario.scenario import Scenario

Floats = NDArray[np.float64]
REDRAWN = 1 << 30
"""First number of the draws of the priors that give a tested coefficient its value."""
CEILING_DRAWS = 4000
"""Draws of the tested coefficients behind a ceiling."""


@dataclass(frozen=True)
class Draws:
    """Sets of all parameters, and which ancestor each descends from; none where each stands for itself."""

    values: list[Values]
    ancestors: list[int] = field(default_factory=list)

    def redrawn(self, names: Sequence[str], seed: int, informative: Mapping[str, Prior] = MappingProxyType({})) -> Draws:
        """The same with these parameters drawn from their priors, each set for itself; from others where such are given."""
        fresh = [{**v, **{name: _drawn(name, seed, k, informative) for name in names}} for k, v in enumerate(self.values)]
        return Draws(fresh, self.ancestors)

    def spread(self, n: int) -> Draws:
        """So many of these at even distances, or all of them; of different ancestors as far as there are so many."""
        different = [self.ancestors.index(one) for one in dict.fromkeys(self.ancestors)]
        pool = different if len(different) >= n else list(range(len(self.values)))
        rows = [pool[k] for k in even(len(pool), n)]
        return Draws([self.values[k] for k in rows], [self.ancestors[k] for k in rows] if self.ancestors else [])


def loud_draws(table: Runs, seed: int) -> list[Values]:
    """The draws of a table of the priors (draws 0, 1, ... at this seed) whose history was an uprising.

    Where nobody goes out, everything is without effect.
    """
    return [draw(seed, int(k)) for k in uprisings(table)]


def informative_of(spec: Experiment) -> dict[str, Prior]:
    """Priors that say what the literature finds of tested coefficients."""
    return {name: of.prior for name, of in spec.informative.items()}


def unlearned(scenario: Scenario, spec: Experiment) -> list[str]:
    """The tested coefficients that the scenario does not name as fitted."""
    fitted = scenario.file.calibration.fitted if scenario.file.calibration else []
    return [name for name in spec.tests if name not in fitted]


def ceilings_of(
    scenario: Scenario, spec: Experiment, of: Draws, informative: Mapping[str, Prior] = MappingProxyType({})
) -> dict[str, float]:
    """Known before anything is run: in which share of the draws the effect of each part can be there at all, at most.

    What is not fitted comes from its prior, as in the experiment; what is, from the draws. It says nothing of how large the effect would
    be, and not that it is there: only that it cannot be in the others.
    """
    fresh = unlearned(scenario, spec)
    names = {name for part in spec.parts for name in spec.carriers(part)}
    own = {
        name: _redrawn(name, spec.seed, informative.get(name)) if name in fresh else np.array([v[name] for v in of.values])
        for name in names
    }
    values = {name: np.resize(x, CEILING_DRAWS) for name, x in own.items()}
    return {part.id: decision.ceiling(spec.carriers(part), values) for part in spec.parts}


def _drawn(name: str, seed: int, k: int, informative: Mapping[str, Prior]) -> float:
    """A tested coefficient of one draw."""
    p = parameters()[name]
    return (p.model_copy(update={"prior": informative[name]}) if name in informative else p).draw(seed, REDRAWN + k)


@functools.cache
def _redrawn(name: str, seed: int, prior: Prior | None) -> Floats:
    informative = {} if prior is None else {name: prior}
    return np.array([_drawn(name, seed, k, informative) for k in range(CEILING_DRAWS)])
