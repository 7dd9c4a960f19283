"""Experiments: files and their faults, the estimand, verdict and basis, tipping values, chance, power, and planted effects.

Checks that rest on luck have fixed seeds and reject correct code with probability below 1e-4 each over seeds.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import CASE
from kit.packaged import scenario
from kit.shipped import reseal
from qantar.cases.case import cases_folder
from qantar.draws import Purpose, uniform
from qantar.effects import contrast as module
from qantar.effects import decision
from qantar.effects.comparison import power_row
from qantar.effects.contrast import Answer, answers, chance_of, plans_of, tipping_value
from qantar.effects.decision import claimed
from qantar.effects.experiment_file import BASE, FOLDER, Experiment, Part, chosen, days_of, load_experiments
from qantar.effects.measures import MEASURES, Seen, Window, seen_of
from qantar.effects.parameter_sets import Draws, loud_draws, unlearned
from qantar.effects.verdict import EVERYONE, POLICY, RECORDED, judged
from qantar.effects.versions import read_versions
from qantar.ensemble.histories import Runs, first
from qantar.ensemble.one_run import one_run
from qantar.ensemble.run import made_by
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, Store, model_hash
from qantar.errors import Problems, ResultError, StudyError
from qantar.files.cells import to_csv
from qantar.files.result import read_result, sealed
from qantar.files.write import keep, sha256_of, write_result
from qantar.forecast.rivals import fitted_draws
from qantar.inference.posterior import FIT
from qantar.inference.problem import prior_table
from qantar.lookup.check import check
from qantar.messages import keys_under
from qantar.scenario.parameters import Prior, draw
from qantar.scenario.schema import POLICY_KINDS
from qantar.studies import study
from qantar.studies.experiments import STUDY, Trying, accounts_table, curves_table, stored_trial, tables_of, trial_of
from qantar.studies.kind import table_csv
from qantar.studies.shipped import read_shipped
from qantar.verdicts.claims import judge
from qantar.verdicts.hypotheses import Trial, by_hypothesis, expected_by_chance, read_trials
from qantar.verdicts.load import load_account
from qantar.verdicts.repeated import RepeatedEffect, repeat_effects


def gauss(n: int, m: int, key: int) -> np.ndarray:
    from scipy.special import ndtri

    return np.asarray(ndtri([[uniform(9, int(Purpose.STUDY), k, j, key) for j in range(m)] for k in range(n)]))


LOUD = {"rally_rate": 40.0, "rally_size": 1000.0, "potential": 0.2}
"""Parameters under which crowds are seen at any scale."""


def part(**changes: Any) -> Part:
    words = dict.fromkeys(("asks_en", "asks_zh", "smallest_en", "smallest_zh"), "x")
    given = {"id": "a", "measure": "peak", "contrast": {"arm": 1.0, BASE: -1.0}, "direction": "rise", "smallest": 0.1, **words, **changes}
    return Part.model_validate(given)


def flat(n: int = 40, level: float = 0.0) -> np.ndarray:
    """Two seeds whose luck moves the outcome and cancels, in each draw."""
    return level + np.tile([[0.01, -0.01]], (n, 1))


def answer(
    seeds: np.ndarray, *, basis: str = "posterior", rival: str = "", coefficient: np.ndarray | None = None, **changes: Any
) -> Answer:
    if coefficient is not None:
        changes["coefficient"] = "media_gain"
    return Answer("H99", part(**changes), basis, rival, seeds, np.empty(0) if coefficient is None else coefficient, 1)


def folder_of(pairs: list[tuple[Trial, list[Answer]]]) -> dict[str, str]:
    """A result of these trials, as the study writes it."""
    tables = {f"{name}.csv": table_csv(rows, STUDY.columns[name]) for name, rows in tables_of(pairs).items()}
    rules = {"version": decision.VERSION, "sha256": decision.sha256()}
    return sealed(tables, {"kind": STUDY.name, **made_by(), "scale": 0.1, "rules": rules, "trials": [stored_trial(t) for t, _ in pairs]})


# --- Files ---------------------------------------------------------------------------------------------------------------


def test_every_hypothesis_has_one_file_with_question_caution_and_rule() -> None:
    written = {w.spec.hypothesis: w.spec for w in load_experiments(scenario())}
    hypotheses = {h.hypothesis_id: h for h in load_account(CASE).account.hypotheses}
    assert set(written) == set(hypotheses) - {"H11"}  # the four methods have a file of their own kind
    for name, spec in written.items():
        known = set(hypotheses[name].coefficients)
        assert spec.question_zh
        assert spec.caution_zh
        tested = {p.coefficient for p in spec.parts if p.coefficient}
        assert tested <= {*spec.tests}, name
        assert {*spec.tests} - known <= {"arms_effect", "seize_rate", "seat_effect", "call_rate"}, name


def test_no_experiment_reads_its_verdict_from_a_file() -> None:
    # The schema knows no key for a verdict, an effect or an interval; so a file cannot hold one.
    keys = {*Experiment.model_fields, *Part.model_fields}
    assert not {k for k in keys if any(w in k for w in ("verdict", "finding", "effect_", "result", "supported"))}


def test_check_reads_one_file_and_names_its_fault(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(cases_folder() / CASE, folder)
    path = folder / FOLDER / "H05.toml"
    problems = Problems()
    assert [(c.file, c.kind) for c in check(str(path), problems)] == [("H05.toml", "experiment")]
    assert not problems.found
    path.write_text(path.read_text(encoding="utf-8").replace("H05", "H5", 1), encoding="utf-8")
    check(str(path), problems)
    assert [(p.file, p.key, p.code) for p in problems.found] == [("H05.toml", "hypothesis", "bad_form")]


def test_an_unknown_hypothesis_is_refused_with_what_there_is() -> None:
    written = load_experiments(scenario())
    assert [w.spec.hypothesis for w in chosen(written, ["H05"])] == ["H05"]
    with pytest.raises(StudyError, match="H5"):
        chosen(written, ["H5"])


def test_arms_differ_from_the_base_by_their_edits_alone() -> None:
    for w in load_experiments(scenario()):
        if w.spec.type != "counterfactual":
            continue
        plans = plans_of(scenario(), w.spec, scale=0.01)
        base = plans[BASE].model_dump(exclude={"edits"})
        for name, plan in plans.items():
            own = plan.model_dump(exclude={"edits"})
            assert (own == base) == (name == BASE), (w.file, name)
            conditional = any(e.path == "drivers.all" for e in w.spec.base)  # the change comes before everything
            assert plan.drivers["emergency"] == ("recorded" if conditional else "policy"), w.file


def test_decisions_are_replayed_up_to_the_change_and_then_the_state_answers() -> None:
    for w in load_experiments(scenario()):
        if w.spec.replay_until is None or w.spec.type != "counterfactual":
            continue
        hour = (w.spec.replay_until - dt.datetime.fromisoformat("2022-01-01T00:00")).total_seconds() / 3600
        named = {e.path.removeprefix("drivers.") for e in w.spec.base if e.path.startswith("drivers.")}
        for name, plan in plans_of(scenario(), w.spec, scale=0.01).items():
            in_arm = {e.path.removeprefix("drivers.") for e in (w.spec.arms[name].edits if name != BASE else [])}
            for step in plan.steps:
                if step.source != "edit" and step.kind in POLICY_KINDS and step.at > hour and step.kind not in named | in_arm:
                    assert not step.given, (w.file, step.id)  # left to the policy
                if step.at <= hour:
                    assert step.given, (w.file, step.id)
    troops = next(w.spec for w in load_experiments(scenario()) if w.spec.hypothesis == "H12")
    base, arm = (plans_of(scenario(), troops, scale=0.01)[k].drivers["intervention"] for k in (BASE, "no-troops"))
    assert (base, arm) == ("recorded", "off")


def test_histories_end_with_the_last_day_that_is_looked_at() -> None:
    hours = {}
    for w in load_experiments(scenario()):
        if w.spec.type == "counterfactual":
            for state in (POLICY, RECORDED):
                (hours[w.spec.hypothesis],) = {p.hours for p in plans_of(scenario(), w.spec, scale=0.01, state=state).values()}
    assert {h for h, n in hours.items() if n < 384} == {"H02", "H04", "H05", "H06", "H12"}
    assert hours["H02"] == hours["H04"] == hours["H06"]
    assert 120 <= hours["H04"] < 144 <= 168 <= hours["H05"] < 192 <= hours["H12"] < 216  # 5, 7 and 8 January, in the westernmost zone too
    # What is read of the days is the same as in whole histories.
    (w,) = chosen(load_experiments(scenario()), ["H05"])
    plan = plans_of(scenario(), w.spec, scale=0.001)[BASE]
    values = [draw(1, 0) | LOUD]
    short, whole = (seen_of([one_run(Recipe(p, 1, sampling="given"), 0, values)]) for p in (plan, plan.model_copy(update={"hours": 384})))
    part = w.spec.parts[0]
    read = [MEASURES[part.measure].of(s, module.where_of(part, plan)) for s in (short, whole)]
    assert read[0] == read[1] > 0


def test_as_recorded_only_what_an_arm_changes_is_not_replayed() -> None:
    for w in load_experiments(scenario()):
        if w.spec.type != "counterfactual":
            continue
        named = {e.path for e in [*w.spec.base, *(e for a in w.spec.arms.values() for e in a.edits)]}
        for name, plan in plans_of(scenario(), w.spec, scale=0.01, state=RECORDED).items():
            left = {k for k, driver in plan.drivers.items() if driver != "recorded"}
            assert {f"drivers.{k}" for k in left} <= named, (w.file, name)
            assert name != BASE or not left, w.file


def test_where_the_base_by_policy_is_quiet_all_is_judged_as_recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, str, str, int, float]] = []

    def told(
        scenario: Any, spec: Experiment, values: Any, basis: str, runner: Runner, *, state: str, rival: str, scale: float, **more: Any
    ) -> list[Answer]:
        asked.append((basis, rival, state, spec.replicates, scale))
        seeds = np.full((len(values), spec.replicates), -1.0 if state == POLICY else 1.0)
        found = replace(answer(seeds, basis=basis, rival=rival), ancestors=np.array(more["ancestors"], np.int64))
        return [replace(found, state=state, uprisings=loud if state == POLICY else 1.0, scale=scale)]

    monkeypatch.setattr("qantar.effects.asking.answers", told)
    (w,) = chosen(load_experiments(scenario()), ["H10"])
    w = replace(w, spec=w.spec.model_copy(update={"rivals": ["rival-seeding"]}))
    some = [draw(1, k) for k in range(40)]
    draws = {"prior": Draws(some), "posterior": Draws(some, list(range(40)))}
    loud = 0.2
    fits = {"rival-seeding": Draws(some)}
    ((trial, own),) = Trying(scenario(), draws, Runner(tmp_path), rivals=2, everyone=2, fits=fits).all([w])
    assert [(b, r, s) for b, r, s, _, _ in asked] == [
        ("prior", "", POLICY), ("posterior", "", POLICY), ("prior", "", RECORDED), ("posterior", "", RECORDED),
        ("posterior", "rival-seeding", RECORDED), (EVERYONE, "", RECORDED),
    ]  # fmt: skip
    assert (trial.verdict, trial.basis, trial.state, trial.quiet, trial.flips) == ("supported", "assumed", RECORDED, 0.2, [])
    assert (
        trial.words
        == "supported in this model (assumed; very likely: 100 % of draws (91–100 %); 40 independent draws; given what the state did; no difference larger than the smallest effect with all residents simulated)"
    )
    assert trial.lead is not None
    assert (trial.lead["effect"], own[-1].scaled_down.state if own[-1].scaled_down else "") == (1.0, RECORDED)
    asked.clear()
    loud = 0.8
    ((trial, _),) = Trying(scenario(), draws, Runner(tmp_path), rivals=2, fits=fits).all([w])
    assert [(b, r, s) for b, r, s, _, _ in asked] == [
        ("prior", "", POLICY),
        ("posterior", "", POLICY),
        ("posterior", "rival-seeding", POLICY),
    ]
    assert (trial.verdict, trial.state, trial.quiet) == ("contradicted", POLICY, None)
    assert "given what" not in trial.words
    draws["posterior"] = Draws(some, [1] * 40)  # one ancestor: not decidable, so there is nothing that everyone could change
    asked.clear()
    ((trial, _),) = Trying(scenario(), draws, Runner(tmp_path), everyone=2).all([w])
    assert (trial.verdict, [b for b, *_ in asked]) == ("not-decidable", ["prior", "posterior"])


def test_a_part_whose_base_is_no_uprising_is_not_judged() -> None:
    quiet = replace(answer(flat(), asserts="absence"), uprisings=0.4)
    assert (quiet.verdict, replace(quiet, uprisings=0.5).verdict) == ("not-judged", "supported")
    assert (quiet.as_dict()["base_uprisings"], quiet.as_dict()["reason"], quiet.as_dict()["reason_share"]) == (0.4, "quiet", 0.4)


# --- Rules ---------------------------------------------------------------------------------------------------------------


def test_a_part_whose_base_does_not_show_what_is_to_be_explained_is_not_judged() -> None:
    # The crowd never leaves in the base: that troops did not make it leave says nothing about troops.
    stuck = replace(answer(flat(), needs="over"), shown=0.4)
    assert (stuck.verdict, replace(stuck, shown=0.5).verdict) == ("not-judged", "contradicted")
    assert stuck.as_dict()["base_shown"] == 0.4
    rows = [stuck.as_dict(), replace(stuck, basis="prior").as_dict()]
    trial = Trial("H99", "counterfactual", *judged(rows), rows, [], "")
    assert (trial.verdict, trial.basis) == ("not-judged", "fitted")
    assert trial.why("en").startswith("only 40 % of base histories show")


def test_a_part_in_which_nothing_moves_or_nothing_fits_cannot_be_decided() -> None:
    still = answer(np.zeros((40, 2)))
    assert (still.verdict, still.judgement.reason, still.as_dict()["detectable"]) == ("not-decidable", "still", None)
    assert (answer(flat()).verdict, replace(answer(flat()), attainable=0.8).verdict) == ("contradicted", "not-decidable")
    assert answer(flat()).as_dict()["detectable"] == pytest.approx(0.01 * 1.5, rel=0.2)


def test_what_the_state_itself_decides_is_not_judged_as_recorded() -> None:
    granted = replace(answer(np.ones((40, 2)), measure="conceded"), state=RECORDED)
    assert (granted.verdict, replace(granted, state=POLICY).verdict) == ("not-decidable", "supported")


def test_a_tested_coefficient_comes_from_its_prior_unless_it_is_fitted() -> None:
    spec = next(w.spec for w in load_experiments(scenario()) if w.spec.hypothesis == "H02")
    assert unlearned(scenario(), spec) == ["near_gain"]  # media_gain is fitted
    learned = Draws([draw(1, k) | {"fuel_contrast": 9.0} for k in range(40)], list(range(40)))
    fresh = learned.redrawn(["fuel_contrast"], 5)
    assert len({v["fuel_contrast"] for v in fresh.values}) > 10
    assert all(v | {"fuel_contrast": 9.0} == old for v, old in zip(fresh.values, learned.values, strict=True))  # nothing else moves
    assert fresh.ancestors == learned.ancestors
    assert fresh.spread(4) == Draws(learned.redrawn(["fuel_contrast"], 5).values[::10], [0, 10, 20, 30])
    assert learned.redrawn(["fuel_contrast"], 6).values != fresh.values
    informed = learned.redrawn(["fuel_contrast"], 5, {"fuel_contrast": Prior(kind="uniform", a=0.9, b=1.0)})
    assert all(0.9 <= v["fuel_contrast"] <= 1 for v in informed.values)
    copied = Draws(learned.values, [k // 2 for k in range(40)])
    assert copied.spread(20).ancestors == list(range(20))  # of each ancestor one, before a second of any
    assert len(copied.spread(30).values) == 30
    assert learned.redrawn([], 5) == learned


def test_only_a_verdict_of_the_other_kind_is_a_flip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    effect = {"": 1.0, "rival-seeding": -1.0, "rival-split": 1.0, "rival-labour": -1.0}

    def told(scenario: Any, spec: Experiment, values: Any, basis: str, runner: Runner, *, rival: str, **more: Any) -> list[Answer]:
        quiet = 0.0 if rival == "rival-labour" else 1.0  # not judged
        return [replace(answer(np.full((len(values), 2), effect[rival]), basis=basis, rival=rival), uprisings=quiet)]

    monkeypatch.setattr("qantar.effects.asking.answers", told)
    (w,) = chosen(load_experiments(scenario()), ["H10"])
    w = replace(w, spec=w.spec.model_copy(update={"rivals": [*(r for r in effect if r), "rival-composite"]}))  # the last is not fitted
    fits = {r: Draws([draw(2, k) for k in range(4)]) for r in effect if r}
    ((trial, _),) = Trying(
        scenario(), {"posterior": Draws([draw(1, k) for k in range(40)], list(range(40)))}, Runner(tmp_path), rivals=2, fits=fits
    ).all([w])
    assert (trial.verdict, trial.flips, trial.repeated) == (
        "supported",
        ["rival-seeding"],
        ["rival-labour", "rival-seeding", "rival-split"],
    )


def test_a_rival_is_asked_over_draws_of_its_own_fit_by_this_model(tmp_path: Path) -> None:
    def put(name: str, *draws: float, **content: Any) -> None:
        of = {"arm": "rival-split", "model": model_hash(), "parameters": ["potential"], "draws": [[x] for x in draws]}
        keep(tmp_path / f"rival-{name}.json", of | {"distances": [0.5] * len(draws)} | content)

    put("a", 0.3, 0.1)
    put("b", 0.5)
    put("c", 0.5, 0.6, 0.7, model="0" * 64)
    put("d", 0.2, arm="rival-labour")
    assert fitted_draws(tmp_path, ["rival-split"]) == {"rival-split": [{"potential": 0.3}, {"potential": 0.1}]}
    assert fitted_draws(tmp_path / "none", ["rival-split"]) == {}


def test_where_the_priors_cannot_be_judged_the_basis_says_so() -> None:
    rows = [{"basis": b, "verdict": v, "rival": ""} for b, v in (("prior", "not-judged"), ("posterior", "supported"))]
    assert judged(rows) == ("supported", "fitted")
    assert judged([rows[0] | {"verdict": "undecided"}, rows[1]]) == ("supported", "experiment")


def test_a_claim_of_absence_turns_the_finding_round() -> None:
    none = answer(flat())
    assert (none.verdict, replace(none, part=part(asserts="absence")).verdict) == ("contradicted", "supported")
    strong = answer(np.ones((40, 2)))
    assert (strong.verdict, replace(strong, part=part(asserts="absence")).verdict) == ("supported", "contradicted")
    half = answer(np.concatenate([flat(20), flat(20, 1.0)]))
    assert (half.verdict, replace(half, part=part(asserts="absence")).verdict) == ("undecided", "undecided")


def test_no_single_ancestor_decides() -> None:
    seeds = np.concatenate([flat(45, 1.0), flat(5)])
    alone = answer(seeds)
    assert (alone.verdict, alone.as_dict()["independent"]) == ("supported", 50.0)
    # Four of the 45 that reach the effect descend from one ancestor: without them it is 41 of 46.
    family = replace(alone, ancestors=np.array([1] * 4 + list(range(2, 48))))
    assert (family.verdict, family.judgement.reason, family.as_dict()["reached"]) == ("not-decidable", "ancestor", 45)
    assert family.as_dict()["independent"] == pytest.approx(2500 / (16 + 46))
    assert replace(alone, seeds=flat(50, 1.0), ancestors=family.ancestors).verdict == "supported"
    one = replace(alone, seeds=flat(50, 1.0), ancestors=np.zeros(50, np.int64))
    assert (one.verdict, one.judgement.reason, one.as_dict()["independent"]) == ("not-decidable", "draws", 1.0)
    # Null and reversed are both contradicted, whichever is left.
    mixed = replace(alone, seeds=np.concatenate([flat(4), flat(46, -1.0)]), ancestors=family.ancestors)
    assert mixed.verdict == "contradicted"


def test_a_base_that_is_not_the_case_is_named_with_what_it_lacks() -> None:
    like = {"peak": 0.9, "dead": 0.2, "over": 0.1, "seats": 0.9}
    other = replace(answer(flat(40, 1.0)), like=like)
    row = other.as_dict()
    assert (other.verdict, row["reason"], row["reason_share"], row["base_dead"]) == ("not-judged", "unlike", 0.2, 0.2)
    trial = Trial("H99", "counterfactual", *judged([row]), [row], [], "")
    assert trial.why("en").startswith("only 20 % of base histories look like the case in its dead")
    assert trial.words == "not-judged"
    assert replace(other, like=dict.fromkeys(like, 0.5)).verdict == "supported"


def test_a_control_that_does_not_move_the_measure_leaves_a_part_not_judged() -> None:
    blunt = replace(answer(flat(), control="arm"), control=0.5)
    assert (blunt.verdict, blunt.judgement.reason, blunt.as_dict()["control"]) == ("not-judged", "control", 0.5)
    assert replace(blunt, control=0.95).verdict == "contradicted"
    assert answer(flat()).as_dict()["control"] is None


def test_a_probability_stands_in_the_row_in_the_words_and_in_the_table() -> None:
    seeds = np.concatenate([flat(24, 1.0), flat(16)])
    x = np.linspace(0, 1, 40)[::-1]
    rows = [answer(seeds, basis=b, coefficient=x).as_dict() for b in ("prior", "posterior")]
    assert (rows[0]["probability"], rows[0]["likelihood"], rows[0]["verdict"]) == (0.6, "even", "undecided")
    assert [(n, hits) for _, n, hits in rows[0]["curve"]] == [(8, 0), (8, 0), (8, 8), (8, 8), (8, 8)]
    trial = Trial("H99", "counterfactual", *judged(rows), rows, [], "")
    assert trial.words.startswith("undecided in this model (fitted; about as likely as not: 60 % of draws (45–74 %); 40 independent draws")
    assert trial.why("en") == "draws go both ways"
    table = curves_table({"H99": trial})
    assert table is not None
    assert table.rows[0][0] == "H99 a"
    assert str(table.rows[0][-1]).endswith("8/8")
    assert accounts_table({"H99": trial}, None) is None  # under no other account
    under = answer(flat(40, 1.0)[:, :1], rival="rival-split").as_dict()
    accounts = accounts_table({"H99": replace(trial, rows=[*rows, under])}, None)
    assert accounts is not None
    assert [cell[0] for cell in accounts.rows[0][1:]] == ["about as likely as not", "very likely"]


@pytest.mark.parametrize(
    ("prior", "posterior", "expected"),
    [
        ("supported", "supported", ("supported", "assumed")),
        ("contradicted", "contradicted", ("contradicted", "assumed")),
        ("undecided", "supported", ("supported", "experiment")),
        ("contradicted", "supported", ("supported", "experiment")),
        ("supported", "undecided", ("undecided", "fitted")),
        ("undecided", "undecided", ("undecided", "fitted")),
        ("not-judged", "contradicted", ("contradicted", "fitted")),
        ("supported", "not-judged", ("not-judged", "fitted")),
        ("not-decidable", "contradicted", ("contradicted", "fitted")),
        ("supported", None, ("supported", "prior")),
    ],
)
def test_the_basis_says_what_the_record_added(prior: str, posterior: str | None, expected: tuple[str, str]) -> None:
    rows = [{"basis": b, "verdict": v, "rival": ""} for b, v in (("prior", prior), ("posterior", posterior)) if v]
    assert judged(rows) == expected
    assert judged([*rows, {"basis": rows[-1]["basis"], "verdict": "contradicted", "rival": "rival-x"}]) == expected


def test_parts_that_disagree_leave_the_whole_undecided() -> None:
    rows = [{"basis": "prior", "verdict": v, "rival": ""} for v in ("supported", "contradicted")]
    assert judged(rows) == ("undecided", "prior")


def scaled(everyone: np.ndarray, **changes: Any) -> tuple[Answer, Trial]:
    """An effect of about 0.2 at 1:10 in 40 draws, beside what was found with everyone; the smallest that counts is 0.1."""
    small = replace(answer(0.2 + 0.01 * np.arange(40.0)[:, None] / 40 + flat(), **changes), scale=0.1)
    full = replace(small, basis=EVERYONE, seeds=everyone[:, None], scale=1.0, scaled_down=small)
    w = next(w for w in load_experiments(scenario()) if w.spec.hypothesis == "H05")
    return full, trial_of(scenario(), w, [replace(small, basis="prior"), small, full])


@pytest.mark.parametrize(
    ("everyone", "said", "verdict"),
    [
        (0.2 + np.linspace(-0.02, 0.02, 10), "same", "supported"),
        (0.6 + np.linspace(-0.02, 0.02, 10), "more", "supported"),  # larger still
        (np.linspace(-0.02, 0.02, 10), "differs", "undecided"),  # nothing is left of it
        (np.linspace(-0.5, 0.5, 10), "unclear", "supported"),  # too few draws to say
        (0.13 + np.array([-0.04, -0.04, *[0.0] * 8]), "same", "supported"),  # another finding, by less than what counts
    ],
)
def test_a_verdict_that_changes_with_everyone_is_none(everyone: np.ndarray, said: str, verdict: str) -> None:
    full, trial = scaled(everyone)
    assert full.scaled() == trial.scaled == said
    assert trial.verdict == verdict
    assert trial.basis == ("assumed" if verdict == "supported" else "fitted")
    told = {
        "same": "no difference larger than the smallest effect with all residents simulated",
        "more": "clearer still",
        "differs": "changes",
    }
    assert told.get(said, "unclear") in trial.words
    assert ("with all residents simulated the effect is another one" in trial.why("en")) == (said == "differs")
    row = next(r for r in trial.rows if r["basis"] == EVERYONE)
    assert row["more_low"] <= row["more"] <= row["more_high"]
    assert row["more"] == pytest.approx(float((everyone - 0.2 - 0.01 * 4 * np.arange(10) / 40).mean()))


def test_what_was_scaled_down_and_not_compared_says_so() -> None:
    w = next(w for w in load_experiments(scenario()) if w.spec.hypothesis == "H05")
    small = replace(answer(np.ones((40, 2))), scale=0.1)
    trial = trial_of(scenario(), w, [small])
    assert trial.scaled == "not-compared"
    assert "not compared with all residents" in trial.words
    assert trial_of(scenario(), w, [replace(small, scale=1.0)]).scaled == ""


def test_the_verdict_cannot_be_quoted_without_model_and_basis() -> None:
    for basis in ("assumed", "experiment", "prior"):
        words = Trial("H99", "counterfactual", "supported", basis, [], [], "").words
        assert "in this model" in words
        assert words != "supported"
    assert Trial("H99", "none", "not-testable", "none", [], [], "").words == "not-testable"
    assert Trial("H99", "counterfactual", "not-judged", "fitted", [], [], "").words == "not-judged"


def test_a_tipping_value_is_found_where_it_was_planted_and_not_where_there_is_none() -> None:
    x = np.array([uniform(3, int(Purpose.STUDY), k, 0, 5) for k in range(200)])
    reached = np.array([uniform(3, int(Purpose.STUDY), k, 1, 5) for k in range(200)]) < 1 / (1 + np.exp(-20 * (x - 0.7)))
    found = tipping_value(x, reached)
    assert found is not None
    assert abs(found - 0.7) < 0.06
    spiked = np.where(x < 0.5, 0.0, x)
    tipped = tipping_value(spiked, reached)
    assert tipped is not None
    assert abs(tipped - 0.7) < 0.08
    nothing = np.array([uniform(3, int(Purpose.STUDY), k, 2, 5) for k in range(200)]) < 0.5
    assert tipping_value(x, nothing) is None
    assert tipping_value(x, np.ones(200, bool)) is None


def test_chance_is_small_where_nothing_is_and_large_for_a_rule_that_is_always_met() -> None:
    noise = 0.05 * gauss(30, 3, 6)
    assert chance_of(noise, part(), 1) == 0.0
    tiny = part(smallest=1e-9)
    one_draw = 0.05 * gauss(1, 3, 7)
    assert 0.3 < chance_of(one_draw, tiny, 1) < 0.7  # a sign by lot
    absent = part(asserts="absence")
    assert chance_of(np.zeros((30, 3)), absent, 1) == 0.0  # an effect of the smallest size is never "none"
    assert answer(noise, contrast={BASE: 1.0}).as_dict()["chance"] == 0.0  # a level compares nothing


def test_whoever_is_claimed_must_beat_every_account_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regions are paired; an account better than the first plain one and worse than the second is not supported."""
    w = next(w for w in load_experiments(scenario()) if w.spec.hypothesis == "H15")
    w, declared = (
        replace(w, spec=w.spec.model_copy(update={"type": "comparison"})),
        w,
    )  # as it was before it was found to ask something else
    here_ = replace(scenario(), case=replace(scenario().case, folder=tmp_path))
    assert trial_of(here_, w, []).verdict == "not-run"
    home = np.linspace(1, 4, 17)
    shift = {"rival-home-grown": 0.0, "rival-common-shock": -1.5, "rival-labour": -0.3, "rival-seeding": -0.9, "rival-split": 0.5}
    rows = [[arm, f"R{k}", x + d] for arm, d in {**shift, "rival-composite": -0.2}.items() for k, x in enumerate(home)]

    def put(rows: list[list[Any]]) -> None:
        files = {"regions.csv": to_csv(["rival", "region", "log_score"], rows)}
        write_result(tmp_path / FIT / "rivals", sealed(files, {"kind": "rivals", "model_sha256": model_hash()}))

    put(rows)
    found = trial_of(here_, w, [])
    assert (found.verdict, found.judges) == ("contradicted", ())
    assert {r["against"] for r in found.rows} == {"rival-common-shock"}
    assert next(r for r in found.rows if r["part"] == "rival-seeding")["effect"] == pytest.approx(-0.6)
    shown = trial_of(here_, declared, [])  # the same numbers, and no verdict of them
    assert (shown.verdict, {r["verdict"] for r in shown.rows}) == ("not-testable", {"not-testable"})
    assert [r["effect"] for r in shown.rows] == [r["effect"] for r in found.rows]
    put([[a, r, x - 2.1 * (a == "rival-split")] for a, r, x in rows])
    assert trial_of(here_, w, []).verdict == "contradicted"  # the split is better than the shock by 0.1, for certain: less than the margin
    put([[a, r, x - 3 * (a == "rival-split")] for a, r, x in rows])
    assert trial_of(here_, w, []).verdict == "supported"
    put([r for r in rows if r[0] != "rival-common-shock"])
    assert trial_of(here_, w, []).verdict == "not-run"


def test_claims_that_bear_a_verdict_say_what_was_tested() -> None:
    """Named in the file: causes or predictions of its own hypothesis."""
    claims = {c.claim_id: c for c in load_account(CASE).account.claims}
    judged = {claim: w.spec.hypothesis for w in load_experiments(scenario()) for claim in w.spec.judges}
    assert len(judged) == sum(len(w.spec.judges) for w in load_experiments(scenario())) == 6
    for claim, hypothesis in judged.items():
        assert claims[claim].hypothesis_id == hypothesis
        assert claims[claim].kind in ("cause", "prediction")


def test_power_of_few_regions_is_low_and_grows_with_their_number() -> None:
    few = power_row(scenario(), "H03", ["KZ-ATY", "KZ-MAN", "KZ-ZAP"])
    many = power_row(scenario(), "H03", [r.region_id for r in scenario().case.record.regions][:8])
    assert few["of"] == 17
    assert few["power_at_2"] < 0.3
    assert (few["detectable"] or 200) > (many["detectable"] or 200)


def test_expected_by_chance_adds_up_over_hypotheses_and_takes_the_least_of_the_parts() -> None:
    rows = [{"basis": "prior", "rival": "", "chance": c, "verdict": "supported"} for c in (0.2, 0.05)]
    trial = Trial("H99", "counterfactual", "supported", "prior", rows, [], "")
    assert expected_by_chance([trial, trial, Trial("H98", "none", "not-testable", "none", [], [], "")]) == pytest.approx(0.1)


# --- Measures ------------------------------------------------------------------------------------------------------------


def histories() -> Seen:
    presence = np.zeros((2, 4, 3), bool)
    presence[0, 1:, 0] = presence[0, 2:, 1] = True
    gathering = np.zeros((2, 4, 3))
    gathering[0, :, 0] = [0, 500, 2000, 100]
    whole = {"peak": np.array([3000.0, 10.0]), "hours": np.array([9.0, 0.0]), "seats_lost": np.array([1, 0]),
             "outcome": np.array(["collapsed", "quiet"])}  # fmt: skip
    runs = Runs(presence, np.array([[0.0, 9, 90, 0], [0] * 4]), np.zeros((2, 4)), np.array([[9.0, 0, 0], [0, 0, 0]]),
                np.zeros((2, 3), bool), np.zeros(2, bool), whole)  # fmt: skip
    return Seen(runs, gathering)


READ: list[tuple[str, Window, list[float]]] = [
    ("participants", Window([1, 2], [0]), [2.0, 0.0]),
    ("peak", Window([0], [0]), [np.log10(3001), np.log10(11)]),
    ("crowd", Window([1], [0, 1]), [np.log10(501), 0.0]),
    ("duration", Window([0], [0]), [1.0, 0.0]),
    ("killed", Window([0], [0]), [1.0, 0.0]),
    ("killed", Window([0], [1]), [0.0, 0.0]),
    ("killed_per_participant", Window([1, 2], [0]), [-1.0, 0.0]),
    ("regions", Window([0, 1], [0]), [1.0, 0.0]),
    ("regions", Window([0, 1, 2, 3], [0]), [2.0, 0.0]),
    ("seats", Window([0], [0]), [1.0, 0.0]),
    ("uprising", Window([0], [0]), [1.0, 0.0]),
    ("uprising", Window([0], [0], 5000), [0.0, 0.0]),
    ("first_region", Window([0], [0]), [1.0, 0.0]),
    ("first_region", Window([0], [1]), [0.0, 0.0]),
    ("over", Window([3], [0]), [1.0, 0.0]),
    ("over", Window([2], [0]), [0.0, 0.0]),
    ("left_3", Window([0], [0]), [0.0, 0.0]),
    ("left_3", Window([0], [0], 50), [0.0, 0.0]),
    ("left_5", Window([0], [0], 50), [0.0, 0.0]),
    ("collapsed", Window([0], [0]), [1.0, 0.0]),
    ("conceded", Window([0], [0]), [0.0, 0.0]),
    ("settled", Window([0], [0]), [0.0, 0.0]),
]


@pytest.mark.parametrize(("name", "where", "expected"), READ)
def test_a_measure_reads_what_it_says(name: str, where: Window, expected: list[float]) -> None:
    assert MEASURES[name].of(histories(), where) == pytest.approx(expected)


def test_every_measure_is_read_here() -> None:
    assert {name for name, _, _ in READ} == set(MEASURES)


# --- Runs ----------------------------------------------------------------------------------------------------------------


def test_an_experiment_run_small_gives_rows_files_and_the_same_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = chosen(load_experiments(scenario()), ["H05", "H07"])
    small = [replace(w, spec=w.spec.model_copy(update={"replicates": 2, "rivals": ["rival-seeding"]})) for w in written]
    loud = [draw(1, k) | LOUD for k in range(2)]
    draws = {"prior": Draws(loud), "posterior": Draws(loud, [4, 9])}
    fits = {"rival-seeding": Draws(loud)}
    stages: set[str] = set()
    runner = Runner(tmp_path, progress=lambda what, done, total: stages.add(what))
    found = Trying(scenario(), draws, runner, scale=0.001, rivals=1, fits=fits).all(small)
    assert "H05, rival-seeding: histories" in stages
    assert {s.rpartition(": ")[2] for s in stages} <= set(keys_under("progress"))  # what the terminal can name
    trials = {t.hypothesis: t for t, _ in found}
    assert trials["H07"].verdict == "not-testable"
    h05 = trials["H05"]
    assert [(r["basis"], r["rival"]) for r in h05.rows] == [
        ("prior", ""), ("posterior", ""), ("posterior", "rival-seeding"), ("informative", ""),
    ]  # fmt: skip
    assert [(r["draws"], r["replicates"]) for r in h05.rows] == [(2, 2), (2, 2), (1, 1), (2, 2)]
    assert h05.repeated == ["rival-seeding"]
    assert h05.rows[0]["effect"] == h05.rows[1]["effect"]  # the same draws
    assert h05.basis == "fitted"  # two draws decide nothing
    assert h05.leading[0]["base_peak"] is not None
    assert h05.rows[0]["base_peak"] is None  # draws of the priors need not look like the case
    kept, plans = tmp_path / "kept", module.plans_of
    monkeypatch.setattr(module.Answer, "verdict", property(lambda self: "supported"))  # what is undecided is not asked of everyone
    monkeypatch.setattr(module, "plans_of", lambda *a, scale, **k: plans(*a, scale=min(scale, 0.002), **k))  # everyone would take minutes
    first = Trying(scenario(), draws, runner, scale=0.001, rivals=1, everyone=1, folder=kept, fits=fits).all(small)
    assert [(r["basis"], r["scale"]) for r in first[0][0].rows][-2] == (EVERYONE, 1.0)
    assert len(list(kept.iterdir())) == 5  # priors, posterior (whose base goes on to the end), rival, everyone, other priors
    monkeypatch.setattr(module, "run_part_arms", lambda *a, **k: pytest.fail("simulated again"))
    new = Runner(tmp_path / "new")
    assert folder_of(Trying(scenario(), draws, new, scale=0.001, rivals=1, everyone=1, folder=kept, fits=fits).all(small)) == folder_of(
        first
    )
    next(kept.iterdir()).write_text("{}")
    with pytest.raises(ResultError):
        Trying(scenario(), draws, new, scale=0.001, rivals=1, everyone=1, folder=kept, fits=fits).all(small)
    monkeypatch.undo()
    files = folder_of(found)
    again = folder_of(Trying(scenario(), draws, Runner(tmp_path / "other"), scale=0.001, rivals=1, fits=fits).all(small))
    assert files == again
    whole = json.loads(files["result.json"])
    assert whole["model_sha256"] == model_hash()
    assert whole["trials"][0]["file_sha256"] == written[0].sha256
    assert len(files["draws.csv"].splitlines()) == 1 + 3 * 2 + 1
    assert files["curves.csv"].splitlines()[0].startswith("hypothesis,part,basis,rival,state,coefficient,value")


def test_the_estimand_is_the_weighted_sum_over_arms_with_seeds_averaged(tmp_path: Path) -> None:
    spec = next(w.spec for w in load_experiments(scenario()) if w.spec.hypothesis == "H13").model_copy(update={"replicates": 2})
    loud = [draw(1, k) | LOUD for k in range(2)]
    spec = spec.model_copy(update={"parts": [p.model_copy(update={"measure": "peak"}) for p in spec.parts]})
    a, b, c = answers(scenario(), spec, loud, "prior", Runner(tmp_path), scale=0.001)
    levels = {}
    for name, plan in plans_of(scenario(), spec, scale=0.001).items():
        recipe = Recipe(plan, spec.seed, sampling="given", replicates=2, given=module.keep_draws(tmp_path, loud), part=8)
        whole = Store.of(tmp_path, recipe).read(4)[1]
        levels[name] = np.log10(1 + whole["peak"]).reshape(2, 2).mean(axis=1)
    assert a.values == pytest.approx(levels["disloyal"] - levels["neither"])
    assert b.values == pytest.approx(levels["armed"] - levels["neither"])
    assert c.values == pytest.approx(levels["both"] + levels["neither"] - levels["disloyal"] - levels["armed"])


def test_an_effect_computed_again_without_the_store_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = next(w.spec for w in load_experiments(scenario()) if w.spec.hypothesis == "H06").model_copy(update={"replicates": 2})
    loud = [draw(1, k) | LOUD for k in range(3)]
    found = answers(scenario(), spec, loud, "posterior", Runner(tmp_path), scale=0.001)
    for a in found:
        for k in (0, 2):
            assert module.effect_of(scenario(), spec, a.part, loud, k, scale=0.001) == pytest.approx(a.values[k], abs=1e-12)
    assert RepeatedEffect("H06", "a", 0, 0.123456, 0.1234561).same
    assert not RepeatedEffect("H06", "a", 0, 0.123456, 0.124).same
    assert repeat_effects(replace(scenario(), case=replace(scenario().case, folder=tmp_path)), 3, 1) == []


def test_draws_with_an_uprising_are_those_of_the_table() -> None:
    table = replace(histories().runs, whole={"peak": np.array([3000.0, 10.0])})
    assert loud_draws(table, 7) == [draw(7, 0)]
    assert loud_draws(replace(table, stopped=np.ones(2, bool)), 7) == []
    draws = Draws([{"x": float(k)} for k in range(10)], list(range(10)))
    assert draws.spread(5) == Draws([{"x": float(k)} for k in (0, 2, 4, 6, 8)], [0, 2, 4, 6, 8])


# --- What ships ----------------------------------------------------------------------------------------------------------


def shipped(tmp_path: Path, model: str) -> Path:
    folder = tmp_path / CASE
    shutil.copytree(cases_folder() / CASE, folder)
    w = next(w for w in load_experiments(scenario()) if w.spec.hypothesis == "H05")
    trial = trial_of(scenario(), w, [answer(np.ones((40, 2)), basis="prior"), answer(np.ones((40, 2)))])
    write_result(folder / FIT / "experiments", folder_of([(trial, [])]))
    for kind in ("experiments", "methods"):
        reseal(folder / FIT / kind, model_sha256=model)
    return folder


def test_what_ships_is_read_back_and_a_rule_changed_afterwards_shows(tmp_path: Path) -> None:
    folder = shipped(tmp_path, model_hash())
    found = read_trials(folder)["H05"]
    assert (found.verdict, found.basis, found.changed) == ("supported", "assumed", False)
    path = folder / FOLDER / "H05.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("smallest = 0.0706", "smallest = 0.0001"), encoding="utf-8")
    assert read_trials(folder)["H05"].changed


def test_the_stylized_experiment_judges_claim_by_claim(tmp_path: Path) -> None:
    folder = shipped(tmp_path, model_hash())
    claims = [
        {"claim": c, "main": True, "outcome": "success", "smallest": 0.1, "interaction": x, "over_draws_low": x, "over_draws_high": x,
         "draws": 10, "reached": 10, "share": 1.0, "share_low": 0.7, "share_high": 1.0, "finding": f, "verdict": claimed(f, "effect"), "reason": "", "reason_share": None,
         "supported_by_chance": 0.0, "moving": 1.0, "detectable": 0.01}
        for c, x, f in (("C077", 0.2, "supported"), ("C078", 0.0, "null"), ("C079", 0.0, "undecided"), ("C080", 0.0, "null"),
                        ("C080", 0.0, "supported"))
    ]  # fmt: skip
    path = folder / FOLDER / "H11.toml"
    made = {"model_sha256": model_hash(), "hypothesis": "H11", "experiment_sha256": sha256_of(path), "claims": claims, "ceiling": 1.0}
    reseal(folder / FIT / "methods", **made)
    found = read_trials(folder)
    assert [found[c].verdict for c in ("C077", "C078", "C079", "H11")] == ["supported", "contradicted", "undecided", "undecided"]
    # A claim with two parts is not judged by its last one.
    assert (found["C080"].verdict, [r["part"] for r in found["C080"].rows]) == ("undecided", ["C080a", "C080b"])
    assert [r["part"] for r in found["H11"].rows] == ["C077", "C078", "C079", "C080a", "C080b"]
    assert list(by_hypothesis(found)) == ["H05", "H11"]
    judged_rows = {j.claim.claim_id: j for j in judge(load_account(CASE).account, found)}
    assert judged_rows["C077"].value == "supported in this model (not fitted; very likely: 100 % of draws (70–100 %))"
    assert judged_rows["C078"].word == "model-contradicted"
    assert judged_rows["C077"].repeat(CASE) == f"qantar methods {CASE}"


def test_what_another_model_made_is_not_read(tmp_path: Path) -> None:
    assert read_trials(shipped(tmp_path, "0" * 64)) == {}
    assert read_trials(tmp_path / "nowhere") == {}


VERDICTS = {
    "experiments": ("result.json", "experiments.csv", "draws.csv", "versions.csv"),
    "methods": ("result.json", "interactions.csv", "versions.csv"),
    "planted": ("result.json", "rates.csv", "worlds.csv"),
}
FOLDERS = [(kind, name) for kind in VERDICTS for name in VERDICTS[kind]]
SAID = [("experiments", "trials"), ("experiments", "rules"), ("methods", "claims"), ("methods", "rules"), ("planted", "rates")]


def read_verdicts(case: Path) -> object:
    """All readers of folders that bear verdicts."""
    return read_trials(case), read_shipped(case, study("planted"))


@pytest.mark.parametrize(("kind", "name"), FOLDERS)
def test_a_damaged_folder_of_verdicts_is_an_error_that_names_the_file(tmp_path: Path, kind: str, name: str) -> None:
    case = tmp_path / CASE
    shutil.copytree(cases_folder() / CASE, case)
    path = case / FIT / kind / name
    whole = path.read_bytes()
    assert read_verdicts(case)
    for spoilt in (whole[:50] + b"8" + whole[50:], whole[:-9], b""):
        path.write_bytes(spoilt)
        with pytest.raises(ResultError, match=name):
            read_verdicts(case)
    path.unlink()
    with pytest.raises(ResultError, match=name if name != "result.json" else kind):
        read_verdicts(case)


@pytest.mark.parametrize(("kind", "key"), SAID)
def test_a_result_that_does_not_say_what_a_verdict_needs_is_refused(tmp_path: Path, kind: str, key: str) -> None:
    case = tmp_path / CASE
    shutil.copytree(cases_folder() / CASE, case)
    stored = read_result(case / FIT / kind)
    assert stored is not None
    write_result(case / FIT / kind, sealed(stored.content, {k: v for k, v in stored.made.items() if k != key}))
    with pytest.raises(ResultError, match=kind):
        read_verdicts(case)


def test_a_result_without_its_table_of_versions_is_refused(tmp_path: Path) -> None:
    case = tmp_path / CASE
    shutil.copytree(cases_folder() / CASE, case)
    for kind in ("experiments", "methods"):
        stored = read_result(case / FIT / kind)
        assert stored is not None
        write_result(case / FIT / kind, sealed({n: c for n, c in stored.content.items() if n != "versions.csv"}, stored.made))
        for read in (lambda: read_versions(case / FIT / kind), lambda: read_trials(case)):  # noqa: B023
            with pytest.raises(ResultError, match=r"versions\.csv"):
                read()
        write_result(case / FIT / kind, sealed(stored.content, stored.made))


def test_days_of_a_plan_are_those_of_the_calendar() -> None:
    days = days_of(plans_of(scenario(), load_experiments(scenario())[0].spec, scale=0.01)[BASE])
    assert (str(days[0]), str(days[-1]), len(days)) == ("2022-01-01", "2022-01-16", 16)


def test_claimed_is_defined_for_every_finding() -> None:
    assert {claimed(f, a) for f in ("supported", "null", "reversed", "mixed", "undecided") for a in ("effect", "absence")} == {
        "supported", "contradicted", "undecided"
    }  # fmt: skip


def test_a_table_begun_with_a_packed_one_is_whole_without_it_too(tmp_path: Path) -> None:
    plan = plans_of(scenario(), load_experiments(scenario())[0].spec, scale=0.001)[BASE].model_copy(update={"hours": 24})
    one, two = Runner(tmp_path / "one"), Runner(tmp_path / "two")
    whole = prior_table(plan, 4, 5, one, part=2)
    begun = prior_table(plan, 4, 5, two, part=2, known=first(whole, 2))
    again = prior_table(plan, 4, 5, two, part=2)
    assert [r.n for r in (whole, begun, again)] == [4, 4, 4]
    for found in (begun, again):
        assert np.array_equal(found.whole["peak"], whole.whole["peak"])
        assert np.array_equal(found.presence, whole.presence)
