"""Shared pieces: the packaged account, a tiny complete case, and the command line as a user meets it."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from filelock import FileLock
from hypothesis import settings

os.environ["QANTAR_STORE"] = "results/store"  # of the folder a test works in: never the tester's own

from qantar.cli.main import main
from qantar.verdicts.load import Loaded, load_account

pytest.register_assert_rewrite("kit.contract", "kit.faults")  # their checks say what differs, as those of a test do

# The same examples at every run; time limits would fail on a busy machine.
settings.register_profile("qantar", deadline=None, derandomize=True)
settings.load_profile("qantar")

HERE = Path(__file__).parent
REPOSITORY = HERE.parent
CASE = "kazakhstan-2022"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What was collected and imported stays to the end: to look through it again and again for what may go took a tenth of all time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _here() -> Iterator[None]:
    """Studies of a test, and of what tests share, run in its own process unless it asks for more: starting others takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qantar.ensemble.pool.cores", lambda: 1)
        patch.setattr(os, "fsync", lambda descriptor: None)  # the disk need not survive a test; it takes a third of a small study
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real browser; its absence skips the tests that need it, and fails them in integration."""
    from kit.browser import started

    with started() as found:
        yield found


@pytest.fixture
def look(browser: Any, served: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page of what the module serves; whatever it threw, wrote on the console or asked of another host is a fault at the end."""
    from kit.browser import opened

    pages: list[Any] = []

    def look(address: str, **how: Any) -> Any:
        pages.append(opened(browser, served.url, address, **how))
        return pages[-1]

    yield look
    for page in pages:
        page.context.close()
    assert [fault for page in pages for fault in page.faults] == []


@pytest.fixture(scope="session")
def loaded() -> Loaded:
    return load_account(CASE)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A copy of the tiny case, free to be spoilt."""
    return Path(shutil.copytree(HERE / "tiny", tmp_path / "tiny"))


@dataclass
class Ran:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


KEPT = ("PATH", "HOME", "SYSTEMROOT", "TEMP", "TMP", "QANTAR_STORE", "NUMBA_CACHE_DIR")


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """Nothing of the tester's language or terminal."""
    clean = {k: v for k, v in os.environ.items() if k in KEPT}
    return clean | {"COLUMNS": "100", "MPLCONFIGDIR": str(HERE.parent / ".pytest_cache" / "mpl")} | (more or {})


def run_qantar(*words: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> Ran:
    """`qantar` in a process of its own, where that is what a test is about: half a second goes before it begins."""
    done = subprocess.run([sys.executable, "-m", "qantar", *words], cwd=cwd, env=environment(env), capture_output=True, check=False)
    return Ran(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


def call_qantar(*words: str, cwd: Path, env: dict[str, str] | None = None) -> Ran:
    """`qantar` in this process, from its entry point to its exit status, on streams of bytes as a pipe's are."""
    told = io.BytesIO(), io.BytesIO()
    out, err = (io.TextIOWrapper(stream, encoding="ascii") for stream in told)
    with (
        mock.patch.dict(os.environ, environment(env), clear=True),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main(list(words))
    out.flush()
    err.flush()
    return Ran(int(str(ended.value.code or 0)), *(stream.getvalue().decode("utf-8") for stream in told))


@pytest.fixture
def qantar(tmp_path: Path) -> Callable[..., Ran]:
    """`qantar` in a folder of the test's, called in this process: one of its own each time would take longer than most of what is asked."""
    return partial(call_qantar, cwd=tmp_path)


STUDY = ("study", CASE)


@pytest.fixture(scope="session")
def study_home(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Where the packaged account was studied through the command line, once for all workers; what it said is in `printed.txt`."""
    own = tmp_path_factory.getbasetemp()
    home = (own if worker_id == "master" else own.parent) / "study"
    with FileLock(f"{home}.lock"):
        if not (home / "printed.txt").exists():  # written last
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            ran = run_qantar(*STUDY, cwd=home, env={"COLUMNS": "200"})
            assert ran.code == 0, ran.err
            (home / "printed.txt").write_text(ran.out, encoding="utf-8")
    return home


@pytest.fixture(scope="session")
def study_folder(study_home: Path) -> Path:
    """The result of that study."""
    return study_home / "results" / CASE
