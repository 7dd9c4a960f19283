"""What stands beside a claim: the rows of its day, which may be that of the sentence before, or of its places."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import HERE
from qantar.account.document import Document, read_document
from qantar.cases.case import Case, load_case
from qantar.lookup.beside import SOME, records
from qantar.lookup.likely import near
from qantar.messages import text

ESSAY = """# A week

## How it began

On 2 March people marched. In the evening they were arrested. It was a warm spring. In Twoville shops were burnt. By the end of March there had been protests.

They protested again.

In Twoville the police opened fire.

## What followed

They marched once more. Shops were burnt in Oneville.
"""


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(str(HERE / "tiny"))


def written(folder: Path, words: str) -> Document:
    (folder / "essay.md").write_text(words, encoding="utf-8")
    return read_document(folder / "essay.md")


def test_a_sentence_is_near_the_rows_of_its_day_or_of_the_day_it_goes_on_with(case: Case, tmp_path: Path) -> None:
    found = near(written(tmp_path, ESSAY), case)
    assert found[1, 1, 1].rows == ("E1",)  # a day alone
    assert found[1, 1, 2].rows == ("E1",)  # "in the evening": of the same day
    assert found[1, 1, 4].rows == ("E2",)  # nothing happened in Twoville on that day: its place alone
    assert found[1, 1, 5].rows == ()  # another time
    assert found[1, 2, 1].rows == ()  # and the day before it is forgotten
    assert found[1, 3, 1].rows == ("E2",)
    assert found[2, 1, 1].rows == ()  # a section begins anew
    assert found[2, 1, 2].rows == ("E1",)


def test_a_day_goes_on_over_paragraphs_and_from_a_heading_only_where_something_happens(case: Case, tmp_path: Path) -> None:
    words = (
        "# A week\n\n## The night of 3 March\n\nPeople marched. It had been 12 years.\n\nIt was a week of 12 days.\n\nThey were arrested.\n"
    )
    found = near(written(tmp_path, words), case)
    assert [key for key in found[1, 1, 1].rows if key.startswith("E")] == ["E2", "E3"]
    assert (found[1, 2, 1].rows, found[1, 3, 1].rows == found[1, 1, 1].rows) == ((), True)


def test_of_a_day_the_rows_of_the_places_stand_first_and_then_those_that_share_words(case: Case, tmp_path: Path) -> None:
    found = near(written(tmp_path, "# A week\n\nOn 3 March the deaths were many. On 3 March came deaths in Twoville.\n"), case)
    assert found[0, 1, 1].rows[0] == "E3"  # "deaths", and its row is of that kind
    assert found[0, 1, 2].rows[0] == "E2"
    assert set(found[0, 1, 1].rows) == set(found[0, 1, 2].rows) == {"E2", "E3", "T1", "T2"}


def test_of_rows_that_are_only_near_few_are_told_and_how_many_more_there_are(case: Case, tmp_path: Path) -> None:
    document = written(tmp_path, "# A week\n\nOn 3 March people met.\n")
    (told,) = records([list(document.sentences())], document, case, [("", (), "")])
    assert (len(told.splitlines()), told.splitlines()[SOME:]) == (SOME + 1, [text("out.beside_more", "en", n=1)])


def test_beside_rows_that_are_named_the_others_are_only_counted(case: Case, tmp_path: Path) -> None:
    document = written(tmp_path, "# A week\n\nOn 3 March people met.\n")
    (named,) = records([list(document.sentences())], document, case, [("Why.", ("T2",), "")])
    first, second, rest = named.splitlines()
    assert (first, second[:3], rest) == ("Why.", "T2 ", text("out.beside_more", "en", n=3))
    assert second.endswith("[gazette]")


def test_what_the_evidence_says_is_not_said_again_beside_it(case: Case, tmp_path: Path) -> None:
    document = written(tmp_path, "# A week\n\nOn 2 March people marched in Oneville.\n")
    (alone,) = records([list(document.sentences())], document, case, [("", ("E1",), "")])
    what = alone.splitlines()[0].removeprefix("E1 ").split('; "')[0].removesuffix(" [gazette]")
    (beside,) = records([list(document.sentences())], document, case, [("", ("E1",), f"[draft] The record has: {what} (Gazette).")])
    assert what
    assert beside.splitlines()[0] == 'E1; "People gather." [gazette]'


def test_of_a_sentence_that_counts_the_rows_of_its_day_that_count_the_same_are_its_own(case: Case, tmp_path: Path) -> None:
    document = written(tmp_path, "# A week\n\nOn 3 March people died. On that day people died in Oneville.\n")
    found = near(document, case)
    dead = {e.event_id for e in case.record.events if str(e.date) == "2030-03-03" and e.deaths}
    assert dead
    assert {*found[0, 1, 1].own} == dead
    assert not dead & {*found[0, 1, 2].own}  # it names another place


def test_a_figure_of_the_day_names_its_row_and_a_day_may_hang_on_one_of_the_same_sentence(case: Case, tmp_path: Path) -> None:
    found = near(
        written(tmp_path, "# A week\n\nOn 2 March a crowd of 60 came. On 1 March it rained, and the next day a crowd of 60 came.\n"), case
    )
    assert found[0, 1, 1].own == ("E1",)  # 40 to 60
    assert found[0, 1, 2].own == ("E1",)
    assert near(written(tmp_path, "# A week\n\nOn 2 March a crowd of 70 came.\n"), case)[0, 1, 1].own == ()


def test_what_the_state_did_on_a_day_is_found_wherever_it_was_noted(tiny: Path, tmp_path: Path) -> None:
    with (tiny / "events.csv").open("a", encoding="utf-8") as file:
        file.write("E9,2030-03-04,,,XA-ONE,Oneville,S1,emergency_declared,event,,,,,medium,The cabinet met.,内阁开会。,gazette,\n")
    words = "# A week\n\nOn 4 March a state of emergency was declared, and in Twoville a crowd came.\n"
    assert near(written(tmp_path, words), load_case(str(tiny)))[0, 1, 1].own == ("E9",)
