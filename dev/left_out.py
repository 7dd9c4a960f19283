"""What a prior from other waves changes for Kazakhstan, and how far uprisings foretell each other's dead and detained.

    python dev/left_out.py

Reads evidence/waves/result (`qantar waves`), the histories in evidence/prior-table.npz, the fits in evidence/fits and the uprisings in
evidence/priors; simulates nothing. Writes evidence/waves/kazakhstan.csv, posterior.csv and force.csv; dev/findings.py tells them.

Draws that exist are weighed by how much likelier they are under the other prior (`inference.priors`):

- all 20,000 draws of the priors, for what the prior itself foretells;
- those of them that the fit found to leave December quiet and to have an uprising (pseudo.csv of the fit), the nearest to how unrest
  spread, for the features shown: the same limit of nearness under both priors;
- the particles of the three stored fits, for the parameters;
- for each region the draws nearest to all other regions, for its first day: a log score of what was held back.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from priors import PARTIAL, uprisings
from scipy import stats

from qantar.ensemble.histories import HALF, chosen, features
from qantar.files.result import read_result
from qantar.forecast.baselines import facts_of
from qantar.forecast.held_out import without_region
from qantar.forecast.scores import log_score_days, paired
from qantar.inference.distance import MOBILIZATION, distances, items_of, scales_of, target_of
from qantar.inference.posterior import FIT, known_table
from qantar.inference.prior import columns_of, values_at
from qantar.inference.priors import favour, read_priors
from qantar.inference.problem import spec_of
from qantar.inference.proposal import effective
from qantar.inference.rejection import points_of
from qantar.record.observables import observe
from qantar.scenario.parameters import parameters
from qantar.scenario.scenario import load_scenario, resolve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
HOME = Path(__file__).parents[1] / "evidence"
WAVES = HOME / "waves"
CASE = "kazakhstan-2022"
PEAK = (1e4, 3e5)
"""People out at once in the largest hour, as the record has it within a factor of some five."""
NEAR, REGION_NEAR = 50, 100
"""Independent draws that the nearest are worth, under the prior that leaves fewer."""
REDRAWS = 100


def write(name: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table beside the result."""
    with (WAVES / name).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(head)
        table.writerows([f"{x:.5g}" if isinstance(x, float) else x for x in row] for row in rows)


def nearest(away: Floats, weights: Sequence[Floats], worth: float) -> Ints:
    """As many of the nearest as are worth so many independent draws under each of some weights."""
    order = np.argsort(away, kind="stable")
    enough = 0
    for w in weights:
        total, square = np.cumsum(w[order]), np.cumsum(w[order] ** 2)
        reached = total**2 / np.maximum(square, 1e-300) >= worth
        enough = max(enough, int(np.argmax(reached)) + 1 if reached.any() else len(order))
    return order[:enough]


def drawn_anew(n: int, estimate: Callable[[Ints], float]) -> tuple[float, float]:
    """The middle 95 % of an estimate when its draws are drawn anew."""
    rng = np.random.default_rng(1)
    low, high = np.quantile([estimate(rng.integers(0, n, n)) for _ in range(REDRAWS)], (0.025, 0.975))
    return float(low), float(high)


def kazakhstan() -> None:
    """Both priors side by side."""
    scenario = load_scenario(CASE)
    made = json.loads((scenario.case.folder / FIT / "posterior.json").read_text(encoding="utf-8"))
    plan, record, seed = resolve(scenario, scale=made["scale"]), observe(scenario.case.record), made["seed"]
    table = known_table(HOME / "prior-table.npz", plan, seed)
    priors = read_priors(WAVES / "result" / "prior.toml")
    points = points_of(seed, np.arange(table.n))
    weights = {"table": np.ones(table.n), "waves": favour(points, priors)}
    target = target_of(record, plan, detained=tuple(spec_of(scenario).detained))
    items, scales = items_of(table, target, plan), scales_of(target)
    peak = np.asarray(table.whole["peak"], float)
    inside = ((peak >= PEAK[0]) & (peak <= PEAK[1]) & ~table.stopped).astype(float)
    rows: list[list[Any]] = []
    for name, w in weights.items():
        share = float(w @ inside / w.sum())
        ends = drawn_anew(table.n, lambda k, w=w: float(w[k] @ inside[k] / w[k].sum()))  # type: ignore[misc]
        rows.append(["peak", name, share, *ends, effective(w), table.n])
    quiet = np.loadtxt(scenario.case.folder / FIT / "pseudo.csv", skiprows=1, dtype=int)
    away = distances(items, target, scales, MOBILIZATION)
    near = quiet[nearest(away[quiet], [w[quiet] for w in weights.values()], NEAR)]
    for name, w in weights.items():
        own = w[near]

        def shown(k: Ints, own: Floats = own) -> float:
            rows = _resampled(own[k])
            return float(sum(f.share >= HALF for f in features(chosen(table, near[k][rows]), record, plan)))

        everyone = np.arange(len(near))
        rows.append(["shown", name, shown(everyone), *drawn_anew(len(near), shown), effective(own), len(near)])
        limit = float(away[near].max())
        rows.append(["limit", name, limit, math.nan, math.nan, effective(own), len(near)])
    facts, scored = facts_of(record, plan), {}
    onset = table.onset()
    days = np.where(onset < 0, facts.n_days, onset)
    for name, w in weights.items():
        said = []
        for k, region in enumerate(plan.regions):
            part = without_region(target, region.id)
            some = nearest(distances(items, part, scales, MOBILIZATION), [w], REGION_NEAR)
            said.append(np.bincount(days[some, k], w[some], facts.n_days + 1) / w[some].sum())
        scored[name] = log_score_days(np.array(said), facts.low, facts.high, REGION_NEAR)
        found = paired(scored[name], 0.0)
        rows.append(["score", name, found.mean, found.mean - 2 * found.se, found.mean + 2 * found.se, REGION_NEAR, len(said)])
    found = paired(scored["waves"], scored["table"])
    rows.append(
        ["score", "waves less table", found.mean, found.mean - 2 * found.se, found.mean + 2 * found.se, REGION_NEAR, len(plan.regions)]
    )
    write("kazakhstan.csv", ("what", "prior", "value", "low", "high", "worth", "of"), rows)
    write("posterior.csv", ("parameter", "prior", "before_q05", "before_q50", "before_q95", "q05", "q50", "q95", "worth"),
          list(posterior(priors, spec_of(scenario).fitted, weights, points)))  # fmt: skip


def _resampled(weights: Floats) -> Ints:
    ends = np.cumsum(weights / weights.sum())
    n = 4 * len(weights)
    return np.minimum(np.searchsorted(ends, (np.arange(n) + 0.5) / n), len(weights) - 1)


def posterior(priors: Any, fitted: Sequence[str], weights: dict[str, Floats], points: Floats) -> Iterator[list[Any]]:
    """Each parameter that is fitted or has another prior, under both, by the particles of the stored fits."""
    particles = []
    for path in sorted((HOME / "fits").glob("fit-*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))["files"]["posterior.csv"]
        particles += list(csv.DictReader(kept.splitlines()))
    drawn = np.array([[float(p[name]) for name in parameters()] for p in particles])
    favoured = favour(at_of(drawn), priors)
    before = np.array([list(values_at(row).values()) for row in points])
    for name in dict.fromkeys([*fitted, *priors]):
        (column,) = columns_of([name])
        for prior, w, own in (("table", weights["table"], np.ones(len(drawn))), ("waves", weights["waves"], favoured)):
            yield [name, prior, *quantiles(before[:, column], w), *quantiles(drawn[:, column], own), effective(own)]


def at_of(values: Floats) -> Floats:
    """Where values lie in the table's priors, shape as given; on zero in the middle of its share."""
    from qantar.inference.priors import below

    found = np.empty_like(values)
    for k, p in enumerate(parameters().values()):
        spike = p.prior.spike
        for j, x in enumerate(values[:, k]):
            found[j, k] = spike / 2 if spike and x == 0 else spike + (1 - spike) * min(max(below(p.prior, x), 1e-9), 1 - 1e-9)
    return found


def quantiles(x: Floats, w: Floats) -> list[float]:
    """5, 50 and 95 % of weighted draws."""
    order = np.argsort(x)
    ends = np.cumsum(w[order]) / w.sum()
    return [float(x[order][min(int(np.searchsorted(ends, q)), len(x) - 1)]) for q in (0.05, 0.5, 0.95)]


def force() -> None:
    """Each uprising's dead and detained a participant-day, foretold from all others: Student's t of the decimal logs."""
    known = uprisings()
    rows = []
    for what in ("deaths", "detained"):
        ratio = {k: math.log10(v[what] / v["participant_days"]) for k, v in known.items() if v[what] > 0 and v["participant_days"] > 0}
        ratio = {k: v for k, v in ratio.items() if what != "detained" or k not in PARTIAL}
        for name, value in ratio.items():
            others = np.array([v for k, v in ratio.items() if k != name])
            wide = others.std(ddof=1) * math.sqrt(1 + 1 / len(others))
            low, high = stats.t.interval(0.9, len(others) - 1, others.mean(), wide)
            p = 2 * float(stats.t.sf(abs(value - others.mean()) / wide, len(others) - 1))
            rows.append([what, name, value, float(others.mean()), float(low), float(high), p])
    write("force.csv", ("what", "uprising", "log10", "foretold", "low", "high", "p"), rows)


if __name__ == "__main__":
    assert read_result(WAVES / "result", "waves") is not None
    force()
    kazakhstan()
