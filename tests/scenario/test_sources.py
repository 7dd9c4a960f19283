"""Where priors come from: not from the event that is explained, and as evidence/priors says where it says."""

from __future__ import annotations

import csv
import re

import pytest

from conftest import REPOSITORY
from qantar.scenario.parameters import parameters

CASE = REPOSITORY / "src" / "qantar" / "cases" / "kazakhstan-2022"
ESTIMATES = REPOSITORY / "evidence" / "priors" / "estimates.csv"
TABLES = "|".join(re.escape(path.name) for path in sorted(CASE.glob("*.csv")))
EVENT = (
    rf"\b({TABLES})\b",  # its tables ...
    r"\b[A-Z]\d{2,3}\b",  # ... and rows of them
    r"\bthe record\b|\brecorded\b",
    r"\bJanuary 2022\b|\b2022-01|\b\d{1,2} January\b(?! (?!2022)\d{4})",  # days of another January have their year
    r"\b(Zhanaozen|Almaty|Aktau|Mangystau)\W+(in )?2022\b",
    r"\bTODO\b",
)


@pytest.mark.parametrize("name", parameters())
def test_no_prior_comes_from_the_event_that_is_explained(name: str) -> None:
    parameter = parameters()[name]
    assert parameter.status != "recorded"
    for pattern in EVENT:
        assert not re.search(pattern, parameter.source, re.IGNORECASE if "record" in pattern else 0), pattern


@pytest.mark.parametrize(
    "source", ["20 to 60 detained (totals.csv T09)", "as in the record", "about 100 on 3 January", "Recorded once", "(F13, F14)"]
)
def test_sources_that_name_it_are_found(source: str) -> None:
    assert any(re.search(p, source, re.IGNORECASE if "record" in p else 0) for p in EVENT)


@pytest.mark.parametrize(
    "source", ["from January to June 2018", "uprisings.csv", "(2022, J. Politics 84)", "Bishkek on 7 January 2010", "PNAS 99"]
)
def test_sources_that_do_not_are_not(source: str) -> None:
    assert not any(re.search(p, source, re.IGNORECASE if "record" in p else 0) for p in EVENT)


def test_priors_are_those_that_follow_from_the_estimates() -> None:
    with ESTIMATES.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["parameter"]]
    assert len(rows) >= 15
    for row in rows:
        prior = parameters()[row["parameter"]].prior
        expected = row["kind"], *(float(row[key]) for key in ("a", "b", "spike"))
        assert (prior.kind, prior.a, prior.b, prior.spike) == expected, row["parameter"]
