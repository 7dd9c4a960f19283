"""The figure of a comparison: every effect with its interval, by outcome and arm, in units of the smallest effect that counts; beside it
the same in people, without the change and with it.

In: `Effects`. Out: SVG files that stand alone, light and dark, one a language. The same effects give the same bytes: fixed hash salt, no
date, the font that ships with matplotlib for measuring. Colours are placeholders that become CSS variables.
"""

from __future__ import annotations

import html
import io
import itertools
import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from qantar.effects.answer import level
from qantar.effects.effect import BASE
from qantar.effects.measures import OUTCOMES
from qantar.effects.pairing import Effects
from qantar.messages import LANGUAGES, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"#010101": "var(--ink)", "#020202": "var(--muted)", "#030303": "var(--grid)", "#040404": "var(--a)", "#050505": "var(--b)"}
INK, MUTED, GRID, A, B = _COLOURS
_ALONE = """<style>svg{font-family:sans-serif;background:#fff;--ink:#1b1b1b;--muted:#777;--grid:#ddd;--a:#0b62a4;--b:#b04a00}
@media (prefers-color-scheme:dark){svg{background:#161616;--ink:#eee;--muted:#999;--grid:#3a3a3a;--a:#6db3f2;--b:#f2a35e}}</style>"""
NAME = "effects"
_SPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def draw_effects(found: Effects) -> dict[str, str]:
    """The figure as files by name, one a language."""
    return {f"{NAME}-{lang}.svg": _svg(found, lang) for lang in LANGUAGES}


def _effects(ax: Axes, found: Effects, lang: str) -> None:
    """A row an outcome, an arm beside the other; beyond one smallest effect the scale counts tenfolds."""
    arms = [label for label in found.recipes if label != BASE]
    ax.get_figure(root=True).set_size_inches(9, 1.6 + len(OUTCOMES) * (0.3 + 0.14 * len(arms)))  # type: ignore[union-attr]
    looks = zip(itertools.cycle("oDs^v"), itertools.cycle((A, B, INK)), strict=False)  # never by colour alone
    for number, (arm, (sign, colour)) in enumerate(zip(arms, looks, strict=False)):
        rows = [found.of(arm, name) for name in OUTCOMES]
        low, middle, high = np.array([np.quantile(e.values, (0.05, 0.5, 0.95)) / e.smallest for e in rows]).T
        y = np.arange(len(rows)) + 0.7 * ((number + 0.5) / len(arms) - 0.5)
        ax.hlines(y, low, high, color=colour, linewidth=1.6)
        ax.plot(middle, y, sign, color=colour, markersize=5, label=arm)
        for row, at in zip((e.as_dict() for e in rows), y, strict=True):
            counts = " → ".join(level(row[f"{k}_median"], row["level_unit"], lang) for k in ("base", "arm"))
            ax.annotate(counts, (1.01, at), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=colour)
    for edge in (-1, 1):
        ax.axvline(edge, color=MUTED, linewidth=0.8, linestyle="--")
    ax.axvline(0, color=MUTED, linewidth=0.8)
    ax.set_xscale("symlog", linthresh=1)
    ends = [int(np.ceil(np.log10(max(1.0, *(np.abs(np.quantile(e.values, (0.05, 0.95)) / e.smallest).max() for e in found.effects)))))]
    ticks = [0.0, *(s * 10.0**k for k in range(ends[0] + 1) for s in (-1, 1))]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.set_xlim(-1.3 * max(ticks), 1.3 * max(ticks))
    ax.set_yticks(range(len(OUTCOMES)), [text(f"outcome.{name}", lang) for name in OUTCOMES])
    ax.invert_yaxis()
    ax.set_xlabel(text("report.figure.effects.axis", lang))
    title = text("counterfactual.not_fitted_short" if found.basis == "prior" else "counterfactual.fitted_short", lang)
    ax.set_title(title if found.judged else text("counterfactual.not_judged_short", lang, title=title), fontsize=10.5)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3)


def _svg(found: Effects, lang: str) -> str:
    """The figure as SVG text that stands alone, coloured by CSS variables, with ids that are those of no other figure."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: Any = {
        "svg.fonttype": "none", "text.parse_math": False, "svg.hashsalt": f"{NAME}-{lang}", "font.family": "DejaVu Sans", "font.size": 12,
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": MUTED, "xtick.color": INK, "ytick.color": INK,
        "grid.color": GRID, "grid.linewidth": 0.8, "axes.grid": True, "axes.axisbelow": True, "axes.spines.top": False,
        "axes.spines.right": False, "figure.figsize": (4.7, 3.1),  "legend.frameon": False, "legend.fontsize": 10.5,
    }  # fmt: skip
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*missing from font.*")  # the browser draws the text, in its own font
        figure = Figure(layout="constrained")  # without pyplot: a notebook keeps its own backend
        FigureCanvasSVG(figure)
        _effects(figure.subplots(), found, lang)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    title = html.escape(text("report.figure.effects.title", lang))
    head = rf'<svg {_SPACES} viewBox="\1" role="img" aria-label="{title}">{_ALONE}'
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', head, svg, count=1)
    svg = re.sub(r'id="([\w.-]+)"', rf'id="{NAME}-{lang}-\1"', svg)
    svg = re.sub(r'(xlink:)?href="#([\w-]+)"', rf'href="#{NAME}-{lang}-\2"', svg)
    svg = re.sub(r"url\(#([\w-]+)\)", rf"url(#{NAME}-{lang}-\1)", svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)  # measured in one font, drawn in the reader's
    svg = re.sub(r' (?:d|x|y|transform)="[^"]*"', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0]), svg)  # a hundredth of a point is enough
    for placeholder, variable in _COLOURS.items():
        svg = svg.replace(placeholder, variable)
    return f"{svg.strip()}\n"
