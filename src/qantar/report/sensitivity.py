"""The folder of a sensitivity study: a table of all indices, two plots in both languages, and where they come from.

Plots are files of their own, so they carry their colours: blue and vermilion of Okabe and Ito, which most colour-blind people tell apart,
and never by colour alone. They are byte-equal when repeated: fixed hash salt, no date.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from qantar.ensemble.run import STAMP, made_by
from qantar.files.result import sealed
from qantar.files.tables import to_csv
from qantar.messages import LANGUAGES, text
from qantar.scenario.parameters import parameters
from qantar.scenario.scenario import Plan
from qantar.studies.sensitivity import OUTPUTS, Effort, Sensitivity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#B0B0B0"
SHOWN = 12
"""Parameters of the screening that are drawn and printed; the table holds all."""
Look = tuple[str, str, str]
"""Measure, colour, marker."""
SIZES: tuple[Look, ...] = (("size", BLUE, "o"),)
SHARES: tuple[Look, ...] = (("alone", BLUE, "o"), ("total", VERMILION, "s"))


def files_of(
    found: Sensitivity, plan: Plan, effort: Effort, *, seed: int, record_sha256: str, command: Mapping[str, Any]
) -> dict[str, str]:
    """The folder's files as text, `result.json` last."""
    groups = {name: p.group for name, p in parameters().items()}
    rows = [
        [x.measure, x.output, x.input, groups.get(x.input, ""), *(float(f"{v:.6g}") for v in (x.value, x.low, x.high))]
        for x in found.indices
    ]
    heads = ["measure", "output", "input", "group", "value", "low", "high", "stamp", "scale"]
    files = {"indices.csv": to_csv(heads, [[*row, STAMP, f"{plan.scale:g}"] for row in rows])}
    files |= {f"{name}.{lang}.svg": content for lang in LANGUAGES for name, content in drawings(found, plan, lang).items()}
    made = made_by()
    provenance = {
        "kind": "sensitivity",
        **made,
        "libraries": made["libraries"] | {name: version(name) for name in ("SALib", "scipy")},
        "command": command,
        "scenario": plan.case,
        "record_sha256": record_sha256,
        "seed": seed,
        "effort": {k: getattr(effort, k) for k in effort.__dataclass_fields__},
        "histories": found.histories,
        "keys": list(found.keys),
        "scale": plan.scale,
        "plan_sha256": plan.sha256(),
        "plan": plan.model_dump(),
        "history_sha256": hashlib.sha256("".join(found.history_sha256).encode()).hexdigest(),
        "left_out": found.left_out,
        "constant": found.constant,
        "calibrated": False,
        "replayed": plan.replayed(),
        "stamp": STAMP,
    }
    return sealed(files, provenance)


def drawings(found: Sensitivity, plan: Plan, lang: str) -> dict[str, str]:
    """Both plots as SVG text: sizes of the screening, shares of variance."""
    first = [*found.inputs[:SHOWN], found.inputs[-1]]
    return {
        "screening": _svg(found, plan, first, SIZES, lang, "screening"),
        "shares": _svg(found, plan, found.chosen, SHARES, lang, "shares"),
    }


def _svg(found: Sensitivity, plan: Plan, inputs: Sequence[str], looks: Sequence[Look], lang: str, name: str) -> str:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: Any = {
        "svg.fonttype": "none", "text.parse_math": False, "svg.hashsalt": f"{name}-{lang}", "font.family": ["DejaVu Sans", "sans-serif"],
        "font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
        "grid.color": "#E0E0E0",
    }  # fmt: skip
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*missing from font.*")  # the viewer draws the text, in its own font
        figure = Figure(figsize=(12.5, 1.9 + 0.29 * len(inputs)), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(1, len(OUTPUTS), sharex=name == "shares", sharey=True)
        for ax, output in zip(axes, OUTPUTS, strict=True):
            _panel(ax, found, output, inputs, looks, lang)
            ax.set_title(text(f"sensitivity.{output}", lang), fontsize=10)
            ax.set_xlabel(text(f"sensitivity.axis.{name}.{output}" if name == "screening" else "sensitivity.axis.shares", lang))
        axes[0].set_yticks(range(len(inputs)), [text(f"sensitivity.{n}", lang) if n not in parameters() else n for n in inputs])
        axes[0].set_ylim(len(inputs) - 0.4, -0.6)
        title = text(f"sensitivity.figure.{name}", lang, case=plan.case, n=found.histories)
        figure.suptitle(f"{title}\n{text('sensitivity.stamp', lang, scale=f'{1 / plan.scale:g}')}", fontsize=10)
        if len(looks) > 1:
            handles, labels = axes[0].get_legend_handles_labels()
            labels = [text(f"sensitivity.{x}", lang) for x in labels]
            figure.legend(handles, labels, loc="outside lower center", ncols=len(looks), frameon=False)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _panel(ax: Axes, found: Sensitivity, output: str, inputs: Sequence[str], looks: Sequence[Look], lang: str) -> None:
    """Marks with their intervals, one row an input; nothing where an output is always the same."""
    from matplotlib.ticker import MaxNLocator

    ax.axvline(0, color=GREY, linewidth=1)
    for number, (measure, colour, marker) in enumerate(looks):
        shift = 0.16 * (2 * number - len(looks) + 1)
        rows = [(k + shift, x) for k, name in enumerate(inputs) if (x := found.find(measure, output, name)) is not None]
        y, index = [k for k, _ in rows], [x for _, x in rows]
        ax.hlines(y, [x.low for x in index], [x.high for x in index], color=colour, linewidth=1.4)
        face = colour if number == 0 else "white"
        ax.plot([x.value for x in index], y, marker, color=colour, markersize=5, markerfacecolor=face, label=measure)
    if not index:
        ax.text(0.5, 0.5, text("sensitivity.same", lang), transform=ax.transAxes, ha="center", color="#606060")
    elif not any(x.high for x in index):
        ax.set_xlim(-0.05, 1)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.grid(axis="y", visible=False)
