"""Turns the bytes of a document into letters, in whichever encoding it is.

In: bytes, and the encoding a web page names for itself. Out: text, and the name of the encoding where it was guessed. Tables are held to
UTF-8 (`read_text`): there one wrong letter is a wrong name. A document is read by a person, who sees a wrong guess, and is told of it.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from qantar.errors import DataError, Problems

ENCODINGS = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", "gb18030": "GB18030", "big5": "Big5", "cp1251": "CP1251", "cp1252": "Windows-1252",
    "koi8-r": "KOI8-R",
}  # fmt: skip
"""Encodings of texts in Chinese, Russian and English, by the name Python has for each, with the name people have."""
CODECS = {name: codec for codec, name in ENCODINGS.items()}


def name_of(codec: str) -> str:
    """The name people have for an encoding, in whichever way a program writes its own.

    >>> name_of("koi8_r"), name_of("utf-16-le"), name_of("utf-8-sig")
    ('KOI8-R', 'UTF-16', 'UTF-8')
    """
    plain = codec.replace("_", "-")
    return ENCODINGS[plain.removesuffix("-sig").removesuffix("-le").removesuffix("-be")]


def every_other_is_nought(data: bytes) -> bool:
    """Whether this is Western text in UTF-16, which is UTF-8 as well."""
    return 5 * data.count(0) > 2 * len(data)


def guess_encoding(data: bytes) -> str:
    """The encoding that a text in none is likely in, or an empty string: a wrong guess makes letters that look right to a program.

    What is not ASCII decides. In Western texts such bytes stand alone between letters. In GB18030 they come in pairs whose first byte
    lies in the upper half of the code, the frequent characters below 0xD8. Small Cyrillic letters are the last 32 bytes of CP1251 and the
    32 before of KOI8-R.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or every_other_is_nought(data):
        return "UTF-16"
    runs = re.findall(rb"[\x80-\xff]+", data[:200_000])
    high = b"".join(runs)
    alone = sum(len(run) == 1 for run in runs)

    def share(low: int, top: int) -> float:
        return sum(low <= byte <= top for byte in high) / len(high)

    if 2 * alone >= len(high):
        return "Windows-1252" if share(0xC0, 0xFF) + share(0x91, 0x97) > 0.6 else ""
    if share(0xE0, 0xFF) > 0.6:
        return "CP1251"
    if share(0xC0, 0xDF) > 0.75:
        return "KOI8-R"
    leads = [run[k] for run in runs if len(run) % 2 == 0 for k in range(0, len(run), 2)]
    if 4 * len(leads) > len(high) and sum(0xA1 <= b <= 0xD7 for b in leads) > 0.7 * len(leads):
        return "GB18030"
    return ""


_GUESSED = (*(codec for codec in ENCODINGS if not codec.startswith("utf")), "utf-16-le", "utf-16-be")
"""Codecs that the guesser may find."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "ascii": "cp1252"}
"""What a browser reads for the narrower encoding that a page names."""


def decoded(path: Path, data: bytes, named: str = "") -> tuple[str, str]:
    """The text of bytes, and the encoding if it was guessed, else an empty string.

    A mark at the start decides, then whether it is UTF-8, then what the file says of itself, then the guess. Bytes that happen to be UTF-8
    are hardly ever anything else, while a page may name an encoding it was in before it was saved. A DataError if none of them fits.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark) and (text := _read(data, codec)) is not None:
            return text, ""
    try:
        text, start = data.decode("utf-8"), -1
    except UnicodeDecodeError as error:
        text, start = "", error.start
    if start < 0 and not _is_machine(text):
        return text, ""
    if named and (other := _read(data, _codec(named))) is not None:
        return other, ""
    codec = _guess(data)
    if codec and (other := _read(data, codec)) is not None:
        return other, name_of(codec)
    if start < 0:
        return text, ""
    problems = Problems()
    problems.add(path, data.count(b"\n", 0, start) + 1, "", "not_utf8_unknown", byte=f"0x{data[start]:02X}")
    raise DataError(problems.found)


def _read(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, LookupError):
        return None


def _codec(named: str) -> str:
    """The codec of an encoding's name; an empty one, which is none, if there is no such encoding or it is none of text."""
    try:
        name = codecs.lookup(named.strip().lower()).name
        b"".decode(name)
    except (LookupError, ValueError):
        return ""
    return _WIDER.get(name, name)


_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")


def _is_machine(text: str) -> bool:
    """Whether much of a text is characters that nobody writes: UTF-16 without a mark is often UTF-8 as well."""
    return 10 * len(_CONTROLS.findall(text)) > len(text)


def _guess(data: bytes) -> str:
    """The codec of bytes that do not say it, or an empty string."""
    from charset_normalizer import from_bytes

    best = from_bytes(data, cp_isolation=list(_GUESSED)).best()
    codec = best.encoding if best else ""
    if codec in ("", "cp1252") and any(byte > 127 for byte in data):  # a few foreign letters among English ones
        codec = CODECS.get(guess_encoding(data), codec)
    return codec
