"""The time that is left: under costs that differ, starts, kept work; and which lines a log gets. The clock is made up."""

from __future__ import annotations

import re

import numpy as np
import pytest

from qantar.cli import pace as module
from qantar.cli import progress as terminal
from qantar.cli.pace import ROUGH, SURE, Log, Pace
from qantar.messages import LANGUAGES

COSTS = (0.56, 2.53, 0.65, 0.43, 6.26, 0.40, 4.44, 0.78, 0.45, 1.16, 1.97, 0.40, 9.71, 0.68, 0.43, 1.24, 1.68, 0.83, 0.51, 0.43)
"""Seconds of one history under twenty sets of parameters fitted to the packaged case, at a tenth of the country."""


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def finished(costs: np.ndarray, processes: int, start: float) -> list[float]:
    """Moments at which tasks end that are taken in order by so many processes."""
    free = [start] * processes
    ends = []
    for cost in costs:
        k = int(np.argmin(free))
        free[k] += cost
        ends.append(free[k])
    return sorted(ends)


def foretold(costs: np.ndarray, *, processes: int = 2, start: float = 3.0, kept: int = 0) -> dict[bool, tuple[float, float]]:
    """Of the first rough time and the first sure one: seconds that all will take as said then, and as it was."""
    clock = Clock()
    pace, ends, found = Pace(now=clock), finished(costs, processes, start), {}
    total = kept + len(ends)
    assert pace.left(kept, total) is None
    for k, at in enumerate(ends, 1):
        clock.at = at
        if (left := pace.left(kept + k, total)) is not None and k < len(ends):
            found.setdefault(pace.is_rough, (at + left, ends[-1]))
    return found


@pytest.mark.parametrize(("n", "least"), [(40, 0.9), (200, 0.87)])
def test_a_sure_time_is_within_a_factor_of_two_though_costs_differ_tenfold(n: int, least: float) -> None:
    # 1,000 orders of costs that were measured: 94 and 91 % of the times that are called sure hold, 67 and 60 % of the rough ones.
    rng, sure, rough = np.random.default_rng(1), [], []
    for _ in range(1000):
        found = foretold(rng.permutation(np.tile(COSTS, n // len(COSTS))))
        sure.append(0.5 <= found[False][0] / found[False][1] <= 2)
        rough.append(0.5 <= found[True][0] / found[True][1] <= 2)
    assert np.mean(sure) >= least
    assert np.mean(rough) < 0.75  # and they are called so


def test_neither_the_start_nor_what_was_kept_counts_as_work() -> None:
    even = np.full(40, 2.0)
    for start in (0.0, 100.0):
        for kept in (0, 1000):
            said, real = foretold(even, start=start, kept=kept)[False]
            assert said == pytest.approx(real, rel=0.12), (start, kept)


def test_nothing_is_foretold_from_too_little() -> None:
    clock = Clock()
    pace, told = Pace(now=clock), []
    for k in range(100):
        clock.at = 3.0 * k
        told.append(pace.left(k, 100))
    assert all(x is None for x in told[:ROUGH])
    assert told[ROUGH] == pytest.approx(3.0 * (100 - ROUGH))
    assert pace.left(100, 100) == 0.0
    clock = Clock()
    quick = Pace(now=clock)
    for k in range(30):
        clock.at = 0.01 * k
        assert quick.left(k, 100) is None  # over before it is read


def test_half_of_few_is_enough() -> None:
    said, real = foretold(np.full(6, 4.0), processes=1)[False]
    assert said == pytest.approx(real)
    assert SURE > 6


def test_a_log_is_neither_silent_nor_long() -> None:
    clock = Clock()
    log, lines = Log(now=clock), []
    for k in range(10_001):  # three hours
        clock.at = 1.08 * k
        if log.wants(k, 10_000, "left" if k > 12 else "rough" if k > 4 else ""):
            lines.append(k)
    assert lines[0] == 0
    assert 5 in lines
    assert 13 in lines
    assert lines[-1] == 10_000
    assert {1000 * k for k in range(11)} <= set(lines)
    assert len(lines) < 80
    gaps = 1.08 * np.diff(lines)
    assert (gaps <= np.maximum(11.1, 1.08 * np.array(lines[1:]) / 10 + 1.1)).all()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lines_say_done_of_how_many_and_time_left(lang: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    monkeypatch.setattr(terminal, "Pace", lambda sure: Pace(sure=sure, now=clock))
    monkeypatch.setattr(terminal, "Log", lambda: Log(now=clock))
    with terminal.staging(lang, compile_first=False) as tell:
        for k in range(61):
            clock.at = 7.0 * k
            tell("draws", k, 60)
    lines = capsys.readouterr().err.splitlines()
    assert re.search(r" 0 / 60$", lines[0])
    assert re.search(r" 60 / 60$", lines[-1])
    assert [("roughly" in x or "极粗略" in x) for x in lines if re.search(r" (6|12) / 60", x)] == [True, False]
    assert any(re.search(r" 30 / 60, about 4 min left| 30 / 60，约剩4分钟", x) for x in lines)


def test_each_stage_has_a_time_of_its_own(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    monkeypatch.setattr(terminal, "Pace", lambda sure: Pace(sure=sure, now=clock))
    monkeypatch.setattr(terminal, "Log", lambda: Log(now=clock))
    with terminal.staging("en") as tell:
        for name, cost in (("table", 100.0), ("pseudo", 12.0)):
            for k in range(31):
                tell(f"rival: {name}", k, 30)
                clock.at += cost
    err = capsys.readouterr().err
    assert "rival: draws of the priors 15 / 30, about 25 min left" in err
    assert "rival: simulated records 15 / 30, about 3 min left" in err  # not of the mean of both


def test_the_numbers_of_the_docstring() -> None:
    rng, held = np.random.default_rng(1), []
    for k in (3, 5, 8, 12):
        means = np.array([rng.permutation(COSTS)[:k].mean() for _ in range(4000)]) / np.mean(COSTS)
        held.append(f"{100 * ((means >= 0.5) & (means <= 2)).mean():.0f}")
    said = re.search(r"in (\d+), (\d+), (\d+) and (\d+) % of samples", " ".join((module.__doc__ or "").split()))
    assert said is not None
    assert all(abs(int(a) - int(b)) <= 2 for a, b in zip(held, said.groups(), strict=True)), held


def test_a_count_that_begins_again_is_timed_again() -> None:
    # The same stage twice in a row: before, the second divided by nothing or foretold a time below nothing.
    at = iter(float(n) for n in range(40))
    pace = Pace(now=lambda: next(at))
    said = [pace.left(done, 7) for _ in range(2) for done in range(8)]
    assert said[:8] == said[8:]
    assert all(s is None or s >= 0 for s in said)


def test_a_report_that_is_repeated_is_no_work() -> None:
    clock = Clock()
    pace = Pace(now=clock)
    for at, done in ((0.0, 0), (1.0, 6), (9.0, 6), (10.0, 6)):  # one part of two finished, and said again by the next stage
        clock.at = at
        assert pace.left(done, 12) is None
