"""Plain regressions of whether something happens in a cell: a place on a day.

fit_hazards   1 - exp(-exp(effect of the group + b x)): every group (a day, say) has an effect of its own, so that what all cells of
              it share says nothing about b
fit_logit     1 / (1 + exp(-(b0 + b x))), penalized: for days other than those it was fitted to
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qantar.forecast.baselines import INTERCEPT_SD, SLOPE_SD, expit

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ROUNDS, CLOSE = 100, 1e-7
"""Steps of Newton at most, and the size of a step at which a fit is done."""


class Hazards(NamedTuple):
    """Coefficients of a log hazard and their standard errors."""

    value: Floats
    error: Floats


def fit_hazards(happened: Bools, columns: Floats, group: Ints, cluster: Ints) -> Hazards:
    """Whether something happened in a cell: chance 1 - exp(-exp(effect of the group + columns x coefficients)).

    Groups have effects of their own (days, or cities), which are found with the coefficients. Cells are taken to be alike within a
    cluster: errors add up the scores of each before they are squared (sandwich). Groups in which it never or always happened say
    nothing about the coefficients and are left out.

    Parameters
    ----------
    happened : shape (cells,)
    columns : shape (cells, coefficients), each about zero and about one wide
    group, cluster : number of the cell's group and cluster, shape (cells,)
    """
    share = np.bincount(group, happened) / np.maximum(np.bincount(group), 1)
    keep = (share > 0) & (share < 1)
    cells = keep[group]
    y, x = happened[cells].astype(float), columns[cells]
    g, c, n = (np.cumsum(keep) - 1)[group[cells]], cluster[cells], int(keep.sum())
    if not n:
        return Hazards(np.full(x.shape[1], np.nan), np.full(x.shape[1], np.nan))
    beta = np.zeros(x.shape[1])
    effect = np.log(-np.log1p(-share[keep]))
    for _ in range(ROUNDS):
        score, weight = _cells(y, np.clip(effect[g] + x @ beta, -30.0, 3.0))
        mean, own, centred, information = _centred(x, weight, g, n)
        step = np.linalg.solve(information, centred.T @ score)
        beta = beta + np.clip(step, -1.0, 1.0)
        effect = effect + np.clip(np.bincount(g, score, n) / own - mean @ step, -1.0, 1.0)
        if np.abs(step).max() < CLOSE:
            break
    score, weight = _cells(y, np.clip(effect[g] + x @ beta, -30.0, 3.0))
    _, _, centred, information = _centred(x, weight, g, n)
    each = np.stack([np.bincount(c, score * column) for column in centred.T], axis=1)
    inverse = np.linalg.inv(information)
    return Hazards(beta, np.sqrt(np.diag(inverse @ (each.T @ each) @ inverse)))


def _cells(y: Floats, eta: Floats) -> tuple[Floats, Floats]:
    """Slope and expected curvature of the log likelihood of each cell in its log hazard."""
    mean = np.exp(eta)
    caught = -np.expm1(-mean)
    seen = mean * (1 - caught) / caught
    return y * (seen + mean) - mean, mean * seen


def _centred(x: Floats, weight: Floats, g: Ints, n: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Weighted means of columns in each group, its weight, columns less these means, information about the coefficients."""
    own: Floats = np.bincount(g, weight, n).astype(np.float64)
    mean = np.stack([np.bincount(g, weight * column, n) / own for column in x.T], axis=1)
    centred = x - mean[g]
    return mean, own, centred, centred.T @ (weight[:, None] * centred)


def fit_logit(happened: Bools, columns: Floats) -> Floats:
    """Coefficients of a logistic regression, intercept first, under the normal priors of all plain regressions here (`baselines`).

    Parameters
    ----------
    happened : shape (cells,)
    columns : shape (cells, coefficients)

    >>> fit_logit(np.array([True, False] * 500), np.zeros((1000, 0))).round(6).tolist()
    [0.0]
    """
    x = np.column_stack([np.ones(len(columns)), columns])
    penalty = 1 / np.array([INTERCEPT_SD, *[SLOPE_SD] * columns.shape[1]]) ** 2
    b = np.zeros(x.shape[1])
    for _ in range(ROUNDS):
        p = expit(x @ b)
        slope = x.T @ (happened - p) - penalty * b
        step = np.linalg.solve(x.T @ ((p * (1 - p))[:, None] * x) + np.diag(penalty), slope)
        b = b + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < CLOSE:
            break
    return b
