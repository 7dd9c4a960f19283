"""Our rejection against that of pyabc, an independent program, on the real model: `python dev/pyabc_check.py FOLDER_OF_STORES`.

Both fit the same two parameters (all others fixed) to how unrest spread in the same record, with the same distance, on a country so small
that a history takes a moment. Ours runs first; pyabc gets its tolerance, and draws with luck of its own until as many are within it. Both
must have the same law of the two normal scores: means and standard deviations side by side go to `evidence/pyabc.csv`. Needs
`pip install pyabc` (400 MB, which is why it is in no extra).
"""

from __future__ import annotations

import csv
import itertools
import logging
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri

from qantar.effects.measures import seen_of
from qantar.ensemble.one_run import one_run
from qantar.ensemble.runner import Runner
from qantar.ensemble.store import Recipe, model_hash
from qantar.inference.distance import MOBILIZATION, distances, items_of, scales_of, target_of
from qantar.inference.prior import value_at
from qantar.inference.problem import prior_table
from qantar.inference.rejection import Setup, Task, nearest, stop_of
from qantar.record.observables import observe
from qantar.scenario.parameters import defaults, parameters
from qantar.scenario.scenario import load_scenario, resolve

OUT = Path(__file__).parents[1] / "evidence" / "pyabc.csv"
FREE = ("rally_rate", "protest_hours")
SEED, SCALE, HOURS = 11, 0.0005, 120
SETUP = Setup(table=6000, draws=6000, rounds=1, proposed=1500, near=300)


def main(root: Path) -> None:
    """Both, and the table."""
    import pyabc

    scenario = load_scenario("kazakhstan-2022")
    fixed = {name: value for name, value in defaults().items() if name not in FREE}
    plan = resolve(scenario, scale=SCALE).model_copy(update={"hours": HOURS, "parameters": fixed})
    target = target_of(observe(scenario.case.record), plan)
    told = lambda what, done, total: print(f"\r{what} {done} / {total or '?'}   ", end="", file=sys.stderr)  # noqa: E731
    table = prior_table(plan, SETUP.table, SEED, runner := Runner(root, progress=told), part=SETUP.part)
    scales = scales_of(target)
    ours = nearest(Task(plan, target, scales, None, len(plan.regions), SEED, runner), table, SETUP)
    tolerance = ours.trace[0].tolerance
    columns = [list(parameters()).index(name) for name in FREE]
    z = ndtri(ours.points[:, columns])

    seeds = itertools.count(1)

    def model(p: dict[str, float]) -> dict[str, float]:
        values = {**fixed, **{name: value_at(parameters()[name], float(np.clip(ndtr(p[name]), 1e-12, 1 - 1e-12))) for name in FREE}}
        recipe = Recipe(plan, seed := next(seeds), sampling="given", stop_above=stop_of(target))
        told("pyabc", seed, 0)
        runs = seen_of([one_run(recipe, 0, [values])]).runs
        far = float(distances(items_of(runs, target, plan), target, scales, MOBILIZATION)[0])
        return {"d": np.inf if runs.stopped[0] else far}

    logging.getLogger("ABC").setLevel(logging.WARNING)
    np.random.seed(SEED)  # noqa: NPY002
    prior = pyabc.Distribution(**{name: pyabc.RV("norm", 0, 1) for name in FREE})
    abc = pyabc.ABCSMC(
        model,
        prior,
        distance_function=lambda x, y: x["d"],
        population_size=SETUP.near,
        eps=pyabc.ListEpsilon([tolerance]),
        sampler=pyabc.SingleCoreSampler(),
    )
    with tempfile.TemporaryDirectory() as folder:
        abc.new(f"sqlite:///{folder}/abc.db", {"d": 0.0})
        history = abc.run(max_nr_populations=1)
        theirs, w = history.get_distribution(m=0)
        theirs, w = theirs[list(FREE)].to_numpy(), np.asarray(w)
    write(z, ours.weights / ours.weights.sum(), theirs, w, tolerance, pyabc.__version__)


def write(z: np.ndarray, own: np.ndarray, theirs: np.ndarray, w: np.ndarray, tolerance: float, version: str) -> None:
    """A row a parameter: mean and sd of its normal score, ours and theirs, and how many equal weights the weights are worth."""
    rows, sizes = [], [float(1 / (of**2).sum()) for of in (own, w)]
    for k, name in enumerate(FREE):
        moments = []
        for scores, weights in ((z[:, k], own), (theirs[:, k], w)):
            mean = float(weights @ scores)
            moments += [mean, float(np.sqrt(weights @ (scores - mean) ** 2))]
        rows.append([name, tolerance, *moments, *sizes, version, model_hash()])
    head = [
        "parameter",
        "tolerance",
        "mean",
        "sd",
        "pyabc_mean",
        "pyabc_sd",
        "effective",
        "pyabc_effective",
        "pyabc_version",
        "model_sha256",
    ]
    with OUT.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *([f"{x:.5g}" if isinstance(x, float) else x for x in r] for r in rows)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
