"""Experiments in the report: one figure for all of them, and a list with question, rule, effects and the command of each.

In: the trials and the experiment files of a case. Out: a figure, and rows for the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from qantar.effects.experiments import EVERYONE, FOLDER, Experiment
from qantar.errors import Problems
from qantar.files.tables import read_toml
from qantar.report.figures import Rows, same
from qantar.report.pairs import Pair, pair
from qantar.studies.experiments import Trial
from qantar.studies.methods import FILE
from qantar.studies.methods import Experiment as Stylized

FIGURE = "experiments"
MOST = 30.0
"""The axis ends at so many smallest effects; longer lines run out of it."""


def specs_of(folder: Path) -> dict[str, Experiment | Stylized]:
    """The experiment files of a case by hypothesis; a file that cannot be read is left out (`qantar check` says why)."""
    found: list[Experiment | Stylized | None] = []
    for path in sorted((folder / FOLDER).glob("H*.toml")):
        found.append(read_toml(path, Stylized, Problems()) if path.name == FILE else read_toml(path, Experiment, Problems()))
    return {spec.hypothesis: spec for spec in found if spec is not None}


def shown(trials: Mapping[str, Trial]) -> list[dict[str, Any]]:
    """Rows of the figure and its table: parts with an effect and a smallest one, as judged, of the model itself, by hypothesis."""
    own = [r for _, trial in sorted(trials.items()) for r in trial.own]
    return [r for r in own if r.get("smallest") and r.get("effect") is not None]


def draw_experiments(trials: Mapping[str, Trial], called: Callable[[str], Pair]) -> dict[str, Markup]:
    """The figure by name; none without rows. `called`: what a reader calls a rival, in both languages."""
    rows = shown(trials)
    return {FIGURE: _forest(rows, called)} if rows else {}


def _forest(rows: Sequence[Mapping[str, Any]], called: Callable[[str], Pair]) -> Markup:
    """A line a hypothesis and part, priors, posterior, everyone from above; in smallest effects, in the direction asked about."""
    parts = list(dict.fromkeys((r["hypothesis"], r["part"]) for r in rows))
    named = [called(part) for _, part in parts]
    lines = Rows([(f"{h} {en}", f"{h} {zh}") for (h, _), (en, zh) in zip(parts, named, strict=True)], each=27)
    end = _tenfolds(MOST)
    plot = lines.plot((-end, end))
    ticks = [-10.0, -1.0, 0.0, 1.0, 10.0]
    plot.x_axis([_tenfolds(t) for t in ticks], [same(f"{t:g}".replace("-", "\u2212")) for t in ticks])
    plot.lines([((0, plot.y[0]), (0, plot.y[1]))], "m")
    plot.lines([((1, plot.y[0]), (1, plot.y[1]))], "m dash")
    for basis, sign, look, shift in (("prior", "o", "a", -0.22), ("posterior", "D", "b", 0.0), (EVERYONE, "s", "k", 0.22)):
        own = [r for r in rows if r["basis"] == basis]
        scaled = [[(-1 if r.get("direction") == "fall" else 1) * r[k] / r["smallest"] for k in ("low", "effect", "high")] for r in own]
        x = [[_tenfolds(min(max(v, -MOST), MOST)) for v in values] for values in scaled]
        y = [lines.line(parts.index((r["hypothesis"], r["part"]))) + shift for r in own]
        plot.lines((((low, k), (high, k)) for k, (low, _, high) in zip(y, x, strict=True)), look)
        plot.marks(((middle, k) for k, (_, middle, _) in zip(y, x, strict=True)), sign, f"{look} f", 3)
        if own:
            plot.key(sign, f"{look} f", pair(f"experiment.basis.{basis}"))
    return plot.html(pair(f"report.figure.{FIGURE}.title"), pair(f"report.figure.{FIGURE}.axis"))


def _tenfolds(value: float) -> float:
    """Even up to one smallest effect either way, then a step a tenfold."""
    return value if abs(value) <= 1 else math.copysign(1 + math.log10(abs(value)), value)
