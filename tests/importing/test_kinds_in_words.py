"""Words that tell of a kind, in five languages: most are understood, and none is taken for another kind."""

from __future__ import annotations

import csv
from collections import Counter

import pytest

from conftest import HERE
from qantar.importing.words import kind_of, may_be_only_attacked

with (HERE / "importing" / "tables" / "phrases.csv").open(encoding="utf-8", newline="") as _file:
    PHRASES = [(r["lang"], r["phrase"], r["kinds"].split("|")) for r in csv.DictReader(_file)]
LANGUAGES = sorted({lang for lang, _, _ in PHRASES})


@pytest.mark.parametrize("lang", LANGUAGES)
def test_most_phrases_of_a_language_are_given_their_kind_and_none_another(lang: str) -> None:
    of_it = [(phrase, kinds) for name, phrase, kinds in PHRASES if name == lang]
    assert len(of_it) >= 80
    wrong = [(phrase, found) for phrase, kinds in of_it if (found := kind_of(phrase)) and found not in kinds]
    assert wrong == []
    right = sum(kind_of(phrase) in kinds for phrase, kinds in of_it)
    assert right >= 0.9 * len(of_it)


def test_each_language_has_many_kinds() -> None:
    kinds = Counter(lang for lang, kind in {(lang, k) for lang, _, ks in PHRASES for k in ks})
    assert min(kinds[lang] for lang in LANGUAGES) >= 30


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("building_seized", "building_seized"),
        ("Army fires at airport, toma del aeropuerto", "airport_seized"),
        ("Солдаты стреляют, толпа захватила здание", "building_seized"),
        ("Police fire tear gas, 20 arrested", "repression"),
        ("Attempt to storm the palace, clashes", "clash"),
        ("Troops open fire as crowd tries to seize the airport", "repression"),
        ("March, clashes with police", "march"),
        ("Clashes with police, court building burnt", "clash"),
        ("Rally in support of the arrested leader", "protest"),
        ("Протест против повышения цен", "protest"),
        ("Marche pour la démission du gouvernement", "march"),
        ("Governor's office (City Hall) set on fire", "building_attacked"),
    ],
)
def test_of_several_happenings_the_first_of_unrest_counts_and_what_it_was_about_does_not(told: str, kind: str) -> None:
    assert kind_of(told) == kind


@pytest.mark.parametrize(
    "told",
    [
        "No protest in Bonn", "Union threatens strike", "Strike cancelled", "Calls for the resignation of the president", "Riot police arrive",
        "Le marché est fermé", "12 March", "Police officer burnt in patrol car", "Intento de toma del aeropuerto", "Emergency services on alert",
 "Airstrike on a depot", "Detainees released", "Training of officials", "Trail run", "",
    ],
)  # fmt: skip
def test_what_did_not_happen_or_is_something_else_has_no_kind(told: str) -> None:
    assert kind_of(told) == ""


def test_a_building_that_was_stormed_may_not_have_been_held() -> None:
    assert [may_be_only_attacked(t, kind_of(t)) for t in ("Parliament stormed", "Штурм здания", "Town hall occupied", "Shop looted")] == [
        True, True, False, False,
    ]  # fmt: skip
