"""The document reader: sections, paragraphs, sentences and candidate claims in three languages."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.documents import CHINESE, ENGLISH, RUSSIAN, document_of
from qantar.account.candidates import candidates, scored
from qantar.account.document import Sentence, guess_language, read_document, split_sentences, text_hash
from qantar.account.skeleton import uncovered
from qantar.errors import DataError
from qantar.verdicts.load import Loaded


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def make(text: str, name: str = "d.md", codec: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(codec))
        return path

    return make


def shape(path: Path) -> dict[int, list[int]]:
    return {s.number: [len(p) for p in s.paragraphs] for s in read_document(path).sections}


def test_a_chinese_text_with_its_own_contents(write) -> None:  # type: ignore[no-untyped-def]
    document = read_document(write(CHINESE, "d.txt"))
    assert (document.title, document.language, document.meta["date"]) == ("一次事件", "zh", "2022-01-10 00:00:00")
    assert [(s.number, s.title, s.line) for s in document.sections] == [
        (0, "一次事件", 6),
        (1, "开头", 16),
        (2, "经过和原因", 21),
        (3, "结尾", 27),
    ]
    assert shape(write(CHINESE)) == {0: [1, 1], 1: [2, 1], 2: [2, 1, 1, 1], 3: [1]}
    assert document.sections[2].paragraphs[0][1].text == "因为价格上涨，人们很生气！"
    assert document.sections[2].paragraphs[2][0].line == 24


def test_an_english_markdown_text(write) -> None:  # type: ignore[no-untyped-def]
    document = read_document(write(ENGLISH))
    assert (document.title, document.language) == ("A tale", "en")
    assert shape(write(ENGLISH)) == {0: [1], 1: [3, 1, 1, 1], 2: [1]}
    assert document.sections[1].paragraphs[0][1].text == "Mr. Smith was not there."


def test_a_russian_text_with_plain_headings(write) -> None:  # type: ignore[no-untyped-def]
    document = read_document(write(RUSSIAN, "d.txt"))
    assert [(s.number, s.title) for s in document.sections] == [(1, "Начало"), (2, "Конец")]
    assert shape(write(RUSSIAN)) == {1: [3], 2: [1]}


@pytest.mark.parametrize("text", [CHINESE, ENGLISH, RUSSIAN])
def test_line_ends_and_byte_order_mark_change_nothing_but_the_bytes(write, text: str) -> None:  # type: ignore[no-untyped-def]
    unix = read_document(write(text, "a.md"))
    dos = read_document(write("\ufeff" + text.replace("\n", "\r\n"), "b.md"))
    assert unix.text_sha256 == dos.text_sha256
    assert unix.sha256 != dos.sha256
    assert [s.text for s in unix.sentences()] == [s.text for s in dos.sentences()]
    assert [s.line for s in unix.sentences()] == [s.line for s in dos.sentences()]


def test_one_changed_word_changes_the_text_hash() -> None:
    assert text_hash(ENGLISH) != text_hash(ENGLISH.replace("300", "400"))


def read(write, text: str, name: str = "d.md") -> list[tuple[int, str]]:  # type: ignore[no-untyped-def]
    return [(s.position[0], s.text) for s in read_document(write(text, name)).sentences()]


def test_text_in_html_is_read_and_comments_are_not(write) -> None:  # type: ignore[no-untyped-def]
    text = "# E\n\n<p>In Almaty 15 died.</p>\n\n<div>\n14 dead\n</div>\n\n<!-- 99\ndead -->\n\n17 died.\n"
    assert [t for _, t in read(write, text)] == ["In Almaty 15 died.", "14 dead", "17 died."]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("<style>p{margin:20px}</style>\n\n<script>\nvar dead = 300;\n\nvar all = 400;\n</script>\n\nAll left.", ["All left."]),
        ("<STYLE>p{margin:20px}</Style> They left.", ["They left."]),
        ("They <script>var dead = 300;</script>left.", ["They left."]),
        ("<div>\n<script>dead = 300</script>\nThey left.\n</div>", ["They left."]),
        ("They left.\n\n<script>\ndead = 300", ["They left."]),
        ('The <span data-year="2022">crowd</span> left.<br>So <b>it</b> ended.', ["The crowd left.", "So it ended."]),
        ("The crowd left the square.<sup>3</sup>\n\nOn the 5<sup>th</sup>.", ["The crowd left the square.[3]", "On the 5th."]),
        ("At x < 5 and y > 3 they left.", ["At x < 5 and y > 3 they left."]),
        ("The crowd in Al\u00admaty and Zhana\u200bozen\u200e left\u2060.", ["The crowd in Almaty and Zhanaozen left."]),
    ],
)
def test_what_nobody_sees_on_a_page_is_not_read(write, text: str, sentences: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert [t for _, t in read(write, f"# E\n\n{text}\n")] == sentences


def test_lines_count_on_past_tags_over_several_lines(write) -> None:  # type: ignore[no-untyped-def]
    document = read_document(write('# E\n\nThey <a\nhref="x">left</a>.\nThen it ended.\nAnd began.\n\nLater.\n'))
    assert [(s.text, s.line) for s in document.sentences()][-1] == ("Later.", 8)


@pytest.mark.parametrize("gap", ["\n\n", "\n\n\n"])
def test_numbered_headings_are_headings_whatever_follows(write, gap: str) -> None:  # type: ignore[no-untyped-def]
    text = gap.join(
        ["Chapter 1. How it began", "Short.", "Chapter 2. The state answers at last", "So.", "1. Third", "End.", "CLOSE", "Ok."]
    )
    assert [n for n, _ in read(write, text, "d.txt")][-4:] == [1, 2, 3, 4]


def test_marked_headings_switch_off_guessing(write) -> None:  # type: ignore[no-untyped-def]
    assert read(write, "# Title\n\nTerm\n\nA long sentence follows here, on and on.\n") == [
        (0, "Term"),
        (0, "A long sentence follows here, on and on."),
    ]
    assert [n for n, _ in read(write, "# 1. First\n\nA.\n\n# 2. Second\n\nB.\n")] == [1, 2]


def test_an_indent_of_ideographic_spaces_begins_a_paragraph(write) -> None:  # type: ignore[no-untyped-def]
    document = read_document(write("# 题\n\n\u3000\u3000第一段没有句号结尾\n继续\n\u3000\u3000第二段\n", "d.txt"))
    assert [[s.text for s in p] for p in document.sections[0].paragraphs] == [["第一段没有句号结尾继续"], ["第二段"]]


def test_control_characters_do_not_reach_the_terminal(write) -> None:  # type: ignore[no-untyped-def]
    assert read(write, "# T\n\nAlmaty \x1b[31mred.\n")[0][1] == "Almaty [31mred."


@pytest.mark.parametrize(
    ("content", "code"),
    [("", "empty_document"), ("```\ncode\n```\n", "empty_document"), ("PK\x03\x04 docx", "broken_document"), ("{\\rtf1 x}", "office_file")],
)
def test_a_document_without_text_is_refused(write, content: str, code: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError) as caught:
        read_document(write(content))
    assert caught.value.problems[0].code == code


words = st.text("abc你好дом", min_size=1, max_size=6)
sentences = st.builds(lambda ws, end: " ".join(ws) + end, st.lists(words, min_size=1, max_size=5), st.sampled_from(list(".!?。！？")))


@given(st.lists(st.lists(sentences, min_size=1, max_size=4), min_size=1, max_size=5))
def test_numbering_loses_and_doubles_nothing(tmp_path_factory: pytest.TempPathFactory, paragraphs: list[list[str]]) -> None:
    path = tmp_path_factory.mktemp("d") / "d.md"
    path.write_text("# T\n\n" + "\n\n".join(" ".join(p) for p in paragraphs) + "\n", encoding="utf-8")
    found = list(read_document(path).sentences())
    positions = [s.position for s in found]
    assert positions == sorted(set(positions))
    assert len({p[:2] for p in positions}) == len(paragraphs)
    squeeze = "".join("".join(p) for p in paragraphs).replace(" ", "")
    assert "".join(s.text for s in found).replace(" ", "") == squeeze


@given(st.text(max_size=200), st.sampled_from(["zh", "en", "ru"]))
def test_splitting_keeps_every_letter(text: str, language: str) -> None:
    joined = "".join(split_sentences(text, language))
    assert [c for c in joined if c.isalnum()] == [c for c in text if c.isalnum()]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_our_own_words(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("d") / "d.md"
    path.write_bytes(data)
    try:
        document = read_document(path)
    except DataError as error:
        codes = {p.code for p in error.problems}
    else:
        codes = set()
        candidates(document)
    assert codes <= {"not_utf8_unknown", "empty_document", "office_file", "other_script", "broken_document"}


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("大约有五千人来到广场。", {"figure", "change"}),
        ("1月5日他们来了。", {"time", "finished"}),
        ("他们来自阿克套。", {"place"}),
        ("他们来自美国。", {"place"}),
        ("因此他们在那里。", {"cause"}),
        ("他们走了。", {"finished"}),
        ("A crowd of thousands came.", {"figure", "actor", "finished"}),
        ("It is on 5 January.", {"time"}),
        ("They come to Aktau.", {"place"}),
        ("Troops come from Russia.", {"place", "act", "actor"}),
        ("Prices lead to anger.", {"measure", "cause"}),
        ("They sing.", set()),
        ("Пришли сотни людей.", {"figure", "finished"}),
        ("Это 5 января.", {"time"}),
        ("Они в Актау.", {"place"}),
        ("Войска идут из России.", {"place", "act", "actor"}),
        ("Рост цен породит гнев.", {"measure", "cause"}),
        ("Они поют.", set()),
        # numbers written out, inflected months, years in characters, traditional characters
        ("Seventeen trams stop.", {"figure"}),
        ("A quarter of them stay.", {"share"}),
        ("They come in April.", {"time"}),
        ("К маю они тут.", {"time"}),
        ("С марта они тут.", {"time"}),
        ("Двумястами рублями не обойтись.", {"figure"}),
        ("Ещё пятеро тут.", {"figure"}),
        ("二〇二三年在下雪。", {"time"}),
        ("一九七九年在下雪。", {"time"}),
        ("兩萬個人在這裡。", {"figure"}),
        ("三成的店在這裡。", {"share", "figure"}),
        ("罷工在這裡。", {"act"}),
        ("他們來自美國。", {"place"}),
        # what counts against
        ("Are they there?", {"question"}),
        ("他们在哪里？", {"question"}),
        ("They should sing!", {"demand", "exclaim"}),
        ("On singing", {"heading"}),
    ],
)
def test_signs(loaded: Loaded, text: str, signs: set[str]) -> None:
    (found,) = scored(document_of([text], guess_language(text)).sentences(), guess_language(text), loaded.case.place_names(), "KZ")
    assert set(found.signs) == signs


@pytest.mark.parametrize(
    ("text", "figure", "time"),
    [
        ("2.5 million voters stay.", ("2.5 million",), ()),
        ("4.6.2021 is a Friday.", (), ("4.6.2021", "Friday")),
        ("2021-06-04 is far.", (), ("2021-06-04",)),
        ("40 shops close.", ("40",), ()),
        ("3. The shops close.", (), ()),
        ("7) 40 shops close.", ("40",), ()),
        ("The shops close.[^2]", (), ()),
        ("[^2]: A paper.", (), ()),
        ("See chapter 4, page 17.", (), ()),
        ("3 000 000 рублей тут.", ("3 000 000",), ()),
        ("Телефон +7 701 555 12 34.", (), ()),
        ("2、店铺关门。", (), ()),
        ("三、店铺关门。", (), ()),
        ("三、四百人在这里。", ("四百人",), ()),
        ("第三章第2节在这里。", (), ()),
        ("表三在这里。", (), ()),
        ("代表三百人在这里。", ("三百人",), ()),
    ],
)
def test_numbers_that_only_point_are_no_figures(text: str, figure: tuple[str, ...], time: tuple[str, ...]) -> None:
    (found,) = scored(document_of([text], guess_language(text)).sentences(), guess_language(text))
    assert found.signs.get("figure", ()) == figure
    assert found.signs.get("time", ()) == time


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("Nineteen trams stopped that morning.", "The trams should stop that morning."),
        ("Snipers fired from the roof.", "Did snipers fire from the roof?"),
        ("Пятнадцать трамваев остановились.", "Пусть остановятся трамваи."),
        ("屋頂上的狙擊手開槍。", "屋頂上的狙擊手開槍嗎？"),
    ],
)
def test_what_is_asserted_scores_above_what_is_asked_or_wanted(better: str, worse: str) -> None:
    document = document_of([better, worse], guess_language(better))
    first, second = scored(document.sentences(), document.language)
    assert first.score > second.score
    assert [c.sentence.text for c in candidates(document)] == [better]


def test_a_ledger_starts_with_a_guess_at_the_kind() -> None:
    document = document_of(["Anger made them sing, since they know why.", "Anger led 40 of them away."], "en")
    assert [c.kind for c in scored(document.sentences(), "en")] == ["cause", "fact"]


def test_traditional_characters_count_as_simplified_ones_do() -> None:
    simplified, traditional = document_of(["军队向人群开枪，两百人受伤。"], "zh"), document_of(["軍隊向人群開槍，兩百人受傷。"], "zh")
    (a,), (b,) = candidates(simplified), candidates(traditional)
    assert (a.score, a.signs) == (b.score, b.signs)
    assert b.sentence.text == "軍隊向人群開槍，兩百人受傷。"  # what is shown is what stands there


@pytest.mark.parametrize(
    ("text", "language"),
    [("Kazakhstan is big.", "en"), ("We are in Kazakhstan.", "en"), ("Мы в Казахстане.", "ru"), ("哈萨克斯坦很大。", "zh")],
)
def test_the_country_of_the_case_is_no_sign(loaded: Loaded, text: str, language: str) -> None:
    sentences = list(document_of([text], language).sentences())
    (own,), (other,) = (scored(sentences, language, loaded.case.place_names(), country) for country in ("KZ", "RU"))
    assert not {"place", "name"} & own.signs.keys()
    assert "place" in other.signs
    assert own.score < other.score


HOSTILE = [
    "1",
    ".",
    "a",
    "л",
    "一",
    "1 ",
    "11 ",
    "111 ",
    "1.1.",
    "1-",
    "1(",
    "(",
    "chapter ",
    "I",
    "X",
    "Ab ",
    "никто ",
    "没有",
    "在",
    "据",
    "第三",
    "？”",
    "https://",
]


@pytest.mark.parametrize("language", ["en", "ru", "zh"])
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_line_is_read_within_a_second(monkeypatch: pytest.MonkeyPatch, piece: str, language: str) -> None:
    line = Sentence((1, 1, 1), (piece * 100_000)[:100_000] + "x", 1)
    scored([line], language)
    start = time.process_time()
    scored([line], language)
    assert time.process_time() - start < 1
    monkeypatch.setattr("qantar.account.candidates.READ_MAX", 20_000)  # not for want of reading: no pattern grows with the square
    start = time.process_time()
    scored([line], language)
    assert time.process_time() - start < 2


def test_what_the_ledger_covers_is_left_out(write, loaded: Loaded) -> None:  # type: ignore[no-untyped-def]
    document = read_document(write("# T\n\nIn 2022 it began.\n"))  # section 0, paragraph 1, sentence 1: claim C001 stands there
    pairs = uncovered(candidates(document), loaded.account)
    assert [by for _, by in pairs] == [("C001",)]
    assert [by for _, by in uncovered(candidates(document), None)] == [()]


def test_a_different_document_is_noticed(write, loaded: Loaded) -> None:  # type: ignore[no-untyped-def]
    document = read_document(write(ENGLISH))
    head = loaded.account.head.document
    assert loaded.account.match(document) == "other"
    same_words = document.__class__(**{**document.__dict__, "text_sha256": head.text_sha256})
    assert loaded.account.match(same_words) == "same-text"
    same = document.__class__(**{**document.__dict__, "sha256": head.sha256})
    assert loaded.account.match(same) == "same"
