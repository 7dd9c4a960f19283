"""Experiments in the report: one figure for all of them, and a list with question, rule, effects and the command of each.

In: the trials and the experiment files of a case. Out: an SVG a language, and rows for the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qantar.errors import Problems
from qantar.messages import LANGUAGES, text
from qantar.report.curves import INK, MUTED, A, B, svg
from qantar.study.experiments import EVERYONE, FOLDER, Experiment
from qantar.study.methods import FILE
from qantar.study.methods import Experiment as Stylized
from qantar.study.trials import Trial
from qantar.tables import read_toml

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


def draw_experiments(trials: Mapping[str, Trial], called: Callable[[str], tuple[str, str]], lang: str) -> dict[str, str]:
    """The figure by name; none without rows. `called`: what a reader calls a rival, in both languages."""
    rows = shown(trials)
    if not rows:
        return {}
    title = text(f"report.figure.{FIGURE}.title", lang)
    return {FIGURE: svg(lambda ax: _forest(ax, rows, called, lang), FIGURE, title, lang)}


def _forest(ax: Axes, rows: Sequence[Mapping[str, Any]], called: Callable[[str], tuple[str, str]], lang: str) -> None:
    """A line a hypothesis and part, priors, posterior, everyone from above; in smallest effects, in the direction asked about."""
    parts = list(dict.fromkeys((r["hypothesis"], r["part"]) for r in rows))
    ax.get_figure(root=True).set_size_inches(7.4, 1.5 + 0.34 * len(parts))  # type: ignore[union-attr]
    for basis, sign, colour, shift in (("prior", "o", A, -0.24), ("posterior", "D", B, 0.0), (EVERYONE, "s", INK, 0.24)):
        own = [r for r in rows if r["basis"] == basis]
        if not own:
            continue
        scale = [(-1 if r.get("direction") == "fall" else 1) / r["smallest"] for r in own]
        low, middle, high = (np.array([r[k] * s for r, s in zip(own, scale, strict=True)]) for k in ("low", "effect", "high"))
        y = np.array([parts.index((r["hypothesis"], r["part"])) for r in own]) + shift
        ax.hlines(y, np.clip(np.minimum(low, high), -MOST, MOST), np.clip(np.maximum(low, high), -MOST, MOST), color=colour, linewidth=1.6)
        ax.plot(np.clip(middle, -MOST, MOST), y, sign, color=colour, markersize=5, label=text(f"experiment.basis.{basis}", lang))
    ax.axvline(1, color=MUTED, linewidth=1.0, linestyle="--")
    ax.axvline(0, color=MUTED, linewidth=0.8)
    ax.set_xscale("symlog", linthresh=1)
    ticks = [-10, -1, 0, 1, 10]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.set_xlim(-MOST, MOST)
    ax.set_yticks(range(len(parts)), [f"{h} {called(p)[LANGUAGES.index(lang)]}" for h, p in parts])
    ax.set_ylim(len(parts) - 0.5, -0.5)
    ax.set_xlabel(text(f"report.figure.{FIGURE}.axis", lang))
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.62 / (0.34 * len(parts) + 0.4)), ncols=3)
