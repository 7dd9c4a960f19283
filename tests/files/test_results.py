"""Folders of results: nothing of a user is lost, whatever was there and whenever it came; nothing that was changed is read as it was."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import CASE, REPOSITORY
from qantar.cases.case import cases_folder
from qantar.cli import main as cli
from qantar.draws import SCHEME
from qantar.ensemble.store import model_hash
from qantar.errors import QantarError, ResultError
from qantar.files import write as results
from qantar.files.result import RESULT, SEAL, command_line, read_result, seal_of, sealed
from qantar.files.write import copy_result, foreign, is_packed, refuse_foreign, refuse_foreign_file, write_file, write_new, write_result
from qantar.inference.posterior import KEPT, PEOPLE, pack, unpack
from qantar.studies import repeat

FIT = cases_folder() / CASE / "fit"
ASKED = {"name": "scale", "options": {"scenario": CASE, "seed": 1}}
FILES = sealed({"a.csv": "x,y\n1,é\n", "b.csv": "x\n2\n"}, {"kind": "scale", "command": ASKED, "number": 0.1})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return write_result(tmp_path / "results" / "out", FILES)


def held(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, hidden things too."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def codes(error: QantarError) -> list[str]:
    assert all(p.render("en") and p.render("zh") for p in error.problems)
    return [p.code for p in error.problems]


# --- what is there is kept ------------------------------------------------------------------------------------------------------


def test_a_result_is_written_read_and_replaced(out: Path) -> None:
    found = read_result(out, "scale")
    assert found is not None
    assert found.rows("a.csv") == [{"x": "1", "y": "é"}]
    assert found.made["number"] == 0.1
    newer = sealed({"a.csv": "x\n3\n"}, {"kind": "scale"})
    refuse_foreign(out)
    assert write_result(out, newer) == out
    assert held(out.parent) == {f"out/{name}": content.encode() for name, content in newer.items()}


def _edit(out: Path) -> None:
    (out / "a.csv").write_text("x,y\n1,mine\n", encoding="utf-8")


def _edit_result(out: Path) -> None:
    path = out / RESULT
    path.write_text(path.read_text(encoding="utf-8").replace('"number": 0.1', '"number": 0.2'), encoding="utf-8")


def _forge(files: object) -> Callable[[Path], None]:
    def forge(out: Path) -> None:
        (out / "tree").mkdir()
        (out / "tree" / "thesis.txt").write_text("years of work")
        made = {"kind": "scale", "files": files}
        (out / RESULT).write_text(json.dumps({**made, SEAL: seal_of(made)}))

    return forge


def _link(out: Path) -> None:
    (out.parent / "precious.csv").write_bytes((out / "a.csv").read_bytes())
    (out / "a.csv").unlink()
    (out / "a.csv").symlink_to(out.parent / "precious.csv")


def _git(out: Path) -> None:
    (out / ".git").mkdir()
    (out / ".git" / "HEAD").write_text("ref: refs/heads/main\n")


SPOILS: dict[str, Callable[[Path], object]] = {
    "a file of the user": lambda out: (out / "notes.txt").write_text("mine"),
    "a hidden file": lambda out: (out / ".notes").write_text("mine"),
    "a table edited by hand": _edit,
    "result.json edited by hand": _edit_result,
    "a repository": _git,
    "a folder": lambda out: (out / "figures").mkdir(),
    "a link in place of a table": _link,
    "files that is a list": _forge(["tree"]),
    "files that names a folder": _forge({"tree": "0" * 64}),
    "files that leads out": _forge({"../precious.csv": "0" * 64}),
    "files that is missing": _forge(None),
    "no result.json": lambda out: (out / RESULT).unlink(),
    "result.json that is no JSON": lambda out: (out / RESULT).write_text("{"),
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_what_is_not_a_result_as_it_was_written_is_refused_before_and_kept_after(out: Path, spoil: Callable[[Path], object]) -> None:
    spoil(out)
    before = held(out.parent)
    assert foreign(out)
    with pytest.raises(ResultError) as caught:
        refuse_foreign(out)
    assert codes(caught.value) == ["not_a_result"]
    place = write_result(out, FILES)  # hours later: it came meanwhile
    assert place == out.with_name("out-2")
    assert read_result(place, "scale") is not None
    assert write_result(out, FILES) == out.with_name("out-3")  # nothing of the first is overwritten either
    after = held(out.parent)
    assert {k: v for k, v in after.items() if not k.startswith("out-")} == before


@pytest.mark.parametrize("kind", ["file", "link to a folder", "dangling link", "folder of the user"])
def test_a_place_that_is_taken_is_left_as_it_is(tmp_path: Path, kind: str) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    if kind == "file":
        out.write_text("mine")
    elif kind == "folder of the user":
        shutil.copytree(other, out)
    else:
        out.symlink_to(other if kind == "link to a folder" else tmp_path / "nowhere")
    before = held(tmp_path)
    with pytest.raises(ResultError):
        refuse_foreign(out)
    with pytest.raises(ResultError):
        write_new(out, {"a.csv": "x\n"})
    assert write_result(out, FILES) == tmp_path / "out-2"
    shutil.rmtree(tmp_path / "out-2")
    assert held(tmp_path) == before


def test_a_file_that_comes_between_the_look_and_the_swap_is_kept(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename, came = Path.rename, []

    def slow(self: Path, target: Path) -> Path:
        if not came:
            came.append((self / "notes.txt").write_text("mine"))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", slow)
    assert write_result(out, FILES) == out.with_name("out-2")
    assert (out / "notes.txt").read_text() == "mine"
    assert not [p for p in out.parent.iterdir() if p.name.startswith(".")]


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


NAMING = ("rename", "replace", "mkdir", "rmdir", "unlink", "remove")
"""Calls to the system that change names."""


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Whether a process that does some work is killed at its so manieth change of a name; False if it makes fewer."""
    if (child := os.fork()) == 0:
        left = iter(range(number, -1, -1))

        def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
            def instead(*a: Any, **k: Any) -> Any:
                if next(left) == 1:
                    os.kill(os.getpid(), 9)
                return call(*a, **k)

            return instead

        for name in NAMING:
            setattr(os, name, deadly(getattr(os, name)))
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a process at a chosen moment")
def test_a_process_killed_at_any_moment_loses_nothing_and_blocks_nothing(tmp_path: Path) -> None:
    newer = sealed({"a.csv": "x\nnew\n"}, {"kind": "scale"})
    whole = [{k: v.encode() for k, v in files.items()} for files in (FILES, newer)]
    seen = set()
    for number in count(1):
        home = tmp_path / str(number)
        out = write_result(home / "out", FILES)
        if not killed_at(number, lambda out=out: write_result(out, newer)):  # type: ignore[misc]
            break
        seen.add((out.exists(), len(names(home))))
        refuse_foreign(out)  # the next command, whatever it is
        assert held(out) in whole
        assert write_result(out, newer) == out
        assert held(out) == whole[1]
        assert not [p for p in home.rglob("*") if p.is_file() and p.parent != out]  # an empty folder at most
    assert number > 8
    assert (False, 1) in seen  # the moment between the two renames was among them


def test_what_stood_there_goes_back_where_writing_is_stopped(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, rename = held(out.parent), Path.rename

    def stop(self: Path, target: Path) -> Path:
        if self.name == results.NEW:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(KeyboardInterrupt):
        write_result(out, FILES)
    assert held(out.parent) == whole


@pytest.mark.parametrize("came", ["file", "folder"])
def test_what_comes_at_the_last_moment_is_kept(out: Path, monkeypatch: pytest.MonkeyPatch, came: str) -> None:
    rename = Path.rename
    mine = out if came == "file" else out / "thesis.txt"

    def late(self: Path, target: Path) -> Path:
        if self.name == results.NEW and target == out:
            if came == "folder":
                out.mkdir()
            mine.write_text("years of work")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    assert write_result(out, FILES) == out.with_name("out-2")
    assert mine.read_text() == "years of work"
    assert names(out.parent) == ["out", "out-2"]


@pytest.mark.parametrize("name", [".out.old", ".qantar-1", ".qantar-1/new/thesis.txt", ".qantar-1/old/thesis.txt"])
def test_files_of_the_user_with_names_like_ours_are_kept_and_stop_nothing(out: Path, name: str) -> None:
    mine = out.parent / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("out")
    refuse_foreign(out)
    assert write_result(out, FILES) == out
    assert mine.read_text() == "out"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a pipe")
@pytest.mark.parametrize("name", [RESULT, "a.csv", "pipe"])
def test_a_pipe_is_neither_waited_for_nor_removed(out: Path, name: str) -> None:
    (out / name).unlink(missing_ok=True)
    os.mkfifo(out / name)
    assert name in foreign(out)
    assert write_result(out, FILES) == out.with_name("out-2")
    assert (out / name).is_fifo()
    if name != "pipe":
        with pytest.raises(ResultError):
            read_result(out)


def test_a_file_that_may_not_be_read_is_kept(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes

    def locked(self: Path) -> bytes:
        if self.name == "a.csv":
            raise PermissionError(13, "Permission denied")
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", locked)
    assert foreign(out) == ["a.csv"]
    assert write_result(out, FILES) == out.with_name("out-2")


def test_two_processes_that_write_to_one_place_both_keep_what_they_made(tmp_path: Path) -> None:
    def write(k: int) -> list[Path]:
        return [write_result(tmp_path / "out", sealed({"a.csv": f"x\n{k}-{j}\n"}, {"kind": "scale"})) for j in range(10)]

    with ThreadPoolExecutor(4) as pool:
        places = [place for made in pool.map(write, range(4)) for place in made]
    assert tmp_path / "out" in places
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in places}
    assert all(read_result(p) is not None for p in places)


@pytest.mark.parametrize("place", [".", "..", "../here", "x/..", "/", "/dev/null/x", "/proc/x"])
def test_a_place_where_nothing_can_be_written_is_refused_before_hours_of_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for refuse in (refuse_foreign, lambda path: refuse_foreign_file(path, is_packed)):
        with pytest.raises(ResultError) as caught:
            refuse(Path(place))
        assert set(codes(caught.value)) <= {"cannot_write", "not_a_result", "not_our_file"}
    assert names(tmp_path) == ["here"]


def test_what_cannot_be_written_is_said_and_what_was_there_stays(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = held(out.parent)
    for place in (out.parent / ("x" * 300), out / "a.csv" / "under a file", Path("/proc/nowhere/out")):
        with pytest.raises(ResultError) as caught:
            _ = refuse_foreign(place) or write_result(place, FILES)  # type: ignore[func-returns-value]
        assert codes(caught.value) == ["cannot_write"]
    monkeypatch.setattr(results, "_fill", lambda folder, files: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(ResultError, match="No space left"):
        write_result(out, FILES)
    assert held(out.parent) == whole


def test_a_file_is_replaced_only_where_it_is_a_packed_table(tmp_path: Path) -> None:
    path = tmp_path / "table.npz"
    refuse_foreign_file(path, is_packed)
    for content in (b"mine", b"PK\x03\x04 mine"):
        path.write_bytes(content)
        with pytest.raises(ResultError) as caught:
            refuse_foreign_file(path, is_packed)
        assert codes(caught.value) == ["not_our_file"]
        assert write_file(path, b"ours", is_packed) == tmp_path / "table-2.npz"
        assert path.read_bytes() == content
        (tmp_path / "table-2.npz").unlink()
    np.savez(path, made=np.zeros(1))
    assert write_file(path, b"newer", is_packed) == path
    with pytest.raises(ResultError):
        refuse_foreign_file(tmp_path, is_packed)


def test_a_copy_leaves_out_what_it_is_told_to_and_is_a_result(out: Path) -> None:
    copy_result(out, out.with_name("ships"), "b.csv")
    found = read_result(out.with_name("ships"), "scale")
    assert found is not None
    assert list(found.content) == ["a.csv"]
    (out.with_name("ships") / "mine.txt").write_text("mine")
    with pytest.raises(ResultError):
        copy_result(out, out.with_name("ships"))


# --- what was changed is not read -----------------------------------------------------------------------------------------------

FLIPS = 1000


def test_no_flipped_bit_of_a_result_is_read_in_silence(tmp_path: Path) -> None:
    lots, found, harmless = np.random.default_rng(1), 0, 0
    shutil.copytree(FIT / "rivals", tmp_path / "e")
    whole = {p: p.read_bytes() for p in sorted((tmp_path / "e").iterdir())}
    stored = read_result(tmp_path / "e", "rivals")
    assert stored is not None
    for k in range(FLIPS):
        path, content = list(whole.items())[k % len(whole)]
        spoilt = bytearray(content)
        spoilt[lots.integers(len(content))] ^= 1 << int(lots.integers(8))
        path.write_bytes(spoilt)
        try:
            again = read_result(tmp_path / "e", "rivals")
        except ResultError as error:
            found += bool(codes(error))
        else:  # white space, or the last digits of a number beyond what a double holds
            assert again is not None
            assert (again.made, again.content) == (stored.made, stored.content)
            harmless += 1
        path.write_bytes(content)
    assert found + harmless == FLIPS
    assert found > 0.9 * FLIPS


def small_table() -> tuple[bytes, Any]:
    """A packed table of a few histories, and what is read from it."""
    runs, made = unpack(REPOSITORY / "evidence" / "prior-table.npz")
    few = {name: getattr(runs, name)[:8] for name in ("presence", "seat_lost", "stopped", *PEOPLE)}
    more = [name for name in runs.whole if name not in (*KEPT, "run")]
    return pack(replace(runs, whole={k: v[:8] for k, v in runs.whole.items()}, **few), made, more=more), made


def test_no_flipped_bit_of_a_packed_table_is_read_in_silence(tmp_path: Path) -> None:
    content, made = small_table()
    path, lots, found = tmp_path / "table.npz", np.random.default_rng(2), 0
    path.write_bytes(content)
    whole = pack(unpack(path)[0], made, exact=True)
    for _ in range(FLIPS):
        spoilt = bytearray(content)
        spoilt[lots.integers(len(content))] ^= 1 << int(lots.integers(8))
        path.write_bytes(spoilt)
        try:
            runs, said = unpack(path)
        except ResultError as error:
            found += bool(codes(error))
        else:  # dates and permissions of the archive's members, which say nothing
            assert (said, pack(runs, made, exact=True)) == (made, whole)
    assert found > 0.5 * FLIPS


def test_no_flipped_bit_of_an_answer_that_was_kept_is_read_in_silence(tmp_path: Path) -> None:
    path, lots, found = tmp_path / "kept.json", np.random.default_rng(3), 0
    said = {"uprisings": 0.25, "parts": {"a": {"delta": [[0.1, 2.0], [1e-9, 3.0]], "level": [1.0, 2.5]}}, "é": "中"}
    results.keep(path, said)
    content = path.read_bytes()
    assert results.read_kept(path) == said
    for _ in range(FLIPS):
        spoilt = bytearray(content)
        spoilt[lots.integers(len(content))] ^= 1 << int(lots.integers(8))
        path.write_bytes(spoilt)
        try:
            assert results.read_kept(path) == said
        except ResultError as error:
            found += codes(error) == ["broken_store"]
    assert found > 0.9 * FLIPS
    for content in (b"{}", b"[]", b"", b"\xff", json.dumps(said).encode()):
        path.write_bytes(content)
        with pytest.raises(ResultError):
            results.read_kept(path)


@pytest.mark.parametrize("kind", [p.parent.name for p in sorted(FIT.glob("*/" + RESULT))])
def test_what_ships_is_whole_and_a_spoilt_table_of_it_is_an_error(tmp_path: Path, kind: str) -> None:
    assert read_result(FIT / kind) is not None
    shutil.copytree(FIT / kind, tmp_path / kind)
    for path in sorted((tmp_path / kind).iterdir()):
        content = path.read_bytes()
        for spoil in (lambda p=path, c=content: p.write_bytes(c[: len(c) // 2]), path.unlink):
            spoil()
            with pytest.raises(ResultError) as caught:
                read_result(tmp_path / kind)
            assert set(codes(caught.value)) <= {"seal_differs", "hash_differs", "file_missing", "broken_json", "result_incomplete"}
            path.write_bytes(content)
    assert read_result(tmp_path / kind) is not None


def test_nothing_is_none_and_another_kind_is_said(out: Path, tmp_path: Path) -> None:
    assert read_result(tmp_path / "nowhere") is None
    (tmp_path / "empty").mkdir()
    assert read_result(tmp_path / "empty") is None
    with pytest.raises(ResultError) as caught:
        read_result(out, "rivals")
    assert codes(caught.value) == ["not_of_kind"]


# --- options are data -----------------------------------------------------------------------------------------------------------


def test_a_command_is_written_from_its_data() -> None:
    asked = {"name": "rivals", "options": {"scenario": "my case", "quick": True, "arm": ["a", "b c"], "table": 100}}
    assert command_line({"command": asked}) == "qantar rivals 'my case' --quick --arm=a '--arm=b c' --table=100"


FORGED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a place to pack": ("calibrate", {"scenario": CASE, "pack": "{path}"}, "not_repeated"),
    "a place to write": ("scale", {"scenario": CASE, "out": "{path}"}, "not_repeated"),
    "a store": ("scale", {"scenario": CASE, "store": "{path}"}, "not_repeated"),
    "a table to begin with": ("heldout", {"scenario": CASE, "known": "{path}"}, "not_repeated"),
    "a place in place of a scenario": ("calibrate", {"scenario": "--pack={path}"}, "not_repeated"),
    "a place in a list": ("run", {"scenario": CASE, "arm": ["no-price-rise", "{path}.toml"]}, "not_repeated"),
    "a list in place of a name": ("scale", {"scenario": ["elsewhere", CASE]}, "not_a_text"),
    "an option nobody knows": ("scale", {"scenario": CASE, "pack={path} --draws": 2}, "not_repeated"),
    "a value that is no value": ("scale", {"scenario": CASE, "draws": [[1]]}, "not_repeated"),
    "a file of its maker": ("counterfactual", {"scenario": CASE, "posterior": {"sha256": "0"}}, "made_from_file"),
    "another command": ("export", {"account": CASE}, "not_a_run"),
    "a command of the shell": ("scale; touch {path}", {"scenario": CASE}, "not_a_run"),
}


@pytest.mark.parametrize(("name", "options", "code"), FORGED.values(), ids=FORGED)
def test_what_a_result_says_never_decides_where_something_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any], code: str
) -> None:
    path = tmp_path / "precious.npz"
    path.write_text("mine")

    def put(value: Any) -> Any:
        if isinstance(value, list):
            return [put(v) for v in value]
        return value.replace("{path}", str(path)) if isinstance(value, str) else value

    forged = {"name": put(name), "options": {put(k): put(v) for k, v in options.items()}}
    made = {"kind": "scale", "command": forged, "model_sha256": model_hash(), "draw_scheme": SCHEME}
    write_result(tmp_path / "result", sealed({"a.csv": "x\n1\n"}, made))
    monkeypatch.setattr(repeat, "perform", lambda *a, **k: pytest.fail("it was run"))
    with pytest.raises(QantarError) as caught:
        cli.build("en").main(args=["rerun", str(tmp_path / "result")], prog_name="qantar", obj="en", standalone_mode=False)
    assert codes(caught.value) == [code]
    assert path.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["precious.npz", "result"]


def test_a_huge_file_of_the_user_is_not_read_to_be_refused(out: Path) -> None:
    with (out / "film.mkv").open("wb") as film:
        film.truncate(2**40)  # sparse: takes no space
    assert foreign(out) == ["film.mkv"]
    with (out / "a.csv").open("r+b") as table:
        table.truncate(2**40)
    assert foreign(out) == ["a.csv", "film.mkv"]
    with pytest.raises(ResultError):
        read_result(out)
