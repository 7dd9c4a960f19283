"""Bytes and text of one file: a regular one, not too large, in UTF-8, or one clear problem."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qantar.errors import DataError, Problems, fail, nearest
from qantar.files.decode import every_other_is_nought, guess_encoding

_BYTES_OF_TABLES = {".csv": 40_000_000, ".xlsx": 40_000_000, ".geojson": 20_000_000, ".json": 20_000_000, ".toml": 500_000}
_BYTES_OF_PAGES = dict.fromkeys((".html", ".htm", ".xhtml"), 5_000_000) | dict.fromkeys((".mhtml", ".mht", ".docx", ".pdf"), 20_000_000)
BYTES_MAX = _BYTES_OF_TABLES | _BYTES_OF_PAGES
DOCUMENT_MAX = 500_000
"""Bytes of a file that is read, by ending; any other is a document. Ten to a hundred times what ships, and read within seconds."""


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """What goes wrong while a file is opened and read becomes one clear problem."""
    try:
        yield
    except FileNotFoundError:
        folder = path.parent
        there = nearest(path.name, [p.name for p in folder.iterdir()]) if folder.is_dir() else ""
        raise fail(DataError, path, "file_missing", there=there or "-") from None
    except OSError as error:
        raise fail(DataError, path, "file_unreadable", reason=error.strerror or "") from None
    except ValueError as error:  # a name with a NUL
        raise fail(DataError, path, "file_unreadable", reason=str(error)) from None


def size_of(path: Path, most: int) -> int:
    """Bytes of a regular file of at most `most`, before it is opened: a pipe would wait for a writer, a device never ends."""
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise fail(DataError, path, "is_folder")
    if not stat.S_ISREG(found.st_mode):
        raise fail(DataError, path, "not_a_file")
    if found.st_size > most:
        raise fail(DataError, path, "file_too_large", value=f"{found.st_size / 1e6:.1f}", high=f"{most / 1e6:g}")
    return found.st_size


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """The bytes of a file: a regular one, of at most `most` bytes (by default by its ending), or one clear problem."""
    most = BYTES_MAX.get(path.suffix.lower(), DOCUMENT_MAX) if most is None else most
    with opening(path):
        size_of(path, most)
        with path.open("rb") as file:
            data = file.read(most + 1)
    if len(data) > most:  # it grows while it is read
        raise fail(DataError, path, "file_too_large", value=f"{len(data) / 1e6:.1f}", high=f"{most / 1e6:g}")
    return data


NO_TEXT = {
    "Word 97 / Excel 97": (b"\xd0\xcf\x11\xe0",),
    "RTF": (b"{\\rtf",),
    "GZIP": (b"\x1f\x8b",),
    "PNG": (b"\x89PNG",),
    "JPEG": (b"\xff\xd8\xff",),
    "Parquet": (b"PAR1",),
}
"""First bytes of files that are read neither as a table nor as a document, whatever they are called."""
_NO_TABLE = NO_TEXT | {"Word / Excel / ZIP": (b"PK\x03\x04",), "PDF": (b"%PDF",)}


def read_text(path: Path, most: int | None = None) -> str:
    """The text of a UTF-8 file (a byte-order mark is allowed), or one clear problem."""
    data = read_bytes(path, most)
    for kind, marks in _NO_TABLE.items():
        if data.startswith(marks):
            raise fail(DataError, path, "office_file", kind=kind)
    try:
        text = data.decode("utf-8-sig")
        start = data.find(0) if every_other_is_nought(data) else -1
    except UnicodeDecodeError as error:
        text, start = "", error.start
    if start < 0:
        return text
    problems, guess = Problems(), guess_encoding(data)
    args = {"byte": f"0x{data[start]:02X}", **({"guess": guess} if guess else {})}
    problems.add(path, data.count(b"\n", 0, start) + 1, "", "not_utf8" if guess else "not_utf8_unknown", **args)
    raise DataError(problems.found)
