"""All that one counterfactual is asked: over priors and posterior, as recorded if need be, under rivals, with everyone.

In: an experiment, and draws of all parameters by what they rest on. Out: an `Answer` a part for each of these. The study of a case asks so
of January, planted worlds of a record that the model made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qantar.effects.contrast import Answer, answers
from qantar.effects.decision import BASE_LEAST
from qantar.effects.experiment_file import Experiment
from qantar.effects.parameter_sets import Draws, ceilings_of, informative_of, unlearned
from qantar.effects.verdict import EVERYONE, INFORMATIVE, POLICY, RECORDED
from qantar.ensemble.runner import Runner
from qantar.record.observables import Observables
from qantar.scenario.scenario import Scenario


@dataclass(frozen=True)
class Asking:
    """How experiments are run.

    Parameters
    ----------
    draws : "prior" and "posterior" to draws of all parameters; either may be absent
    most : draws of an experiment, at most
    rivals : draws repeated under each rival that an experiment names, one seed each
    everyone : draws of the posterior repeated with every resident, one seed each, where there is a verdict that could be lost by it
    folder : of answers that are kept, as in `answers`
    fits : draws near to how unrest spread under each rival: nothing is repeated under a rival that was not fitted itself
    record : what the base must look like; by default the record of the case
    """

    scenario: Scenario
    draws: Mapping[str, Draws]
    runner: Runner
    scale: float = 0.1
    most: int | None = None
    rivals: int = 0
    everyone: int = 0
    folder: Path | None = None
    fits: Mapping[str, Draws] = field(default_factory=dict)
    record: Observables | None = None

    def answers(self, spec: Experiment) -> list[Answer]:
        """All answers of a counterfactual: over priors and posterior, as recorded if need be, under rivals, with everyone."""
        own: list[Answer] = []
        informed: list[Answer] = []
        once = spec.model_copy(update={"replicates": 1})
        n, names = min(spec.draws, self.most or spec.draws), unlearned(self.scenario, spec)
        fresh = {basis: of.redrawn(names, spec.seed).spread(n) for basis, of in self.draws.items()}
        for state in (POLICY, RECORDED):
            for basis, of in fresh.items():
                own += self.asked(spec, of, basis, basis, state)
            if not own or own[-1].uprisings >= BASE_LEAST or own[-1].state == RECORDED:
                break
        if spec.informative and "posterior" in self.draws:
            of = list(self.draws.values())[-1].redrawn(names, spec.seed, informative_of(spec)).spread(n)
            informed = self.asked(spec, of, INFORMATIVE, INFORMATIVE, state)
        for rival in spec.rivals if self.rivals and own else []:
            if rival in self.fits:
                of = self.fits[rival].redrawn(names, spec.seed).spread(self.rivals)
                own += self.asked(once, of, list(fresh)[-1], rival, state, rival)
        scaled_down = {a.part.id: a for a in own if a.basis == "posterior" and not a.rival}  # the last: of the state that is judged
        if self.everyone and self.scale < 1 and {a.verdict for a in scaled_down.values()} in ({"supported"}, {"contradicted"}):
            few = replace(self, scale=1.0).asked(once, fresh["posterior"].spread(self.everyone), EVERYONE, EVERYONE, state)
            own += [replace(a, scaled_down=scaled_down[a.part.id]) for a in few]
        return own + informed

    def asked(self, spec: Experiment, of: Draws, basis: str, what: str, state: str, rival: str = "") -> list[Answer]:
        """Answers of one experiment over one set of draws; `what` names them to who waits."""
        whole = self.draws[basis] if basis in self.draws else list(self.draws.values())[-1]
        ceilings = ceilings_of(self.scenario, spec, whole, informative_of(spec) if basis == INFORMATIVE else {})
        how: dict[str, Any] = {"scale": self.scale, "rival": rival, "state": state, "ancestors": of.ancestors}
        runner = self.runner.named(f"{spec.hypothesis}, {what}")
        return answers(self.scenario, spec, of.values, basis, runner, ceilings=ceilings, record=self.record, folder=self.folder, **how)
