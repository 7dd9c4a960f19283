"""Compiled code: where it is kept, that nobody else can plant it, and that an edited rule is never run in its old form."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import pytest

from conftest import REPOSITORY
from qantar import compiled

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are checked on POSIX systems only")

RULE = "from qantar.compiled import jit\n\n\n@jit\ndef rule(x):\n    return x + 1\n"
KERNEL = "from qantar.compiled import jit\nfrom qantar.rule import rule\n\n\n@jit\ndef kernel(x):\n    return 10 * rule(x)\n"
SAY = "from qantar.kernel import kernel\nfrom qantar.compiled import FOLDER\nprint(kernel(1), kernel.stats.cache_hits.total(), FOLDER, sep='|')"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package with nothing in it but a kernel and, in a file of its own, the rule that the kernel calls."""
    copy = tmp_path / "source" / "qantar"
    copy.mkdir(parents=True)
    for name in ("__init__.py", "compiled.py", "draws.py", "follow.py"):
        shutil.copy(REPOSITORY / "src" / "qantar" / name, copy)
    (copy / "rule.py").write_text(RULE)
    (copy / "kernel.py").write_text(KERNEL)
    return copy


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory of this process, and a folder in it that others may have prepared."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place / f"qantar-{os.getuid() if hasattr(os, 'getuid') else 0}"


def start(package: Path, code: str, **environment: str | Path) -> subprocess.Popen[str]:
    """Python on the copied package, with no more of the tester's environment than a process needs to start."""
    temporary = package.parent.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    clean = {k: v for k, v in os.environ.items() if k in ("PATH", "SYSTEMROOT")}
    # Two edits within a second must not meet in Python's own cache.
    clean |= {"PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    clean |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)) | {k: str(v) for k, v in environment.items()}
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=package.parent, env=clean, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def end(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert not err
    return out.strip()


def say(package: Path, **environment: str | Path) -> tuple[int, int, Path]:
    """What the kernel makes of 1, how often its compiled code was found, and where it is kept."""
    value, hits, folder = end(start(package, SAY, **environment)).split("|")
    return int(value), int(hits), Path(folder)


def load(path: Path) -> Any:
    """A module of its own from a file; a second call is as another process that reads the same file."""
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- never stale -----------------------------------------------------------------------------------------------------


def test_an_edited_rule_is_compiled_again_although_only_its_caller_was_called(package: Path, tmp_path: Path) -> None:
    value, hits, folder = say(package, HOME=tmp_path)
    assert (value, hits, folder.parent) == (20, 0, tmp_path / ".cache" / "qantar")
    (package / "rule.py").write_text(RULE.replace("x + 1", "x + 2"))
    # In one folder for all sources the old rule runs on. If this line fails, Numba has learnt it and the names may go.
    assert say(package, NUMBA_CACHE_DIR=folder) == (20, 1, folder)
    assert say(package, HOME=tmp_path)[:2] == (30, 0)


def test_the_name_changes_with_every_source_and_with_nothing_else(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "__file__", str(package / "compiled.py"))
    seen = [compiled.fingerprint()]
    (package / "table.json").write_text("{}")
    (package / "rule.pyc").write_bytes(b"x")
    if hasattr(os, "getuid"):
        (package / ".#rule.py").symlink_to("somebody@host.1")  # an editor's lock
    assert compiled.fingerprint() == seen[0]
    rule, kernel = package / "rule.py", package / "kernel.py"
    first, rest = RULE.split("\n", 1)
    for change in (
        lambda: rule.write_text(rest),
        lambda: kernel.write_text(KERNEL + first + "\n"),  # a line moves from one file to the end of the one before
        lambda: rule.rename(package / "rules.py"),
        lambda: monkeypatch.setattr(numba.config, "BOUNDSCHECK", 1),
        lambda: monkeypatch.setattr(numba, "__version__", "0"),
    ):
        change()
        seen.append(compiled.fingerprint())
    assert len(set(seen)) == len(seen) == 6


def test_neither_other_packages_nor_children_are_drawn_into_our_folder(package: Path, tmp_path: Path) -> None:
    # Numba reads its environment when it is loaded, here before us; our kernels must not go to __pycache__, which has one name.
    (tmp_path / "other.py").write_text("import numba\n\n\n@numba.njit(cache=True)\ndef theirs(x):\n    return x\n")
    code = f"import numba, os, sys; sys.path.append({str(tmp_path)!r})\n{SAY}\nfrom other import theirs\n"
    code += "print(kernel.stats.cache_path, theirs.stats.cache_path, 'NUMBA_CACHE_DIR' in os.environ, sep='|')"
    first, second = end(start(package, code, HOME=tmp_path)).splitlines()
    folder = Path(first.split("|")[2])
    ours, theirs, passed = second.split("|")
    assert Path(ours).parent == folder
    assert folder not in Path(theirs).parents
    assert passed == "False"


# --- several processes ------------------------------------------------------------------------------------------------


def test_processes_that_compile_at_once_all_succeed(package: Path, tmp_path: Path) -> None:
    wait = "import time, pathlib, numba\nprint('ready', flush=True)\nwhile not pathlib.Path('go').exists(): time.sleep(0.001)\n"
    together = [start(package, wait + SAY, HOME=tmp_path) for _ in range(2)]
    for process in together:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    (package.parent / "go").touch()
    values = {end(process).split("|")[0] for process in together}
    assert values == {"20"}
    assert say(package, HOME=tmp_path)[:2] == (20, 1)


def collide(path: Path, spoil: Callable[[Any], None]) -> float:
    """Half of 2.5 from a cache that two processes filled at once: both see it empty, one compiles int, the other float."""
    one, two, later = (load(path).half for _ in range(3))
    late = []
    for kernel in (one, two):
        spoil(kernel._cache._cache_file)
        kernel._cache._cache_file._load_index = dict
    save = one._cache._cache_file._save_data
    one._cache._cache_file._save_data = lambda *given: late.append(given)
    assert one(3) == 1.5
    assert two(2.5) == 1.25
    save(*late[0])  # the first is slow to write its code
    return float(later(2.5))


def test_two_types_compiled_at_once_do_not_get_each_others_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "FOLDER", tmp_path / "cache")
    path = tmp_path / "half.py"
    path.write_text("from qantar.compiled import jit\n\n\n@jit\ndef half(x):\n    return x / 2\n")
    assert collide(path, lambda file: None) == 1.25
    shutil.rmtree(tmp_path / "cache")
    assert collide(path, lambda file: delattr(file, "_data_name")) == 1.0  # with Numba's own names: half of int(2.5)


def test_a_process_whose_folder_is_deleted_compiles_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "FOLDER", tmp_path / "cache")
    (tmp_path / "twice.py").write_text("from qantar.compiled import jit\n\n\n@jit\ndef twice(x):\n    return x + x\n")
    twice = load(tmp_path / "twice.py").twice
    assert twice(1) == 2
    shutil.rmtree(tmp_path / "cache")
    assert twice(1.5) == 3
    assert list((tmp_path / "cache").rglob("*.nbc"))


# --- what is deleted --------------------------------------------------------------------------------------------------


def aged(root: Path, number: int, hours: float) -> Path:
    folder = root / f"{number:016x}"
    (folder / "kernels").mkdir(parents=True)
    then = time.time() - 3600 * hours
    os.utime(folder, (then, then))
    return folder


def test_only_old_folders_of_ours_are_deleted(tmp_path: Path) -> None:
    root = tmp_path / "qantar"
    used = [aged(root, n, hours=23) for n in range(5)]  # more than KEPT
    old = [aged(root, 100 + n, hours=25) for n in range(5)]
    (root / "notes").mkdir()
    os.utime(root / "notes", (0, 0))
    mine = compiled.cache_folder({"XDG_CACHE_HOME": str(tmp_path)})
    assert set(root.iterdir()) == {*used, mine, root / "notes"}
    for folder in used:
        os.utime(folder, (0, 0))
    shutil.rmtree(used[0])
    assert compiled.cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == mine
    assert len([f for f in used if f.exists()]) == compiled.KEPT
    assert not any(f.exists() for f in old)


def test_a_folder_counts_as_used_from_the_last_start(tmp_path: Path) -> None:
    mine = compiled.cache_folder({"XDG_CACHE_HOME": str(tmp_path)})
    os.utime(mine, (0, 0))
    compiled.cache_folder({"XDG_CACHE_HOME": str(tmp_path)})
    assert time.time() - mine.stat().st_mtime < 60


def test_starting_together_nobody_is_driven_out_by_anothers_deleting(tmp_path: Path) -> None:
    for n in range(200):
        aged(tmp_path / "qantar", n, hours=48)
    used = aged(tmp_path / "qantar", 1000, hours=1)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: compiled.cache_folder({"XDG_CACHE_HOME": str(tmp_path)}), range(16)))
    assert [folder.parent for folder in found] == [tmp_path / "qantar"]
    assert (used / "kernels").is_dir()
    assert len(list((tmp_path / "qantar").iterdir())) <= compiled.KEPT + 2


# --- where ------------------------------------------------------------------------------------------------------------


def places(tmp_path: Path) -> dict[str, tuple[dict[str, str], Path]]:
    """Environments, each with the folder in which compiled code must lie then."""
    home, file, sealed, chinese = (tmp_path / name for name in ("home", "file", "sealed", "用户 甲"))
    home.mkdir()
    file.touch()
    sealed.mkdir(mode=0o555)
    # Modes do not bind root; there, /proc takes no folders from anybody.
    readonly = sealed if os.getuid() else Path("/proc")
    shared, own = tmp_path / "tmp" / f"qantar-{os.getuid()}", home / ".cache" / "qantar"
    cases: dict[str, tuple[dict[str, str | Path], Path]] = {
        "no home": ({}, shared),
        "empty home": ({"HOME": "", "XDG_CACHE_HOME": ""}, shared),
        "relative home": ({"HOME": "home"}, shared),
        "read-only home": ({"HOME": readonly}, shared),
        "relative XDG_CACHE_HOME": ({"HOME": home, "XDG_CACHE_HOME": "cache"}, own),
        "XDG_CACHE_HOME is a file": ({"HOME": home, "XDG_CACHE_HOME": file}, own),
        "all are files": ({"HOME": file, "XDG_CACHE_HOME": file}, shared),
        "Chinese and spaces": ({"XDG_CACHE_HOME": chinese / "缓 存"}, chinese / "缓 存" / "qantar"),
    }
    return {kind: ({k: str(v) for k, v in given.items()}, expected) for kind, (given, expected) in cases.items()}


# One process for all, because loading Numba takes a second; what is ours is loaded anew, and with it the choice is made.
EVERYWHERE = """
import os, shutil, sys
from importlib import import_module
rest = dict(os.environ)
for place in places:
    os.environ.clear()
    os.environ.update(rest | place)
    for name in [name for name in sys.modules if name.startswith("qantar")]:
        del sys.modules[name]
    kernel, folder = import_module("qantar.kernel").kernel, import_module("qantar.compiled").FOLDER
    print(kernel(1), kernel.stats.cache_hits.total(), folder, len(list(folder.rglob("*.nbc"))), sep="|")
    shutil.rmtree(folder)
"""


@posix
def test_a_kernel_runs_and_is_kept_wherever_home_is(package: Path, tmp_path: Path) -> None:
    cases = places(tmp_path)
    lines = end(start(package, f"places = {[given for given, _ in cases.values()]}\n{EVERYWHERE}")).splitlines()
    for (kind, (_, expected)), line in zip(cases.items(), lines, strict=True):
        value, hits, folder, files = line.split("|")
        assert (value, hits, Path(folder).parent, files) == ("20", "0", expected, "2"), kind
    assert not list(package.parent.rglob("*.nb?"))  # neither beside the sources nor in the working directory


def test_an_empty_setting_counts_as_none(tmp_path: Path) -> None:
    assert compiled.cache_folder({"NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": str(tmp_path)}).parent == tmp_path / "qantar"


def test_a_folder_in_which_no_file_can_be_made_is_passed_over(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = tempfile.TemporaryFile

    def full(dir: Path) -> Any:  # noqa: A002
        if tmp_path / "qantar" in dir.parents:
            raise PermissionError(dir)
        return make(dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert compiled.cache_folder({"XDG_CACHE_HOME": str(tmp_path)}).parent == temporary


def test_with_compiling_switched_off_a_kernel_is_the_plain_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)

    def plain() -> int:
        return 1

    assert compiled.jit(plain) is plain


# --- who else could have put code there -------------------------------------------------------------------------------


@posix
def test_what_we_make_is_open_to_nobody_else(tmp_path: Path, temporary: Path) -> None:
    before = os.umask(0)
    try:
        found = [compiled.cache_folder({}), compiled.cache_folder({"XDG_CACHE_HOME": str(tmp_path)})]
    finally:
        os.umask(before)
    assert found[0].parent == temporary
    for folder in found:
        assert [stat.S_IMODE(p.stat().st_mode) for p in (folder, folder.parent)] == [0o700, 0o700]


def link(prepared: Path) -> None:
    elsewhere = prepared.parent / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    prepared.symlink_to(elsewhere)


def opened(mode: int) -> Callable[[Path], None]:
    def make(prepared: Path) -> None:
        prepared.mkdir(mode=0o700)
        prepared.chmod(mode)

    return make


PREPARED = {"link": link, "file": Path.touch, "group may write": opened(0o770), "all may write": opened(0o707)}


@posix
@pytest.mark.parametrize("how", PREPARED)
@pytest.mark.parametrize("below", [False, True], ids=["root", "folder"])
def test_a_prepared_folder_is_refused(how: str, below: bool, temporary: Path, tmp_path: Path) -> None:
    for root, environment in ((temporary, {}), (tmp_path / "qantar", {"XDG_CACHE_HOME": str(tmp_path)})):
        if below:
            root.mkdir(mode=0o700)
        PREPARED[how](root / compiled.fingerprint() if below else root)
        found = compiled.cache_folder(environment)
        if root == temporary:
            assert found.parent == temporary.parent
            assert found not in (temporary, temporary.parent / "elsewhere")
            assert stat.S_IMODE(found.stat().st_mode) == 0o700
            shutil.rmtree(temporary.parent)
            temporary.parent.mkdir()
        else:
            assert found.parent == temporary  # the next best


@posix
def test_only_a_folder_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o600)  # where links have narrow modes, nothing else tells them from folders
    assert not compiled._ours_alone(tmp_path / "file")


@posix
def test_a_folder_of_another_user_is_refused(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me = os.getuid()
    theirs = temporary.with_name(f"qantar-{me + 1}")
    theirs.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: me + 1)  # then what I own is another's
    found = compiled.cache_folder({})
    assert found.parent == theirs.parent
    assert not list(theirs.iterdir())


def test_without_user_numbers_the_shared_place_is_used(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "getuid", raising=False)  # Windows
    assert compiled.cache_folder({}).parent == temporary.with_name("qantar-0")


@posix
def test_the_last_resort_is_deleted_at_the_end(package: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    shared = tmp_path / "tmp" / f"qantar-{os.getuid()}"
    opened(0o777)(shared)
    fork = "\nimport os, sys\nsys.stdout.flush()\nif os.fork() == 0: raise SystemExit\nos.wait()\nprint(FOLDER.is_dir())"
    first, still = end(start(package, SAY + fork, PYTHONWARNINGS="ignore")).split()  # newer Pythons warn of threads
    assert first.startswith("20|0|")
    assert Path(first.split("|")[2]).parent == shared.parent
    assert still == "True"
    assert list(shared.parent.iterdir()) == [shared]
    assert not list(shared.iterdir())


HISTORY = """
import sys
from qantar.ensemble.warm import compiled
from qantar.ensemble.one_run import one_run
from qantar.scenario.scenario import load_scenario, resolve
from qantar.ensemble.store import Recipe

def kernels():
    modules = [m for name, m in list(sys.modules.items()) if name.startswith("qantar")]
    return {id(k): k for m in modules for k in vars(m).values() if hasattr(k, "signatures")}.values()

compiled(now=True)
before = sum(sum(k.stats.cache_misses.values()) for k in kernels())
one_run(Recipe(resolve(load_scenario("kazakhstan-2022"), scale=0.01), 1), 0)
print(sum(len(k.signatures) for k in kernels()) > 20, sum(sum(k.stats.cache_misses.values()) for k in kernels()) - before)
"""


def test_nothing_is_left_to_compile_for_the_first_history() -> None:
    run = subprocess.run([sys.executable, "-c", HISTORY], capture_output=True, text=True, timeout=300, check=True)
    assert run.stdout.split() == ["True", "0"]
