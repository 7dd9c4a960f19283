"""An object store behind the folder: what is there is taken and not made again, and a wrong object is said by its address."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cluster.driver import digest
from benchmarks.cluster.small import small_plan
from qantar.ensemble import depot as module
from qantar.ensemble import local, warm
from qantar.ensemble.depot import Depot
from qantar.ensemble.local import run_ensembles
from qantar.ensemble.runner import Runner, at_work
from qantar.ensemble.store import PART, Recipe, Store, draws_folder, keep_draws
from qantar.errors import QantarError, ResultError, StudyError
from qantar.scenario.parameters import draw

fsspec = pytest.importorskip("fsspec")
SEED, RUNS = 21, 3 * PART
ADDRESS = "memory://histories/of-a-test"


@pytest.fixture(autouse=True)
def memory() -> Iterator[Any]:
    """Objects in the memory of this process, none at first."""
    warm.compiled(now=True)
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    module._opened.cache_clear()


def recipe(**more: Any) -> Recipe:
    return Recipe(**({"plan": small_plan(), "seed": SEED} | more))


def make(root: Path, depot: Depot | None, *recipes: Recipe, runs: int = RUNS) -> str:
    asked = recipes or (recipe(),)
    run_ensembles(asked, runs, root, processes=1, depot=depot)
    return digest(root, asked, runs)


def said(error: QantarError) -> list[str]:
    assert all(p.render("en") and p.render("zh") for p in error.problems)
    return [p.code for p in error.problems]


@pytest.mark.parametrize("address", [ADDRESS, "file"])
def test_what_one_machine_has_made_another_takes(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    depot = Depot(address if address == ADDRESS else (tmp_path / "depot").as_uri())
    rows = [{**draw(SEED, k), "base_pressure": 1e-4} for k in (6, 1)]
    given = recipe(sampling="given", given=keep_draws(tmp_path / "a", rows), replicates=4)
    first = make(tmp_path / "a", depot, recipe()), make(tmp_path / "a", depot, given, runs=8)
    monkeypatch.setattr(local, "one_run", lambda *_: pytest.fail("made again"))
    told: list[tuple[int, int]] = []
    run_ensembles([recipe()], RUNS, tmp_path / "b", processes=1, depot=depot, progress=lambda *x: told.append(x))
    assert told[-1] == (RUNS, RUNS)
    depot.fetch_folder(draws_folder(tmp_path / "b", given.given))
    assert (digest(tmp_path / "b", [recipe()], RUNS), make(tmp_path / "b", depot, given, runs=8)) == first
    assert not list(tmp_path.glob("*/2-*/.*"))
    files, base = fsspec.core.url_to_fs(depot.address)
    names = sorted(Path(name).name for name in files.find(base))
    assert names == sorted([*(f"part-0000{k}.zip" for k in (0, 0, 1, 1, 2)), f"{draws_folder(tmp_path, given.given).name}.zip"])


def test_what_is_missing_there_is_put_there_and_each_part_is_made_once(tmp_path: Path, memory: Any) -> None:
    depot, root = Depot(ADDRESS), tmp_path / "a"
    whole = make(root, None)
    assert memory.store == {}
    shutil.rmtree(Store.of(root, recipe()).part(1))
    assert make(root, depot) == whole
    assert [name.rpartition("/")[2] for name in memory.store] == ["part-00001.zip"]  # what was here before is for who asks here
    (bytes_,) = [file.getvalue() for file in memory.store.values()]
    depot.put(Store.of(root, recipe()), 1)
    assert [file.getvalue() for file in memory.store.values()] == [bytes_]
    many = module.FETCHED + 1
    assert depot.fetch(Store.of(tmp_path / "b", recipe()), range(many)) == 1  # more than are asked for one by one
    assert Store.of(tmp_path / "b", recipe()).missing(RUNS) == [0, 2]


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda whole: whole[: len(whole) // 2],
    "no archive": lambda whole: b"<html>not found</html>",
    "nothing": lambda whole: b"",
    "a flipped bit": lambda whole: whole[:300] + bytes([whole[300] ^ 1]) + whole[301:],
}


@pytest.mark.parametrize("spoil", [*SPOILT.values(), None], ids=[*SPOILT, "another part"])
def test_a_wrong_object_is_said_by_its_address(spoil: Callable[[bytes], bytes] | None, tmp_path: Path, memory: Any) -> None:
    depot = Depot(ADDRESS)
    make(tmp_path / "a", depot)
    one, other = (next(n for n in memory.store if n.endswith(f"part-0000{k}.zip")) for k in (1, 2))
    content = memory.cat_file(other) if spoil is None else spoil(memory.cat_file(one))
    memory.pipe_file(one, content)
    with pytest.raises(ResultError) as caught:
        make(tmp_path / "b", depot)
    assert said(caught.value) == ["broken_store"]
    assert caught.value.problems[0].file.startswith(ADDRESS)
    assert caught.value.problems[0].file.endswith("part-00001.zip")
    assert 1 in Store.of(tmp_path / "b", recipe()).missing(RUNS)


@pytest.mark.parametrize(("address", "reason"), [("nothing://x", "nothing"), ("s3://bucket/folder", "s3fs"), ("file:///proc/nowhere", "")])
def test_an_address_that_cannot_be_used_is_said_first(address: str, reason: str, tmp_path: Path) -> None:
    if address.startswith("s3"):
        try:
            import s3fs  # noqa: F401

            pytest.skip("s3fs is installed, and would ask the network")
        except ImportError:
            pass
    with pytest.raises(StudyError) as caught, at_work(Runner(tmp_path), depot=address):
        pass
    assert said(caught.value) == ["depot_unreachable"]
    assert reason in caught.value.problems[0].args["reason"]


def test_an_object_store_that_fails_on_the_way_is_said(tmp_path: Path, memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise ConnectionError("the line is cut")

    with at_work(Runner(tmp_path, 1), depot=ADDRESS) as runner:
        monkeypatch.setattr(type(memory), "pipe_file", refuses)
        with pytest.raises(ResultError) as caught:
            runner.histories(recipe(), PART)
    assert said(caught.value) == ["depot_fails"]
    assert "the line is cut" in str(caught.value)
    assert Store.of(tmp_path, recipe()).missing(PART) == []  # what was made is kept here


def test_an_object_is_a_plain_archive_of_the_part(tmp_path: Path, memory: Any) -> None:
    make(tmp_path, Depot(ADDRESS), runs=PART)
    ((name, file),) = memory.store.items()
    with zipfile.ZipFile(file) as archive:
        assert {n: archive.read(n) for n in archive.namelist()} == Store.of(tmp_path, recipe()).files_of(0)
    assert name.endswith(f"/{Store.of(tmp_path, recipe()).folder.name}/part-00000.zip")
