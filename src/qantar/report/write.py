"""The main job: an account against its record, as a folder with the page, the table of verdicts and the provenance."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import qantar
from qantar.ensemble.run import Result
from qantar.errors import ResultError
from qantar.files.cells import to_csv
from qantar.files.result import read_result, sealed
from qantar.files.write import refuse_foreign, write_result
from qantar.studies.repeat import Repeated
from qantar.studies.shown import Sample
from qantar.verdicts.claims import Judged, agreement, judge, tally
from qantar.verdicts.load import Loaded

LIBRARIES = ("numpy", "pydantic", "matplotlib", "jinja2", "markdown-it-py", "babel")
KERNELS = ("numba", "llvmlite")
PAGE, TABLE = "report.html", "verdicts.csv"
"""Files of a study; a record against which no claim is held has no table of verdicts."""


def study_account(
    loaded: Loaded,
    out: Path,
    progress: Callable[[str], None] = lambda step: None,
    result: Result | None = None,
    sampled: Sample | None = None,
    repeated: Sequence[Repeated] = (),
    *,
    inputs: str = "",
) -> tuple[Path, dict[str, Any]]:
    """Put every claim beside its verdict, draw the page, write the folder `out`; gives where it is and what `result.json` holds.

    `result` holds simulated histories of the case, to be shown beside the record; no claim is judged by them. `sampled` holds what of the
    histories and effects that ship was simulated again on this machine; `repeated` whole results that ship, made again; `inputs` names
    all that the result depends on (`inputs_of`).

    The folder is written aside and then renamed; an older result in its place is replaced, anything else is refused with a ResultError.
    """
    from qantar.report.page import render  # matplotlib takes a second, which a wrong path should not cost

    refuse_foreign(out)
    progress("judge")
    judged = judge(loaded.account, loaded.trials())
    progress("draw")
    files = {PAGE: render(loaded, result, sampled, repeated)} | ({TABLE: verdicts_csv(judged, loaded)} if judged else {})
    progress("write")
    whole = sealed(files, provenance(loaded, judged, result, sampled, repeated, inputs))
    place = write_result(out, whole)
    return place, json.loads(whole["result.json"])


def provenance(
    loaded: Loaded,
    judged: list[Judged],
    result: Result | None,
    sampled: Sample | None = None,
    repeated: Sequence[Repeated] = (),
    inputs: str = "",
) -> dict[str, Any]:
    """What is needed to repeat the study; no name of a user, a machine or a folder."""
    agreed = agreement(loaded.account)
    return {
        "kind": "study",
        "program": f"qantar {qantar.__version__}",
        "command": {"name": "study", "options": {"account": loaded.name}},
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "account": loaded.account.head.id,
        "document_sha256": loaded.account.head.document.sha256,
        "case": loaded.case.head.id,
        "model": result.provenance if result else None,
        "calibrated": bool(result and result.provenance["calibrated"]),
        "data": loaded.hashes(),
        "inputs_sha256": inputs,
        "simulated_again": None if sampled is None else sampled.as_dict(),
        "made_again": [{**asdict(r), "same": r.same} for r in repeated],
        "claims": len(judged),
        "verdicts": {kind: dict(sorted(counts.items())) for kind, counts in tally(judged).items()},
        "agreement": None if agreed is None else asdict(agreed),
        "licences": list(dict.fromkeys([*(a.licence for a in loaded.case.head.attributions), *loaded.case.record.licences()])),
    }


def inputs_of(loaded: Loaded, **asked: object) -> str:
    """SHA-256 of all that a study depends on: program, libraries, every file of account and case, and what was asked for."""
    home = Path(str(resources.files("qantar")))
    total = hashlib.sha256(json.dumps([asked, platform.python_version(), {n: version(n) for n in (*LIBRARIES, *KERNELS)}]).encode())
    for folder in dict.fromkeys((home, loaded.account.folder, loaded.case.folder)):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
            total.update(path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def unchanged(out: Path, inputs: str) -> dict[str, Any] | None:
    """What `result.json` of a folder holds, if it is a whole study made from these inputs; None if it must be made."""
    try:
        stored = read_result(out)
    except ResultError:  # whoever changed it: it is made
        return None
    same = stored is not None and stored.made.get("inputs_sha256") == inputs and {PAGE} <= set(stored.content) <= {PAGE, TABLE}
    return stored.made if stored is not None and same else None


def verdicts_csv(judged: list[Judged], loaded: Loaded) -> str:
    """The table of verdicts for a spreadsheet; lists are joined by `;`."""
    rows = [{**j.as_dict(), "repeat": j.repeat(loaded.name, loaded.case_name)} for j in judged]
    return to_csv(list(rows[0]), [[";".join(v) if isinstance(v, list) else v for v in row.values()] for row in rows])
