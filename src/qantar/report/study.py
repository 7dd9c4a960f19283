"""The main job: an account against its record, as a folder with the page, the table of verdicts and the provenance."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import qantar
from qantar.account.load import Loaded
from qantar.account.verdicts import Judged, agreement, judge, tally
from qantar.study.full import Repeated
from qantar.study.run import Result
from qantar.study.trials import Again, read_trials
from qantar.tables import refuse_foreign, to_csv, write_folder

LIBRARIES = ("numpy", "pydantic", "matplotlib", "jinja2", "markdown-it-py", "babel")
RESULT_VERSION = 1


def study_account(
    loaded: Loaded,
    out: Path,
    progress: Callable[[str], None] = lambda step: None,
    result: Result | None = None,
    again: Sequence[Again] = (),
    repeated: Sequence[Repeated] = (),
) -> dict[str, object]:
    """Put every claim beside its verdict, draw the page, write the folder `out`; returns what `result.json` holds.

    `result` holds simulated histories of the case, to be shown beside the record; no claim is judged by them. `again` holds effects of
    the experiments that ship, computed again on this machine; `repeated` whole results that ship, made again.

    The folder is written aside and then renamed; an older result in its place is replaced, anything else is refused.

    Raises
    ------
    ResultError
        When `out` exists and is not a result of qantar, or cannot be written.
    """
    from qantar.report.page import render  # matplotlib takes a second, which a wrong path should not cost

    refuse_foreign(out)
    progress("judge")
    judged = judge(loaded.account, read_trials(loaded.case.folder))
    progress("draw")
    files = {"report.html": render(loaded, result, again, repeated), "verdicts.csv": verdicts_csv(judged, loaded)}
    progress("write")
    whole = provenance(loaded, judged, files, result, again, repeated)
    files["result.json"] = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
    write_folder(out, files)
    return whole


def provenance(
    loaded: Loaded,
    judged: list[Judged],
    files: dict[str, str],
    result: Result | None,
    again: Sequence[Again] = (),
    repeated: Sequence[Repeated] = (),
) -> dict[str, object]:
    """What is needed to repeat the study; no name of a user, a machine or a folder."""
    agreed = agreement(loaded.account)
    return {
        "result_version": RESULT_VERSION,
        "program": f"qantar {qantar.__version__}",
        "command": f"qantar study {shlex.quote(loaded.name)}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "account": loaded.account.head.id,
        "document_sha256": loaded.account.head.document.sha256,
        "case": loaded.case.head.id,
        "model": result.provenance if result else None,
        "calibrated": bool(result and result.provenance["calibrated"]),
        "data": loaded.hashes(),
        "computed_again": [{**asdict(a), "same": a.same} for a in again],
        "made_again": [{**asdict(r), "same": r.same} for r in repeated],
        "claims": len(judged),
        "verdicts": {kind: dict(sorted(counts.items())) for kind, counts in tally(judged).items()},
        "agreement": None if agreed is None else {k: getattr(agreed, k) for k in agreed.__dataclass_fields__},
        "licences": [a.licence for a in loaded.case.head.attributions],
        "files": {name: hashlib.sha256(content.encode()).hexdigest() for name, content in files.items()},
    }


def verdicts_csv(judged: list[Judged], loaded: Loaded) -> str:
    """The table of verdicts for a spreadsheet; lists are joined by `;`."""
    rows = [{**j.as_dict(), "repeat": j.repeat(loaded.name, loaded.case_name)} for j in judged]
    header = list(rows[0]) if rows else ["id"]
    return to_csv(header, [[";".join(v) if isinstance(v, list) else v for v in row.values()] for row in rows])
