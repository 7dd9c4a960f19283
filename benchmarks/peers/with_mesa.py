"""The work by Mesa 3: an agent object a resident, and `AgentSet.do` over those in each state.

Everybody decides first and moves then, as Mesa's manual has it for simultaneous activation. Agents stand in one `AgentSet` a state, so that
nobody is asked in vain; contacts are looked up only of those who move.
"""

from __future__ import annotations

from typing import Any

import mesa
import numpy as np

from benchmarks.peers.work import OUT, QUIET, RESTING, Outcome, Work, main


class Resident(mesa.Agent):  # type: ignore[misc]
    """Someone with a resistance that pressure wears down."""

    def __init__(self, model: Country, number: int, pressure: float, left: float) -> None:
        super().__init__(model)
        self.number, self.pressure, self.left = number, pressure, left
        self.state, self.active = QUIET, 0

    def wear(self, gain: float, going: list[Resident]) -> None:
        """An hour's pressure on someone who is quiet."""
        self.left -= self.pressure * (1 + gain * self.active)
        if self.left <= 0:
            going.append(self)

    def stay(self, chance: float, going: list[Resident]) -> None:
        """An hour of someone who is out or resting."""
        if self.model.random.random() < chance:
            going.append(self)

    def tell(self, change: int) -> None:
        """What contacts see of a move."""
        people, start = self.model.people, self.model.start
        for j in self.model.contacts[start[self.number] : start[self.number + 1]].tolist():
            people[j].active += change


class Country(mesa.Model):  # type: ignore[misc]
    """All residents, by state."""

    def __init__(self, work: Work, start: Any, contacts: Any, seed: int) -> None:
        super().__init__(seed=seed)
        self.rules, self.start, self.contacts, self.joins = work.rules, start, contacts, 0
        n = work.rules.residents
        pressure = np.repeat(work.pressure, np.diff(work.class_start))
        agents = Resident.create_agents(self, n, list(range(n)), pressure.tolist(), self.rng.exponential(size=n).tolist())
        self.people = list(agents)
        self.quiet = agents.select(lambda agent: agent.pressure > 0)
        self.out = mesa.agent.AgentSet([], random=self.random)
        self.resting = mesa.agent.AgentSet([], random=self.random)

    def step(self) -> None:
        """One hour."""
        joining: list[Resident] = []
        leaving: list[Resident] = []
        rested: list[Resident] = []
        self.quiet.do(Resident.wear, self.rules.gain, joining)
        self.out.do(Resident.stay, self.rules.leave, leaving)
        self.resting.do(Resident.stay, self.rules.back, rested)
        self.joins += len(joining)
        for agent in joining:
            agent.tell(1)
            self._move(agent, self.quiet, self.out, OUT)
        for agent in leaving:
            agent.tell(-1)
            self._move(agent, self.out, self.resting, RESTING)
        for agent in rested:
            agent.left = self.random.expovariate(1.0)
            self._move(agent, self.resting, self.quiet, QUIET)

    def _move(self, agent: Resident, old: Any, new: Any, state: int) -> None:
        old.remove(agent)
        new.add(agent)
        agent.state = state


def set_up(work: Work) -> tuple[Any, Any]:
    """The contacts."""
    return work.read("start"), work.read("contacts")


def history(work: Work, ready: tuple[Any, Any], seed: int) -> Outcome:
    """One history."""
    model = Country(work, *ready, seed)
    for _ in range(work.rules.hours):
        model.step()
    return Outcome(model.joins, len(model.out), len(model.resting))


if __name__ == "__main__":
    main(set_up, history, ("mesa",))
