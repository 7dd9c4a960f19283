"""Information: where the internet works, and what official words do.

    connectivity of a place: full, mobile cut (those with a fixed line stay online), none; the engine cuts online ties by it
    log pressure of a place  += shutdown_effect x (1 - share still online of those who use the internet)
    log pressure of a place  += framing_effect after hostile words of the state about the crowd

Both effects have free signs: a cut may stop news, or send people out to see (Hassanpour 2014, Polit. Commun. 31, for Cairo
2011; Rydzak, Karanja and Opiyo 2020, Int. J. Commun. 14, for African countries).
"""

from __future__ import annotations

from qantar.compiled import leaf
from qantar.model.diffusion import reach
from qantar.model.rules import FULL
from qantar.model.world import FRAMING, INTERNET, Columns, World, decided

NAME = "information"
PLACE: Columns = {
    "connectivity": FULL,  # a level of `rules.LEVELS`
    "framing": False,  # whether hostile words of the state are in force
}
TERMS = ("shutdown", "framing")


@leaf
def step(w: World) -> None:
    """Take over levels of internet and official words; give the terms."""
    p = w.params[0]
    for k in range(len(w.place)):
        here, term = w.place[k], w.term[k]
        here.connectivity = int(decided(w.decisions, INTERNET, k, here.connectivity))
        here.framing = decided(w.decisions, FRAMING, k, here.framing) > 0
        term.shutdown = p.shutdown_effect * (1 - reach(here, p))
        term.framing = p.framing_effect * here.framing
