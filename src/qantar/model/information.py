"""Information: where the internet works, and what official words do.

    connectivity of a place: full, mobile cut (those with a fixed line stay online), none; the engine cuts online ties by it
    log pressure of a place  += shutdown_effect x (1 - share still online of those who use the internet)
    log pressure of a place  += framing_effect after hostile words of the state about the crowd

Both effects have free signs: a cut may stop news, or send people out to see (Hassanpour 2014, Polit. Commun. 31, for Cairo
2011; Rydzak, Karanja and Opiyo 2020, Int. J. Commun. 14, for African countries).
"""

from __future__ import annotations

from qantar.model.contract import Counts
from qantar.model.diffusion import reach
from qantar.model.world import Draws, World
from qantar.scenario.parameters import Values

NAME = "information"


def step(world: World, counts: Counts, params: Values, draws: Draws, t: int) -> None:
    """Take over levels of internet and official words; give the terms."""
    cuts, words = world.decisions("internet"), world.decisions("framing")
    if "shutdown" in world.terms and not cuts and not words:
        return
    for s in cuts:
        world.connectivity[list(s.places)] = int(s.size)
    for s in words:
        world.framing[list(s.places)] = s.size > 0
    lost = 1 - reach(world, params)
    world.terms["shutdown"] = params["shutdown_effect"] * lost
    world.terms["framing"] = params["framing_effect"] * world.framing.astype(float)
