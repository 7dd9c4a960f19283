"""A what-if as a file to pass on: the arm as a small TOML file, which `--arm FILE` and the page read alike."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qantar.effects.pairing import edits_of
from qantar.errors import ScenarioError, fail
from qantar.scenario.scenario import Scenario, parse_set, with_arms
from qantar.scenario.schema import Arm, Edit
from qantar.studies.blocks import pair

END = ".toml"


def arm_of(scenario: Scenario, word: str) -> Arm:
    """What `--arm` names as an arm of its own; raises what the command would."""
    if word in scenario.file.arms:
        return scenario.file.arms[word]
    en, zh = pair("serve.what_if.file_note", changes=word)
    return Arm(note_en=en, note_zh=zh, edits=edits_of(scenario, word))


def called(arm: Arm) -> str:
    """A name for its file, the same for the same changes."""
    return f"what-if-{hashlib.sha256(repr(_changes(arm.edits)).encode()).hexdigest()[:8]}{END}"


def written(arm: Arm, *comments: str) -> str:
    """The file, with lines for people above."""
    head = {k: v for k, v in arm.model_dump().items() if k != "edits" and v}
    lines = [f"# {line}" for line in comments] + [f"{k} = {_toml(v)}" for k, v in head.items()]
    for edit in arm.edits:
        lines += ["", "[[edits]]", *(f"{k} = {_toml(v)}" for k, v in edit.model_dump(exclude_defaults=True).items())]
    return "\n".join(lines) + "\n"


def read(scenario: Scenario, content: bytes) -> str:
    """The word of `--arm` that does what a file does, in a form that the page can show.

    Raises
    ------
    ScenarioError, DataError
        With every mistake of the file; or with the first change that only a file can say.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, f"uploaded{END}")
        place.write_bytes(content)
        found, (name,) = with_arms(scenario, [str(place)])
    edits = found.file.arms[name].edits
    for word, arm in scenario.file.arms.items():
        if _changes(arm.edits) == _changes(edits):
            return word
    return ";".join(map(_word, edits))


def _changes(edits: Sequence[Edit]) -> list[tuple[str, str, Any]]:
    """What edits change, without what is said about them."""
    return [(e.path, e.op, e.value) for e in edits]


def _word(edit: Edit) -> str:
    """A change as `--set` writes it."""
    value = "off" if edit.op == "off" else ",".join(map(str, edit.value)) if isinstance(edit.value, list) else edit.value
    if isinstance(value, bool | float) and value == round(value):
        value = int(value)
    word = f"{edit.path}={value}"
    try:
        same = _changes(parse_set([word])) == _changes([edit])
    except ScenarioError:
        same = False
    if not same or ";" in word:
        raise fail(ScenarioError, edit.path, "only_in_a_file", value=edit.op)
    return word


def _toml(value: Any) -> str:
    """A value as TOML writes it.

    >>> _toml({"at": 108, "places": ["KZ-ALA"], "on": True})
    '{ at = 108, places = ["KZ-ALA"], on = true }'
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
