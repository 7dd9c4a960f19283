"""The export: a study with its data, experiments, versions, licences and commands as one RO-Crate (https://w3id.org/ro/crate/1.2).

In: the folder of `qantar study`. Out: a folder that any reader of RO-Crates understands:

    study/         report, verdicts (CSV, JSON), provenance
    data/          the files of the case and of the ledger
    experiments/   one file a hypothesis, as it was run
    fit/           what was calibrated and tried, if anything ships

Needs the extra `provenance`. The same study gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import qantar
from qantar.account.load import Loaded
from qantar.account.verdicts import judge
from qantar.errors import ResultError, fail, needs
from qantar.results import command_line, read_result
from qantar.study.experiments import FOLDER as EXPERIMENTS
from qantar.study.posterior import FIT

METADATA = "ro-crate-metadata.json"
RELEASED = "2026-11-23"
"""Date of this version (CITATION.cff): a crate needs one, and the day of the export would change its bytes."""
FORMATS = {
    ".csv": "text/csv", ".json": "application/json", ".html": "text/html", ".toml": "application/toml", ".geojson": "application/geo+json",
    ".svg": "image/svg+xml", ".npz": "application/zip",
}  # fmt: skip
LICENCES = {"CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/", "BSD-3-Clause": "https://spdx.org/licenses/BSD-3-Clause"}


def export(loaded: Loaded, study: Path, out: Path) -> int:
    """Write the crate whole or not at all; gives the number of its files. An older crate of ours in its place is replaced.

    Parameters
    ----------
    study : folder that `qantar study` wrote for this account and these data

    Raises
    ------
    ResultError
        If `study` is no result of this account, or its data are not those at hand, or `out` holds something else, or cannot be written.
    StudyError
        If the extra is not installed.
    """
    needs("rocrate", "provenance", "export")
    made = _made(study, loaded)
    if out.exists() and not (out.is_dir() and (out / METADATA).is_file()):
        raise fail(ResultError, out, "not_a_result", found=out.name)
    files = dict(_files(loaded, study, made))
    judged = judge(loaded.account, loaded.trials())
    verdicts = [{**j.as_dict(), "repeat": j.repeat(loaded.name, loaded.case_name)} for j in judged]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".qantar-") as aside:
            extra = Path(aside) / "verdicts.json"
            extra.write_text(json.dumps(verdicts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            files["study/verdicts.json"] = extra
            new, old = Path(aside) / "new", Path(aside) / "old"
            _write(loaded, made, files, new)
            if out.exists():
                out.rename(old)
            new.rename(out)
    except OSError as error:
        raise fail(ResultError, out, "cannot_write", reason=error.strerror or "") from None
    return len(files)


def _made(study: Path, loaded: Loaded) -> dict[str, Any]:
    """The provenance of a study, checked."""
    found = read_result(study)
    if found is None or found.made.get("kind") != "study" or found.made.get("account") != loaded.account.head.id:
        raise fail(ResultError, study, "not_a_study")
    made = found.made
    if made.get("data") != loaded.hashes():
        raise fail(ResultError, study, "other_record", value=loaded.case.head.id)
    return made


def _files(loaded: Loaded, study: Path, made: dict[str, Any]) -> Iterable[tuple[str, Path]]:
    """Every file of the crate by its place in it."""
    for name in (*made["files"], "result.json"):
        yield f"study/{name}", study / name
    for part, folder in (("case", loaded.case.folder), ("ledger", loaded.account.folder)):
        for name in loaded.hashes()[part]:
            yield f"data/{name}", folder / name
    if (loaded.case.folder / "scenario.toml").is_file():
        yield "data/scenario.toml", loaded.case.folder / "scenario.toml"
    for room in (EXPERIMENTS, FIT):
        for path in sorted((loaded.case.folder / room).rglob("*")):
            if path.is_file() and path.suffix in FORMATS:
                yield f"{room}/{path.relative_to(loaded.case.folder / room).as_posix()}", path


def _write(loaded: Loaded, made: dict[str, Any], files: dict[str, Path], folder: Path) -> None:
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    head, case = loaded.account.head, loaded.case.head
    crate = ROCrate(version="1.2")
    crate.name = f"{head.title_en}: what its claims are worth"
    crate.description = (
        f"{len(loaded.account.claims)} claims against a sourced record and experiments in a model, made by qantar {qantar.__version__}. "
        "Verdicts of experiments hold in this model only."
    )
    crate.datePublished = RELEASED
    licences = {}
    for name in sorted({a.licence for a in case.attributions} | {"BSD-3-Clause"}):
        address = LICENCES.get(name, f"#licence-{name.replace(' ', '-')}")
        licences[name] = crate.add(ContextEntity(crate, address, properties={"@type": "CreativeWork", "name": name}))
    crate.license = licences.get("CC BY 4.0", licences["BSD-3-Clause"])
    named = [
        crate.add(ContextEntity(crate, f"#credit-{k}", properties={"@type": "CreativeWork", "name": a.text_en, "license": a.licence}))
        for k, a in enumerate(case.attributions)
    ]
    crate.root_dataset["isBasedOn"] = named
    program = {
        "@type": "SoftwareApplication", "name": "qantar", "version": qantar.__version__, "license": "BSD-3-Clause",
        "softwareRequirements": ", ".join(f"{k} {v}" for k, v in sorted(made["libraries"].items())) + f", Python {made['python']}",
    }  # fmt: skip
    tool = crate.add(ContextEntity(crate, "#qantar", properties=program))
    entities = {}
    for place, path in sorted(files.items()):
        content = path.read_bytes()
        about = {
            "name": place, "encodingFormat": FORMATS.get(path.suffix, "text/plain"), "contentSize": str(len(content)),
            "sha256": hashlib.sha256(content).hexdigest(),
        }  # fmt: skip
        entities[place] = crate.add_file(str(path), dest_path=place, properties=about)
    action = {
        "@type": "CreateAction", "name": command_line(made), "description": f"in a clone, after `make study`: {command_line(made)}",
        "instrument": tool, "object": [e for p, e in entities.items() if p.startswith(("data/", "experiments/", "fit/"))],
        "result": [e for p, e in entities.items() if p.startswith("study/")],
    }  # fmt: skip
    crate.root_dataset["mentions"] = [crate.add(ContextEntity(crate, "#study", properties=action))]
    crate.write(str(folder))
