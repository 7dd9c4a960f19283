"""Grievance: hardship times what is missing in legitimacy, G = H (1 - L).

    log pressure of a class  += grievance_slope x (G - mean G of all residents at the start)

G is Epstein's (2002, PNAS 99, suppl. 3, eq. 1). That pressure is log-linear in it is an assumption. Hardship H belongs to the
bin; legitimacy L starts at the same value everywhere and may move, with free signs:

    L = legitimacy + legitimacy_concession x demand granted + legitimacy_repression x log10(1 + killed in the region)
"""

from __future__ import annotations

import math

import numpy as np

from qantar.compiled import leaf
from qantar.model.world import Columns, World

NAME = "grievance"
REGION: Columns = {"legitimacy": 1.0}
COUNTRY: Columns = {"mean_hardship": 0.0}
CLASS_TERMS = ("grievance",)


@leaf
def step(w: World) -> None:
    """Legitimacy of each region, then grievance of each class."""
    p, now = w.params[0], w.country[0]
    mean = now.mean_hardship * (1 - p.legitimacy)
    for r in range(len(w.region)):
        here = w.region[r]
        moved = p.legitimacy_concession * here.granted + p.legitimacy_repression * math.log10(1 + here.dead / now.scale)
        here.legitimacy = min(max(p.legitimacy + moved, 0.0), 1.0)
        for s, b in np.ndindex(w.class_term.shape[1:]):
            w.class_term[r, s, b].grievance = p.grievance_slope * (w.hardship[b] * (1 - here.legitimacy) - mean)
