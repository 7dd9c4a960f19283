"""What several waves have in common, and what therefore may be expected of one more: each is foretold from all others.

In: for every wave draws of its parameters after its record (`rallies.fit`), in normal scores z of broad priors. Out: `Foretold`.

    theta[wave] ~ Normal(mu, diag(sigma^2)),   mu ~ Normal(0, 1),   sigma ~ half-normal(SPREAD),   all in units of z
    what a wave's record says of theta: a normal, its draws with the broad prior taken out (precision S^-1 - 1, S their covariance)

so that a parameter of which a wave says nothing counts nothing there. Of a few waves hardly anything follows about sigma: its prior lets
waves differ by as much as the broad prior is wide, and what is foretold of a new wave is wide. Sampled by Gibbs' method, sigma on a grid
(Gelman, Carlin, Stern, Dunson, Vehtari and Rubin 2013, Bayesian Data Analysis, chapter 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.errors import StudyError, fail
from qantar.forecast.rallies import NAMES, OF_SIZES, SHARED, Fit, Rallies, values_of
from qantar.forecast.rallies_ahead import planted
from qantar.scenario.parameters import Prior
from qantar.study_keys import StudyKey, word

Floats = NDArray[np.float64]
SPREAD = 1.0
"""Scale of the half-normal prior of how far waves differ, in standard deviations of the broad prior."""
SIGMAS = np.geomspace(0.02, 4, 60)
STEPS, BURN = 2000, 300
LEAST = 1e-6
"""Precision that a record has at least: directions in which draws are wider than the prior say nothing."""
LEARNED = 0.8
"""A record tells of a parameter if with it the spread of its normal score is at most so much of that before."""
WIDER = {"media_gain": 2.2, "crowd_gain": 1.8, "near_gain": 2.3, "near_km": 2.4, "news_half": 1.4}
"""How many times wider errors are than a fit says: root mean square over records of twelve planted worlds, numbers 0 to 11 at seed 1.

There crowds that nobody wrote down are noticed on the spot, and the fit does not know of them. Fits were worth fewer draws then, so this is
rather too wide; the worlds that a result shows are others.
"""
FEW = 0.05
HALF_MIDDLE = 0.6745
"""Middle of a half-normal law of scale 1."""
GAINS = ("media_gain", "crowd_gain", "near_gain")
"""What is never negative in the model: there its mass below zero sits on no effect."""
COLUMNS = [list(NAMES).index(name) for name in SHARED]


@dataclass(frozen=True)
class Information:
    """What one record says of the shared parameters: precision, and precision times mean, in units of z."""

    precision: Floats
    pull: Floats

    @classmethod
    def of(cls, mean: Floats, covariance: Floats) -> Information:
        """From mean and covariance of draws under the broad prior.

        >>> own = Information.of(np.array([1.0, 0.0]), np.diag([0.5, 1.0]))      # the second was not learned
        >>> own.precision.round(3).tolist(), own.pull.round(3).tolist()
        ([[1.0, 0.0], [0.0, 0.0]], [2.0, 0.0])
        """
        inverse = np.linalg.inv(covariance)
        values, axes = np.linalg.eigh(inverse - np.eye(len(mean)))
        kept = values > LEAST
        pull = axes.T @ (inverse @ mean)
        return cls((axes * np.where(kept, values, LEAST)) @ axes.T, axes @ np.where(kept, pull, 0.0))

    def wider(self, times: Floats) -> Information:
        """The same with errors so many times as wide."""
        mean, by = np.linalg.solve(self.precision, self.pull), np.diag(1 / times)
        precision = by @ self.precision @ by
        return Information(precision, precision @ mean)


@dataclass(frozen=True)
class Foretold:
    """Draws of a wave that was not looked at, of the middle of all waves, and of how far they differ; shape (draws, shared)."""

    new: Floats
    middle: Floats
    spread: Floats


def foretold(records: Sequence[Information], seed: int, number: int = 0) -> Foretold:
    """One more wave, given some."""
    draw, n = np.random.default_rng(word(seed, StudyKey.WAVE_BETWEEN, number)), len(SHARED)
    mu, sigma = np.zeros(n), np.full(n, 0.5)
    prior = -(SIGMAS**2) / (2 * SPREAD**2) + np.log(SIGMAS)  # even on the log scale of the grid
    kept = []
    for t in range(BURN + STEPS):
        theta = np.empty((len(records), n))
        for k, own in enumerate(records):
            root = np.linalg.cholesky(own.precision + np.diag(1 / sigma**2))
            mean = np.linalg.solve(root.T, np.linalg.solve(root, own.pull + mu / sigma**2))
            theta[k] = mean + np.linalg.solve(root.T, draw.standard_normal(n))
        weight = len(records) / sigma**2
        mu = theta.sum(axis=0) / sigma**2 / (1 + weight) + draw.standard_normal(n) / np.sqrt(1 + weight)
        square = ((theta - mu) ** 2).sum(axis=0)
        log = prior - len(records) * np.log(SIGMAS) - square[:, None] / (2 * SIGMAS**2)
        sigma = SIGMAS[np.argmax(log + draw.gumbel(size=log.shape), axis=1)]
        if t >= BURN:
            kept.append((mu + sigma * draw.standard_normal(n), mu, sigma))
    new, middle, spread = (np.array(x) for x in zip(*kept, strict=True))
    return Foretold(new, middle, spread)


def natural(z: Floats) -> Floats:
    """Normal scores as values of the shared parameters, the last axis."""
    found = np.empty_like(z)
    for k, name in enumerate(SHARED):
        log, middle, sd = NAMES[name]
        found[..., k] = middle * np.exp(sd * z[..., k]) if log else middle + sd * z[..., k]
    return found


def prior_of(name: str, values: Floats) -> Prior:
    """Draws of a parameter as a prior of the model's table: normal, log-normal, or half-normal with what is not above zero on no effect.

    >>> prior_of("crowd_gain", np.array([-1.0, 0.5, 1.0, 2.0])).spike
    0.25
    """
    if name in GAINS:
        above = values[values > 0]
        spike, wide = 1 - len(above) / len(values), float(np.median(above)) / HALF_MIDDLE if len(above) else 1.0
        return Prior(kind="halfnormal", a=0.0, b=float(f"{wide:.4g}"), spike=float(f"{spike:.3g}"))
    log = NAMES[name][0]
    low, middle, high = np.quantile(np.log(values) if log else values, (0.16, 0.5, 0.84))
    a, b = float(np.exp(middle) if log else middle), float(high - low) / 2
    return Prior(kind="lognormal" if log else "normal", a=float(f"{a:.4g}"), b=float(f"{b:.4g}"))


def inside(own_mean: float, own_sd: float, new: Floats) -> float:
    """Probability that a wave is at least as far from the middle of what was foretold of it, either way, its own error allowed for.

    Parameters
    ----------
    own_mean, own_sd : of its parameter by its own record
    new : draws of what was foretold
    """
    from scipy.special import ndtr

    above = float(ndtr((new - own_mean) / own_sd).mean())
    return 2 * min(above, 1 - above)


@dataclass(frozen=True)
class Summary:
    """What is kept of a fit of one wave."""

    mean: Floats
    covariance: Floats
    """of all normal scores"""
    quantiles: Floats
    """5, 50 and 95 % of each, in normal scores, shape (3, parameters)"""
    worth: float

    @classmethod
    def of(cls, found: Fit) -> Summary:
        """Of a fit that was just made."""
        z = found.z
        return cls(z.mean(axis=0), np.cov(z.T), np.quantile(z, (0.05, 0.5, 0.95), axis=0), found.worth)

    def as_dict(self) -> dict[str, Any]:
        """As data."""
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(self).items()}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Summary:
        """What `as_dict` gave."""
        return cls(np.array(kept["mean"]), np.array(kept["covariance"]), np.array(kept["quantiles"]), float(kept["worth"]))

    def _shared(self, *, sized: bool) -> tuple[Floats, Floats]:
        """Mean and covariance of the shared parameters.

        Of few draws the inverse of a covariance is too large by (draws - 1) / (draws - parameters - 2) (Hartlap, Simon and Schneider 2007,
        Astron. Astrophys. 464); of still fewer nothing is known. Without sizes those of sizes stay as they were before: what numbers of
        rallies seem to say of them hangs on their being in proportion to residents.
        """
        n, own = len(COLUMNS), self.covariance[np.ix_(COLUMNS, COLUMNS)]
        part = (self.worth - n - 2) / (self.worth - 1) if self.worth > n + 2 else 0.0
        mean, covariance = (self.mean[COLUMNS], own / part) if part > FEW else (np.zeros(n), np.eye(n))
        if not sized:
            of = np.isin(SHARED, OF_SIZES)
            mean = np.where(of, 0.0, mean)
            covariance = np.where(of[:, None] | of, np.eye(n), covariance)
        return mean, covariance

    def information(self, *, sized: bool) -> Information:
        """Of the shared parameters, together; sized : whether the record tells sizes."""
        return Information.of(*self._shared(sized=sized)).wider(np.array([WIDER.get(name, 1.0) for name in SHARED]))

    def alone(self, j: int, *, sized: bool) -> tuple[float, float] | None:
        """Mean and error of one by the record, the broad prior taken out; None where the record does not tell of it."""
        mean, covariance = self._shared(sized=sized)
        precision = (1 / float(covariance[j, j]) - 1) / WIDER.get(SHARED[j], 1.0) ** 2
        if precision < 1 / LEARNED**2 - 1:
            return None
        return float(mean[j] / (1 - covariance[j, j])), float(precision**-0.5)


WORLD = 3
"""Waves of a planted world, of which one has sizes, as of the real ones."""
FEWEST, MOST = 30, 3000
"""Rallies of a planted record: where there are fewer nobody speaks of a wave, and no packaged record has more."""
TRIES = 500


def world(places: Rallies, seed: int, number: int) -> tuple[list[Rallies], list[Floats], Floats]:
    """Records of waves that differ as the hierarchy says, their shared parameters in z, and those of one more that nobody is shown.

    Raises
    ------
    StudyError
        If at these places and days the rule hardly ever makes as many rallies as a wave has.
    """
    draw, n = np.random.default_rng(word(seed, StudyKey.PLANTED_WAVE, number, 1)), len(NAMES)
    mu, sigma = np.zeros(n), np.zeros(n)
    mu[COLUMNS], sigma[COLUMNS] = draw.standard_normal(len(SHARED)), np.abs(SPREAD * draw.standard_normal(len(SHARED)))
    records: list[Rallies] = []
    truths = []
    for k in range(TRIES):
        z = np.where(sigma > 0, mu + sigma * draw.standard_normal(n), draw.standard_normal(n))
        made = planted(places, values_of(z), seed, (number * TRIES + k) * 10 + len(records), sizes=not records)
        if FEWEST <= made.counts.sum() <= MOST:
            records.append(made)
            truths.append(z[COLUMNS])
        if len(records) > WORLD:
            break
    else:
        raise fail(StudyError, "--worlds", "waves_not_planted", n=TRIES, made=len(records), few=FEWEST, most=MOST)
    return records[:-1], truths[:-1], truths[-1]
