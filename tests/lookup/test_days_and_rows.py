"""Days that hang on the day named before, numbers in words, and rows of the record that are found by their words or told in a line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conftest import HERE
from qantar.account.document import Document, read_document
from qantar.cases.case import Case, load_case
from qantar.lookup.beside import records
from qantar.lookup.likely import near
from qantar.lookup.propose import propose_in

EVENTS = """date,kind,region_id,settlement_id,participants_low,participants_high,deaths_low,deaths_high,note,note_zh
2030-03-02,march,XA-ONE,S1,400,600,0,0,Weavers leave the Harkness works,织工离开哈克尼斯工厂
2030-03-03,repression,XA-TWO,S2,,,17,18,Gendarmes fire outside the granary,宪兵在粮仓外开枪
2030-03-04,road_blocked,XA-ONE,S1,90,100,,,Ferrymen close the crossing at Vellmark,船工封锁维尔马克渡口
"""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The tiny case with a list of events, from which all else follows."""
    folder = Path(shutil.copytree(HERE / "tiny", tmp_path_factory.mktemp("listed") / "case"))
    for name in ("totals", "region_onset", "presence", "disagreements", "forces"):
        (folder / f"{name}.csv").unlink()
    (folder / "events.csv").write_text(EVENTS, encoding="utf-8")
    return load_case(str(folder))


def written(folder: Path, words: str) -> Document:
    (folder / "essay.md").write_text(words + "\n", encoding="utf-8")
    return read_document(folder / "essay.md")


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        ("On 2 March 2030 people marched. The next day the gendarmes fired.", ["E3"]),
        ("On 2 March 2030 people marched. Two days later a road was blocked.", ["E4"]),
        ("On 3 March 2030 people were shot. The same evening all was quiet.", ["E3"]),
        ("On 3 March 2030 people were shot. The day before, people had marched.", ["E2"]),
        ("On 3 March 2030 people were shot. Two months later they marched.", []),
        ("2 марта 2030 года люди вышли на улицы. На следующий день стреляли.", ["E3"]),
        ("2 марта 2030 года люди вышли на улицы. Спустя два дня перекрыли дорогу.", ["E4"]),
        ("3 марта 2030 года стреляли. Накануне люди вышли на улицы.", ["E2"]),
        ("2030年3月2日有人游行。次日宪兵开枪。", ["E3"]),
        ("2030年3月2日有人游行。两天后道路被堵。", ["E4"]),
        ("2030年3月3日有人被打死。当晚一切平静。", ["E3"]),
    ],
)
def test_a_day_may_hang_on_the_day_named_before(case: Case, tmp_path: Path, words: str, rows: list[str]) -> None:
    found = near(written(tmp_path, words), case)
    assert [key for key in found[0, 1, 2].rows if key.startswith("E")] == rows


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        ("Ferrymen had closed the crossing long before.", ["E4"]),  # words that are rare in the record
        ("The owners of Vellmark paid for it.", ["E4"]),  # a name
        ("Foreign money had paid for all of it.", []),  # and nothing only because it is told after a day
        ("船工早就封锁了渡口。", ["E4"]),
    ],
)
def test_a_row_is_found_by_its_words_and_not_by_nearness_alone(case: Case, tmp_path: Path, words: str, rows: list[str]) -> None:
    first = "2030年3月2日有人游行。" if words[0] == "船" else "On 2 March 2030 people marched."
    found = near(written(tmp_path, f"{first}\n\n{words}"), case)
    assert [key for key in found[0, 2, 1].rows if key.startswith("E")] == rows


def test_a_row_tells_a_range_of_dead(case: Case, tmp_path: Path) -> None:
    document = written(tmp_path, "On 3 March 2030 people were shot.")
    (cell,) = records([list(document.sentences())], document, case, [("", (), "")])
    assert cell.splitlines()[0].endswith('Twoville: force used by the state, deaths 17–18; "Gendarmes fire outside the granary" [own]')


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("On 3 March 2030 the police killed seventeen people in Twoville.", "supported"),
        ("On 3 March 2030 the police killed forty people in Twoville.", "contradicted"),
        ("On 3 March 2030 the police killed seventeen students in Twoville.", None),  # a part of them
        ("On 3 March 2030 forty policemen were killed in Twoville.", None),
        ("On 3 March 2030 five people were killed in Twoville.", None),  # some of them, perhaps
        ("On 3 March 2030 people met. On that day eighteen people were killed in Twoville.", "supported"),
        (
            "On 2 March 2030 people met. The next day forty people were killed in Twoville.",
            None,
        ),  # never against a day that hangs on another
        ("The police killed seventeen people in Twoville.", "supported"),
        ("The police killed seventeen people in Twoville because the law let them.", None),  # the figure is right, and not what is claimed
        ("In all more than sixteen people died.", "supported"),  # of the whole, as no place stands before it
        ("In Oneville it was quiet. In all more than sixteen people died.", None),
        ("By the end of March seventeen people had died across the country; none of them was armed.", "supported"),
        ("By the end of March nine people had died across the country.", "contradicted"),
        ("By the end of March ninety people had died across the country.", None),  # the list may leave out some
        ("On 2 March 2030 a hundred thousand people marched in Oneville.", "contradicted"),
        ("On 2 March 2030 half a thousand people marched in Oneville.", None),
        ("On 2 March 2030 some five hundred people marched in Oneville, the largest march since 1990.", "supported"),
        ("К 4 марта 2030 года по стране погибли семнадцать человек.", "supported"),
        ("К 4 марта 2030 года по стране погибли девять человек.", "contradicted"),
        ("2030年3月3日，警察在二城打死十七人。", "supported"),
        ("2030年3月3日，二城有四十人被打死。", "contradicted"),
        ("2030年3月3日，二城有四十名警察被打死。", None),
    ],
)
def test_a_happening_is_held_against_its_own_row(case: Case, tmp_path: Path, words: str, verdict: str | None) -> None:
    found = list(propose_in(written(tmp_path, words), case).values())[-1]
    assert (found and found.verdict) == verdict
