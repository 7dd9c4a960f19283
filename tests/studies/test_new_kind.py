"""Adding a kind of study: one file, one word in a list, one file of messages. Everything else follows, and the contract holds for it.

A copy of the package gets a kind that nobody needs; then it is used as any other is, in processes of their own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import qantar
from conftest import HERE
from kit.serving import Serving

FILE = '''
"""A kind that nobody needs: how many residents live in each region, times a number."""

from typing import Annotated

from qantar.scenario.scenario import resolve
from qantar.studies import kind
from qantar.studies.blocks import Column, Figure, Intervals, Sentence, Table, pair
from qantar.studies.kind import Options, Outcome, Study


class ToyOptions(Options):
    """What can be asked."""

    scenario: kind.ScenarioName
    times: Annotated[int, kind.whole("cli.opt_toy_times", "number", 1, 9)] = 2
    seed: kind.Seed = 1


def run(asked, runner):
    """The study."""
    plan = resolve(asked.scenario, scale=0.01)
    people = {r.id: sum(p.population for p in plan.places if plan.regions[p.region].id == r.id) for r in plan.regions}
    rows = [{"region": name, "people": n * asked.options.times} for name, n in people.items()]
    return Outcome({"regions": rows}, {"times": asked.options.times}, plan, asked.options.seed)


def page(result):
    """What it tells."""
    rows = result.tables["regions"]
    yield Sentence(pair("toy.lead", n=len(rows)), "lead")
    table = Table([Column(pair("toy.region")), Column(pair("toy.people"), number=True)], [[r["region"], r["people"]] for r in rows])
    yield Figure("toy", Intervals([r["region"] for r in rows], [(float(r["people"]), None) for r in rows]), table)


STUDY = Study(
    "toy", ToyOptions, run, page, kind.Ships(minutes=1), small={"scenario": "kazakhstan-2022"},
    columns={"regions": ("region", "people")}, facts=("times",),
)
'''
MESSAGES = """[cli.toy]
en = "Count residents."
zh = "清点居民。"

[cli.opt_toy_times]
en = "How many times over."
zh = "乘以多少倍。"

[report.part.toy]
en = "Residents"
zh = "居民"

[report.figure.toy.title]
en = "Residents by region."
zh = "各地区居民。"

[report.figure.toy.text]
en = "Times a number."
zh = "乘以一个数。"

[report.axis.toy]
en = "people"
zh = "人"

[toy.lead]
en = "There are {n} regions."
zh = "共有{n}个地区。"

[toy.region]
en = "region"
zh = "地区"

[toy.people]
en = "people"
zh = "人数"
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one kind more."""
    home = tmp_path_factory.mktemp("src")
    source = Path(qantar.__file__).parent
    copied = Path(shutil.copytree(source, home / "qantar", ignore=shutil.ignore_patterns("__pycache__")))
    (copied / "studies" / "toy.py").write_text(FILE, encoding="utf-8")
    (copied / "messages" / "studies" / "toy.toml").write_text(MESSAGES, encoding="utf-8")
    listed = copied / "studies" / "__init__.py"
    text = listed.read_text(encoding="utf-8")
    changed = re.sub(r"^(KINDS = \(\n?\s*)", r'\1"toy", ', text, flags=re.MULTILINE)
    assert changed != text
    listed.write_text(changed, encoding="utf-8")
    return home


def ran(package: Path, where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=where, env=environment(package), capture_output=True, text=True, check=False)


def environment(package: Path) -> dict[str, str]:
    """In which that copy is found before any other."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "NUMBA_CACHE_DIR")}
    return kept | {"PYTHONPATH": os.pathsep.join([str(package), *(p for p in sys.path if p.endswith("site-packages"))]), "COLUMNS": "100"}


TYPED = (
    ("--help",),
    ("toy", "--help"),
    ("--lang", "zh", "toy", "--help"),
    ("toy", "kazakhstan-2022", "--times", "3"),
    ("--lang", "zh", "toy", "kazakhstan-2022"),
    ("toy", "kazakhstan-2022", "--json"),
    ("show", "results/kazakhstan-2022-toy"),
    ("rerun", "results/kazakhstan-2022-toy", "--json"),
    ("toy", "kazakhstan-2022", "--times", "10"),
)
IN_TURN = """
import contextlib, io, json, sys
from qantar.cli.main import main
told = []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as ended:
            told.append((int(str(ended.code or 0)), out.getvalue(), err.getvalue()))
print(json.dumps(told))
"""
"""Does one command after the other: a process each would start nine times."""


def test_a_kind_in_one_file_has_command_help_json_folder_repetition_and_words(package: Path, tmp_path: Path) -> None:
    done = ran(package, tmp_path, "-c", IN_TURN, json.dumps(TYPED))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told) == len(TYPED)
    *right, wrong = told
    assert [code for code, _, _ in right] == [0] * len(right), right
    listed, its_help, in_chinese, thrice, twice_in_chinese, as_json, shown, again = (out for _, out, _ in right)
    assert "Count residents." in listed
    assert "How many times over." in its_help
    assert "乘以多少倍。" in in_chinese
    assert "There are 17 regions." in thrice
    assert "共有17个地区。" in twice_in_chinese
    printed = json.loads(as_json)
    assert (printed["kind"], printed["times"], len(printed["regions"])) == ("toy", 2, 17)
    assert "There are 17 regions." in shown
    assert json.loads(again)["same"]
    code, _, errors = wrong
    assert code == 2
    assert "Traceback" not in errors
    assert "--times" in errors


def test_the_local_page_has_its_form_its_run_and_its_result(package: Path, tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "qantar", "serve", "--port", "0"],
        cwd=tmp_path, env=environment(package), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        there = Serving(re.findall(r"http://\S+\d", server.stdout.readline())[0], tmp_path, None)
        assert "Residents" in there.ask("GET", "/studies").text
        form = there.ask("GET", "/studies/toy?name=kazakhstan-2022").text
        assert re.search(r'data-field="times" data-control="number" min="1" max="9" step="1" value="2"', form)
        assert "乘以多少倍。" in form
        wrong = there.ask("POST", "/api/runs", {"kind": "toy", "options": {"scenario": "kazakhstan-2022", "times": 10}})
        assert (wrong.status, wrong.json()["error"]["problems"][0]["key"]) == (422, "--times")
        begun = there.ask("POST", "/api/runs", {"kind": "toy", "options": {"scenario": "kazakhstan-2022", "times": 3}}).json()
        last = json.loads(there.ask("GET", f"/api/runs/watch?id={begun['id']}").text.split("data: ")[-1])
        assert (last["state"], last["command"]) == ("done", f"qantar toy kazakhstan-2022 --times=3 --out={last['folder']}")
        page = there.ask("GET", f"/result?folder={last['folder']}").text
        assert "There are 17 regions." in page
        assert 'id="figure-toy"' in page
    finally:
        server.terminate()
        server.wait()


def test_the_contract_of_all_kinds_holds_for_it(package: Path, tmp_path: Path) -> None:
    shutil.copytree(HERE, tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    done = ran(
        package,
        tmp_path,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/studies/test_contract.py",
        "-k",
        "toy or units or messages",
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) >= 12
