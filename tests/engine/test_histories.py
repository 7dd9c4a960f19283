"""Whole histories of the packaged scenario: both engines, every move; and what a smaller population changes."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from conftest import CASE
from qantar.engine.loop import ORDER, History, simulate
from qantar.model.assemble import MECHANISMS
from qantar.model.rules import DEAD, DETAINED, FIGHTING, PROTESTING, QUIET
from qantar.reporting.history import reported
from qantar.scenario.parameters import defaults
from qantar.scenario.scenario import Edit, Plan, load_scenario, resolve


def loud(pressure: float, *, scale: float, hours: int = 230) -> Plan:
    """The packaged scenario until the internet is back, with so much pressure and so many rallies that much happens."""
    edits = [
        Edit(path="time.hours", value=hours),
        Edit(path="parameters.base_pressure", value=pressure),
        Edit(path="parameters.potential", value=0.6),
        Edit(path="parameters.rest_hours", value=6),
        Edit(path="parameters.rally_rate", value=20),
        Edit(path="parameters.rally_size", value=1000),
        Edit(path="parameters.violence_rate", value=0.1),
        Edit(path="parameters.escalation_rate", value=0.005),
    ]
    return resolve(load_scenario(CASE), edits, scale=scale)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_engines_agree_on_every_move_of_hundreds_of_thousands(seed: int) -> None:
    plan = loud(5e-4, scale=0.02)
    values = defaults() | plan.parameters
    event, plain = (simulate(plan, values, seed, engine=name) for name in ("event", "plain"))
    assert event.moves is not None
    assert plain.moves is not None
    moves = event.moves.table()
    assert np.array_equal(moves, plain.moves.table())
    assert event.sha256() == plain.sha256()
    for field in fields(History):
        if field.name not in ("moves", "updates", "visits"):
            assert np.array_equal(getattr(event, field.name), getattr(plain, field.name)), field.name
    # The comparison is worth something: enough happened, and the internet was cut and came back meanwhile.
    joins = moves[(moves["old"] == QUIET) & (moves["new"] == PROTESTING)]
    assert event.states[-1].sum() >= 200_000
    assert len(joins) >= 5_000
    assert len(joins) - len(np.unique(joins["resident"])) >= 1_000
    assert (moves["new"] == DETAINED).sum() >= 50
    assert (moves["new"] == DEAD).sum() >= 1
    assert (moves["new"] == FIGHTING).sum() >= 50
    assert [s.size for s in plan.steps if s.kind == "internet"] == [1, 0, 1, 2]
    assert np.all(event.states.sum(axis=1) == event.states[0].sum())


def test_seeds_differ_and_the_same_seed_does_not() -> None:
    plan = loud(1e-4, scale=0.002, hours=48)
    digests = [simulate(plan, defaults() | plan.parameters, seed).sha256() for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_a_tenth_of_the_population_gives_the_same_picture() -> None:
    """1:10 against 1:100 of the population: participants over the history agree within a fifth, in the mean of four seeds."""
    totals = []
    for scale in (0.1, 0.01):
        plan = loud(1e-4, scale=scale, hours=120)
        values = defaults() | plan.parameters
        totals.append(np.mean([simulate(plan, values, seed).joined.sum() / scale for seed in range(4)]))
    assert 0.8 < totals[1] / totals[0] < 1.25


def test_the_hour_can_be_printed_in_order() -> None:
    names = [name for name, _ in ORDER]
    made = ["decisions of the record", "decisions by policy", *MECHANISMS, "rates", "clocks", "states"]
    assert [name for name in names if name in made] == made  # each once, in this order
    assert len(set(names)) == len(names)


def rallying(step: float, *edits: Edit) -> Plan:
    """The packaged scenario with many rallies, in steps of so many hours."""
    lively = {"rally_rate": 20, "potential": 0.6, "tie_local": 3}
    changes = [Edit(path="time.hours", value=144), Edit(path="time.step_hours", value=step), *edits]
    changes += [Edit(path=f"parameters.{name}", value=value) for name, value in lively.items()]
    return resolve(load_scenario(CASE), changes, scale=0.05)


def test_half_the_step_changes_participants_and_onsets_by_less_than_a_twentieth() -> None:
    participants, onsets = [], []
    for step in (1.0, 0.5):
        plan = rallying(step)
        values = defaults() | plan.parameters
        # Fewer histories would show luck: their difference has a standard error of a fiftieth with three, of a hundredth with twelve.
        reports = [reported(simulate(plan, values, seed), plan, values, seed) for seed in range(12)]
        participants.append(np.mean([r.participants.sum() for r in reports]))
        onsets.append(np.mean([np.where(r.onset < 0, len(r.presence), r.onset) + 1.0 for r in reports]))
    assert participants[0] > 1_000
    assert 1.5 < onsets[0] < 6.5  # some regions rise early, some never: there is something to compare
    assert abs(participants[1] / participants[0] - 1) < 0.05
    assert abs(onsets[1] / onsets[0] - 1) < 0.05


def test_as_many_follow_a_rally_whatever_the_step() -> None:
    """Where nothing feeds back: what a step of an hour changes lies in what is known, feared and felt an hour late."""
    alone = [Edit(path=f"mechanisms.{name}", op="off") for name in ("diffusion", "violence", "repression")]
    joined = []
    for step in (1.0, 0.4):
        plan = rallying(step, *alone)
        joined.append(sum(simulate(plan, defaults() | plan.parameters, seed).joined.sum() for seed in range(4)))
    assert joined[0] > 1_000
    assert abs(joined[1] / joined[0] - 1) < 0.01
