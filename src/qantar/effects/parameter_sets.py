"""Sets of parameters that an experiment is run over: draws of the priors with an uprising, and what the posterior holds.

What is tested and not fitted is drawn from its prior in both: a dated decision is an input of the fit, and what stands beside a surge in
time would come out as its cause.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qantar.effects import decision
from qantar.effects.contrast import even
from qantar.effects.experiment_file import Experiment
from qantar.ensemble.histories import Runs
from qantar.inference.calibration import uprisings
from qantar.scenario.parameters import Values, draw, parameters
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

    def redrawn(self, names: Sequence[str], seed: int) -> Draws:
        """The same with these parameters drawn from their priors, each set for itself."""
        fresh = [{**v, **{name: parameters()[name].draw(seed, REDRAWN + k) for name in names}} for k, v in enumerate(self.values)]
        return Draws(fresh, self.ancestors)

    def spread(self, n: int) -> Draws:
        """So many of these at even distances, or all of them."""
        rows = even(len(self.values), n)
        return Draws([self.values[k] for k in rows], [self.ancestors[k] for k in rows] if self.ancestors else [])


def loud_draws(table: Runs, seed: int) -> list[Values]:
    """The draws of a table of the priors (draws 0, 1, ... at this seed) whose history was an uprising.

    Where nobody goes out, everything is without effect.
    """
    return [draw(seed, int(k)) for k in uprisings(table)]


def unlearned(scenario: Scenario, spec: Experiment) -> list[str]:
    """The tested coefficients that the scenario does not name as fitted."""
    fitted = scenario.file.calibration.fitted if scenario.file.calibration else []
    return [name for name in spec.tests if name not in fitted]


def ceilings_of(scenario: Scenario, spec: Experiment, of: Draws) -> dict[str, float]:
    """Known before anything is run: in which share of the draws the effect of each part can be there at all, at most.

    What is not fitted comes from its prior, as in the experiment; what is, from the draws. It says nothing of how large the effect would
    be, and not that it is there: only that it cannot be in the others.
    """
    fresh = unlearned(scenario, spec)
    names = {name for part in spec.parts for name in spec.carriers(part)}
    own = {name: _redrawn(name, spec.seed) if name in fresh else np.array([v[name] for v in of.values]) for name in names}
    values = {name: np.resize(x, CEILING_DRAWS) for name, x in own.items()}
    return {part.id: decision.ceiling(spec.carriers(part), values) for part in spec.parts}


@functools.cache
def _redrawn(name: str, seed: int) -> Floats:
    return np.array([parameters()[name].draw(seed, REDRAWN + k) for k in range(CEILING_DRAWS)])
