"""A map of an argument: claims in columns from premises to conclusions, joined by arrows; every box is a link, read in that order.

Columns follow the longest way from a premise (circles are cut where they close); within a column boxes stand near what they are joined to
(the barycentre rule of Sugiyama, Tagawa and Toda 1981). What a box says is its title, and stands in the table beside the map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from qantar.report.pairs import both
from qantar.studies.blocks import Arrow, Diagram, Pair, pair

BOX_W, BOX_H, GAP_X, GAP_Y, EDGE = 58.0, 22.0, 62.0, 8.0, 6.0
LOOKS = {"in": "in", "out": "out", "undecided": "und"}
SWEEPS = 6


def ranks(arrows: Sequence[Arrow], names: Sequence[str]) -> dict[str, int]:
    """Column of each node: one more than the farthest of those that lead to it; an arrow that closes a circle does not count.

    >>> ranks([Arrow("a", "b", "in", True), Arrow("b", "c", "in", True), Arrow("a", "c", "in", True)], ["a", "b", "c"])
    {'a': 0, 'b': 1, 'c': 2}
    """
    before: dict[str, list[str]] = {n: [] for n in names}
    for a in arrows:
        before[a.end].append(a.start)
    found: dict[str, int] = {}

    def rank(name: str, path: frozenset[str]) -> int:
        if name not in found:
            found[name] = max((1 + rank(b, path | {name}) for b in before[name] if b not in path and b != name), default=0)
        return found[name]

    for name in names:
        rank(name, frozenset())
    return {n: found[n] for n in names}


def columns(arrows: Sequence[Arrow], rank: Mapping[str, int]) -> list[list[str]]:
    """Nodes of each column in the order in which they are drawn."""
    layers: list[list[str]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    for name in sorted(rank):
        layers[rank[name]].append(name)
    near: dict[str, list[str]] = {n: [] for n in rank}
    for a in arrows:
        near[a.start].append(a.end)
        near[a.end].append(a.start)
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            place = {n: (k + 0.5) / len(of) for of in layers for k, n in enumerate(of)}
            layer.sort(key=lambda n: (sum(place[x] for x in near[n]) / len(near[n]) if near[n] else place[n], n))
    return layers


def draw_diagram(data: Diagram, _: str, title: Pair) -> Markup:
    """The map as a drawing with links."""
    nodes = {n.name: n for n in data.nodes}
    layers = columns(data.arrows, ranks(data.arrows, sorted(nodes)))
    height = max((len(layer) for layer in layers), default=1) * (BOX_H + GAP_Y) + 2 * EDGE
    at: dict[str, tuple[float, float]] = {}
    for column, layer in enumerate(layers):
        room = (height - 2 * EDGE) / len(layer)
        for k, n in enumerate(layer):
            at[n] = EDGE + column * (BOX_W + GAP_X), EDGE + (k + 0.5) * room - BOX_H / 2
    width = len(layers) * (BOX_W + GAP_X) - GAP_X + 2 * EDGE
    parts = [_arrow(a, at) for a in data.arrows]
    for layer in layers:
        for n in layer:
            x, y = at[n]
            node = nodes[n]
            own = Markup(' id="node-{}"').format(n) if node.to else ""
            said = f"{n}. {node.says[0]} ({node.state[0]})", f"{n}：{node.says[1]}（{node.state[1]}）"
            parts.append(
                Markup(
                    '<a href="{to}"{own} class="node {look}">'
                    '<title data-text-zh="{zh}">{en}</title><rect x="{x:.0f}" y="{y:.0f}" width="{w:.0f}" height="{h:.0f}" rx="4"/>'
                    '<text x="{tx:.0f}" y="{ty:.0f}" text-anchor="middle">{n}</text></a>'
                ).format(
                    n=n, to=node.to or f"#{n}", own=own, look=LOOKS[node.label], en=said[0], zh=said[1],
                    x=x, y=y, w=BOX_W, h=BOX_H, tx=x + BOX_W / 2, ty=y + 15.5,
                )
            )  # fmt: skip
    label = Markup('aria-label="{0}" data-aria-label-zh="{1}"').format(*title)
    drawing = Markup(
        '<div class="scroll" tabindex="0" role="group" {label}><svg class="map-of-argument" viewBox="0 0 {w:.0f} {h:.0f}" '
        'style="width:{w:.0f}px">{parts}</svg></div>'
    ).format(label=label, w=width, h=height, parts=Markup("").join(parts))
    keys = Markup("").join(
        Markup('<li><span class="node-key {}"></span>{}</li>').format(look, both(*pair(f"argument.node.{name}")))
        for name, look in LOOKS.items()
    )
    return Markup('{}<ul class="legend">{}</ul>').format(drawing, keys)


def _arrow(a: Arrow, at: Mapping[str, tuple[float, float]]) -> Markup:
    (x1, y1), (x2, y2) = at[a.start], at[a.end]
    x1, y1, y2 = x1 + BOX_W, y1 + BOX_H / 2, y2 + BOX_H / 2
    bend = max(24.0, (x2 - x1) / 2)
    look = LOOKS[a.label] + ("" if a.linked else " alone")
    path = f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2 - 5:.0f} {y2:.0f}m0-3l5 3-5 3"
    return Markup('<path class="arrow {}" d="{}"/>').format(look, path)
