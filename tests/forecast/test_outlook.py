"""Early warning end to end: forecasters with planted faults show in the figures, and nothing after an evening reaches it."""

from __future__ import annotations

import dataclasses
import functools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qantar.ensemble.runner import Runner
from qantar.errors import QantarError
from qantar.forecast import held_out as heldout
from qantar.forecast import outlook
from qantar.forecast.alarms import Warnings, follows
from qantar.forecast.outlook import (
    CONSTANT,
    MODEL,
    MONTH,
    REGRESSION,
    THRESHOLDS,
    UNAWARE,
    USUAL,
    WITH,
    WITHOUT,
    Forecast,
    Terms,
    assess,
    known_on_the_day,
    origins_of,
)
from qantar.forecast.scores import Share
from qantar.inference.distance import ZONES, Target
from qantar.record.observables import Observables, observe
from qantar.scenario.scenario import Scenario, load_scenario, resolve
from qantar.studies.warning import as_tables, facts_of

CASE = "kazakhstan-2022"
H, WAVE, END = 3, 33, 38
ORIGINS = origins_of(WAVE, END, H)
HAPPENED = follows(ORIGINS, np.array([WAVE]), H).any(axis=1)


def planted(**p: np.ndarray) -> tuple[dict[str, Any], dict[str, list[Warnings]]]:
    """Scores and alarms of made-up forecasters beside the constant."""
    none = (None,) * len(ORIGINS)
    known = {CONSTANT: np.full(len(ORIGINS), HAPPENED.mean()), **p}
    worth, warnings = assess(ORIGINS, WAVE, [Forecast(name, x, none) for name, x in known.items()], h=H, end=END, m=400)
    return {w.forecaster: w for w in worth}, warnings


def test_evenings_end_where_nothing_is_left_to_warn_of() -> None:
    assert ORIGINS[-1] == 32
    assert HAPPENED.sum() == H
    assert ORIGINS[HAPPENED].tolist() == [30, 31, 32]


def test_one_who_peeks_is_better_than_anyone_could_be() -> None:
    worth, warnings = planted(peeks=HAPPENED.astype(float))
    assert worth["peeks"].brier.mean == 0
    assert worth["peeks"].against.mean < 0
    for w in warnings["peeks"]:
        assert (w.precision, w.recall, w.false_alarms.count) == (Share(1, 1), Share(1, 1), 0)
        assert w.lead.tolist() == [H]


def test_one_who_always_alarms_pays_for_it_every_month() -> None:
    worth, warnings = planted(always=np.full(len(ORIGINS), 0.9))
    for w in warnings["always"]:
        assert w.recall == Share(1, 1)  # and yet
        assert w.precision == Share(1, 11)
        assert w.false_alarms.count == 10
        assert w.false_alarms.per_month > 10
    assert worth["always"].against.separated
    assert worth["always"].against.mean > 1


def test_one_who_never_alarms_is_hardly_told_from_the_constant_by_scores_but_is_by_alarms() -> None:
    worth, warnings = planted(never=np.zeros(len(ORIGINS)))
    for w in warnings["never"]:
        assert (w.precision, w.recall) == (Share(0, 0), Share(0, 1))
        assert math.isnan(w.lead[0])
        assert w.false_alarms.count == 0
    assert worth["never"].brier.mean == pytest.approx(HAPPENED.mean())
    assert not worth["never"].against.separated  # one wave: the rule does not say more than it can


def test_errors_count_overlapping_evenings_as_one() -> None:
    worth, _ = planted(never=np.zeros(len(ORIGINS)))
    alone = HAPPENED.std(ddof=1) / math.sqrt(len(ORIGINS))
    assert worth["never"].brier.se == pytest.approx(alone * math.sqrt(H))


def test_all_are_scored_on_the_same_evenings() -> None:
    late = np.where(ORIGINS < 5, np.nan, 0.2)
    worth, _ = planted(late=late)
    assert {w.brier.n for w in worth.values()} == {len(ORIGINS) - 5}


def test_what_the_regression_is_shown_ends_with_the_evening() -> None:
    rng = np.random.default_rng(1)
    reported = rng.integers(0, 2, (5, 20)).astype(float)
    other = reported.copy()
    other[:, 11:] = 1 - other[:, 11:]
    days = np.arange(20)
    one, two = (known_on_the_day(r, [], days, H) for r in (reported, other))
    assert np.array_equal(one[:11], two[:11])
    assert not np.array_equal(one[11:], two[11:])
    assert known_on_the_day(reported, [15], days, H)[:, 1].tolist() == [float(12 <= d <= 17) for d in days]


@functools.cache
def short() -> Scenario:
    """The packaged case with a quiet period of three days."""
    found = load_scenario(CASE)
    spec = found.file.calibration
    assert spec is not None
    assert spec.quiet is not None
    quiet = spec.quiet.model_copy(update={"start": spec.quiet.start.replace(day=29), "hours": 72})
    return Scenario(found.case, found.file.model_copy(update={"calibration": spec.model_copy(update={"quiet": quiet})}))


@pytest.fixture
def small(tmp_path: Path) -> Any:
    """A study of few histories of a small country, in this process."""

    def study(scenario: Scenario | None = None, runner: Runner | None = None, **more: Any) -> outlook.Outlook:
        terms = Terms(**{"seed": 4, "draws": 8, "table": 10, "scale": 0.0005, **more})
        return outlook.outlook(scenario or short(), runner or Runner(tmp_path), terms)

    return study


def test_a_study_end_to_end(small: Any, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    found = small(runner=Runner(tmp_path, progress=lambda *x: told.append(x)))
    assert [str(found.date(t)) for t in (found.origins[0], found.eve, found.wave)] == ["2021-12-29", "2021-12-31", "2022-01-03"]
    assert len(found.origins) == 5
    assert found.followed.tolist() == [False, False, True, True, True]
    assert {w for w, _, _ in told} == {"quiet", "announced", "table", "ahead"}
    names = [f.name for f in found.forecasts]
    assert names == [MODEL, UNAWARE, CONSTANT, REGRESSION]
    model, unaware, constant, _ = found.forecasts
    assert constant.p.tolist() == [0.6] * 5
    assert model.p[3:].tolist() == unaware.p[3:].tolist()  # what was announced has come
    for f in (model, unaware):
        for p, count in zip(f.p, f.counts, strict=True):
            assert count is not None
            assert p == pytest.approx((count.hits + 0.5) / (count.of + 1)) if count.of else math.isnan(p)
    assert found.start[MONTH].of == 8
    assert found.start[WITH] == model.counts[2]
    assert found.start[WITHOUT] == unaware.counts[2]
    assert found.start[USUAL].hits <= found.start[USUAL].of
    tables = as_tables(found)
    assert len(tables["origins"]) == 4 * 5
    assert len(tables["alarms"]) == 4 * len(THRESHOLDS)
    assert [r["what"] for r in tables["start"]] == [WITH, WITHOUT, USUAL, MONTH]


def moved(record: Any) -> Observables:
    """The same record until 2 January; from then on everybody rises on the 5th, and it ends there."""
    seen = observe(record)
    later = [dataclasses.replace(o, earliest=o.earliest.replace(day=5), latest=None) if o.earliest.day >= 3 else o for o in seen.onsets]
    presence = seen.presence.copy()
    presence[:, 2:4], presence[:, 4:] = 0.0, 1.0
    return dataclasses.replace(seen, onsets=tuple(later), presence=presence, participants=(), detained=())


@pytest.fixture
def planted_study(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A study whose histories are made by hand; gives what it found, and which draws were asked on each evening of the window."""
    rng = np.random.default_rng(2)
    onsets = rng.integers(0, 9, (200, 17)).astype(float)
    monkeypatch.setattr(outlook, "prior_table", lambda *a, **k: None)
    monkeypatch.setattr("qantar.inference.problem.scales_of", lambda target: np.ones(len(target.items)))

    def items(runs: Any, target: Target, plan: Any) -> np.ndarray:
        columns = {i.of: k for k, i in enumerate(t for t in target.items if t.block == "onset")}
        return np.stack([onsets[:, columns[i.of]] if i.block == "onset" else np.zeros(200) for i in target.items], axis=1)

    monkeypatch.setattr("qantar.inference.problem.items_of", items)
    # With what was announced, half of the histories rise on 1 January; without it none, and a quarter rose on 30 December.
    monkeypatch.setattr(outlook, "_from_quiet", lambda plan, *a: np.array([1, -1, 3, 3] if plan.steps else [1, -1, -1, -1]))
    asked: dict[int, list[int]] = {}

    def again(plan: Any, draws: np.ndarray, *more: Any) -> Any:
        day = int(plan.hours - ZONES) // 24 - 1 - H
        asked[day] = draws.tolist()
        presence = np.zeros((2, 8, 17), bool)
        presence[0, day + 1] = True  # one of two rises on the next day
        return type("Runs", (), {"presence": presence})

    monkeypatch.setattr(outlook, "resimulate", again)

    def study() -> tuple[outlook.Outlook, dict[int, list[int]]]:
        asked.clear()
        return outlook.outlook(short(), Runner(Path("nowhere")), Terms(seed=4, draws=40, scale=0.0005)), dict(asked)

    return study


def test_forecasts_are_shares_of_the_histories_left(planted_study: Any) -> None:
    found, _ = planted_study()
    model, unaware = found.forecasts[:2]
    assert list(model.counts) == [Share(3, 4), Share(2, 3), Share(2, 3), Share(1, 2), Share(1, 2)]
    assert list(unaware.counts[:3]) == [Share(1, 4), Share(0, 3), Share(0, 3)]
    assert found.start == {WITH: Share(2, 3), WITHOUT: Share(0, 3), USUAL: Share(0, 0), MONTH: Share(1, 4)}
    tables, facts = as_tables(found), facts_of(found)
    assert tables["origins"][0] | {"shown": 3, "of": 4, "probability": 0.7, "date": "2021-12-29"} == tables["origins"][0]
    assert (facts["eve"], facts["wave"]) == ("2021-12-31", "2022-01-03")


def test_what_comes_after_an_evening_does_not_reach_it(planted_study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def both() -> tuple[Any, Any]:
        one = planted_study()
        monkeypatch.setattr(outlook, "observe", moved)
        two = planted_study()
        monkeypatch.setattr(outlook, "observe", observe)
        return one, two

    (one, asked), (two, again_asked) = both()
    assert (one.wave, two.wave) == (5, 7)
    assert asked[0] == again_asked[0]
    assert asked[1] == again_asked[1]
    assert asked[0] != asked[1]
    for a, b in zip(one.forecasts, two.forecasts, strict=True):
        same = [np.isclose(x, y, equal_nan=True) for x, y in zip(a.p, b.p, strict=False)]
        assert all(same) or a.name == CONSTANT, a.name  # the constant is hindsight, and says so
    monkeypatch.setattr(outlook, "until", lambda target, day, never: target)  # a planted leak: the whole record is shown
    (_, asked), (_, again_asked) = both()
    assert asked[1] != again_asked[1]


def test_plans_hold_what_was_known(small: Any) -> None:
    without, told = outlook._quiet_plans(short(), H, 0.0005)
    assert without.hours == told.hours == 72 + 24 * H
    assert [s.id for s in told.steps] == ["price-free", "price-free-atyrau"]
    assert without.steps == []
    assert {told.drivers[k] for k in ("price", "internet", "emergency")} == {"policy"}
    inside = heldout.known_on(resolve(short(), scale=0.0005), 1, H)
    assert inside.hours == 24 * (2 + H) + ZONES  # the last day ends everywhere
    assert {s.id for s in inside.steps} == {"price-free", "price-free-atyrau"}
    assert "price-mangystau" in {s.id for s in heldout.known_on(resolve(short(), scale=0.0005), 3, H).steps}


def test_a_posterior_is_hindsight_and_called_so(small: Any) -> None:
    values = [dict(v) for v in (outlook_values(k) for k in range(4))]
    found = small(posterior=values)
    assert found.hindsight
    assert "hindsight" in facts_of(found)["stamp"]
    assert all(c is None or c.of <= 8 for f in found.forecasts for c in f.counts)


def outlook_values(number: int) -> dict[str, float]:
    from qantar.scenario.parameters import draw

    return draw(9, number)


@pytest.mark.parametrize(("change", "said"), [({"quiet": None}, "no quiet period"), ({"hours": 48}, "2021-12-31T00:00")])
def test_a_quiet_period_that_does_not_fit_is_refused(small: Any, change: dict[str, Any], said: str) -> None:
    spec = short().file.calibration
    assert spec is not None
    assert spec.quiet is not None
    new = None if "quiet" in change else spec.quiet.model_copy(update=change)
    file = short().file.model_copy(update={"calibration": spec.model_copy(update={"quiet": new})})
    with pytest.raises(QantarError, match=said):
        small(Scenario(short().case, file))
