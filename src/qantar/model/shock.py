"""Common shock: the same news moves every region at once, and regions do not move each other. Off unless a rival switches it on.

    log pressure of all places  += s(t), an Ornstein-Uhlenbeck path in steps of six hours with standard
                                   deviation shock_sd and memory shock_hours

Together with `diffusion` switched off this is the rival "regions react to national news on their own": national effects are free,
contagion is absent (Manski 1993, Rev. Econ. Stud. 60, on telling the two apart). The path is drawn, not read from the record.
"""

from __future__ import annotations

import math

from qantar.compiled import leaf
from qantar.model.chance import SHOCK, normal
from qantar.model.world import Columns, World

NAME = "shock"
COUNTRY: Columns = {
    "mood": 0.0,  # where the path is
    "stretch": -1,  # of six hours, counted from the start
}
TERMS = ("shock",)
HOURS = 6.0
"""Hours over which the path stays the same, whatever the step."""


@leaf
def step(w: World) -> None:
    """Move along the path."""
    p, now = w.params[0], w.country[0]
    keep = math.exp(-HOURS / p.shock_hours)
    while now.stretch < now.hour // HOURS:
        now.stretch += 1
        spread = p.shock_sd * (math.sqrt(1 - keep * keep) if now.stretch else 1.0)
        now.mood = keep * now.mood + spread * normal(now, SHOCK, 0, now.stretch)
    for k in range(len(w.term)):
        w.term[k].shock = now.mood
