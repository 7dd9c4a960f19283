"""Decision rules: each can come out each way, power by simulation, ceilings from priors, and a version that a change cannot slip past.

Checks that rest on luck have fixed seeds and reject correct code with probability below 1e-4 each over seeds.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import CASE
from kit.packaged import scenario
from qantar.cases.case import cases_folder
from qantar.draws import Purpose, uniform
from qantar.effects import decision
from qantar.effects.decision import (
    DECIDED,
    DRAWS_LEAST,
    ORDERS,
    REASONS,
    VERSION,
    Ground,
    any_of,
    attainable,
    basis_of,
    ceiling,
    claimed,
    compared,
    detectable,
    finding_of,
    judge,
    of_order,
    of_policy,
    sha256,
    together,
    turned,
    versions,
)
from qantar.effects.experiment_file import load_experiments
from qantar.effects.parameter_sets import Draws, ceilings_of
from qantar.effects.versions import FILE, merged, read_versions
from qantar.files.programs import sha256_of
from qantar.inference.posterior import FIT
from qantar.messages import keys_under, text
from qantar.scenario.parameters import draw
from qantar.statistics import wilson
from qantar.studies.experiments import trial_of
from qantar.verdicts.hypotheses import Trial, read_trials, reason_of, summed

NONE = np.empty(0, np.int64)


def gauss(n: int, m: int, key: int) -> np.ndarray:
    from scipy.special import ndtri

    return np.asarray(ndtri([[uniform(9, int(Purpose.STUDY), k, j, key) for j in range(m)] for k in range(n)]))


def luck(n: int = 40, size: float = 0.02) -> np.ndarray:
    """Two seeds that move the outcome and cancel, in each draw."""
    return np.tile([[size, -size]], (n, 1))


def said(seeds: np.ndarray, *, asserts: str = "effect", ancestors: np.ndarray = NONE, direction: int = 1, **ground: Any) -> tuple[str, str]:
    found = judge(seeds, ancestors, 0.1, direction, asserts, Ground(**ground))
    return found.verdict, found.reason


# --- A part --------------------------------------------------------------------------------------------------------------

BOTH = np.concatenate([luck(20), 0.5 + luck(20)])
LIKE = {"peak": 0.9, "dead": 0.9, "over": 0.9, "seats": 0.9}
FAMILY = np.array([1] * 5 + list(range(2, 42)))
"""Five draws of one ancestor among 45, worth 2025 / 65 = 31; four of one among 50 are worth more than enough."""
CARRIED = np.array([1] * 4 + list(range(2, 48)))
CASES: list[tuple[np.ndarray, dict[str, Any], tuple[str, str]]] = [
    (0.5 + luck(), {}, ("supported", "")),
    (luck(), {}, ("contradicted", "")),
    (-0.5 + luck(), {}, ("contradicted", "")),
    (-0.5 + luck(), {"direction": -1}, ("supported", "")),
    (0.5 + luck(), {"asserts": "absence"}, ("contradicted", "")),
    (luck(), {"asserts": "absence"}, ("supported", "")),
    (BOTH, {}, ("undecided", "")),
    (BOTH, {"asserts": "absence"}, ("undecided", "")),
    (0.5 + luck(), {"uprisings": 0.49}, ("not-judged", "quiet")),
    (0.5 + luck(), {"uprisings": 0.5}, ("supported", "")),
    (0.5 + luck(), {"like": LIKE}, ("supported", "")),
    (0.5 + luck(), {"like": LIKE | {"dead": 0.49}}, ("not-judged", "unlike")),
    (0.5 + luck(), {"like": LIKE | {"dead": 0.5}}, ("supported", "")),
    (0.5 + luck(), {"shown": 0.49}, ("not-judged", "lacking")),
    (luck(), {"control": 0.89}, ("not-judged", "control")),  # what does not see the known sees nothing
    (luck(), {"control": 0.9}, ("contradicted", "")),
    (0.5 + luck(), {"answered": True}, ("not-decidable", "answered")),
    (luck(), {"attainable": 0.89}, ("not-decidable", "unattainable")),
    (luck(), {"attainable": 0.9}, ("contradicted", "")),
    (BOTH, {"ceiling": 0.75}, ("not-decidable", "ceiling")),
    (luck(), {"ceiling": 0.75}, ("not-decidable", "ceiling")),  # what could not have been found is not missing
    (np.concatenate([luck(35), np.zeros((5, 2))]), {}, ("not-decidable", "still")),
    (np.concatenate([luck(36), np.zeros((4, 2))]), {}, ("contradicted", "")),
    (np.zeros((40, 2)), {"asserts": "absence"}, ("not-decidable", "still")),  # nor does it cost nothing to claim that nothing happens
    (np.zeros((40, 2)), {"level": True}, ("contradicted", "")),  # a level may be none
    (0.5 + luck(34), {}, ("not-decidable", "draws")),
    (0.5 + luck(35), {}, ("supported", "")),
    (0.5 + luck(45), {"ancestors": FAMILY}, ("not-decidable", "draws")),
    (luck(size=1.0), {}, ("not-decidable", "power")),
    (luck(size=1.0), {"asserts": "absence"}, ("not-decidable", "power")),
    (0.5 + luck(size=1.0), {}, ("not-decidable", "power")),  # what is found needs the power that what is missing needs
    (luck()[:, :1], {}, ("not-decidable", "blind")),
    (np.concatenate([0.5 + luck(45), luck(5)]), {"ancestors": CARRIED}, ("not-decidable", "ancestor")),
    (np.concatenate([0.5 + luck(46), luck(4)]), {"ancestors": CARRIED}, ("supported", "")),
]


@pytest.mark.parametrize(("seeds", "how", "expected"), CASES)
def test_each_rule_comes_out_each_way(seeds: np.ndarray, how: dict[str, Any], expected: tuple[str, str]) -> None:
    assert said(seeds, **how) == expected


def test_every_reason_is_planted_or_belongs_to_another_rule() -> None:
    planted = {reason for _, _, (_, reason) in CASES if reason}
    assert planted | {"constant", "scale", "order"} == set(REASONS)  # of policies; of everyone; of rankings
    for lang in ("en", "zh"):
        for reason in REASONS:
            row = {"reason": reason, "reason_share": 0.456, "smallest": 0.1, "base_peak": 0.456}
            told = reason_of(row, lang)
            assert told
            assert "{" not in told
    assert set(keys_under("reason")) == set(REASONS)
    assert set(keys_under("reason_kind")) == set(REASONS.values())
    assert reason_of({"reason": ""}, "en") == ""


@pytest.mark.parametrize(("hits", "n", "word"), [
    (36, 40, "very-likely"), (35, 40, "likely"), (66, 100, "likely"), (65, 100, "even"), (34, 100, "even"), (33, 100, "unlikely"),
    (5, 40, "unlikely"), (4, 40, "very-unlikely"),
])  # fmt: skip
def test_a_probability_is_a_share_of_draws_in_words_and_absence_is_the_rest(hits: int, n: int, word: str) -> None:
    seeds = np.concatenate([0.5 + luck(hits), luck(n - hits)])
    there, gone = (judge(seeds, NONE, 0.1, 1, asserts, Ground()).chance for asserts in ("effect", "absence"))
    assert (there.word, there.share) == (word, hits / n)
    assert (there.low, there.high) == pytest.approx(wilson(hits, n))
    assert gone.share == pytest.approx(1 - there.share)
    assert (gone.low, gone.high) == pytest.approx((1 - there.high, 1 - there.low))


def test_the_interval_counts_ancestors_and_not_their_copies() -> None:
    seeds, pairs = np.concatenate([0.5 + luck(30), luck(10)]), np.arange(40) // 2
    alone, copied = (judge(seeds, of, 0.1, 1, "effect", Ground()).chance for of in (NONE, pairs))
    assert copied.share == alone.share == 0.75
    assert (copied.low, copied.high) == pytest.approx(wilson(15, 20))
    assert copied.high - copied.low > alone.high - alone.low


def test_so_many_draws_are_needed_that_all_of_them_could_show_nine_of_ten() -> None:
    assert wilson(DRAWS_LEAST, DRAWS_LEAST)[0] >= 0.9 > wilson(DRAWS_LEAST - 1, DRAWS_LEAST - 1)[0]


def test_what_a_base_fails_in_is_named_in_a_fixed_order() -> None:
    assert Ground(like={"seats": 0.0, "peak": 0.6, "over": 0.2}).unlike == "over"
    assert Ground(like={}).unlike == Ground(like=LIKE).unlike == ""  # what the record does not say is no fault
    row = {"reason": "unlike", "reason_share": 0.2, "base_peak": 0.6, "base_dead": None, "base_over": 0.2}
    assert text("likeness.over", "en") in reason_of(row, "en")


def test_an_account_turns_a_verdict_round_only_across_the_middle() -> None:
    assert [turned(*x) for x in ((0.95, 0.33), (0.33, 0.66), (0.95, 0.34), (0.65, 0.05), (0.2, 0.1))] == [True, True, False, False, False]


def test_the_rule_does_not_depend_on_the_order_of_draws() -> None:
    seeds = 0.1 + 0.2 * gauss(40, 3, 11)
    for shift in range(4):
        there = finding_of(np.roll(seeds, shift, axis=0).mean(axis=1), 0.1)
        assert there == finding_of(seeds.mean(axis=1), 0.1)
        assert said(np.roll(seeds, shift, axis=0)) == said(seeds)


def test_either_sign_counts_where_no_direction_is_asked() -> None:
    values = np.array([0.2, -0.2] * 10)
    assert (finding_of(values, 0.1).name, finding_of(values, 0.1, 0).name) == ("undecided", "supported")
    assert claimed(finding_of(values, 0.1, 0).name, "absence") == "contradicted"
    assert finding_of(values, 0.3, 0).name == "null"


# --- Power ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "r", "sd"), [(25, 3, 0.2), (40, 2, 1.0)])
def test_an_effect_of_the_detectable_size_is_told_from_none_in_four_of_five_repetitions(n: int, r: int, sd: float) -> None:
    from scipy.special import ndtri

    times = 400
    noise = [sd * gauss(n, r, 1000 + k) for k in range(times)]
    # The power of a design whose noise is known; what one study makes of its own noise varies about it.
    least = -(-9 * n // 10)
    from scipy.stats import beta

    exact = sd / math.sqrt(r) * float(ndtri(beta.ppf(0.8, least, n - least + 1)))
    estimated = [detectable(x) for x in noise]
    assert abs(np.mean(estimated) / exact - 1) < 0.05
    for size, low, high in ((exact, 0.72, 0.88), (exact / 2, 0.0, 0.4), (2 * exact, 0.97, 1.0)):
        seen = np.mean([finding_of((size + x).mean(axis=1), 1e-9).name == "supported" for x in noise])
        assert low <= seen <= high, size  # 0.8 within four standard errors; and not for any size


def test_where_there_is_power_an_effect_of_the_smallest_size_is_hardly_ever_called_missing() -> None:
    """What "contradicted" promises: had the effect been there, the data would have shown it. Planted in every draw, in repetitions."""
    n, r, smallest, times = 40, 3, 0.1, 200
    weak, strong = 0.8, 0.05
    for sd in (weak, strong):
        noise = [sd * gauss(n, r, 5000 + k) for k in range(times)]
        there = [judge(smallest + x, NONE, smallest, 1, "effect", Ground()).verdict for x in noise]
        none = [judge(x, NONE, smallest, 1, "effect", Ground()).verdict for x in noise]
        assert there.count("contradicted") <= 1  # budget: 1 % at most
        assert none.count("supported") == 0
        assert (none.count("contradicted") > 0.95 * times) == (sd == strong)
        assert (none.count("not-decidable") > 0.95 * times) == (sd == weak)  # a study that could not see it says nothing


def test_power_is_undefined_where_nothing_varies_and_counts_only_draws_that_move() -> None:
    assert math.isnan(detectable(np.zeros((20, 3))))
    assert math.isnan(detectable(luck()[:, :1]))
    mixed = np.concatenate([luck(20), np.zeros((20, 2))])
    assert detectable(mixed) == detectable(luck(20)) > 0


# --- Known before anything is run -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contrast", "limits", "direction", "expected"),
    [
        ({"arm": 1, "base": -1}, (0.0, 1.0), 1, 0.75),  # three of four can rise by a tenth
        ({"arm": 1, "base": -1}, (0.0, 1.0), -1, 0.75),  # and three can fall
        ({"base": 1, "arm": -1}, (0.0, 1.0), 1, 0.75),
        ({"arm": 1, "base": -1}, (0.0, math.inf), 1, 1.0),
        ({"base": 1}, (0.0, 1.0), 1, 1.0),  # a level is what is asked about
        ({"one": 1, "other": -1}, (0.0, 1.0), 1, 1.0),  # nothing starts from the base
    ],
)
def test_the_smallest_effect_must_fit_the_measure(
    contrast: dict[str, float], limits: tuple[float, float], direction: int, expected: float
) -> None:
    level = np.array([0.0, 0.5, 0.9, 1.0])
    assert attainable(level, contrast, "base", limits, 0.1, direction) == expected


FITTED = Draws([draw(1, k) for k in range(200)])
"""In place of a posterior: what is fitted comes from the draws."""


def ceilings() -> dict[str, dict[str, float]]:
    return {w.spec.hypothesis: ceilings_of(scenario(), w.spec, FITTED) for w in load_experiments(scenario()) if w.spec.parts}


def test_ceilings_follow_from_the_priors_alone() -> None:
    """Shares computed by hand from `parameters.toml`: half of a symmetric prior, and what a spike leaves, at least one carrier acting."""
    found = ceilings()
    by_hand = {
        ("H01", "a"): 0.75, ("H04", "a"): 0.5, ("H05", "a"): 0.75, ("H06", "a"): 1 - 0.5 * 0.65, ("H08", "a"): 0.75,
        ("H08", "b"): 0.75, ("H09", "a"): 0.75, ("H09", "b"): 0.75, ("H10", "a"): 0.5, ("H12", "a"): 1 - 0.5 * 0.5 * 0.7 * 0.3,
        ("H13", "a"): 1.0, ("H13", "b"): 0.5, ("H13", "c"): 0.5, ("H14", "a"): 1.0, ("H14", "b"): 1.0,
    }  # fmt: skip
    for (name, part), share in by_hand.items():
        assert found[name][part] == pytest.approx(share, abs=4 * 0.5 / math.sqrt(4000)), (name, part)
    acts = np.mean([v["media_gain"] > 0 for v in FITTED.values])  # learned: from the fitted draws
    assert found["H02"]["b"] == pytest.approx(acts, abs=0.01)
    assert set(by_hand) | {("H02", "b")} == {(h, p) for h, parts in found.items() for p in parts}


def test_a_coefficient_that_lets_the_effect_be_there_raises_the_ceiling_and_one_of_the_wrong_sign_does_not() -> None:
    x = {"a": np.array([0.0, 0.0, 1.0, 1.0]), "b": np.array([-1.0, 1.0, -1.0, 1.0])}
    assert ceiling({"a": 1}, x) == 0.5
    assert ceiling({"a": -1}, x) == 0.0
    assert ceiling({"a": 1, "b": 1}, x) == 0.75
    assert ceiling({"a": 0, "b": 0}, x) == 1.0  # no sign declared: whatever is not 0 may carry it, so "at most"


# --- Several -----------------------------------------------------------------------------------------------------------------


def test_one_verdict_of_several() -> None:
    assert together(["supported", "contradicted"]) == "undecided"
    assert together(["contradicted", "not-decidable", "not-judged"]) == "not-judged"
    assert together(["supported", "not-decidable", "undecided"]) == "not-decidable"
    assert together(["not-judged"]) == "not-judged"
    assert any_of(["supported", "contradicted"]) == "supported"
    assert any_of(["contradicted", "undecided"]) == "undecided"
    assert [compared(g, e, 0.18) for g, e in ((0.5, 0.1), (0.1, 0.01), (0.3, 0.2), (-0.5, 0.1))] == [
        "supported", "contradicted", "undecided", "contradicted"
    ]  # fmt: skip


def test_assumed_is_said_of_what_is_decided_only() -> None:
    words = (*DECIDED, "undecided", "not-decidable", "not-judged")
    for prior in (*words, None):
        for posterior in words:
            basis = basis_of(prior, posterior)
            assert (basis == "assumed") == (prior == posterior and posterior in DECIDED)
            assert (basis == "experiment") == (posterior in DECIDED and prior in ("undecided", *DECIDED) and prior != posterior)
        assert basis_of(prior, None) == "prior"


def test_a_policy_must_beat_the_constant_too() -> None:
    soon = np.full(20, 50.0)
    assert [of_policy(soon, 12, b).verdict for b in (0.9, 0.89)] == ["supported", "undecided"]
    assert of_policy(soon, 12, 0.1).reason == "constant"
    assert of_policy(0 * soon, 12, 0.9).verdict == "contradicted"
    both = of_policy(np.array([50.0, 0.0]), 12, 0.9)
    assert (both.verdict, both.reason, both.chance.share) == ("undecided", "", 0.5)


def test_an_order_can_be_reversed_or_fit_and_sources_that_differ_make_it_say_nothing() -> None:
    assert of_order([0.05, 0.01], [0.99, 0.99]) == "order-fits"
    assert of_order([0.05, 0.06], [0.99, 0.99]) == "order-silent"
    assert of_order([0.99, 0.97], [0.05, 0.03]) == "order-reversed"
    assert of_order([0.99, 0.97], [0.05, 0.06]) == "order-silent"
    assert {*ORDERS.values()} == {"undecided", "contradicted", "not-decidable"}  # supports nothing


# --- Version -----------------------------------------------------------------------------------------------------------------


def test_the_version_is_that_of_these_rules() -> None:
    """Whoever changes a rule raises VERSION and adds a line to decision-versions.csv with the new hash, which this prints."""
    known = versions()
    assert [v.version for v in known] == list(range(1, VERSION + 1))
    assert known[-1].sha256 == sha256(), f"a rule was changed: raise VERSION, add a line to decision-versions.csv with {sha256()}"
    assert all(v.change_en and v.change_zh and v.since for v in known)


def test_a_rule_or_a_number_changes_the_hash_and_a_comment_does_not() -> None:
    source = Path(str(decision.__file__)).read_text(encoding="utf-8")
    own = sha256_of({"rules": source})
    assert own == sha256()
    told = source.replace('"""Whether so many are at least nine of ten.', '"""Whether it is enough.').replace(
        "POWER = 0.8\n", "POWER = 0.8  # so\n\n"
    )
    assert told != source
    assert sha256_of({"rules": told}) == own
    for old, new in (("MOST = (9, 10)", "MOST = (8, 10)"), ("POWER = 0.8\n", "POWER = 0.7\n"), ("LIKE_FACTOR = 3.0", "LIKE_FACTOR = 9.0"),
                     ("return MOST[1] * count >= MOST[0] * of", "return MOST[1] * count > MOST[0] * of")):  # fmt: skip
        assert source.count(old) == 1
        assert sha256_of({"rules": source.replace(old, new)}) != own


def test_what_was_said_before_stays_beside_what_is_said_now() -> None:
    def row(name: str, version: int, verdict: str) -> dict[str, str]:
        return {"hypothesis": name, "rules_version": str(version), "verdict": verdict}

    now = [row("H08", VERSION, "not-judged")]
    before = [row("H08", 1, "contradicted"), row("H08", VERSION, "undecided"), row("H09", 1, "contradicted")]
    assert [(r["rules_version"], r["verdict"]) for r in merged(before, now)] == [("1", "contradicted"), (str(VERSION), "not-judged")]
    assert merged([], now) == now


# --- What ships ----------------------------------------------------------------------------------------------------------------

FIRST = dict.fromkeys(("H08", "H09", "H15"), "contradicted") | dict.fromkeys(("H03", "H07"), "not-testable")
"""Verdicts as they shipped under the first version; all others were undecided."""
NOW = {
    "H16": "undecided",
    **dict.fromkeys(("H01", "H02", "H11"), "not-decidable"),
    **dict.fromkeys(("H04", "H05", "H06", "H08", "H09", "H10", "H12", "H13", "H14"), "not-judged"),
    **dict.fromkeys(("H03", "H07", "H15"), "not-testable"),
}


def test_the_table_of_versions_says_what_every_version_said() -> None:
    trials = read_trials(cases_folder() / CASE)
    tried = {name: t for name, t in trials.items() if name.startswith("H")}
    assert {name: t.verdict for name, t in tried.items()} == NOW
    for name, t in tried.items():
        rows = {int(r["rules_version"]): r for r in t.versions}
        assert sorted(rows) == [1, 2, VERSION], name
        assert rows[1]["verdict"] == FIRST.get(name, "undecided"), name
        assert (rows[VERSION]["verdict"], rows[VERSION]["reason_en"], rows[VERSION]["reason_zh"]) == (t.verdict, t.why("en"), t.why("zh"))
        assert t.rules == VERSION
        assert not t.changed, name
        assert t.why("en")
        assert t.why("zh")  # none is decided, so each says why
    assert [tried[name].earlier[0] for name in ("H08", "H09", "H15")] == ["contradicted"] * 3


def test_what_was_withdrawn_is_withdrawn_for_the_reason_that_was_found() -> None:
    trials = read_trials(cases_folder() / CASE)

    def reasons(name: str) -> dict[str, str]:
        return {r["part"]: r["reason"] for r in trials[name].leading}

    assert reasons("H08") == reasons("H09") == {"a": "unlike", "b": "unlike"}
    for name in ("H08", "H09"):
        assert all(r["base_dead"] == r["reason_share"] < 0.5 for r in trials[name].leading)  # so few bases have as many dead as recorded
    assert trials["H15"].why("en").startswith("Not testable by first days")
    assert {r["verdict"] for r in trials["H15"].rows} == {"not-testable"}
    # No verdict is "contradicted" where what could be seen is larger than what counts, and none is "assumed" that is not decided.
    rows = [r for t in trials.values() for r in t.rows if "detectable" in r and "smallest" in r]
    assert len(rows) > 50
    assert not [r for r in rows if r["verdict"] == "contradicted" and not (r["detectable"] or 9.0) <= r["smallest"]]
    assert not [t for t in trials.values() if t.basis in ("assumed", "experiment") and t.verdict not in DECIDED]
    assert summed([t for name, t in trials.items() if name.startswith("H")])["possible"] == "3"


def test_rules_that_changed_after_the_result_show(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cases_folder() / CASE
    monkeypatch.setattr(decision, "sha256", lambda: "0" * 64)
    assert all(t.changed for name, t in read_trials(folder).items() if name.startswith("H"))


def test_the_files_of_versions_are_those_of_the_results() -> None:
    for kind, least in (("experiments", 15), ("methods", 1)):
        folder = cases_folder() / CASE / FIT / kind
        made = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        assert made["rules"] == {"version": VERSION, "sha256": sha256()}
        assert FILE in made["files"]
        assert len({r["hypothesis"] for r in read_versions(folder)}) == least


def test_an_answer_that_was_not_given_is_no_sentence_without_a_reason() -> None:
    w = next(w for w in load_experiments(scenario()) if w.spec.hypothesis == "H15")
    trial = trial_of(scenario(), w, [])
    assert (trial.verdict, trial.why("zh")) == ("not-testable", w.spec.rule_zh)
    assert Trial("H99", "counterfactual", "not-judged", "fitted", [], [], "").words == "not-judged"
    decided = Trial("H99", "counterfactual", "supported", "prior", [], [], "")
    assert decided.why("en") == ""
    assert text("verdict.not-judged", "zh")
