"""Plots of the page as small SVG: one drawing for both languages, light and dark, desktop and phone.

Titles of axes and the legend are HTML around the drawing, so that they wrap as text does and nothing has to be measured; inside are marks,
lines, tick labels and short notes. Colours are classes of the page. The same data give the same bytes.
"""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from markupsafe import Markup, escape

from qantar.report.pairs import both
from qantar.studies.blocks import Pair

WIDTH, SIZE = 380.0, 12.5
"""Of the drawing, and of its text, in units of its view box."""
NARROW = 132.0
"""Names of rows that are wider stand above their rows, not beside them."""
Point = tuple[float, float]
SHAPES = {
    "o": "m-{r} 0a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0-{d} 0z",
    "D": "m0-{w}l{w} {w}l-{w} {w}l-{w}-{w}z",
    "s": "m-{r}-{r}h{d}v{d}h-{d}z",
    "^": "m0-{w}l{w} {d}h-{e}z",
    "v": "m0 {w}l{w}-{d}h-{e}z",
    "-": "m-7 0h14",
    "#": "m-7-5h14v10h-14z",
    "|": "m0-5v10",
}


def number(value: float) -> str:
    """A coordinate to a tenth.

    >>> number(3.04), number(-0.02), number(12.0)
    ('3', '0', '12')
    """
    return f"{round(value, 1) + 0:g}"


def shape(name: str, r: float = 4) -> str:
    """The path of a mark around the current point."""
    return SHAPES[name].format(r=number(r), d=number(2 * r), w=number(1.3 * r), e=number(2.6 * r))


def width_of(word: str, size: float = SIZE) -> float:
    """About how wide a word is drawn: a Chinese character is as wide as it is high, others a little over half."""
    return size * sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.56 for c in word)


def steps(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two, at most so many: steps of 1, 2 or 5 times a power of ten.

    >>> steps(0, 16000), steps(-0.3, 1.2)
    ([0.0, 5000.0, 10000.0, 15000.0], [0.0, 0.5, 1.0])
    """
    if not high > low:
        return [low]
    for k in range(math.floor(math.log10((high - low) / most)), 400):
        for factor in (1, 2, 5):
            step = factor * 10.0**k
            if (count := math.floor(high / step) - math.ceil(low / step) + 1) <= most:
                return [round(n * step, 12) + 0 for n in range(math.ceil(low / step), math.ceil(low / step) + count)]
    raise AssertionError("a step that is large enough exists")


@dataclass
class Plot:
    """A drawing that is being made: ranges of the data, room around, and what was drawn so far."""

    x: Point
    y: Point
    """at the bottom, at the top"""
    height: float = 210
    left: float = 44
    right: float = 12
    top: float = 10
    bottom: float = 24
    parts: list[str] = field(default_factory=list)
    keys: list[tuple[str, str, Pair]] = field(default_factory=list)
    """of the legend: shape, class, words"""
    dated: bool = False
    """whether it runs over days, so that a page can show one moment in it"""

    def at(self, x: float, y: float) -> Point:
        """Where a point of the data is drawn."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        ground = self.height - self.bottom
        return self.left + across * (WIDTH - self.left - self.right), ground - up * (ground - self.top)

    def _joined(self, points: Iterable[Point]) -> str:
        """Straight pieces from point to point."""
        places = enumerate(itertools.starmap(self.at, points))
        return "".join(f"{'L' if n else 'M'}{number(x)} {number(y)}" for n, (x, y) in places)

    def path(self, d: str, look: str) -> None:
        """A path in drawing units."""
        if d:
            self.parts.append(f'<path class="{look}" d="{d}"/>')

    def lines(self, segments: Iterable[tuple[Point, Point]], look: str) -> None:
        """Straight pieces, each on its own."""
        self.path("".join(map(self._joined, segments)), look)

    def curve(self, points: Sequence[Point], look: str) -> None:
        """Points joined in order."""
        self.path(self._joined(points), look)

    def area(self, upper: Sequence[Point], lower: Sequence[Point], look: str) -> None:
        """What lies between two curves."""
        if upper:
            self.path(self._joined([*upper, *reversed(lower)]) + "z", look)

    def boxes(self, boxes: Iterable[tuple[Point, Point]], look: str) -> None:
        """Rectangles, each by two corners."""
        corners = [[number(v) for point in box for v in self.at(*point)] for box in boxes]
        self.path("".join(f"M{x} {y}H{x2}V{y2}H{x}z" for x, y, x2, y2 in corners), look)

    def marks(self, points: Iterable[Point], sign: str, look: str, r: float = 4) -> None:
        """The same mark at several points."""
        self.path("".join(self._joined([p]) + shape(sign, r) for p in points), look)

    def note(self, x: float, y: float, words: Pair, *, anchor: str = "middle", dx: float = 0, dy: float = 0) -> None:
        """Words at a point of the data, shifted by so many units; a line break begins a new line."""
        px, py = self.at(x, y)
        self.words(px + dx, py + dy, words, anchor=anchor)

    def words(self, px: float, py: float, words: Pair, *, anchor: str = "middle") -> None:
        """Words at a place of the drawing, their first line there."""
        found = dict.fromkeys(words) if words[0] == words[1] else {words[0]: "en", words[1]: "zh"}
        for said, lang in found.items():
            first, *more = said.split("\n")
            rest = "".join(f'<tspan x="{number(px)}" dy="1.15em">{escape(line)}</tspan>' for line in more)
            tongue = f' lang="{lang}"' if lang else ""
            place = f'x="{number(px)}" y="{number(py)}"' + (f' text-anchor="{anchor}"' if anchor != "start" else "")
            self.parts.append(f"<text{tongue} {place}>{escape(first)}{rest}</text>")

    def x_axis(self, at: Sequence[float], labels: Sequence[Pair], *, grid: bool = True) -> None:
        """Tick labels below, with lines up through the drawing."""
        for value, said in zip(at, labels, strict=True):
            self.note(value, self.y[0], said, dy=16)
        if grid:
            self.lines((((v, self.y[0]), (v, self.y[1])) for v in at), "g")

    def y_axis(self, at: Sequence[float], labels: Sequence[Pair], *, grid: bool = True) -> None:
        """Tick labels at the left, with lines across the drawing."""
        for value, said in zip(at, labels, strict=True):
            self.note(self.x[0], value, said, anchor="end", dx=-6, dy=4)
        if grid:
            self.lines((((self.x[0], v), (self.x[1], v)) for v in at), "g")

    def key(self, sign: str, look: str, words: Pair) -> None:
        """An entry of the legend; the same words stand once."""
        if words not in [k[2] for k in self.keys]:
            self.keys.append((sign, look, words))

    def html(self, title: Pair, x_title: Pair | None = None, y_title: Pair | None = None) -> Markup:
        """The whole figure: title of the upright axis, drawing, title of the other, legend."""
        label = Markup('aria-label="{0}" data-aria-label-zh="{1}"').format(*title)
        over = f'data-over="{self.x[0]} {self.x[1]} {number(self.left)} {number(WIDTH - self.right)}" ' if self.dated else ""
        svg = f'<svg class="plot" viewBox="0 0 {number(WIDTH)} {number(self.height)}" role="img" {over}{label}>{"".join(self.parts)}</svg>'
        above = Markup('<p class="axis">{}</p>').format(both(*y_title)) if y_title else ""
        below = Markup('<p class="axis below">{}</p>').format(both(*x_title)) if x_title else ""
        return Markup("{}{}{}{}").format(above, Markup(svg), below, self._legend())

    def _legend(self) -> Markup:
        if not self.keys:
            return Markup("")
        sign = Markup('<svg class="plot swatch" viewBox="-9 -7 18 14" aria-hidden="true"><path class="{}" d="M0 0{}"/></svg>')
        items = [Markup("<li>{}{}</li>").format(sign.format(look, Markup(shape(s))), both(*words)) for s, look, words in self.keys]
        return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))


@dataclass(frozen=True)
class Rows:
    """Names of rows of a drawing, and how much room they need: beside their rows if all are short, else above them."""

    names: Sequence[Pair]
    each: float = 24

    @cached_property
    def widest(self) -> float:
        """Width of the widest name."""
        return max((width_of(n) for names in self.names for n in names), default=0)

    @property
    def beside(self) -> bool:
        """Whether names stand beside their rows."""
        return self.widest <= NARROW

    def plot(self, x: Point, room: float = 12) -> Plot:
        """An empty drawing with a row a name, the first at the top; `room` is left at the right."""
        step = self.each if self.beside else self.each + 14
        left = self.widest + 14 if self.beside else 8
        last = len(self.names) - 1
        plot = Plot(x, (last + 0.5, -0.5), height=step * len(self.names) + 34, left=left, right=room, top=6)
        anchor, dx, dy = ("end", -8, 4) if self.beside else ("start", -4, -5)
        for row, said in enumerate(self.names):
            plot.note(x[0], row, said, anchor=anchor, dx=dx, dy=dy)
        return plot

    def line(self, row: float) -> float:
        """Where the marks of a row stand, in units of rows."""
        return row if self.beside else row + 7 / (self.each + 14)


def tenfolds(value: float) -> float:
    """A place on a scale that is even up to one either way, then a step a tenfold.

    >>> tenfolds(-0.5), tenfolds(100), tenfolds(-10)
    (-0.5, 3.0, -2.0)
    """
    return value if abs(value) <= 1 else math.copysign(1 + math.log10(abs(value)), value)


def same(word: str) -> Pair:
    """A word that reads the same in both languages."""
    return word, word


def signed(value: float) -> Pair:
    """A number with a minus sign, not a hyphen."""
    return same(f"{value:g}".replace("-", "\u2212"))
