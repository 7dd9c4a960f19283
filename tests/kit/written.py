"""Documents written by another hand than the reader's: DOCX by python-docx, PDF drawn line by line, pages saved as one file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from docx import Document
from docx.document import Document as Docx
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

NAMES = nsdecls("w")


def docx_of(write: Callable[[Docx], object], parts: Mapping[str, bytes] | None = None) -> bytes:
    """The bytes of a DOCX; `parts` are put in, or in the place of those that are there."""
    document = Document()
    write(document)
    saved = io.BytesIO()
    document.save(saved)
    return with_parts(saved.getvalue(), parts or {})


def with_parts(data: bytes, parts: Mapping[str, bytes]) -> bytes:
    """A ZIP with other parts; their kind is told to the main part where they hold notes."""
    old, new = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    links = "".join(
        f'<Relationship Id="n{k}" Type="{kind}/{name.split("/")[1].removesuffix(".xml")}" Target="{name.split("/")[1]}"/>'
        for k, name in enumerate(parts)
        if name.endswith("notes.xml")
    )
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as file:
        for name in old.namelist():
            part = old.read(name)
            if name == "word/_rels/document.xml.rels":
                part = part.replace(b"</Relationships>", links.encode() + b"</Relationships>")
            if name not in parts:
                file.writestr(name, part)
        for name, part in parts.items():
            file.writestr(name, part)
    return new.getvalue()


def raw(xml: str) -> list[Any]:
    """Elements of a body as they stand."""
    return list(parse_xml(f"<w:body {NAMES}>{xml}</w:body>"))


def pdf_of(pages: Sequence[Sequence[str]], trailer: str = "", title: str = "") -> bytes:
    """The bytes of a PDF that draws these lines, page by page, with a map from its glyphs to letters, as word processors write it."""
    letters = sorted({c for page in pages for line in page for c in line})
    codes = {c: k + 1 for k, c in enumerate(letters)}
    pairs = [f"<{codes[c]:04X}> <{c.encode('utf-16-be').hex().upper()}>" for c in letters]
    chunks = [pairs[k : k + 100] for k in range(0, len(pairs), 100)]
    table = "".join(f"{len(chunk)} beginbfchar\n" + "\n".join(chunk) + "\nendbfchar\n" for chunk in chunks)
    cmap = (
        f"/CIDInit /ProcSet findresource begin\nbegincmap\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n{table}endcmap\nend\n"
    )
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{' '.join(f'{8 + 2 * k} 0 R' for k in range(len(pages)))}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type0 /BaseFont /Any /Encoding /Identity-H /DescendantFonts [4 0 R] /ToUnicode 5 0 R >>",
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Any /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
        " /FontDescriptor 6 0 R /DW 500 >>",
        stream(cmap),
        "<< /Type /FontDescriptor /FontName /Any /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 /Ascent 800 /Descent -200 /StemV 80 >>",
        f"<< /Title <FEFF{title.encode('utf-16-be').hex()}> >>",
    ]
    for k, page in enumerate(pages):
        drawn = [f"1 0 0 1 72 {760 - 14 * n} Tm <{''.join(f'{codes[c]:04X}' for c in line)}> Tj" for n, line in enumerate(page) if line]
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents {9 + 2 * k} 0 R >>"
        )
        objects.append(stream("BT /F1 11 Tf\n" + "\n".join(drawn) + "\nET"))
    body, places = "%PDF-1.4\n", []
    for number, held in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{held}\nendobj\n"
    xref = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"trailer\n<< /Size {size} /Root 1 0 R /Info 7 0 R {trailer} >>\nstartxref\n{len(body)}\n%%EOF\n"
    return (body + f"xref\n0 {size}\n0000000000 65535 f \n{xref}{end}").encode("latin-1")


def stream(text: str) -> str:
    return f"<< /Length {len(text)} >>\nstream\n{text}\nendstream"
