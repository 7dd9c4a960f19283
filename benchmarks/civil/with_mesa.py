"""Mesa's own example of civil violence, as it ships: seconds a tick. Asked by the environment of others: SIDE TICKS SEED."""

from __future__ import annotations

import json
import resource
import sys
import time

import mesa
from mesa.examples.advanced.epstein_civil_violence.model import EpsteinCivilViolence

if __name__ == "__main__":
    side, ticks, seed = map(int, sys.argv[1:])
    model = EpsteinCivilViolence(side, side, 0.70, 0.04, 7, 7, 0.82, 30, 0.1, 2.3, seed=seed)
    model.step()  # what is seen from each cell is found once and kept
    begun = time.process_time()
    for _ in range(ticks):
        model.step()
    seconds, peak = (time.process_time() - begun) / ticks, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": round(peak), "mesa": mesa.__version__}))
