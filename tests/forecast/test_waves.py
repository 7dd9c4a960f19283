"""Other waves: the rule of rallies is that of the model, a planted wave gives its parameters back, nobody sees the future, few waves say little."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecast.test_benchmark import TARGETS, a_task, some_events
from qantar.errors import DataError, StudyError
from qantar.forecast import pooled, rallies_entry
from qantar.forecast.pooled import COLUMNS, Information, Summary, foretold, inside, natural, prior_of, world
from qantar.forecast.rallies import GRID, NAMES, SHARED, Fit, Rallies, attention, crowds, fit, known, likelihood, rates, recorded, values_of
from qantar.forecast.rallies_ahead import chances, planted
from qantar.forecast.splits import COUNT, WEEK
from qantar.inference.prior import columns_of, value_at, values_at
from qantar.inference.priors import below, favour, moved, places, read_priors, write_priors
from qantar.inference.rejection import points_of
from qantar.model.diffusion import attention as of_the_model
from qantar.scenario.parameters import Prior, parameters
from qantar.statistics import wilson

DAYS, TOWNS = 40, 25


def a_country(counts: np.ndarray | None = None) -> Rallies:
    """Towns on a grid half a degree apart, nothing there."""
    nothing = np.zeros((TOWNS, DAYS)) if counts is None else counts
    points = np.array([(k % 5 / 2, k // 5 / 2) for k in range(TOWNS)], float)
    residents = 3e5 * np.exp(np.random.default_rng(1).normal(size=TOWNS))
    empty = np.zeros(nothing.shape[1])
    return Rallies(dt.date(2031, 3, 3), residents, points, nothing, np.zeros(nothing.shape), nothing, (empty, empty), np.zeros((0, 3)), 0.7)


def scores(**values: float) -> np.ndarray:
    """Normal scores of some parameters; the others at their middle."""
    found = np.zeros(len(NAMES))
    for k, (name, (log, middle, sd)) in enumerate(NAMES.items()):
        if name in values:
            found[k] = (np.log(values[name] / middle) if log else values[name] - middle) / sd
    return found


def test_attention_is_that_of_the_model_and_fades_by_half_life() -> None:
    assert attention(np.array([0.0, 50.0, 900.0]), 100.0).tolist() == [of_the_model(n, 100.0) for n in (0.0, 50.0, 900.0)]
    assert known(np.array([0.8, 0.0, 0.5, 0.0]), 24.0).tolist() == [0.0, 0.8, 0.4, 0.5]


def test_a_place_hears_of_others_and_not_of_itself_elsewhere_and_near_crowds_fade_with_distance() -> None:
    counts = np.zeros((TOWNS, DAYS))
    counts[0, 3] = 1
    r = a_country(counts)
    here, near, far = crowds(r, values_of(scores(crowd=500, near_km=float(GRID[4]))))
    assert (here[0, 3], far[0, 3], far[1, 3]) == (500, 0, 500)
    assert near[0, 3] == 0
    assert near[1, 3] > near[2, 3] > near[24, 3] > 0
    assert near[1, 3] == pytest.approx(500 * np.exp(-55.6 / GRID[4]), rel=0.01)
    alone, heard = (rates(r, values_of(scores(media_gain=g, crowd=5000, day_off_effect=0))) for g in (0.0, 2.0))
    assert alone[1, 4] == pytest.approx(alone[1, 3], rel=1e-9)
    assert heard[1, 4] > 3 * heard[1, 3]
    assert heard[0, 4] == pytest.approx(alone[0, 4])  # its own crowd is no news of others


def test_the_share_written_down_is_that_of_rallies_drawn_one_by_one_also_where_few_are() -> None:
    v = values_of(scores(rally_sd=1.5, reported_half=120, reported_steepness=1.8))
    away = 1.5 * np.random.default_rng(2).normal(size=400_000)
    for middle in (1.5, 2.5, 3.5, 6.0):
        share = float((1 / (1 + (120 / np.exp(middle + away)) ** 1.8)).mean())
        assert float(recorded(np.array(middle), v)) == pytest.approx(share, rel=0.03), middle


TRUE = {"rally_rate": 5.0, "media_gain": 3.0, "crowd_gain": 0.0, "near_gain": 0.0, "rally_size": 60.0, "news_half": 500.0, "day_sd": 0.4,
        "day_off_effect": -0.5, "evenness": 3.0}  # fmt: skip


def test_a_planted_wave_gives_its_parameters_back() -> None:
    record = planted(a_country(), values_of(scores(**TRUE)), 3, 1, sizes=True)
    assert record.counts.sum() > 60
    found = fit(record, 5, draws=100)
    assert found.worth > 5
    mean, sd = found.z.mean(axis=0), found.z.std(axis=0)
    truth = scores(**TRUE)
    for name in ("media_gain", "rally_size", "rally_scaling", "day_off_effect", "rally_sd"):
        k = list(NAMES).index(name)
        assert abs(mean[k] - truth[k]) < 3.3 * sd[k] + 0.1, name
    told = [list(NAMES).index(n) for n in ("media_gain", "rally_size", "day_off_effect")]
    assert (sd[told] < 0.6).all()
    assert np.array_equal(found.z, fit(record, 5, draws=100).z)
    # the fault that this test is there to find: days in another order are another record
    order = np.random.default_rng(1).permutation(DAYS)
    shuffled = replace(record, counts=record.counts[:, order], sized=record.sized[:, order], sizes=np.zeros((0, 3)))
    alike, unlike = (
        likelihood(replace(r, sizes=np.zeros((0, 3))), values_of(truth))
        - likelihood(replace(r, sizes=np.zeros((0, 3))), values_of(scores(**{**TRUE, "media_gain": 0.0})))
        for r in (record, shuffled)
    )
    assert alike > unlike


def information(mean: float, sd: float) -> Information:
    n = len(SHARED)
    return Information.of(np.full(n, mean), sd**2 * np.eye(n))


def test_few_waves_say_little_of_one_more_and_many_alike_say_much() -> None:
    nothing, two, many = (
        foretold(x, 1) for x in ([information(0, 1), information(0, 1)], [information(1, 0.2)] * 2, [information(1, 0.2)] * 12)
    )
    assert nothing.new.std() == pytest.approx(np.sqrt(2), abs=0.12)  # mu and sigma as before: as wide as two broad priors
    assert abs(nothing.new.mean()) < 0.1
    assert nothing.new.std() > two.new.std() > 2 * many.new.std()
    assert many.new.mean() == pytest.approx(1, abs=0.1)
    apart = foretold([information(-2, 0.2), information(2, 0.2)], 1)
    assert apart.spread.mean() > 2 * two.spread.mean()
    assert inside(1.0, 0.2, many.new[:, 0]) > 0.5
    assert inside(4.0, 0.2, many.new[:, 0]) < 0.01


def test_intervals_of_what_is_foretold_hold_waves_that_were_left_out() -> None:
    draw, held, of = np.random.default_rng(8), np.zeros(2), 0
    for k in range(6):
        mu, sigma = draw.normal(size=len(SHARED)), np.abs(draw.normal(size=len(SHARED)))
        theta = mu + sigma * draw.normal(size=(4, len(SHARED)))
        records = [Information(4 * np.eye(len(SHARED)), 4 * (own + 0.5 * draw.normal(size=len(SHARED)))) for own in theta[:3]]
        new, of = foretold(records, 2, k).new, of + len(SHARED)
        for i, level in enumerate((0.5, 0.9)):
            low, high = np.quantile(new, (0.5 - level / 2, 0.5 + level / 2), axis=0)
            held[i] += ((theta[3] >= low) & (theta[3] <= high)).sum()
    ends = [wilson(hits, of) for hits in held]
    assert ends[0][0] < 0.5 < ends[0][1], (held, of)
    assert ends[1][0] < 0.9 < ends[1][1], (held, of)


def test_a_planted_world_differs_as_the_hierarchy_says_and_only_one_record_has_sizes() -> None:
    records, truths, left = world(a_country(), 4, 0)
    assert [len(r.sizes) > 0 for r in records] == [True, False, False]
    assert len(truths) == 3
    assert left.shape == truths[0].shape == (len(SHARED),)
    assert len({r.counts.sum() for r in records}) > 1


def test_no_world_is_planted_where_hardly_anybody_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooled, "TRIES", 5)
    with pytest.raises(StudyError) as refused:
        world(replace(a_country(), residents=np.ones(TOWNS)), 4, 0)
    assert [p.code for p in refused.value.problems] == ["waves_not_planted"]


def test_what_is_foretold_becomes_a_prior_of_the_table() -> None:
    draws = np.random.default_rng(3).normal(size=20_000)
    values = natural(np.tile(draws[:, None], (1, len(SHARED))))
    km, crowd = (prior_of(name, values[:, SHARED.index(name)]) for name in ("near_km", "crowd_gain"))
    assert (km.kind, km.spike) == ("lognormal", 0)
    assert km.a == pytest.approx(90, rel=0.05)
    assert km.b == pytest.approx(0.9, rel=0.05)
    assert crowd.spike == pytest.approx(0.5, abs=0.02)
    assert (crowd.kind, crowd.b) == ("halfnormal", pytest.approx(1.5, rel=0.05))
    kept = Summary.of(Fit(0.5 * np.random.default_rng(1).normal(size=(500, len(NAMES))) + 0.3, 400.0))
    assert Summary.from_dict(kept.as_dict()).information(sized=True).pull.tolist() == kept.information(sized=True).pull.tolist()
    of_sizes = SHARED.index("rally_size")
    assert kept.alone(of_sizes, sized=False) is None
    assert replace(kept, worth=9.0).alone(of_sizes, sized=True) is None  # of so few draws nothing is known
    tells = replace(kept, covariance=0.01 * np.eye(len(NAMES)), mean=np.ones(len(NAMES)), worth=1e9)
    assert tells.alone(of_sizes, sized=True) == pytest.approx((1 / 0.99, 0.1 / 0.99**0.5), rel=1e-3)
    assert tells.alone(SHARED.index("crowd_gain"), sized=True) == pytest.approx((1 / 0.99, 0.18 / 0.99**0.5), rel=1e-3)
    apart = tells.information(sized=True)
    assert np.diag(apart.precision)[SHARED.index("crowd_gain")] == pytest.approx(99 / 1.8**2, rel=1e-3)
    assert np.linalg.solve(apart.precision, apart.pull) == pytest.approx(np.full(len(SHARED), 1 / 0.99), rel=1e-3)
    assert kept.information(sized=False).pull[of_sizes] == pytest.approx(0, abs=1e-9)
    assert kept.information(sized=True).pull[of_sizes] != pytest.approx(0, abs=1e-9)
    assert len(COLUMNS) == len(SHARED)


@pytest.mark.parametrize("target", TARGETS)
def test_the_rule_sees_no_day_that_is_asked_for(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events = some_events(0.06)
    task = a_task(target, events)
    empty = np.zeros(events.shape[1])

    def rallies(e: np.ndarray) -> Rallies:
        return Rallies(
            task.wave.first, task.wave.residents, task.wave.points, e.astype(float), 0.0 * e, e.astype(float), (empty, empty),
            np.zeros((0, 3)), 0.7,
        )  # fmt: skip

    found = Fit(np.random.default_rng(1).normal(size=(2, len(NAMES))) * 0.3, 2.0)
    last = int(task.questions.day.max()) if target not in (WEEK, COUNT) else task.evening + 1
    changed = events.copy()
    changed[:, last:] = 7
    asked = np.flatnonzero(task.questions.day == last) if target not in (WEEK, COUNT) else np.flatnonzero(task.questions.day <= last)
    before, after = (rallies_entry.answers(rallies(e), task, found, 1) for e in (events, changed))
    assert len(asked)
    assert np.allclose(before[asked], after[asked], rtol=1e-4)
    assert before.sum(axis=1) == pytest.approx(1)
    monkeypatch.setattr(rallies_entry, "fit", lambda r, seed, number, draws: Fit(np.hstack([r.counts, r.unsized]), 1e3))
    trained = [rallies_entry.fitted(rallies(e), task, 1, 20).z for e in (events, changed)]
    assert trained[0].shape[1] == 2 * 28  # the training days
    assert np.array_equal(*trained)


def test_a_day_after_a_crowd_is_likelier_where_news_draws_and_tells_what_happened() -> None:
    counts = np.zeros((TOWNS, DAYS))
    counts[3, 10:12] = 2
    r = a_country(counts)
    p = chances(r, values_of(scores(media_gain=3, rally_rate=1, crowd=3000)), np.array([9, 12]))
    assert (p[5, 1] > 4 * p[5, 0]).all()


def test_weighed_draws_are_draws_of_the_other_prior(tmp_path: Path) -> None:
    priors = {
        "rally_size": Prior(kind="lognormal", a=30, b=0.5),
        "crowd_gain": Prior(kind="lognormal", a=0.5, b=0.4, spike=0.6),
        "rally_sd": Prior(kind="normal", a=1.4, b=0.1),
    }
    path = tmp_path / "prior.toml"
    path.write_text(write_priors(priors, ["us-2020"]), encoding="utf-8")
    assert read_priors(path, "france-2023") == priors
    points = points_of(1, range(3000))
    weights = favour(points, priors)
    assert weights.mean() == pytest.approx(1, abs=0.12)  # all of these priors lie where the table's do
    drawn = {name: np.array([values_at(row)[name] for row in points[:1500]]) for name in ("crowd_gain",)}
    share = weights[:1500][drawn["crowd_gain"] == 0].sum() / weights[:1500].sum()
    assert share == pytest.approx(0.6, abs=0.06)
    columns = columns_of(list(priors))
    there = places(points, priors)[:, columns]
    for column in range(3):
        order = np.argsort(there[:, column])
        middle = there[order, column][np.searchsorted(np.cumsum(weights[order]) / weights.sum(), 0.7)]
        assert middle == pytest.approx(0.7, abs=0.06)
    assert favour(points, {}).tolist() == [1.0] * len(points)
    spread = parameters()["rally_sd"].prior
    assert spread.quantile(moved("rally_sd", 0.5, priors["rally_sd"])) == pytest.approx(1.4)


def test_a_prior_is_cut_where_the_table_has_nothing_and_not_at_limits_of_values() -> None:
    """near_km has nothing beyond 20 and 400 km; of night_leaving a twentieth is raised to an hour, and counts by where it was."""
    wide, short = Prior(kind="lognormal", a=47, b=0.83), Prior(kind="lognormal", a=1.2, b=0.4)
    columns = columns_of(["near_km", "night_leaving"])
    there = np.array([[moved("near_km", u, wide), moved("night_leaving", u, short)] for u in np.linspace(0.005, 0.995, 199)])
    km = [value_at(parameters()["near_km"], q) for q in there[:, 0]]
    inside = [wide.quantile(u) for u in np.linspace(0.005, 0.995, 2001) if 20 <= wide.quantile(u) <= 400]
    assert np.quantile(km, (0.1, 0.5, 0.9)) == pytest.approx(np.quantile(inside, (0.1, 0.5, 0.9)), rel=0.03)
    assert len({*km}) == len(km)  # cut off, not put on the ends
    points = points_of(1, range(3000))
    weights = favour(points, {"night_leaving": short})
    hours = np.array([value_at(parameters()["night_leaving"], q) for q in points[:, columns[1]]])
    assert weights[hours == 1].sum() / weights.sum() == pytest.approx(below(short, 1.0), abs=0.06)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('cases = ["us-2020", "chile-2019"]\n[priors.rally_sd]\nkind = "normal"\na = 1.4\nb = 0.1\n', ["chile-2019", "twice"]),
        ('[priors.rally_size]\nkind = "uniform"\na = 1e6\nb = 2e6\n', ["rally_size", "only 0 %"]),
        ('[priors.rally_size]\nkind = "lognormal"\na = 20\nb = 1e9\n', ["rally_size"]),
        ('[priors.crowd_gain]\nkind = "uniform"\na = -5\nb = -1\n', ["crowd_gain"]),
        ('[priors.rally_size]\nkind = "normal"\na = nan\nb = 1\n', ["nan"]),
        ('[priors.rally_sise]\nkind = "normal"\na = 1\nb = 1\n', ["rally_sise", "rally_size"]),
        ('[priors.rally_size]\nkind = "lognormal"\na = 10\nb = 1\nspike = 0.2\n', ["rally_size", "0.2"]),
        ('[priors.rally_size]\nkind = "lognormal"\na = -1\nb = 1\n', ["rally_size"]),
        ("", ["priors"]),
    ],
)
def test_a_file_of_priors_that_cannot_be_is_refused_with_its_reason(tmp_path: Path, text: str, names: list[str]) -> None:
    path = tmp_path / "prior.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as refused:
        read_priors(path, "chile-2019")
    for name in names:
        assert name in str(refused.value)
