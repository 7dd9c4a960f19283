"""The table of classic models that ships: what the program gives, and what the page says."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict, fields

import pytest

from conftest import REPOSITORY
from qantar.classics.comparison import MODELS, Run, figures_of, runs_of
from qantar.studies.classics import row_of
from qantar.studies.kind import Result, table_csv
from qantar.studies.shipped import result_in

PLACE = REPOSITORY / "evidence" / "classics"


@pytest.fixture(scope="module")
def stored() -> Result:
    described, result = result_in(PLACE)
    assert described.name == "classics"
    return result


def run_of(row: dict[str, str]) -> Run:
    kinds = {f.name: {"str": str, "int": int, "float": lambda cell: float(cell or "nan")}[str(f.type)] for f in fields(Run)}
    return Run(**{name: kinds[name](cell) for name, cell in row.items()})


def lines(rows: list[dict[str, object]]) -> list[str]:
    return table_csv(rows).splitlines()


def test_the_figures_that_ship_are_those_of_the_runs_that_ship(stored: Result) -> None:
    runs = [run_of(row) for row in stored.tables["runs"]]
    assert {r.seed for r in runs} == set(range(1, 21))
    found = lines([row_of(f) for f in figures_of(MODELS, runs)])
    shipped = (PLACE / "figures.csv").read_text(encoding="utf-8").splitlines()
    assert [cells(line) for line in found] == [cells(line) for line in shipped]
    assert (stored.made["within"], stored.made["of"]) == (22, 24)


def cells(line: str) -> list[str]:
    """Numbers to seven digits: the runs are kept with ten, and another machine may differ in the last of them."""
    return [f"{float(c):.7g}" if c.replace(".", "").replace("e-", "").isdigit() else c for c in line.split(",")]


@pytest.mark.parametrize("seed", [1, 13])
def test_runs_of_a_seed_that_ships_are_the_same_on_this_machine(stored: Result, seed: int) -> None:
    again = lines([asdict(r) for r in runs_of(MODELS, seed, stored.made["ticks"])])[1:]
    shipped = (PLACE / "runs.csv").read_text(encoding="utf-8").splitlines()
    own = [line for line, row in zip(shipped[1:], stored.tables["runs"], strict=True) if row["seed"] == str(seed)]
    assert [cells(line) for line in again] == [cells(line) for line in own]


def test_the_page_says_what_the_result_does() -> None:
    spec = importlib.util.spec_from_file_location("findings", REPOSITORY / "dev" / "findings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (module.PAGES / "classics.md").read_text(encoding="utf-8") == module.classics_page(), "run dev/findings.py"


def test_the_explanation_has_the_figures_of_the_table(stored: Result) -> None:
    page = " ".join((REPOSITORY / "docs" / "explanation" / "classics.md").read_text(encoding="utf-8").split())
    rows = {(r["quantity"], r["variant"]): r for r in stored.tables["figures"]}
    floor, rounded = (f"{float(rows['wait', v]['obtained']):.1f} ± {float(rows['wait', v]['error']):.1f}" for v in ("floor", "round"))
    assert f"Between outbursts lie {floor} ticks with the whole part and {rounded} with rounding" in page
    waits = sorted(float(r["value"]) for r in stored.tables["runs"] if (r["model"], r["variant"]) == ("epstein", "round"))
    assert f"one lattice of the twenty waits {waits[-1]:.0f} ticks where the others wait {waits[0]:.0f} to {waits[-2]:.0f}" in page
    ratios = [f"{float(rows['branching', v]['obtained']):.2f}" for v in ("0.3", "0.6", "0.9")]
    assert f"come out again as {ratios[0]}, {ratios[1]} and {ratios[2]}" in page
    assert f"The exact point is {float(rows['critical_sd', 'normal']['obtained']):.3f}" in page
    assert max(int(r["peak"]) for r in stored.tables["runs"] if (r["model"], r["variant"]) == ("epstein", "none")) <= 20
