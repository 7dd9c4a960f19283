"""The export: a study with its data, experiments, versions, licences and commands as one RO-Crate (https://w3id.org/ro/crate/1.2).

In: the folder of `qantar study`. Out: a folder that any reader of RO-Crates understands:

    study/         report, verdicts (CSV, JSON, ClaimReview), provenance
    data/          the files of the case and of the ledger
    experiments/   one file a hypothesis, as it was run
    fit/           what was calibrated and tried, if anything ships; of each kind of study, the command that made it

Needs the extra `provenance`. The same study gives the same bytes.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import qantar
from qantar.account.kept import KEPT
from qantar.effects.experiment_file import FOLDER as EXPERIMENTS
from qantar.errors import ResultError, StudyError, fail, needs
from qantar.files.result import RESULT, Stored, command_line, read_result, sha256
from qantar.files.write import foreign, refuse_foreign, sha256_of, write_tree
from qantar.inference.posterior import FIT
from qantar.messages import LANGUAGES
from qantar.report.claimreview import claim_reviews
from qantar.studies import studies
from qantar.studies.shipped import place_of, read_shipped
from qantar.verdicts.claims import judge
from qantar.verdicts.load import Loaded

METADATA = "ro-crate-metadata.json"
RELEASED = "2026-11-23"
"""Date of this version (CITATION.cff): a crate needs one, and the day of the export would change its bytes."""
FORMATS = {
    ".csv": "text/csv", ".json": "application/json", ".html": "text/html", ".toml": "application/toml", ".geojson": "application/geo+json",
    ".svg": "image/svg+xml", ".npz": "application/zip",
    ".jsonld": "application/ld+json",
}  # fmt: skip
LICENCES = {"CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/", "BSD-3-Clause": "https://spdx.org/licenses/BSD-3-Clause"}


def export(loaded: Loaded, study: Path, out: Path) -> tuple[Path, int]:
    """Write the crate whole or not at all; gives its place and the number of its files. An unchanged crate in its place is replaced.

    A StudyError if the extra is not installed, or the terms of a source forbid to pass its rows on; a ResultError if `study` is no folder
    that `qantar study` wrote for this account and these data, or `out` holds something else or cannot be written.
    """
    needs("rocrate", "provenance", "export")
    for key, n in loaded.case.record.withheld().items():
        raise fail(StudyError, "events.csv", "not_to_pass_on", value=key, n=n)
    bound = {s.key for s in loaded.case.record.sources if s.redistribution == "no"}
    kept = Counter(said.get("source", "") for rows in loaded.account.kept.values() for said in rows.values())
    for source in kept.keys() & bound:
        raise fail(StudyError, KEPT, "not_to_pass_on", value=source, n=kept[source])
    found = _study(study, loaded)
    refuse_foreign(out, lost)
    judged = judge(loaded.account, loaded.trials())
    verdicts = [{**j.as_dict(), "repeat": j.repeat(loaded.name, loaded.case_name)} for j in judged]
    files = {f"study/{name}": content for name, content in found.content.items()}
    files |= {f"study/{RESULT}": found.said, "study/verdicts.json": (json.dumps(verdicts, indent=1, ensure_ascii=False) + "\n").encode()}
    files |= {f"study/claim-review.{lang}.jsonld": claim_reviews(loaded.account, judged, lang).encode() for lang in LANGUAGES}
    files |= {place: path.read_bytes() for place, path in _files(loaded)}
    return write_tree(out, lambda new: _write(loaded, found.made, files, new), lost), len(files)


def lost(folder: Path) -> list[str]:
    """Names of what replacing an export would lose: what its description does not name, or names with another SHA-256."""
    try:
        document = json.loads((folder / METADATA).read_bytes()) if (folder / METADATA).is_file() else {}
        named = {e["@id"]: e.get("sha256") for e in document["@graph"]}
        if named[METADATA] != _seal_of(document):
            return foreign(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return foreign(folder)
    there = sorted(folder.rglob("*"))
    rooms = {parent.as_posix() for name in named for parent in PurePosixPath(name).parents}

    def ours(path: Path) -> bool:
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file():
            return path.is_dir() and not path.is_symlink() and name in rooms
        return name == METADATA or (name in named and sha256_of(path) == named[name])

    return [p.relative_to(folder).as_posix() for p in there if not ours(p)]


def _seal_of(document: dict[str, Any]) -> str:
    """SHA-256 of all that a description says but this."""
    graph = [{k: v for k, v in e.items() if k != "sha256" or e["@id"] != METADATA} for e in document["@graph"]]
    return sha256(json.dumps({**document, "@graph": graph}, sort_keys=True))


def _study(study: Path, loaded: Loaded) -> Stored:
    """A study of this account and these data, as it was written."""
    found = read_result(study)
    if found is None or found.made.get("kind") != "study" or found.made.get("account") != loaded.account.head.id:
        raise fail(ResultError, study, "not_a_study")
    if found.made.get("data") != loaded.hashes():
        raise fail(ResultError, study, "other_record", value=loaded.case.head.id)
    return found


def _files(loaded: Loaded) -> Iterable[tuple[str, Path]]:
    """Every file of the crate by its place in it, but those of the study."""
    for part, folder in (("case", loaded.case.folder), ("ledger", loaded.account.folder)):
        for name in loaded.hashes()[part]:
            yield f"data/{name}", folder / name
    if (loaded.case.folder / "scenario.toml").is_file():
        yield "data/scenario.toml", loaded.case.folder / "scenario.toml"
    for room in (EXPERIMENTS, FIT):
        for path in sorted((loaded.case.folder / room).rglob("*")):
            if path.is_file() and path.suffix in FORMATS:
                yield f"{room}/{path.relative_to(loaded.case.folder / room).as_posix()}", path


def _write(loaded: Loaded, made: dict[str, Any], files: dict[str, bytes], folder: Path) -> None:
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    head, case = loaded.account.head, loaded.case.head
    crate = ROCrate(version="1.2")
    crate.name = f"{head.title_en}: what its claims are worth"
    n = sum(not c.blank for c in loaded.account.claims)
    crate.description = (
        f"{n} claims against a sourced record and experiments in a model, made by qantar {qantar.__version__}. "
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
    for place, content in sorted(files.items()):
        about = {
            "name": place, "encodingFormat": FORMATS.get(PurePosixPath(place).suffix, "text/plain"), "contentSize": str(len(content)),
            "sha256": sha256(content),
        }  # fmt: skip
        entities[place] = crate.add_file(io.BytesIO(content), dest_path=place, properties=about)

    def action(name: str, made: Mapping[str, Any], used: tuple[str, ...], place: Path) -> ContextEntity:
        about = {
            "@type": "CreateAction", "name": command_line(made), "description": f"in a clone, after `make study`: {command_line(made)}",
            "instrument": tool, "object": [e for p, e in entities.items() if p.startswith(used)],
            "result": [e for p, e in entities.items() if Path(p).parent == place],
        }  # fmt: skip
        return crate.add(ContextEntity(crate, f"#{name}", properties=about))

    home = loaded.case.folder
    shipped = [(s, s.ships, r.made) for s in studies() if s.ships and not s.ships.packed and (r := read_shipped(home, s)) is not None]
    crate.root_dataset["mentions"] = [
        action("study", made, ("data/", "experiments/", f"{FIT}/"), Path("study")),
        *(action(s.name, of, ("data/", "experiments/"), place_of(Path(), s, ships)) for s, ships, of in shipped),
    ]
    crate.write(str(folder))
    path = folder / METADATA
    document = json.loads(path.read_bytes())
    next(e for e in document["@graph"] if e["@id"] == METADATA)["sha256"] = _seal_of(document)
    path.write_text(json.dumps(document, indent=4, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
