"""The hash of the model: everything that decides a number of a history, as a program, under labels that no move changes.

`files.programs` says what of a source counts. Of the table of parameters its numbers count, in order, and not its texts. A plan, a recipe
and the versions of libraries have hashes of their own.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path

from qantar.files.programs import sha256_of

MODULES = {
    "compiled": "compiled.py",
    "draws": "draws.py",
    "parameters": "scenario/parameters.py",
    "population": "population/build.py",
    "blocks": "population/blocks.py",
    "ties": "population/ties.py",
    "contacts at once": "population/batch.py",
    "rules": "model/rules.py",
    "contract": "model/contract.py",
    "chance": "model/chance.py",
    "world": "model/world.py",
    "country": "model/build.py",
    "assembly": "model/assemble.py",
    "government": "model/government.py",
    "outcome": "model/outcome.py",
    "information": "model/information.py",
    "economy": "model/economy.py",
    "grievance": "model/grievance.py",
    "organization": "model/organization.py",
    "demands": "model/demands.py",
    "split": "model/split.py",
    "loyalty": "model/loyalty.py",
    "intervention": "model/intervention.py",
    "forces": "model/forces.py",
    "arms": "model/weapons.py",
    "seeding": "model/seeding.py",
    "control": "model/control.py",
    "repression": "model/repression.py",
    "diffusion": "model/diffusion.py",
    "shock": "model/shock.py",
    "rallies": "model/rallies.py",
    "violence": "model/violence.py",
    "loop": "engine/loop.py",
    "event engine": "engine/event.py",
    "resident": "engine/resident.py",
    "exits": "engine/exits.py",
    "engine's contacts": "engine/contacts.py",
    "horizon": "engine/horizon.py",
    "due": "engine/due.py",
    "movers": "engine/movers.py",
    "plain engine": "engine/plain.py",
    "mean field": "engine/meanfield.py",
    "touched": "engine/touched.py",
    "busy": "engine/busy.py",
    "queue": "engine/queue.py",
    "memory": "engine/memory.py",
    "moves": "engine/history.py",
    "diary": "engine/diary.py",
    "record model": "reporting/model.py",
    "reported": "reporting/history.py",
    "one run": "ensemble/one_run.py",
}
"""Label of each file that is hashed. Whoever moves a file changes its path here and keeps its label."""
PARAMETERS = "scenario/parameters.toml"
TEXTS = {"meaning_en", "meaning_zh", "source", "status"}
"""Keys of a parameter that no history reads."""


@cache
def model_hash() -> str:
    """SHA-256 of the model as this process started with it: a store never serves last week's."""
    root = Path(str(resources.files("qantar")))
    sources = {label: (root / name).read_text(encoding="utf-8") for label, name in MODULES.items()}
    table = tomllib.loads((root / PARAMETERS).read_text(encoding="utf-8"))["parameters"]
    numbers = [[name, {k: v for k, v in row.items() if k not in TEXTS}] for name, row in table.items()]
    return hashlib.sha256((sha256_of(sources) + json.dumps(numbers)).encode()).hexdigest()
