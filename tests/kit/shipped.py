"""Made-up result folders in a copy of a case, as the commands would write them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from qantar.ensemble.run import made_by
from qantar.files.result import FILES, RESULT, sealed
from qantar.files.write import write_result
from qantar.inference.posterior import FIT
from qantar.scenario.scenario import load_scenario, resolve
from qantar.studies.kind import table_csv

SCALED = (("onset", "KZ-ALA", -1), ("participants", "country", 3), ("deaths", "country", -1), ("stopped", "", -1))
INPUTS = ("base_pressure", "media_gain", "price_effect", "protest_hours", "deterrence", "others", "seed")


def heldout() -> dict[str, list[dict[str, Any]]]:
    rows = []
    for partition, known in (
        (
            "region",
            {"never": 3.1, "last": 0.9, "average": 0.0, "population": 0.1, "logistic": 0.05, "model": -0.31, "mean-field twin": 0.42},
        ),
        ("day", {"never": 1.4, "last": 0.2, "average": 0.3, "population": 0.25, "logistic": 0.0, "model": 0.06}),
    ):
        for name, x in known.items():
            error = 0.0 if x == 0 else 0.12
            row: dict[str, Any] = {"partition": partition, "forecaster": name}
            row |= {"log_mean": 1.8 + x, "log_se": 0.2, "log_n": 17, "other_mean": 0.9 + x / 4, "other_se": 0.1, "other_n": 17}
            inside = (
                dict.fromkeys(("held", "held_possibly", "held_of"), "")
                if partition == "day"
                else {"held": 9, "held_possibly": 14, "held_of": 17}
            )
            row |= {"against_mean": x, "against_se": error, "against_n": 17, "separated": abs(x) >= 2 * error and x != 0}
            rows.append(row | inside)
    return {"scores": rows}


def rivals() -> dict[str, list[dict[str, Any]]]:
    rows = []
    for k, (name, near, out) in enumerate(
        [
            ("rival-home-grown", 0.0, 0.0),
            ("rival-seeding", -0.8, 0.05),
            ("rival-common-shock", -3.1, 0.4),
            ("rival-split", 0.3, -0.02),
            ("rival-intervention", 0.1, float("nan")),
        ]
    ):
        rows.append(
            {
                "rival": name, "tolerance": 1.1 + 0.1 * k, "log_share": -9 + near, "log_share_se": 0.5,
                "near_difference": near, "near_se": 0.7 if k else 0.0, "near_separated": abs(near) > 1.4,
                "log_score": 1.5 + out, "held_out_difference": out, "held_out_se": 0.1 if k else 0.0, "held_out_separated": abs(out) > 0.2,
            }
        )  # fmt: skip
    regions = [{"rival": r["rival"], "region": f"R{k}", "log_score": r["log_score"] + 0.1 * (k % 3)} for r in rows for k in range(6)]
    return {"rivals": rows, "regions": regions}


def scales() -> dict[str, list[dict[str, Any]]]:
    rows = []
    for k, (block, of, day) in enumerate(SCALED):
        x = 0.02 * k - 0.01
        row = {"block": block, "of": of, "day": day, "scaled_down": 2.0 + k, "everyone": 2.0 + k + x, "difference": x, "se": 0.02, "n": 200}
        rows.append(row | {"in_spreads": 2 * x, "in_spreads_se": 0.04, "separated": abs(x) >= 0.04, "record_error": 1.0, "beyond": False})
    return {"items": rows}


def sensitivity() -> dict[str, list[dict[str, Any]]]:
    rows = []
    for o, output in enumerate(("participants", "regions", "killed", "detained")):
        for k, name in enumerate(INPUTS):
            for measure, factor in (("alone", 0.4), ("total", 1.0)):
                x = factor * (0.62 if name == "seed" else 0.4 / (1 + (k + o) % 5))
                rows.append({"measure": measure, "output": output, "input": name, "value": x, "low": x - 0.13, "high": x + 0.13})
        rows.append({"measure": "size", "output": output, "input": "base_pressure", "value": 1.0, "low": 0.8, "high": 1.2})
    return {"indices": rows}


def warning() -> dict[str, list[dict[str, Any]]]:
    origins = []
    for k in range(33):
        date = str(dt.date(2021, 12, 1) + dt.timedelta(days=k))
        model = 0.04 + 0.02 * ((7 * k) % 5) / 5 + (0.09 if k >= 29 else 0) + (0.2 if k >= 31 else 0)
        behind = {"low": 0.7 * model, "high": 1.4 * model, "shown": round(400 * model), "of": 400}
        origins.append({"date": date, "forecaster": "model", "probability": model, **behind, "followed": k >= 30})
        unaware = model - (0.09 if 29 <= k < 31 else 0)
        behind = {"low": 0.7 * unaware, "high": 1.4 * unaware, "shown": round(400 * unaware), "of": 400}
        origins.append({"date": date, "forecaster": "unaware", "probability": unaware, **behind, "followed": k >= 30})
        for name, p in (("constant", 1 / 11), ("regression", float("nan") if k < 3 else 0.5 / k)):
            none = {"low": float("nan"), "high": float("nan"), "shown": "", "of": ""}
            origins.append({"date": date, "forecaster": name, "probability": p, **none, "followed": k >= 30})
    scores, alarms = [], []
    for k, name in enumerate(("model", "unaware", "constant", "regression")):
        ends = {"brier": 0.08 + 0.01 * k, "brier_low": -0.05, "brier_high": 0.2, "log": 0.3, "log_low": -0.1, "log_high": 0.7}
        scores.append({"forecaster": name, "n": 30, **ends, "against": 0.02 * (k - 2), "against_se": 0.1, "separated": False})
        for t in (0.1, 0.3, 0.5):
            loud = name in ("model", "unaware") and t < 0.3
            rate = {"false_per_month": 1.0 * loud, "false_low": 0.0, "false_high": 3.7 + 2 * loud}
            found = {"alarms": 2 * loud, "true": int(loud), "waves": 1, "warned": int(loud), "lead_days": 3.0 if loud else float("nan")}
            alarms.append({"forecaster": name, "threshold": t, **found, **rate})
    said = {"with": (61, 400), "without": (22, 400), "usual": (190, 3600), "month": (150, 400)}
    start = [{"what": what, "share": k / n, "low": 0.8 * k / n, "high": 1.2 * k / n, "shown": k, "of": n} for what, (k, n) in said.items()]
    return {"origins": origins, "scores": scores, "alarms": alarms, "start": start}


SHARE = {"at_least": 98, "of": 200, "low": 0.42, "high": 0.56}
PLANTED = {"difference": -0.06, "median": -0.07, "all": SHARE, "fast": SHARE | {"of": 150}}
MADE: dict[str, dict[str, Any]] = {
    "heldout": {"table": 20_000, "near": 400, "ties": {"mean": -0.4, "se": 0.1, "n": 17, "separated": True}, "planted": PLANTED},
    "rivals": {"home": "rival-home-grown", "tolerance": 1.25, "quick": False},
    "scale": {"draws": 200, "residents": 19_122_423},
    "sensitivity": {"histories": 3356},
    "warning": {
        "eve": "2021-12-31", "wave": "2022-01-03", "horizon": 3, "least_regions": 3, "thresholds": [0.1, 0.3, 0.5],
        "hindsight": False, "quick": False,
    },
}  # fmt: skip
TABLES = {"heldout": heldout, "rivals": rivals, "scale": scales, "sensitivity": sensitivity, "warning": warning}


def ship(case: Path, *kinds: str, scale: float = 0.1, **change: Any) -> None:
    """Write result folders of these kinds, all by default, into `fit/` of a case; `change` replaces what result.json says."""
    plan = resolve(load_scenario(str(case)), scale=scale)
    for kind in kinds or TABLES:
        command = {"name": kind, "options": {"scenario": plan.case, "seed": 1, "scale": scale}}
        of_plan = {"scenario": plan.case, "scale": plan.scale, "plan_sha256": plan.sha256(), "record_sha256": "0" * 64}
        made = {"kind": kind, **made_by(), **of_plan, "command": command, "seed": 1, **MADE[kind], **change}
        write_result(case / FIT / kind, sealed({f"{name}.csv": table_csv(rows) for name, rows in TABLES[kind]().items()}, made))


def reseal(folder: Path, **change: Any) -> None:
    """A result as if its files, as they are now, and what result.json says had been written so."""
    made = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    files = {name: (folder / name).read_bytes() for name in made[FILES]}
    (folder / RESULT).write_bytes(str(sealed(files, made | change)[RESULT]).encode())
