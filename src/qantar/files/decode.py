"""Turns the bytes of a document into letters, in whichever encoding it is.

In: bytes, and the encoding a web page names for itself. Out: text, and the name of the encoding where it was guessed. Tables are held to
UTF-8 (`read_text`): there one wrong letter is a wrong name. A document is read by a person, who sees a wrong guess, and is told of it.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from qantar.errors import DataError, Problems
from qantar.files.read import CODECS, ENCODINGS, guess_encoding, name_of

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
