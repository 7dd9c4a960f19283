"""From facts to causes in a case of one's own: what the manual has a user write is taken, what is too thin is said before it is simulated."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from conftest import CASE, REPOSITORY, Ran, call_qantar
from kit.packaged import scenario as packaged
from qantar.cases.new import new_case
from qantar.ensemble.store import model_hash
from qantar.errors import Problems, ResultError, StudyError
from qantar.forecast.baselines import facts_of
from qantar.forecast.held_out import MODEL, days_foreseen, scores
from qantar.inference.distance import target_of
from qantar.inference.enough import enough, enough_regions
from qantar.inference.posterior import current_plan, posterior_of, read_fit, told_unused, why_unused
from qantar.inference.rejection import QUICK
from qantar.lookup.check import check
from qantar.record.observables import Onset, observe
from qantar.scenario.scenario import AS_IS, Scenario, arm_edits, load_scenario, resolve
from qantar.studies import rivals
from qantar.studies.cells import arm_name

HOW_TO = REPOSITORY / "docs" / "how-to"
ROWS = (
    ("E001", "2029-03-02", "KG-N", "protest", 500),
    ("E002", "2029-03-03", "KG-T", "building_seized", 900),
    ("E003", "2029-03-04", "KG-GB", "clash", 4000),
    ("E007", "2029-03-04", "KG-GB", "internet_cut", ""),
    ("E011", "2029-03-06", "KG-GB", "internet_restored", ""),
)


def block(page: str, word: str) -> str:
    """The piece of a page that has this word, for the country of these tests."""
    found = (b for b in re.findall(r"```toml\n(.*?)```", (HOW_TO / page).read_text(encoding="utf-8"), re.DOTALL) if word in b)
    return str(next(found)).replace('"PE"', '"KG"')


def written(home: Path) -> Path:
    """A case as the manual has it made: five events, the step and the experiment that its pages show, an account as a file."""
    folder = new_case("own", "KG", home / "own", days=(date(2029, 3, 1), date(2029, 3, 8))).folder
    head = (folder / "events.csv").read_text(encoding="utf-8").strip().split(",")
    with (folder / "events.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, head, lineterminator="\n")
        table.writeheader()
        for name, day, region, kind, people in ROWS:
            of = {"event_id": name, "date": day, "region_id": region, "kind": kind, "participants_low": people}
            table.writerow({**of, "scope": "event", "confidence": "high", "source": "computed"})
    with (folder / "scenario.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + block("counterfactual.md", "[[steps]]"))
    (folder / "experiments").mkdir()
    (folder / "experiments" / "H01.toml").write_text(block("own-experiment.md", 'hypothesis = "H01"'), encoding="utf-8")
    (home / "my-account.toml").write_text(block("rivals.md", "forces.guard"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("own"))


@pytest.fixture
def own(model: Path, tmp_path: Path) -> Path:
    """A copy to be changed, with the account beside it."""
    shutil.copy(model.parent / "my-account.toml", tmp_path)
    return Path(shutil.copytree(model, tmp_path / "own"))


@pytest.fixture
def asked(own: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """A command on the case that must not simulate anything."""
    monkeypatch.setattr("qantar.ensemble.runner.run_ensembles", lambda *given, **more: pytest.fail("something was simulated"))
    return lambda *words: call_qantar(*words, cwd=own.parent)


def test_what_the_manual_has_a_user_write_is_taken(model: Path) -> None:
    problems = Problems()
    check(str(model), problems)
    assert problems.found == []


def test_the_row_that_the_list_of_gaps_shows_is_taken(own: Path) -> None:
    shown = (own / "TODO.md").read_text(encoding="utf-8").partition("## A row of events.csv")[2]
    cells = {
        name: value.strip("`")
        for names, values in re.findall(r"^\| (`.*?) \| (.*?) \|", shown, re.MULTILINE)
        for name, value in zip(re.findall(r"`(\w+)`", names), re.split(r"[,、] ?", values), strict=False)
        if value.startswith("`")
    }
    head = (own / "events.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    with (own / "events.csv").open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, head, lineterminator="\n").writerow({**cells, "event_id": "E900", "source": "computed"})
    problems = Problems()
    check(str(own), problems)
    assert problems.found == []


def test_first_days_as_they_follow_from_the_events_may_be_written_down(own: Path) -> None:
    # That of Talas is a seized building: what was derived must not be refused once it stands in a table, beside what is known of its seat.
    (row,) = (o for o in observe(load_scenario(str(own)).case.record).onsets if o.region_id == "KG-T")
    head, cells = "region_id,onset_date,onset_earliest,onset_latest,seat_entered,source", (row.stated, row.earliest, row.latest)
    (own / "region_onset.csv").write_text(f"{head}\nKG-T,{','.join(map(str, cells))},1,computed\n", encoding="utf-8")
    assert observe(load_scenario(str(own)).case.record).seats_entered["KG-T"] is True
    (own / "region_onset.csv").write_text(f"{head}\nKG-T,2029-03-04,2029-03-04,2029-03-05,1,computed\n", encoding="utf-8")
    problems = Problems()
    check(str(own), problems)
    assert [p.code for p in problems.found] == ["onset_conflict"]


def test_a_thin_record_is_said_first_with_the_table_that_would_help(model: Path) -> None:
    scenario = load_scenario(str(model))
    plan, seen = resolve(scenario, scale=0.01), observe(scenario.case.record)
    thin, _ = enough(target_of(seen, plan), plan, quiet=False)
    for table in ("totals.csv: quantity participants", "quantity detained_cumulative", "seat_entered 1 or 0", "[calibration.quiet]"):
        assert table in thin
    assert "3 of 8 regions" in enough_regions(target_of(seen, plan), plan)[0]
    with pytest.raises(StudyError) as caught:
        enough_regions(target_of(replace(seen, onsets=seen.onsets[:0]), plan), plan)
    assert caught.value.problems[0].code == "regions_few"


@pytest.mark.parametrize(
    "words", [("calibrate", "own", "--quick"), ("heldout", "own"), ("rivals", "own", "--arm", "base", "--arm", "my-account.toml")]
)
def test_a_record_without_events_is_refused_before_anything_is_simulated(
    words: tuple[str, ...], own: Path, asked: Callable[..., Ran]
) -> None:
    scenario = (own / "scenario.toml").read_text(encoding="utf-8")
    (own / "scenario.toml").write_text(scenario.partition("\n[[steps]]")[0], encoding="utf-8")
    (own / "events.csv").write_text((own / "events.csv").read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    ran = asked(*words)
    assert (ran.code, "events.csv" in ran.err) == (2, True)


@pytest.mark.parametrize("study", ["experiments", "planted"])
def test_a_case_without_experiments_is_told_how_to_write_one(study: str, own: Path, asked: Callable[..., Ran]) -> None:
    shutil.rmtree(own / "experiments")
    ran = asked(study, "own")
    assert (ran.code, "experiments/H01.toml" in ran.err, "own-experiment.md" in ran.err) == (2, True, True)


def test_worlds_that_cannot_differ_are_refused(own: Path, asked: Callable[..., Ran]) -> None:
    file = own / "experiments" / "H01.toml"
    file.write_text(re.sub(r"^(base = .*|replay_until.*)$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE), encoding="utf-8")
    file.write_text(file.read_text(encoding="utf-8").replace('path = "drivers.internet"', 'path = "steps.internet-cut"'), encoding="utf-8")
    ran = asked("experiments", "own")
    assert (ran.code, "drivers.internet" in ran.err) == (2, True)


def test_planted_worlds_need_a_counterfactual(own: Path, asked: Callable[..., Ran]) -> None:
    none = 'hypothesis = "H01"\ntype = "none"\nquestion_en = "a"\nrule_en = "b"\ncaution_en = "c"\n'
    (own / "experiments" / "H01.toml").write_text(none, encoding="utf-8")
    ran = asked("planted", "own")
    assert (ran.code, "counterfactual" in ran.err) == (2, True)


@pytest.mark.parametrize("arms", [(), ("--arm", "my-account.toml"), ("--arm", "base", "--arm", "base")])
def test_one_account_is_no_comparison(arms: tuple[str, ...], asked: Callable[..., Ran]) -> None:
    ran = asked("rivals", "own", *arms)
    assert (ran.code, "--arm base" in ran.err) == (2, True)


def test_the_scenario_as_it_is_may_be_one_of_the_accounts(model: Path) -> None:
    scenario = load_scenario(str(model))
    assert arm_edits(scenario, AS_IS) == []
    assert arm_name(AS_IS, scenario)[0] == "the scenario as it is"


def test_a_policy_without_its_dates_is_refused_before_it_is_tried(asked: Callable[..., Ran]) -> None:
    ran = asked("policy", "own")
    assert (ran.code, "emergency, cabinet, intervention, shoot_order" in ran.err) == (2, True)


def test_without_a_quiet_day_no_next_day_is_foreseen(model: Path) -> None:
    scenario = load_scenario(str(model))
    facts = facts_of(observe(scenario.case.record), resolve(scenario, scale=0.01))
    assert days_foreseen(facts) == []
    flat = np.full((len(facts.low), facts.n_days + 1), 1 / (facts.n_days + 1))
    assert {s.partition for s in scores(facts, {MODEL: flat}, [], np.empty((0, len(facts.low))), 5)} == {"region"}
    shown = facts_of(observe(packaged().case.record), resolve(packaged(), scale=0.01))
    assert len(days_foreseen(shown)) > 3


def test_a_fit_that_is_not_used_is_named_with_the_reason() -> None:
    scenario = packaged()
    fit = read_fit(scenario.case.folder)
    assert fit is not None
    assert told_unused(scenario) is None
    assert "--scale 0.1" in (told_unused(scenario, resolve(scenario, scale=0.02)) or ("",))[0]
    time = scenario.file.time.model_copy(update={"hours": 24})
    other = Scenario(scenario.case, scenario.file.model_copy(update={"time": time, "steps": [], "arms": {}}))
    assert "scenario.toml" in (told_unused(other) or ("",))[0]
    assert why_unused({**fit.posterior.made, "model_sha256": "-"}, scenario) == "model"
    with pytest.raises(ResultError) as caught:
        posterior_of(other)
    assert caught.value.problems[0].code == "posterior_stale"


def test_the_first_region_is_one_that_can_have_been_the_first(model: Path) -> None:
    scenario = load_scenario(str(model))
    plan, seen = resolve(scenario, scale=0.01), observe(scenario.case.record)

    def first(onsets: Iterable[Onset]) -> list[tuple[str, bool]]:
        target = target_of(replace(seen, onsets=tuple(onsets)), plan)
        return [(item.of, np.isnan(low)) for item, low in zip(target.items, target.low, strict=True) if item.block == "first"]

    known = {o.region_id: o for o in seen.onsets if o.latest}
    assert {k: o.latest.day for k, o in known.items() if o.latest} == {"KG-N": 2, "KG-T": 3, "KG-GB": 4}
    ((openers, blank),) = first(seen.onsets)
    assert not blank
    assert "KG-N" in openers.split(";")  # surely by the second; and those of which nothing is known may have been before it
    assert not {"KG-T", "KG-GB"} & {*openers.split(";")}
    late = (replace(o, earliest=date(2029, 3, 5)) if o.latest is None else o for o in seen.onsets)
    assert first(late) == [("KG-N", False)]
    assert first(replace(o, latest=None) for o in seen.onsets) == [("", True)]
    assert first(replace(o, earliest=date(2029, 3, 1)) for o in seen.onsets) == [("", True)]  # any of them may have been: nothing is told


def test_a_fit_to_another_record_is_stale_and_one_to_the_same_is_not(own: Path) -> None:
    plan = resolve(load_scenario(str(own)), scale=0.01)

    def fitted() -> dict[str, object]:
        target = target_of(observe(load_scenario(str(own)).case.record), plan)
        return {"model_sha256": model_hash(), "plan_sha256": plan.sha256(), "scale": 0.01, "target_sha256": target.sha256()}

    made = fitted()
    assert why_unused(made, load_scenario(str(own))) == ""
    events = own / "events.csv"
    before = events.read_text(encoding="utf-8")
    events.write_text(before.replace("protest", "march"), encoding="utf-8")  # which dates the same
    assert why_unused(made, load_scenario(str(own))) == ""
    events.write_text(before.replace("2029-03-02", "2029-03-01"), encoding="utf-8")
    assert why_unused(made, load_scenario(str(own))) == "record"
    assert current_plan(made, load_scenario(str(own))) is None
    assert fitted() != made
    assert why_unused({k: v for k, v in made.items() if k != "target_sha256"}, load_scenario(str(own))) == ""  # nobody can tell


SMALL = ("--scale", "0.001", "--table", "30", "--draws", "30", "--rounds", "0", "--near", "10", "--force-draws", "1", "--particles", "10")


def test_a_fit_kept_in_the_case_answers_what_is_asked_of_it(own: Path) -> None:
    ran = call_qantar("calibrate", "own", "--quick", *SMALL, "--out", "own/fit", cwd=own.parent)
    assert ran.code == 0, ran.err
    ask = ("counterfactual", "own", "--scale", "0.001", "--draws", "2", "--replicates", "1")
    ran = call_qantar(*ask, "--arm", "drivers.internet=off", cwd=own.parent)
    assert ran.code == 0, ran.err
    made = json.loads((own.parent / "results" / "own-counterfactual" / "result.json").read_text(encoding="utf-8"))
    assert made["basis"] == "posterior"
    assert CASE not in ran.out + ran.err


def test_a_quick_comparison_of_accounts_obeys_what_is_asked_beside_it() -> None:
    def setup(**options: object) -> object:
        return rivals.setup_of(rivals.RivalsOptions.model_validate({"scenario": "kazakhstan-2022", **options}))

    assert setup(quick=True) == QUICK
    assert setup(quick=True, table=50, near=12) == replace(QUICK, table=50, draws=50, near=12)
    assert setup(table=50) == replace(rivals.FULL, table=50, draws=50)
    assert setup() == rivals.FULL != QUICK
