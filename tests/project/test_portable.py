"""What would break on Windows or macOS, as far as reading the program tells: encodings, what only POSIX has, names of files."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PureWindowsPath

import pytest
from pydantic import TypeAdapter, ValidationError

from conftest import REPOSITORY
from qantar.files.cells import FolderName, is_reserved
from qantar.serve.runs import Run, Runs

SOURCE = REPOSITORY / "src" / "qantar"
POSIX_MODULES = {"fcntl", "grp", "pwd", "pty", "readline", "resource", "syslog", "termios", "tty"}
POSIX_NAMES = {
    "os": {
        *(
            "chown",
            "chroot",
            "confstr",
            "fork",
            "forkpty",
            "geteuid",
            "getgid",
            "getgroups",
            "getloadavg",
            "getpgid",
            "getuid",
            "killpg",
            "lchown",
        ),
        *(
            "mkfifo",
            "mknod",
            "nice",
            "openpty",
            "posix_spawn",
            "pread",
            "pwrite",
            "sched_getaffinity",
            "sched_setaffinity",
            "sendfile",
            "setpgid",
        ),
        *(
            "setsid",
            "setuid",
            "statvfs",
            "sync",
            "sysconf",
            "tcgetpgrp",
            "uname",
            "wait",
            "waitid",
            "O_NOFOLLOW",
            "O_DIRECTORY",
            "O_NONBLOCK",
        ),
    },
    "signal": {
        "SIGALRM",
        "SIGHUP",
        "SIGKILL",
        "SIGQUIT",
        "SIGUSR1",
        "SIGUSR2",
        "alarm",
        "pause",
        "pthread_sigmask",
        "setitimer",
        "sigwait",
    },
    "mmap": {"MAP_ANONYMOUS", "MAP_PRIVATE", "MAP_SHARED"},
    "socket": {"AF_UNIX"},
}
"""What Windows does not have."""
LOOKED_AT = {
    ("files/locks.py", "fcntl"),  # beside msvcrt, by sys.platform
    ("compiled.py", "os.getuid"),  # after hasattr
    ("files/places.py", "os.getuid"),
    ("files/write.py", "os.getuid"),
    ("serve/runs.py", "os.killpg"),
    ("serve/world.py", "os.nice"),  # an AttributeError is let go
    ("engine/memory.py", "mmap.MAP_PRIVATE"),  # after hasattr
    ("engine/memory.py", "mmap.MAP_ANONYMOUS"),
}
"""Where it is used all the same, and what happens where there is none."""
FORBIDDEN = set('<>:"|?*\\')
LONGEST = 120
"""Characters of a path within the repository, or within an installed package: Windows allows 260 in all unless told otherwise."""


@cache
def programs(folder: Path) -> list[tuple[str, ast.Module]]:
    return [(p.relative_to(folder).as_posix(), ast.parse(p.read_text(encoding="utf-8"))) for p in sorted(folder.rglob("*.py"))]


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call, dict[str, ast.expr]]]:
    """Calls by the last word of what is called, with their arguments by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, node, {k.arg: k.value for k in node.keywords if k.arg}


def without_encoding(tree: ast.Module) -> Iterator[int]:
    """Lines on which text is read or written in an encoding that the system chooses."""
    for name, call, named in calls(tree):
        given = {a.value for a in [*call.args, *named.values()] if isinstance(a, ast.Constant) and isinstance(a.value, str)}
        binary = any(set(word) <= set("rwxab+") and "b" in word for word in given)
        of_os = isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") in ("os", "webbrowser", "parts", "self")
        takes_path = isinstance(call.func, ast.Name) or not call.args or given
        method = isinstance(call.func, ast.Attribute)
        text = (method and name in ("read_text", "write_text")) or (name == "open" and not binary and not of_os and bool(takes_path))
        text |= name in ("run", "Popen", "check_output") and {"text", "universal_newlines"} & set(named) != set()
        if text and "encoding" not in named and not (name == "read_text" and given):
            yield call.lineno


def posix_only(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (name for name in found if name in POSIX_MODULES)
            if isinstance(node, ast.ImportFrom) and node.module in POSIX_NAMES:
                yield from (f"{node.module}.{a.name}" for a in node.names if a.name in POSIX_NAMES[node.module])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in POSIX_NAMES.get(node.value.id, ()):
            yield f"{node.value.id}.{node.attr}"


def test_no_text_is_read_or_written_in_an_encoding_that_the_system_chooses() -> None:
    assert [f"{name}:{line}" for name, tree in programs(SOURCE) for line in without_encoding(tree)] == []


@pytest.mark.parametrize(
    ("source", "n"),
    [
        ("p.read_text()", 1), ("p.write_text('x')", 1), ("open(p)", 1), ("p.open('w')", 1), ("subprocess.run(w, text=True)", 1),
        ("p.read_text('utf-8')", 0), ("p.write_text('x', encoding='utf-8')", 0), ("p.open('rb')", 0), ("os.open(p, os.O_RDONLY)", 0),
    ],
)  # fmt: skip
def test_an_encoding_that_is_lacking_is_found(source: str, n: int) -> None:
    assert len(list(without_encoding(ast.parse(source)))) == n


def test_what_only_posix_has_is_used_where_its_lack_is_thought_of() -> None:
    assert {(name, word) for name, tree in programs(SOURCE) for word in posix_only(tree)} == LOOKED_AT
    (locks,) = (tree for name, tree in programs(SOURCE) if name == "files/locks.py")
    assert not list(posix_only(ast.Module([s for s in locks.body if isinstance(s, ast.Import | ast.ImportFrom)], [])))


def test_processes_are_started_anew_everywhere_as_windows_and_macos_do() -> None:
    found = 0
    for name, tree in programs(SOURCE):
        for called, call, named in calls(tree):
            if called == "get_context":
                assert ast.unparse(call.args[0]) == "'spawn'", name
                found += 1
            if called == "ProcessPoolExecutor":
                assert "spawn" in ast.unparse(named["mp_context"]), name
            assert not (called in ("Process", "Pool") and ast.unparse(call.func).startswith("multiprocessing.P")), name
    assert found > 1


def test_a_path_that_is_kept_has_one_form_on_all_systems() -> None:
    """`str` of a path has other separators on Windows; what is told by `as_posix` has not."""
    found = [
        f"{name}:{call.lineno}"
        for name, tree in programs(SOURCE)
        for called, call, _ in calls(tree)
        if called == "str" and call.args and "relative_to" in ast.unparse(call.args[0])
    ]
    assert found == []


def wrong(names: list[str]) -> list[str]:
    """Paths that Windows cannot have, or two of which are one there."""
    found, seen = [], set[str]()
    for name in names:
        parts = PureWindowsPath(name).parts
        bad = any(FORBIDDEN & set(p) or p[-1] in ". " or (is_reserved(p) and p != "store") for p in parts)
        if bad or len(name) > LONGEST or name.lower() in seen:
            found.append(name)
        seen.add(name.lower())
    return found


def test_files_have_names_that_every_system_knows() -> None:
    ours = [REPOSITORY / f for f in ("src", "docs", "tests", "dev", "evidence", "benchmarks", "packaging")]
    names = [p.relative_to(REPOSITORY).as_posix() for f in ours for p in f.rglob("*") if "__pycache__" not in p.parts]
    assert len(names) > 500
    assert wrong(names) == []
    assert wrong(["a/b.csv", "A/b.csv", "a/con.csv", "a/x:y", "a/b.", "c" * (LONGEST + 1)]) == [
        "A/b.csv",
        "a/con.csv",
        "a/x:y",
        "a/b.",
        "c" * 121,
    ]


@pytest.mark.parametrize("name", ["con", "NUL", "com1", "lpt9.2022", "store"])
def test_a_folder_of_results_is_not_named_after_a_device(name: str) -> None:
    assert is_reserved(name)
    with pytest.raises(ValidationError):
        TypeAdapter(FolderName).validate_python(name)


def test_a_run_is_ended_where_there_are_no_groups_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    class Process:
        pid, returncode = 1, None

        def terminate(self) -> None:
            ended.append("terminated")

    monkeypatch.delattr(os, "killpg")
    run = Run("1", ("study",), stays=False)
    run.process = Process()  # type: ignore[assignment]
    Runs.stop(Runs.__new__(Runs), run)
    assert ended == ["terminated"]
    assert run.state == "stopped"
