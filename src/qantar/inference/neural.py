"""A second opinion on the posterior: a neural density of the fitted parameters given a history, read at the record.

In: the table of draws of the priors. Out: draws of the fitted parameters, what was learned of them, ridges, coverage on simulated records.
No tolerance, no quiet period: a masked autoregressive flow (Papamakarios, Pavlakou and Murray 2017, NeurIPS) learns the law of the normal
scores of the fitted parameters given the summaries of a history. Several are trained, each on a bootstrap sample of the table, and mixed: a
single one is too sure of itself (Hermans et al. 2022, TMLR), and how far they differ is how little the table tells near the record.

Trained on histories with any reported unrest, which were not broken off: a choice by what was seen leaves the law given what was seen as it
is. Some with an uprising are kept from training and play the record, so that coverage is that of the networks in use. A record beyond every
history is taken to be at the nearest edge of them. Needs the extra `neural`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.ensemble.runner import Runner
from qantar.errors import StudyError, fail
from qantar.files.cells import to_csv
from qantar.inference.calibration import Findings, Terms, findings, prior_scores, simulated_records, uprisings
from qantar.inference.distance import Target, middle_of, summary_of
from qantar.inference.prior import value_at
from qantar.inference.problem import spec_of
from qantar.scenario.parameters import parameters
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MEMBERS, LAYERS, WIDTH = 5, 2, 16
"""Networks that are mixed; layers and width of each: larger ones forecast the scores of unseen histories worse (20,000 draws)."""
DRAWS = 2_000
"""Draws of the posterior in all."""
LEAST = 1_000
"""Histories below which nothing is trained: from 600, the networks foretold unseen ones worse than the priors do."""
T_95 = 2.776
"""95 % point of Student's t with MEMBERS - 1 degrees of freedom, two-sided."""


@dataclass(frozen=True)
class Neural:
    """What the networks say."""

    scores: Floats
    """normal scores at the record, shape (draws, parameters)"""
    findings: Findings
    pseudo: int
    """simulated records behind the coverage"""
    trained: int
    gain: float
    gain_se: float
    """nats by which the density of the true scores of unseen histories exceeds the prior's, and its standard error"""


@dataclass(frozen=True)
class Lesson:
    """What networks learn from, and the record at which they are read.

    Parameters
    ----------
    names : the fitted parameters
    scores : normal scores of their draws, shape (histories, parameters)
    summaries : shape (histories, numbers)
    record : shape (numbers,)
    use : which histories may be learned from, shape (histories,)
    unseen : histories that play the record and are learned from by no network
    seed : of samples and networks
    """

    names: Sequence[str]
    scores: Floats
    summaries: Floats
    record: Floats
    use: NDArray[np.bool_]
    unseen: Ints
    seed: int


def record_summary(target: Target, items: Floats) -> Floats:
    """The summary of a record at the middle of its intervals, shape (numbers,); a blank is as simulated."""
    middle = middle_of(target)
    return np.asarray(summary_of(np.where(np.isnan(middle), items.mean(axis=0), middle)[None], target)[0])


def neural(
    lesson: Lesson, *, members: int = MEMBERS, draws: int = DRAWS, progress: Callable[[int, int], None] = lambda done, total: None
) -> Neural:
    """Train `members` networks, 2 or more, on a table and read them at a record.

    Raises
    ------
    StudyError
        If fewer than `LEAST` histories are left to learn from.
    """
    scores, summaries, unseen, seed = lesson.scores, lesson.summaries, lesson.unseen, lesson.seed
    learn = np.setdiff1d(np.flatnonzero(lesson.use), unseen)
    if len(learn) < LEAST:
        raise fail(StudyError, "--method", "few_to_learn", n=len(learn), least=LEAST)
    middle, spread = summaries[learn].mean(axis=0), np.maximum(summaries[learn].std(axis=0), 1e-9)
    edge = np.clip(lesson.record, summaries[learn].min(axis=0), summaries[learn].max(axis=0))
    each = -(-draws // members)
    at_record, at_unseen, density = [], [], []
    for member in range(members):
        progress(member, members)
        rows = learn[[int(lot(seed, StudyKey.NETWORK_RESAMPLE, k, member) * len(learn)) for k in range(len(learn))]]
        flow = _trained(scores[rows], (summaries[rows] - middle) / spread, seed + member)
        at_record.append(_sampled(flow, (edge - middle)[None] / spread, each, seed + member)[0])
        if len(unseen):
            context = (summaries[unseen] - middle) / spread
            at_unseen.append(_sampled(flow, context, each, seed + member))
            density.append(np.asarray(flow.log_prob(_single(scores[unseen]), _single(context)), float))
    progress(members, members)
    found = np.concatenate(at_record)
    narrowed = np.array([1 - x.std(axis=0) for x in at_record])
    error = T_95 * narrowed.std(axis=0, ddof=1) / np.sqrt(members)
    mixed = 1 - found.std(axis=0)
    interval = np.minimum(narrowed.mean(axis=0) - error, mixed), np.maximum(narrowed.mean(axis=0) + error, mixed)
    ranks, gain, gain_se = np.empty((0, len(lesson.names))), np.nan, np.nan
    if len(unseen):
        ranks = (np.concatenate(at_unseen, axis=1) < scores[unseen][:, None]).mean(axis=1)
        of_prior = -0.5 * (scores[unseen] ** 2 + np.log(2 * np.pi)).sum(axis=1)
        gains = np.logaddexp.reduce(density, axis=0) - np.log(members) - of_prior
        gain, gain_se = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))
    return Neural(found, findings(lesson.names, found, (mixed, *interval), ranks), len(unseen), len(learn), gain, gain_se)


def of_scenario(terms: Terms, runner: Runner, *, members: int = MEMBERS) -> Neural:
    """What networks say of a scenario's record; errors as `Terms.problem`."""
    names, problem = spec_of(terms.scenario).fitted, terms.problem(runner)
    table, target, seed = problem.table, problem.target, terms.seed
    seen = table.presence.any(axis=(1, 2)) & ~table.stopped
    summaries, record = summary_of(problem.items, target), record_summary(target, problem.items)
    unseen = simulated_records(uprisings(table), seed)
    lesson = Lesson(names, prior_scores(names, seed, table.n), summaries, record, seen, unseen, seed)
    return neural(lesson, members=members, progress=runner.stage("networks"))


def libraries() -> str:
    """What trains the networks, with versions."""
    return ", ".join(f"{name} {version(name)}" for name in ("flowjax", "jax"))


def files_of(found: Neural) -> dict[str, str]:
    """What was learned, and the draws at the record, as the files of a result."""
    from scipy.special import ndtr

    names = [x.parameter for x in found.findings.learned]
    places = np.clip(ndtr(found.scores), 1e-12, 1 - 1e-12)
    rows = [[f"{value_at(parameters()[name], float(q)):.6g}" for name, q in zip(names, row, strict=True)] for row in places]
    return {**found.findings.tables(), "sample.csv": to_csv(names, rows)}


def _single(x: Floats) -> NDArray[np.float32]:
    return np.asarray(x, np.float32)


def _trained(scores: Floats, context: Floats, seed: int) -> Any:
    """One flow, trained until a tenth of the histories that is kept aside gains no more."""
    import jax.numpy as jnp
    import jax.random as jr
    from flowjax.distributions import Normal
    from flowjax.flows import masked_autoregressive_flow
    from flowjax.train import fit_to_data

    made, trained = jr.split(jr.key(seed))
    base = Normal(jnp.zeros(scores.shape[1]))
    flow = masked_autoregressive_flow(made, base_dist=base, cond_dim=context.shape[1], flow_layers=LAYERS, nn_width=WIDTH)
    data = (_single(scores), _single(context))
    return fit_to_data(trained, flow, data, learning_rate=1e-3, max_epochs=200, max_patience=10, show_progress=False)[0]


def _sampled(flow: Any, context: Floats, n: int, seed: int) -> Floats:
    """Draws of a flow at each context, shape (contexts, n, parameters)."""
    import jax
    import jax.random as jr

    keys = jr.split(jr.key(seed + (1 << 20)), len(context))
    return np.asarray(jax.vmap(lambda c, k: flow.sample(k, (n,), condition=c))(_single(context), keys), float)
