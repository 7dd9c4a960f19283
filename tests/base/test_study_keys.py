"""Keys of study draws: one list, no number twice but where results that ship were made so."""

from __future__ import annotations

from itertools import groupby

from conftest import REPOSITORY
from qantar.draws import C_MAX
from qantar.scenario.parameters import parameters
from qantar.study_keys import StudyKey, lot, word

SHARED = {
    ("RECORD_CHOICE", "DESIGN_POINTS"),  # coverage of the fit; sensitivity
    ("COUNTRY", "NETWORK_RESAMPLE"),  # methods; the neural fit
}
"""Keys of one number: each decides a table that ships, so none is given another number while those tables stand."""


def test_no_number_stands_for_two_uses_but_those_that_ship() -> None:
    members = sorted(StudyKey.__members__.items(), key=lambda item: item[1].value)
    names = [tuple(name for name, _ in group) for _, group in groupby(members, key=lambda item: item[1].value)]
    assert {group for group in names if len(group) > 1} == SHARED
    assert max(StudyKey) <= C_MAX


def test_keys_lie_beyond_the_coordinates_of_parameters() -> None:
    assert 2 * len(parameters()) < min(StudyKey)


def test_every_draw_of_a_study_takes_its_key_from_the_list() -> None:
    source = REPOSITORY / "src" / "qantar"
    users = [p.name for p in source.rglob("*.py") if "Purpose.STUDY" in p.read_text(encoding="utf-8")]
    assert users == ["study_keys.py"]


def test_a_lot_depends_on_seed_key_and_both_numbers() -> None:
    draws = [lot(1, StudyKey.RANK_TIE, 0), lot(2, StudyKey.RANK_TIE, 0), lot(1, StudyKey.RECORD_CHOICE, 0), lot(1, StudyKey.RANK_TIE, 1)]
    assert len({*draws, lot(1, StudyKey.RANK_TIE, 0, 1), lot(1, 7, 0)}) == 6
    assert word(1, StudyKey.RANK_TIE, 0) != word(1, StudyKey.RANK_TIE, 0, 1)
