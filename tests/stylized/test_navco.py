"""Past campaigns: halves that stay, levels that are tuned, contrasts with intervals, and tables that do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qantar.errors import DataError
from qantar.stylized.experiment import packaged_folder
from qantar.stylized.navco import SEED, TYPES, Histories, contrasts, count, counts_csv, intercept, is_test, levels_of, packed_counts, thetas

COUNTS = packed_counts(packaged_folder())
HEAD = "navco_id,campaign,success,ongoing,nonviol,regchange,defect,percentage_popular_participation\n"


def table(path: Path, rows: int = 400) -> Path:
    """Made-up campaigns: success follows defection and participation."""
    rng = np.random.default_rng(1)
    lines = []
    for k in range(rows):
        nonviolent, defect, share = int(rng.uniform() < 0.5), int(rng.uniform() < 0.3), 10 ** rng.uniform(-4, -1.2)
        won = int(rng.uniform() < 0.2 + 0.4 * defect + 0.2 * (share > 0.01))
        lines.append(f"{k},c{k},{won},0,{nonviolent},{int(rng.uniform() < 0.6)},{defect},{share:.6f}")
    path.write_text(HEAD + "\n".join(lines) + "\n")
    return path


def histories(link: float, draws: int = 20, each: int = 200) -> Histories:
    """Histories in which defection and success go together so far."""
    rng = np.random.default_rng(2)
    n = draws * each
    gone = np.where(rng.uniform(size=n) < 0.4, 0.2, 0.0)
    success = rng.uniform(size=n) < 0.3 + link * (gone > 0)
    return Histories(np.repeat(np.arange(draws), each), success, 10 ** rng.uniform(3, 5.5, n), np.full(n, 1e6), gone)


def test_halves_are_a_function_of_seed_and_campaign_alone() -> None:
    first = [is_test(SEED, k) for k in range(600)]
    assert first == [is_test(SEED, k) for k in range(600)]
    assert first != [is_test(SEED + 1, k) for k in range(600)]
    assert 240 < sum(first) < 360


def test_a_campaign_keeps_its_half_when_others_leave(tmp_path: Path) -> None:
    whole = count(table(tmp_path / "a.csv"))
    lines = (tmp_path / "a.csv").read_text().splitlines()
    kept = [lines[0], *(x for x in lines[1:] if is_test(SEED, int(x.split(",")[0])))]
    (tmp_path / "b.csv").write_text("\n".join(kept) + "\n")
    part = count(tmp_path / "b.csv")
    assert {k: v for k, v in whole.items() if k[0] == "test"} == {k: v for k, v in part.items() if k[0] == "test"}
    assert all(v == (0, 0) for k, v in part.items() if k[0] == "tune")


def test_the_packaged_counts_are_whole() -> None:
    counts = COUNTS
    for half in ("tune", "test"):
        by_contrast = {c: sum(n for (h, _, x, _), (n, _) in counts.items() if (h, x) == (half, c)) for c in ("defection", "goal")}
        assert len(set(by_contrast.values())) == 1
    assert sum(n for (_, _, x, _), (n, _) in counts.items() if x == "goal") == 352  # 389 campaigns, 37 ongoing
    assert all(0 <= won <= n for n, won in counts.values())
    assert [x[0] for x in levels_of(counts)] == list(TYPES)


def test_the_intercept_gives_the_tuned_level() -> None:
    theta = [0.0, 1.0]
    a = intercept([30, 10], 17, theta)
    assert sum(n / (1 + np.exp(-a - t)) for n, t in zip([30, 10], theta, strict=True)) == pytest.approx(17, abs=1e-6)
    assert abs(intercept([5, 5], 0, theta)) < 40


def test_tuning_reads_no_success_of_the_other_half() -> None:
    # Every success of the test half is taken away: what is predicted stays, what is observed does not.
    counts, h = COUNTS, histories(0.4)
    spoilt = {k: (n, 0 if k[0] == "test" else won) for k, (n, won) in counts.items()}
    for before, after in zip(contrasts(counts, h), contrasts(spoilt, h), strict=True):
        assert (before.predicted, before.naive) == (after.predicted, after.naive)
        assert before.observed != after.observed


def test_a_link_in_the_histories_is_predicted_and_none_is_not() -> None:
    counts = COUNTS
    linked, free = (next(c for c in contrasts(counts, histories(x)) if c.name == "defection") for x in (0.5, 0.0))
    assert linked.predicted is not None
    assert free.predicted is not None
    assert linked.predicted_low is not None
    assert linked.predicted_low > free.predicted + 0.2
    assert free.predicted == pytest.approx(free.naive, abs=0.08)


def test_the_goal_is_not_predicted() -> None:
    goal = next(c for c in contrasts(COUNTS, histories(0.4)) if c.name == "goal")
    assert (goal.predicted, goal.draws) == (None, 0)
    assert goal.observed_low < goal.observed < goal.observed_high


def test_draws_without_a_level_say_nothing() -> None:
    h = histories(0.3, draws=4)
    h.gone[h.draw == 2] = 0.0
    found = thetas(h, "defection")
    assert np.isnan(found[2, 1])
    assert not np.isnan(found[[0, 1, 3], 1]).any()
    quiet = Histories(h.draw, h.success, np.full(len(h.draw), 10.0), h.residents, h.gone)
    assert np.isnan(thetas(quiet, "defection")).all()


def test_counts_come_back_from_their_table(tmp_path: Path) -> None:
    counts = count(table(tmp_path / "a.csv"))
    (tmp_path / "H11-navco.csv").write_text(counts_csv(counts))
    assert packed_counts(tmp_path) == counts
    with pytest.raises(DataError) as caught:
        packed_counts(tmp_path / "nowhere")
    assert [p.code for p in caught.value.problems] == ["no_campaigns"]


@pytest.mark.parametrize(
    ("content", "code", "key"),
    [
        (HEAD, "empty_file", ""),
        (HEAD.replace("defect,", "") + "1,a,1,0,1,1,0.01\n", "missing_column", "defect"),
        (HEAD + "1,a,yes,0,1,1,0,0.01\n", "not_one_of", "success"),
        (HEAD + "1,a,1,0,1,1,2,0.01\n", "not_one_of", "defect"),
        (HEAD + "1,a,1,0,1,1,0,\n", "not_a_number", "percentage_popular_participation"),
        (HEAD + "-4,a,1,0,1,1,0,0.1\n", "not_a_number", "navco_id"),
    ],
)
def test_a_table_that_does_not_fit_is_said(tmp_path: Path, content: str, code: str, key: str) -> None:
    path = tmp_path / "navco.csv"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        count(path)
    assert [(p.code, p.key) for p in caught.value.problems] == [(code, key)]


def test_a_half_without_a_level_is_said() -> None:
    counts = {k: ((0, 0) if k[0] == "test" and k[3] == "yes" else v) for k, v in COUNTS.items()}
    with pytest.raises(DataError) as caught:
        contrasts(counts, None)
    assert caught.value.problems[0].code == "empty_level"
