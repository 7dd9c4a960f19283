"""After a change of the model's source that leaves its histories as they are: proves it on many, then gives the evidence the new hash.

    python tools/restamp.py OLD_SRC [HISTORIES]

OLD_SRC is the folder `src` of a checkout of the version that made the evidence. Under both sources the same histories are simulated: of
the scenario, of its quiet period and of each arm, with drawn parameters and with those of the posterior that ships; moves, decisions and
outcomes must be equal, each, and for some of each plan what is reported. Only then `model_sha256`, and the hash of the decision rules, is
replaced in what ships, and finished fits of rivals and answers of experiments get the names that follow from it. Evidence that the change
does alter has to be made again; this tool cannot know which that is.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

ROOT = Path(__file__).parents[1]
CASE = "kazakhstan-2022"
SHIPS = (ROOT / "src" / "qantar" / "cases" / CASE / "fit", ROOT / "docs" / "evidence")
RULES = ROOT / "src" / "qantar" / "effects" / "decision-versions.csv"
SCALE, SEED, REPORTED = 0.01, 77, 5


def digests(n: int) -> dict[str, str]:
    """One digest a history, under the source that is imported."""
    from qantar.engine.loop import simulate
    from qantar.scenario.parameters import draw
    from qantar.scenario.scenario import arm_edits, load_scenario, quiet_plan, resolve

    try:
        from qantar.effects import decision
        from qantar.ensemble.one_run import one_run
        from qantar.ensemble.store import Recipe, model_hash
        from qantar.inference.posterior import read_fit
    except ImportError:  # the version that made the evidence
        from qantar.study import decision
        from qantar.study.ensemble import one_run
        from qantar.study.posterior import read_fit
        from qantar.study.store import Recipe, model_hash

    scenario = load_scenario(CASE)
    plans = {arm: resolve(scenario, arm_edits(scenario, arm), scale=SCALE) for arm in scenario.file.arms}
    plans |= {"": resolve(scenario, scale=SCALE), "large": resolve(scenario, scale=10 * SCALE)}
    if (quiet := quiet_plan(scenario, [], scale=SCALE)) is not None:
        plans["quiet"] = quiet
    fit = read_fit(scenario.case.folder)
    fitted = fit.posterior.values if fit else []
    found = {"model": model_hash(), "rules": decision.sha256()}
    for name, plan in plans.items():
        drawn = [draw(SEED, k) for k in range(n // 2 if name == "large" else n)]
        for k, values in enumerate([*drawn, *fitted[:: max(1, len(fitted) // (n // 2))]]):
            h = simulate(plan, values, SEED + k, stop_above=3e5)
            whole = h.sha256(), [(s.id, s.at, s.size, s.places) for s in h.decisions], repr(h.outcome)
            found[f"{name} {k}"] = hashlib.sha256(repr(whole).encode()).hexdigest()
        for k in range(REPORTED):
            days, ended = one_run(Recipe(plan, SEED, sampling="given", stop_above=3e5), k, drawn)
            columns = [(c, str(v.dtype), v.tobytes()) for c, v in days.items()]
            found[f"{name} reported {k}"] = hashlib.sha256(repr((columns, ended)).encode()).hexdigest()
    return found


def under(source: Path, n: int) -> dict[str, str]:
    """As `digests`, in a process of its own."""
    paths = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run([sys.executable, __file__, "--digests", str(n)], env=paths, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def restamp(hashes: dict[str, str]) -> list[Path]:
    """Replace the hashes in every file that ships, and that of the rules in their list of versions."""
    from qantar.files.result import SEAL, seal_of, sha256_of

    changed = []
    for path in [RULES, *sorted(p for folder in SHIPS for p in folder.rglob("*") if p.is_file())]:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                content = {name: archive[name] for name in archive.files}
            made = json.loads(content["made"].tobytes())
            if (old := made.get("model_sha256")) in hashes:
                about = json.dumps({**made, "model_sha256": hashes[old]}, sort_keys=True).encode()
                with path.open("wb") as file:
                    np.savez_compressed(file, **{**content, "made": np.frombuffer(about, np.uint8)})
                changed.append(path)
        elif any(old in path.read_text(encoding="utf-8") for old in hashes):
            path.write_text(replaced(path.read_text(encoding="utf-8"), hashes), encoding="utf-8")
            changed.append(path)
    for path in [p for p in changed if p.suffix == ".json"]:  # a result with the hash of its files, deepest first, then its own
        made = json.loads(path.read_text(encoding="utf-8"))
        if SEAL in made:
            if "files" in made:
                made["files"] = {name: sha256_of(path.parent / name) for name in made["files"]}
            made[SEAL] = seal_of(made)
            layout: dict[str, Any] = {"indent": 1, "ensure_ascii": False} if "files" in made else {}
            path.write_text(json.dumps(made, **layout) + "\n", encoding="utf-8")
    return changed


def replaced(text: str, hashes: dict[str, str]) -> str:
    """A text with each old hash by its new one."""
    for old, new in hashes.items():
        text = text.replace(old, new)
    return text


def rename_answers(old: str) -> int:
    """Answers of experiments under the names that follow from the new hash; called when everything else has it."""
    from qantar.cli.main import build
    from qantar.effects import experiments
    from qantar.files.result import command_words
    from qantar.studies import experiments as studies

    kept = ROOT / "docs" / "evidence" / "experiments"
    made = json.loads((SHIPS[0] / "experiments" / "result.json").read_text(encoding="utf-8"))
    arguments, everyone, answers = command_words(made), made["command"]["options"]["everyone"], studies.answers
    name_of, hash_now, names = experiments._name_of, experiments.model_hash, {}

    def naming(*about: Any) -> str:
        with patch.object(experiments, "model_hash", lambda: old):
            before = name_of(*about)
        names[before] = name_of(*about)
        return before

    def asking(scenario: Any, spec: Any, values: Any, basis: str, root: Path, **how: Any) -> Any:
        if basis == "posterior" and not how["rival"]:  # what everyone says is asked only where there is a verdict: here it always is
            once, few = spec.model_copy(update={"replicates": 1}), [values[k] for k in studies.even(len(values), everyone)]
            naming(experiments.plans_of(scenario, once, scale=1.0, state=how["state"]), few, once)
        return answers(scenario, spec, values, basis, root, **how)

    def refuse(*about: object, **more: object) -> None:
        raise SystemExit("an answer is not under its old name")

    with tempfile.TemporaryDirectory() as folder:
        where = ["--kept", str(kept), "--known", str(ROOT / "docs" / "evidence" / "prior-table.npz")]
        where += ["--store", f"{folder}/store", "--out", f"{folder}/out"]
        with (
            patch.object(experiments, "_name_of", naming),
            patch.object(experiments, "run_part_arms", refuse),
            patch.object(studies, "answers", asking),
        ):
            build("en").main(args=[*arguments, *where], obj="en", standalone_mode=False)
    assert experiments.model_hash is hash_now
    files = {path: names.get(path.stem.partition("-")[2]) for path in sorted(kept.iterdir())}
    if unread := [path.name for path, name in files.items() if name is None]:
        raise SystemExit(f"{len(unread)} of {len(files)} answers were not asked for: {unread}")
    for path, name in files.items():
        path.rename(kept / f"{path.stem.partition('-')[0]}-{name}.json")
    return len(files)


def rename_rivals(old: str, new: str) -> None:
    """Finished fits of rivals under the names that follow from the new hash."""
    from qantar.cli.main import build
    from qantar.files.result import command_words
    from qantar.studies import rivals

    kept = ROOT / "docs" / "evidence" / "rivals"
    files = list(kept.iterdir())
    made = json.loads((SHIPS[0] / "rivals" / "result.json").read_text(encoding="utf-8"))
    arguments = command_words(made)
    read, found = rivals._read, {}

    def reading(said: dict[str, Any], arm: str, path: Path) -> object:
        found[arm] = read(said, arm, path)
        return found[arm]

    def again(scenario: object, arm: str, *rest: object) -> object:
        if arm not in found:
            raise SystemExit(f"{arm}: no finished fit under the old name")
        return found[arm]

    for model in (old, new):
        with tempfile.TemporaryDirectory() as folder:
            where = ["--kept", str(kept), "--store", f"{folder}/store", "--out", f"{folder}/out"]
            with (
                patch.object(rivals, "_read", reading),
                patch.object(rivals, "_fitted", again),
                patch.object(rivals, "model_hash", lambda m=model: m),
            ):
                build("en").main(args=[*arguments, *where], obj="en", standalone_mode=False)
    for file in files:
        file.unlink()


def main() -> None:
    """See the module."""
    if sys.argv[1] == "--digests":
        json.dump(digests(int(sys.argv[2])), sys.stdout)
        return
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    before, after = under(Path(sys.argv[1]), n), under(ROOT / "src", n)
    stamped = json.loads((SHIPS[0] / "experiments" / "result.json").read_text(encoding="utf-8"))  # as the evidence has them
    before.pop("model"), before.pop("rules")
    hashes = {stamped["model_sha256"]: after.pop("model"), stamped["rules"]["sha256"]: after.pop("rules")}
    differ = [k for k in before if before[k] != after.get(k)]
    if differ or len(before) != len(after):
        raise SystemExit(f"{len(differ)} of {len(before)} histories differ, the first: {differ[:3]}")
    old, new = next(iter(hashes.items()))
    if old == new:
        raise SystemExit("the evidence has this hash: nothing to do")
    rename_rivals(old, new)
    changed = restamp(hashes)
    answers = rename_answers(old)
    whole = hashlib.sha256(json.dumps(after, sort_keys=True).encode()).hexdigest()
    print(f"{len(before)} digests are the same under {old[:12]} and {new[:12]}; SHA-256 over all: {whole}")
    print(f"{len(changed)} files carry the new hashes, {answers} answers their new names")


if __name__ == "__main__":
    main()
