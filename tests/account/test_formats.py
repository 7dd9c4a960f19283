"""Documents as Markdown, web pages, DOCX and PDF, in several encodings: one text is numbered alike in all, and no other text slips in."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from docx.document import Document as Docx

from kit.written import NAMES, docx_of, pdf_of, raw, with_parts
from qantar.account import pdf as pdf_reader
from qantar.account import word
from qantar.account.document import Document, read_document
from qantar.errors import DataError, Problem

Keep = Callable[..., Path]


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    def make(data: bytes | str, name: str = "d.html") -> Path:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return make


def told(document: Document) -> list[tuple[str, list[list[str]]]]:
    return [(s.title, [[x.text for x in p] for p in s.paragraphs]) for s in document.sections]


def sentences(path: Path) -> list[str]:
    return [s.text for s in read_document(path).sentences()]


def problem(path: Path) -> Problem:
    with pytest.raises(DataError) as caught:
        read_document(path)
    (found,) = caught.value.problems
    for lang in ("en", "zh"):
        assert "{" not in found.render(lang)
    return found


TEXT = {
    "en": (
        "A tale of two days",
        [
            (
                "How it all began",
                ["On 2 January some 300 people met in the main square of the town. It was cold.", "They asked for bread."],
            ),
            ("How it ended again", ["Nobody knows who gave the order on the second day, or why it was given at all."]),
        ],
    ),
    "ru": (
        "Рассказ о двух днях",
        [
            ("Как это началось", ["Второго января около трёхсот человек вышли на площадь города. Было холодно.", "Они просили хлеба."]),
            ("Чем это кончилось", ["Никто не знает, кто на второй день отдал приказ и зачем он вообще был отдан."]),
        ],
    ),
    "zh": (
        "两天的故事",
        [
            ("事情的开头", ["一月二日，大约有三百人来到小城的中心广场，要求降低面包的价格。天气很冷。", "他们要面包。"]),
            ("事情的结尾", ["没有人知道第二天是谁下的命令，也没有人知道究竟为什么要下这样一道命令。"]),
        ],
    ),
}


def as_markdown(title: str, sections: list[tuple[str, list[str]]]) -> str:
    return f"# {title}\n\n" + "".join(f"## {head}\n\n" + "\n\n".join(ps) + "\n\n" for head, ps in sections)


def as_page(title: str, sections: list[tuple[str, list[str]]]) -> str:
    parts = "".join(f"<section><h2>{head}</h2>" + "".join(f"<p>{p}\n" for p in ps) + "</section>" for head, ps in sections)
    return f"<!doctype html><title>Site: {title}</title><nav>Home</nav><main><h1>{title}</h1>\n{parts}</main><footer>© 2030 Site.</footer>"


def as_docx(title: str, sections: list[tuple[str, list[str]]]) -> bytes:
    def write(document: Docx) -> None:
        document.add_heading(title, 0)
        for head, paragraphs in sections:
            document.add_heading(head, 1)
            for paragraph in paragraphs:
                document.add_paragraph(paragraph)

    return docx_of(write)


def as_pdf(title: str, sections: list[tuple[str, list[str]]]) -> bytes:
    lines = []
    for head, paragraphs in sections:
        lines.append(head)
        for paragraph in paragraphs:
            size = 60 if paragraph.isascii() or " " in paragraph else 30
            words = paragraph.split(" ") if " " in paragraph else list(paragraph)
            line = ""
            for item in words:
                joined = f"{line} {item}" if line and " " in paragraph else line + item
                if len(joined) > size:
                    lines.append(line)
                    joined = item
                line = joined
            lines.append(line)
    return pdf_of([[title, "", *lines[:3]], [title, "", *lines[3:]]], title=title)


@pytest.mark.parametrize("language", TEXT)
def test_one_text_is_numbered_alike_whatever_file_it_comes_in(keep: Keep, language: str) -> None:
    title, parts = TEXT[language]
    plain = read_document(keep(as_markdown(title, parts), "d.md"))
    assert (plain.title, plain.language, len(plain.sections)) == (title, language, 2)
    for name, data in (("d.html", as_page(title, parts)), ("d.docx", as_docx(title, parts)), ("d.pdf", as_pdf(title, parts))):
        read = read_document(keep(data, name))
        assert told(read) == told(plain), name
        assert [s.position for s in read.sentences()] == [s.position for s in plain.sentences()]
        assert read.language == language
        assert name == "d.pdf" or read.title == title  # its title is its running head, which is not read


def test_places_are_lines_paragraphs_or_pages(keep: Keep) -> None:
    title, parts = TEXT["en"]

    def places(name: str, data: bytes | str) -> list[int]:
        return [s.line for s in read_document(keep(data, name)).sentences()]

    assert places("d.md", as_markdown(title, parts)) == [5, 5, 7, 11]
    assert places("d.docx", as_docx(title, parts)) == [3, 3, 4, 6]
    assert places("d.pdf", as_pdf(title, parts)) == [1, 1, 2, 2]
    assert places("d.html", as_page(title, parts)) == [2, 2, 3, 4]


def test_the_text_hash_is_of_the_words_alone(keep: Keep) -> None:
    title, parts = TEXT["ru"]
    data = as_docx(title, parts)
    one = read_document(keep(data, "a.docx"))
    again = read_document(keep(with_parts(data, {"docProps/more.xml": b"<x/>"}), "b.docx"))
    page, other = read_document(keep(as_page(title, parts))), read_document(keep(as_page(title, parts).replace("хлеба", "зерна")))
    assert one.sha256 != again.sha256
    assert one.text_sha256 == again.text_sha256 == page.text_sha256 != other.text_sha256


# --- encodings ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["d.md", "d.txt"])
@pytest.mark.parametrize(
    ("language", "codec", "guess"),
    [
        ("zh", "gb18030", "GB18030"),
        ("ru", "cp1251", "CP1251"),
        ("ru", "koi8-r", "KOI8-R"),
        ("zh", "utf-16", ""),
        ("ru", "utf-16-le", "UTF-16"),
        ("zh", "utf-16-be", "UTF-16"),
        ("en", "utf-16-le", "UTF-16"),
        ("ru", "utf-8-sig", ""),
        ("en", "utf-8", ""),
    ],
)
def test_a_text_is_the_same_in_every_encoding(keep: Keep, name: str, language: str, codec: str, guess: str) -> None:
    text = as_markdown(*TEXT[language])
    plain, other = read_document(keep(text, name)), read_document(keep(text.encode(codec), f"other-{name}"))
    assert told(other) == told(plain)
    assert other.text_sha256 == plain.text_sha256
    assert other.encoding == guess  # what was guessed is said, what is certain is not


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("The crowd’s anger grew — they say… “So it went.”", "cp1252"),
        ("阿拉木图有三百人上街。", "gb18030"),
        ("В Алматы вышли люди.", "cp1251"),
        ("ВЫШЛИ ЛЮДИ НА ПЛОЩАДЬ ГОРОДА.", "cp1251"),
        ("On 5 January the crowd (толпа) gathered in Almaty (Алматы).", "cp1251"),
    ],
)
def test_few_letters_are_enough_to_tell_an_encoding(keep: Keep, text: str, codec: str) -> None:
    assert " ".join(sentences(keep(text.encode(codec), "d.txt"))) == text


def test_bytes_in_no_encoding_are_refused(keep: Keep) -> None:
    found = problem(keep(b"# A\n\nb\xff\x81\x8d\xfe\x98 \x81\x00\x8f\n", "d.md"))
    assert (found.code, found.line, found.args["byte"]) == ("not_utf8_unknown", 3, "0xFF")


@pytest.mark.parametrize(
    ("named", "codec"),
    [
        ("gb2312", "gb18030"),
        ("GBK", "gb18030"),
        ("windows-1251", "cp1251"),
        ("koi8-r", "koi8-r"),
        ("windows-1251", "utf-8"),
        ("no-such", "utf-8"),
    ],
)
def test_a_page_says_in_which_encoding_it_is(keep: Keep, named: str, codec: str) -> None:
    text = "镕基说。" if codec == "gb18030" else "Ёлка тут."  # so short that nothing could be guessed
    page = f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={named}"></head><body><p>{text}</body></html>'
    assert sentences(keep(page.encode(codec))) == [text]
    assert read_document(keep(page.encode(codec))).encoding == ""
    assert sentences(keep(f"<?xml version='1.0' encoding='{named}'?><html><body><p>{text}</p></body></html>".encode(codec))) == [text]


# --- web pages ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<p>They left.<script>var dead = 300;</script><p>So.", ["They left.", "So."]),
        ("<div>They left.\n\n<script>\nvar dead = 300;\n\nvar all = 4;\n</script></div>", ["They left."]),
        ("<style>p{margin:20px}</style><p>They left.<!-- 300 dead -->", ["They left."]),
        ("<noscript>Turn it on.</noscript><template><p>Draft.</template><p>They left.", ["They left."]),
        ("<p hidden>No.<p style='color:red; display: none'>No.<p style='visibility:hidden'>No.<p>They left.", ["They left."]),
        ("<p>They <span class='sr-only'>(link)</span>left.<dialog>Cookies?</dialog><dialog open>Asked.</dialog>", ["They left.", "Asked."]),
        ("<form><label>Name</label><input value='x'><select><option>A.</select><button>Go.</button></form><p>They left.", ["Name", "They left."]),
        ("<p>The crowd left.<sup><a href='#f'>3</a></sup> On the 5<sup>th</sup>.", ["The crowd left.[3] On the 5th."]),
        ("<p>He said: <q>Go</q>. They left.", ["He said: “Go”.", "They left."]),
        ("<p>One.</p>Between.<p>Two.", ["One.", "Between.", "Two."]),
        ("<blockquote><p>They said so.</p></blockquote><p>So.", ["They said so.", "So."]),
        ("A first line<br>goes on.<br><br>Another.", ["A first line goes on.", "Another."]),
        ("<ol><li>They left.<li>So.</ol><ul><li>It.</ul>", ["They left.", "So.", "It."]),
        ("<p>A &lt;b&gt; &amp; 5&nbsp;of them.<p>&#x1b;[31mred.", ["A <b> & 5\u00a0of them.", "[31mred."]),
        ("<p>Al&shy;maty and Zhana\u200bozen.", ["Almaty and Zhanaozen."]),
        ("<pre>They\nleft.\n\nSo.</pre><pre><code>x = 1.</code></pre>", ["They left.", "So."]),
        ("<table><tr><th>Town<th>Dead<tr><td>Aktau<td>3</table>", ["Town | Dead", "Aktau | 3"]),
        ("<table><tr><td><p>One.<p>Two.<td>Three.</table>", ["One.", "Two.", "Three."]),
        ("<table><tr><td>A<td>B<td><table><tr><td>C<td>D</table></table>", ["A | B | C | D"]),
        ("<p>They left.</p><svg><text>No.</text></svg><figure><img alt='No.'><figcaption>Seen.</figcaption></figure>", ["They left.", "Seen."]),
    ],
)  # fmt: skip
def test_what_a_page_shows_is_read(keep: Keep, body: str, found: list[str]) -> None:
    assert sentences(keep(f"<html><body><h1>E</h1>{body}</body></html>")) == found
    assert sentences(keep(f"<html><body><h1>E</h1>{body}</body></html>".encode("utf-16"))) == found


LONG = "<p>Once upon a time there was a text that is longer than all else on its page. It ends here.</p>"
READ = ["Once upon a time there was a text that is longer than all else on its page.", "It ends here."]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (f"<header>Site.</header><nav>Home.</nav><main>{LONG}</main><aside>More.</aside><footer>End.</footer>", READ),
        (f"<header>Site.</header><div role=main>{LONG}</div><footer>End.</footer>", READ),
        (f"<main><article>{LONG}<aside>Advert.</aside><footer>Share.</footer></article><section>Comments.</section></main>", READ),
        (f"<article>{LONG}</article><article>Another.</article><footer>End.</footer>", READ),
        (f"<article>{LONG}<aside class=footnotes><p>[1] A paper.</aside></article>", [*READ, "[1] A paper."]),
        (f"<main>{LONG}<article>A card.</article></main>", [*READ, "A card."]),
        ("<article><p>One.</article><article><p>Two.</article><footer>End.</footer>", ["One.", "Two."]),
        ("<header>Site.</header><nav>Home.</nav><p>They left.<footer>Written in May.</footer>", ["Site.", "They left.", "Written in May."]),
    ],
)
def test_of_a_page_its_text_is_read(keep: Keep, body: str, found: list[str]) -> None:
    assert sentences(keep(f"<html><body>{body}</body></html>")) == found


def test_a_page_saved_as_one_file(keep: Keep) -> None:
    page = as_page(*TEXT["ru"]).encode("cp1251").replace(b"=", b"=3D")
    head = b'From: <Saved>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; type="text/html"; boundary="b"\r\n\r\n--b\r\n'
    style = b"Content-Type: text/css\r\n\r\np{margin:20px}\r\n--b\r\n"
    part = b"Content-Type: text/html; charset=windows-1251\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    read = read_document(keep(head + style + part + page + b"\r\n--b--\r\n", "d.mhtml"))
    assert told(read) == told(read_document(keep(as_page(*TEXT["ru"]))))
    assert problem(keep(head + style + b"--b--", "e.mht")).code == "broken_document"


def test_title_and_day_of_a_page(keep: Keep) -> None:
    head = "<title>A tale - Site</title><meta property='og:title' content='A tale'><meta property='article:published_time' content='2030-03-04T05:06'>"
    read = read_document(keep(f"<html lang=en><head>{head}</head><body><p>Люди ушли.</p></body></html>"))
    assert (read.title, read.meta["date"], read.language) == ("A tale", "2030-03-04T05:06", "ru")


def test_a_page_too_deep_to_parse_is_refused_and_not_read_in_part(keep: Keep) -> None:
    assert sentences(keep("<html>" + "<div>" * 200 + "They left.")) == ["They left."]
    assert problem(keep("<html><p>Begin.</p>" + "<div>" * 3_000 + "They left.")).code == "too_deep"
    assert problem(keep("<html><body><script>x</script></body></html>")).code == "empty_document"


@pytest.mark.parametrize(
    "piece", ["<p>Word.", "<b>", "</p>", "<td>", "<br>", "<!--", "&amp;", "<li>x", "<article>", "<table><tr><td>", "x=", '"']
)
def test_time_grows_with_the_length_of_a_page(keep: Keep, piece: str) -> None:
    def seconds(n: int) -> float:
        path = keep("<html><ol><p>A. " + (piece * n)[:n])
        start = time.process_time()
        with suppress(DataError):  # too deep
            read_document(path)
        return time.process_time() - start

    seconds(2_000)
    few, many = seconds(10_000), seconds(80_000)
    assert many < 20 * few + 0.5


# --- Markdown ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<div>\n<script>\ndead = 300\n\nall = 400\n</script>\nThey left.\n</div>\n\nSo.", ["They left.", "So."]),
        ("They <script>a = 1\n\ndead = 300</script> left.\n\nSo.", ["They", "left.", "So."]),
        ("<div>\n<STYLE>\na\n\n# Head\n\n- b\n\n</style>\n</div>\n\nSo.", ["So."]),
        ("<div>\n<script>\na\n\n</style>\n\nb\n</script>\n\nSo.", ["So."]),
        ("A word on <script> in a text.\n\nThey left.", ["A word on", "They left."]),  # as a program that nothing ends is none
    ],
)  # fmt: skip
def test_a_blank_line_ends_no_program(keep: Keep, text: str, found: list[str]) -> None:
    assert sentences(keep(f"# E\n\n{text}\n", "d.md")) == found


# --- DOCX --------------------------------------------------------------------------------------------------------------------


def p(inner: str) -> str:
    return f"<w:p>{inner}</w:p>"


def r(text: str, marks: str = "") -> str:
    return f'<w:r><w:rPr>{marks}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


BOX = f"<w:txbxContent>{p(r('In a box.'))}</w:txbxContent>"
CHANGED = 'w:id="1" w:author="a"'


@pytest.mark.parametrize(
    ("xml", "found"),
    [
        (p(r("They left.") + f"<w:del {CHANGED}><w:r><w:delText> 300 died.</w:delText></w:r></w:del>"), ["They left."]),
        (p(r("They left.") + f"<w:ins {CHANGED}>{r(' So.')}</w:ins>"), ["They left.", "So."]),
        (p(f"<w:moveFrom {CHANGED}>{r('Here.')}</w:moveFrom><w:moveTo {CHANGED}>{r('There.')}</w:moveTo>"), ["There."]),
        (p(f"<w:pPr><w:rPr><w:del {CHANGED}/></w:rPr></w:pPr>{r('They ')}") + p(r("left.")), ["They left."]),
        (p(r("They left.") + r(" 300 died.", "<w:vanish/>") + r(" So.", '<w:vanish w:val="0"/>')), ["They left.", "So."]),
        (p(f'<w:hyperlink w:anchor="x">{r("They")}</w:hyperlink>' + r(" left.")), ["They left."]),
        (p('<w:r><w:instrText>HYPERLINK "http://127.0.0.1/300"</w:instrText></w:r>' + r("They left.")), ["They left."]),
        (f"<w:sdt><w:sdtContent>{p(r('They left.'))}</w:sdtContent></w:sdt>", ["They left."]),
        (p(r("They left.") + f"<w:r><w:pict>{BOX}</w:pict></w:r>" + r(" So.")), ["They left.", "So.", "In a box."]),
        (p(r("They") + "<w:r><w:noBreakHyphen/></w:r>" + r("left") + "<w:r><w:tab/><w:br/></w:r>" + r("so.")), ["They-left so."]),
        (f'<w:p><w:pPr><w:pStyle w:val="TOC1"/></w:pPr>{r("How it began 3")}</w:p>' + p(r("They left.")), ["They left."]),
        (
            f"<w:tbl><w:tr><w:trPr><w:del {CHANGED}/></w:trPr><w:tc>{p(r('Gone.'))}</w:tc></w:tr>"
            f"<w:tr><w:tc>{p(r('Aktau'))}</w:tc><w:sdt><w:sdtContent><w:tc>{p(r('3'))}</w:tc></w:sdtContent></w:sdt></w:tr></w:tbl>",
            ["Aktau | 3"],
        ),
        (f"<w:tbl><w:tr><w:tc><w:tbl><w:tr><w:tc>{p(r('A'))}</w:tc><w:tc>{p(r('B'))}</w:tc></w:tr></w:tbl>{p('')}</w:tc></w:tr></w:tbl>", ["A | B"]),
    ],
)  # fmt: skip
def test_what_a_docx_shows_is_read(keep: Keep, xml: str, found: list[str]) -> None:
    def write(document: Docx) -> None:
        from docx.enum.style import WD_STYLE_TYPE

        document.styles.add_style("toc 1", WD_STYLE_TYPE.PARAGRAPH).element.set(f"{{{document.element.nsmap['w']}}}styleId", "TOC1")
        document.add_heading("E", 1)
        for element in raw(xml):
            document.element.body.insert(len(document.element.body) - 1, element)

    assert sentences(keep(docx_of(write), "d.docx")) == found


def test_one_thing_in_two_forms_is_read_once(keep: Keep) -> None:
    form = f'<mc:AlternateContent xmlns:mc="m"><mc:Choice>{BOX}</mc:Choice><mc:Fallback>{BOX}</mc:Fallback></mc:AlternateContent>'
    body = document_xml(p(f"<w:r>{form}</w:r>"))
    assert sentences(keep(docx_of(lambda d: None, {"word/document.xml": body}), "d.docx")) == ["In a box."]


def document_xml(body: str, space: str = "") -> bytes:
    names = f'xmlns:w="{space}"' if space else NAMES
    return f"<w:document {names}><w:body>{body}</w:body></w:document>".encode()


def test_both_forms_of_the_format_are_read(keep: Keep) -> None:
    strict = document_xml(p(r("They left.")), "http://purl.oclc.org/ooxml/wordprocessingml/main")
    assert sentences(keep(docx_of(lambda d: None, {"word/document.xml": strict}), "d.docx")) == ["They left."]


def test_notes_stand_at_the_end_and_their_marks_in_the_text(keep: Keep) -> None:
    def notes(kind: str, *texts: str) -> bytes:
        inner = "".join(f'<w:{kind} w:id="{k}">{p("<w:r><w:footnoteRef/></w:r>" + r(text))}</w:{kind}>' for k, text in enumerate(texts))
        return f"<w:{kind}s {NAMES}>{inner}</w:{kind}s>".encode()

    def mark(kind: str, key: int) -> str:
        return f'<w:r><w:{kind}Reference w:id="{key}"/></w:r>'

    body = p(r("They left") + mark("endnote", 1) + r(". So it was") + mark("footnote", 2) + r(".")) + p(
        r("End") + mark("footnote", 1) + r(".")
    )
    parts = {
        "word/document.xml": document_xml(body),
        "word/footnotes.xml": notes("footnote", "A line.", "A paper.", "A book."),
        "word/endnotes.xml": notes("endnote", "A line.", "A letter."),
    }
    assert sentences(keep(docx_of(lambda d: None, parts), "d.docx")) == [
        "They left[1].",
        "So it was[2].",
        "End[3].",
        "[1] A letter.",
        "[2] A book.",
        "[3] A paper.",
    ]


def test_a_style_of_ones_own_makes_a_heading(keep: Keep) -> None:
    def write(document: Docx) -> None:
        from docx.enum.style import WD_STYLE_TYPE

        document.styles.add_style("Kapitel", WD_STYLE_TYPE.PARAGRAPH).base_style = document.styles["Heading 2"]
        document.add_paragraph("One", style="Kapitel")
        document.add_paragraph("They left.")
        for element in raw(f'<w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr>{r("Two")}</w:p>' + p(r("So."))):
            document.element.body.insert(len(document.element.body) - 1, element)

    assert told(read_document(keep(docx_of(write), "d.docx"))) == [("One", [["They left."]]), ("Two", [["So."]])]


BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>'


@pytest.mark.parametrize("source", [BOMB, OUTSIDE, BOMB.decode().encode("utf-16"), b"<w:document", b"", document_xml("<w:p>" * 400)])
@pytest.mark.parametrize("part", ["word/document.xml", "word/styles.xml"])
def test_a_part_that_no_program_writes_is_refused(keep: Keep, part: str, source: bytes) -> None:
    found = problem(keep(docx_of(lambda d: d.add_paragraph("They left."), {part: source}), "d.docx"))
    assert found.code == "broken_document"


def test_a_part_that_unpacks_to_far_more_is_not_unpacked(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word, "PART_MAX", 100_000)
    data = docx_of(lambda d: d.add_paragraph("They left."), {"word/document.xml": document_xml(p(r("A. " * 50_000)))})
    assert len(data) < 60_000
    found = problem(keep(data, "d.docx"))
    assert (found.code, found.key) == ("file_too_large", "word/document.xml")


def test_a_damaged_or_another_zip_is_refused(keep: Keep) -> None:
    data = docx_of(lambda d: d.add_paragraph("They left."))
    assert problem(keep(data[: len(data) // 2], "d.docx")).code == "broken_document"
    assert problem(keep(data.replace(b"word/document.xml", b"word/documant.xml"), "d.docx")).code == "office_file"
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    assert problem(keep(other.getvalue(), "d.odt")).code == "office_file"


def test_too_long_a_text_is_refused(keep: Keep) -> None:
    found = problem(keep(docx_of(lambda d: [d.add_paragraph("They left. " * 9_000) for _ in range(6)]), "d.docx"))
    assert (found.code, found.args["high"]) == ("too_many_letters", "500,000")


# --- PDF ---------------------------------------------------------------------------------------------------------------------

BODY = "It was a long day in the town, and many who had come in the morn-"


def test_lines_of_pages_become_paragraphs(keep: Keep) -> None:
    pages = [
        [
            "The Gazette, 3 March",
            BODY,
            "ing stayed until the night. They had no well-known leader, no well-",
            "known plan.",
            "So it was.",
            "- 1 -",
        ],
        ["The Gazette, 3 March", "In the night it was cold, and nobody in the square knew what would", "- 2 -"],
        ["The Gazette, 3 March", "happen.", "", "Later.", "- 3 -"],
    ]
    read = read_document(keep(pdf_of(pages), "d.pdf"))
    assert [[s.text for s in p] for p in read.sections[0].paragraphs] == [
        [
            "It was a long day in the town, and many who had come in the morning stayed until the night.",
            "They had no well-known leader, no well-known plan.",
        ],
        ["So it was."],
        ["In the night it was cold, and nobody in the square knew what would happen."],
        ["Later."],
    ]
    assert [s.line for s in read.sentences()] == [1, 1, 1, 2, 3]


def test_what_stands_once_at_the_edge_of_a_page_is_text(keep: Keep) -> None:
    assert sentences(keep(pdf_of([["They came.", "They left."], ["It was over.", "So it was."]]), "d.pdf")) == [
        "They came.",
        "They left.",
        "It was over.",
        "So it was.",
    ]
    assert sentences(keep(pdf_of([["They came in 2030.", "7"]]), "d.pdf")) == ["They came in 2030."]


def test_russian_words_keep_the_hyphen_they_are_written_with(keep: Keep) -> None:
    lines = ["Люди стояли на площади до самого утра и ждали, что кто-", "то придёт из города и скажет, что де-", "лать дальше."]
    assert sentences(keep(pdf_of([lines]), "d.pdf")) == [
        "Люди стояли на площади до самого утра и ждали, что кто-то придёт из города и скажет, что делать дальше."
    ]


@pytest.mark.parametrize("line", ["They stood in the square and ", "a" * 90, "well-known ", ". . . ", "- ", "1 "])
def test_time_grows_with_the_number_of_pages(line: str) -> None:
    def seconds(pages: int) -> float:
        lines = [(line * 3, number) for number in range(pages) for _ in range(40)]
        start = time.process_time()
        list(pdf_reader._paragraphs(lines))
        list(pdf_reader._without_edges([[line * 100] * 40] * pages))
        return time.process_time() - start

    seconds(2)
    few, many = seconds(20), seconds(160)
    assert many < 20 * few + 0.3


@pytest.mark.parametrize("password", ["", "secret"])
def test_a_locked_pdf_is_refused(keep: Keep, password: str) -> None:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf_of([["They left."]]))))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    assert problem(keep(out.getvalue(), "d.pdf")).code == "locked_document"


def test_pictures_and_nameless_letters_are_no_words(keep: Keep) -> None:
    found = problem(keep(pdf_of([[], []]), "d.pdf"))
    assert (found.code, found.args["pages"]) == ("no_words_in_pages", "2")
    assert problem(keep(pdf_of([["\ue001\ue002\ue003 \ue004a"]]), "d.pdf")).code == "no_words_in_pages"


def test_a_pdf_of_too_many_pages_is_refused(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_reader, "PAGES_MAX", 2)
    found = problem(keep(pdf_of([["A."]] * 3), "d.pdf"))
    assert (found.code, found.args["value"]) == ("too_many_pages", "3")


@pytest.mark.parametrize("cut", [9, 200, 900])
def test_a_damaged_pdf_is_refused_or_its_words_are_read(keep: Keep, cut: int) -> None:
    data = pdf_of([["They left the square."]])
    assert problem(keep(data[:cut], "d.pdf")).code in ("broken_document", "no_words_in_pages")
    assert problem(keep(b"%PDF-1.7\nnothing else", "e.pdf")).code == "broken_document"
