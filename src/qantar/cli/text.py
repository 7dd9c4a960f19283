"""What the terminal shows: tables and lines from the same values that `--json` prints. Results to stdout, progress to stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qantar.messages import LANGUAGES, text

if TYPE_CHECKING:
    from qantar.account.account import Account
    from qantar.account.candidates import Candidate
    from qantar.account.document import Document
    from qantar.lookup.explain import Explanation
    from qantar.lookup.likely import Likely
    from qantar.lookup.propose import Proposal
    from qantar.studies.blocks import Block
    from qantar.studies.repeat import Repeated
    from qantar.verdicts.claims import Judged
    from qantar.verdicts.load import Loaded

_STYLE = {
    "supported": "blue", "partly": "cyan", "contradicted": "red", "unverifiable": "dim", "not-empirical": "dim", "open": "yellow",
    "model-supported": "blue", "model-contradicted": "red", "model-undecided": "dim", "not-judged": "dim",
    "not-decidable": "dim", "not-testable": "dim",
}  # fmt: skip
_LETTER = {
    "memory": "M", "memory-in-part": "m", "address-lost": "A", "no-address": "N", "one-reader": "1", "readers-differed": "2",
    "proposed": "P", "rows-changed": "R", "draft": "D", "unparaphrased": "U",
}  # fmt: skip


def as_text(value: object) -> str:
    """One JSON value, readable, with a newline at its end."""
    return json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n"


def print_json(value: object) -> None:
    """One JSON value on stdout."""
    sys.stdout.write(as_text(value))


ALIKE, SHOWN = 20, 5
"""Problems of one kind, that is of one file, column and rule: more than so many are shown by the first few and by their lines."""


def problem_text(error: Any, lang: str, *, as_json: bool) -> str:
    """Problems as they are shown, in words or as JSON; JSON has each in full."""
    if as_json:
        return as_text({"error": {"problems": [p.as_dict(lang) for p in error.problems]}})
    kinds: dict[tuple[str, str, str], list[Any]] = {}
    for p in error.problems:
        kinds.setdefault((p.file, p.key, p.code), []).append(p)
    lines = []
    for p in error.problems:
        alike = kinds[p.file, p.key, p.code]
        shown = len(alike) if p.line is None or len(alike) <= ALIKE else SHOWN
        if any(p is other for other in alike[:shown]):
            lines.append(p.render(lang))
        elif p is alike[shown]:
            where = text("error.sep", lang).join(str(other.line) for other in alike[shown:])
            lines.append(text("error.alike", lang, file=p.file, key=p.key, n=len(alike) - shown, lines=where))
    if len(error.problems) > 1:
        lines.append(text("error.count", lang, n=len(error.problems)))
    return "\n".join(lines) + "\n"


def say(line: str = "") -> None:
    """A line of result text, wrapped between words; Chinese has none, so that the terminal wraps it."""
    from rich.console import Console

    Console(highlight=False, markup=False, emoji=False).print(line, soft_wrap=any("\u4e00" <= c <= "\u9fff" for c in line))


def grid(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "", widest: int | None = None, least: int = 14) -> None:
    """A plain table that wraps between words; column `widest` takes the room that is left, `least` characters where there are so many.

    Where not even the longest words of the columns fit side by side, each row is told as a block: no word is ever broken for want of room.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [[cell if isinstance(cell, Text) else Text("" if cell is None else str(cell)) for cell in row] for row in rows]
    console = Console(highlight=False, markup=False, emoji=False)
    by_column = [[name, *(row[k].plain for row in cells)] for k, name in enumerate(columns)]
    widths = column_widths(by_column, console.width - 3 * len(columns) + 1, widest, least)
    if widths is None:
        if title:
            say(title)
        labels = [c.replace("\n", " ") for c in columns[1:]]
        blocks((row[0].plain, [*zip(labels, (cell.plain for cell in row[1:]), strict=True)]) for row in cells)
        return
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for name, width in zip(columns, widths, strict=True):
        table.add_column(name, width=width, overflow="fold")
    for row in cells:
        table.add_row(*row)
    console.print(table)


def column_widths(columns: Sequence[Sequence[str]], room: int, widest: int | None = None, least: int = 0) -> list[int] | None:
    """Width of each column of a table, so that no word is broken; None where the longest words do not fit side by side.

    Columns that need little get what they need, the others share the rest; column `widest` takes what is left over.

    >>> column_widths([["id", "C1"], ["a rather long claim", "another one"]], 14, widest=1)
    [2, 12]
    >>> column_widths([["participant-days"], ["contradicted:"]], 20) is None
    True
    """
    from rich.cells import cell_len

    def longest(texts: Iterable[str]) -> int:
        return max(map(cell_len, texts), default=0)

    words = [longest(w for text in column for w in _unbroken(text)) for column in columns]
    whole = [longest(line for text in column for line in text.split("\n")) for column in columns]
    if sum(words) > room:
        return None
    if widest is not None:
        words[widest] += max(0, min(least - words[widest], room - sum(words)))
    share = max(c for c in range(room + 1) if sum(max(w, min(c, n)) for w, n in zip(words, whole, strict=True)) <= room)
    widths = [max(w, min(share, n)) for w, n in zip(words, whole, strict=True)]
    if widest is not None:
        widths[widest] += room - sum(widths)
    return widths


def _unbroken(text: str) -> list[str]:
    """Words, and Chinese characters one by one: a line may end after each of these."""
    return [piece for word in text.split() for piece in re.findall(r"[\u2e80-\u9fff\uff00-\uffef]|[^\u2e80-\u9fff\uff00-\uffef]+", word)]


def blocks(found: Iterable[tuple[str, Sequence[tuple[str, str]]]]) -> None:
    """Headings with labels and texts below them, texts wrapped beside their labels."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    for head, lines in found:
        console.print(Text(head, style="bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for label, value in lines:
            table.add_row(Text("  " + label, style="dim"), Text(value))
        console.print(table)
        console.print()


def tell(told: Iterable[Block], lang: str) -> None:
    """What a study says, in blocks: sentences wrapped, tables as grids; of a figure its table under its title; a lead at the end apart."""
    from qantar.studies.blocks import Figure, Sentence, Table, in_language, pair

    def table(block: Table, title: str) -> None:
        heads = [in_language(c.head, lang) for c in block.columns]
        wide = next((k for k, c in enumerate(block.columns) if c.wide), None)
        grid(heads, [[in_language(cell, lang) for cell in row] for row in block.rows], title=title, widest=wide, least=16)

    for number, block in enumerate(told):
        if isinstance(block, Sentence):
            if block.role == "head" or (number and block.role == "lead"):
                say()
            say(in_language(block.words, lang))
        elif isinstance(block, Table):
            table(block, in_language(block.title, lang))
        elif isinstance(block, Figure):
            table(block.table, in_language(pair(f"report.figure.{block.name}.title"), lang))


def repeated_table(found: Sequence[Repeated], lang: str) -> None:
    """Results made again in full, and what differs from those that ship."""
    say(text("out.full_same", lang, n=len(found), same=sum(r.same for r in found)))
    for r in found:
        if not r.same:
            say(text("out.full_differs" if r.made else "out.full_failed", lang, what=r.name, files=", ".join(r.differ)))


def verdict_table(judged: Sequence[Judged], lang: str) -> None:
    """Every claim on two lines: id and place, verdict and kind, paraphrase, sources and flags."""
    from rich.text import Text

    from qantar.verdicts.claims import WITHOUT

    def row(j: Judged) -> list[object]:
        c = j.claim
        verdict = Text(f"{text('sign.' + j.shown, lang)} {text('verdict.' + j.shown, lang)}", style=_STYLE[j.word])
        if j.trial is not None and j.word not in WITHOUT:
            verdict.append(f" ({text('basis.' + j.basis, lang)})", style=_STYLE[j.word])
        if c.only_proposed:
            verdict.append(f"\n({text('out.proposed', lang, verdict=text('verdict.' + str(c.proposed), lang))})", style="yellow")
        verdict.append("\n" + text(f"kind.{c.kind}", lang), style="dim")
        letters = " ".join(_LETTER[f] for f in j.flags if f in _LETTER)
        return [
            f"{c.claim_id}\n{c.place}",
            verdict,
            c.in_words(lang),
            f"{c.source or ''}\n{letters}",
        ]

    heads = [f"{text('out.id', lang)}\n{text('out.place', lang)}", f"{text('out.verdict', lang)}\n{text('out.kind', lang)}"]
    heads += [text("out.claim", lang), f"{text('out.sources_column', lang)}\n{text('out.flags', lang)}"]
    grid(heads, map(row, judged), widest=2, least=30)


def verdict_summary(loaded: Loaded, judged: Sequence[Judged], lang: str, histories: int = 0, *, fitted: bool = False) -> None:
    """Counts by kind and verdict, who wrote the verdicts, and how two readers agreed."""
    from qantar.account.schema import KINDS
    from qantar.verdicts.claims import WORDS, agreement, tally

    for kind, counts in sorted(tally(judged).items(), key=lambda item: KINDS.index(item[0])):
        parts = text("error.sep", lang).join(f"{text('verdict.' + v, lang)} {counts[v]}" for v in WORDS if counts[v])
        say(f"{text('kind.' + kind, lang)} {sum(counts.values())}{text('error.colon', lang)}{parts}")
    if blank := sum(c.blank for c in loaded.account.claims):
        say(text("check.blank", lang, n=blank))
    if any(j.trial is None and j.word != "open" for j in judged):
        say(text("out.readers", lang))
    if tried := sum(j.trial is not None for j in judged):
        say(text("out.tried", lang, n=tried))
    if histories:
        say(text("out.fitted" if fitted else "out.not_fitted", lang, n=histories))
    if agreed := agreement(loaded.account):
        low, high, share = (f"{100 * v:.0f}" for v in (agreed.share_low, agreed.share_high, agreed.share))
        say(text("out.agreement", lang, same=agreed.same, n=agreed.n, share=share, low=low, high=high, opposite=agreed.opposite))
    if not loaded.account.claims:
        say(text("report.lead_record", lang))
        return
    sources = {key for j in judged for key in j.claim.sources}
    memory, lost, nowhere = (sum(flag in j.flags for j in judged) for flag in ("memory", "address-lost", "no-address"))
    say(text("out.sources_weak" if memory or lost else "out.sources", lang, n=len(sources), memory=memory, lost=lost))
    if nowhere:
        say(text("out.sources_nowhere", lang, n=nowhere))


def sample_lines(result: Mapping[str, Any], lang: str) -> None:
    """What of a study was simulated again on this machine, and whether it came out the same."""
    sampled = result["simulated_again"] or {}
    for what in ("histories", "effects"):
        if rows := sampled.get(what):
            same = sum(r["same"] for r in rows)
            key = f"out.sampled_{what}" if same == len(rows) else f"out.sampled_{what}_differ"
            say(text(key, lang, n=len(rows), of=sampled["of"], seed=sampled["seed"], same=same))


Found = list[tuple["Candidate", tuple[str, ...]]]
"""Candidate claims, each with the ids of the ledger's claims that cover it."""


def outline(
    document: Document,
    found: Found,
    account: Account | None,
    near: Sequence[Likely],
    proposed: Sequence[Proposal | None],
    every: bool,
    lang: str,
) -> None:
    """Sections of a document, then its candidate claims, each with what is near it in the record."""
    sentences = sum(len(p) for s in document.sections for p in s.paragraphs)
    paragraphs = sum(len(s.paragraphs) for s in document.sections)
    args = {"name": document.name, "language": document.language, "sections": len(document.sections), "sha": document.sha256[:16] + "…"}
    say(text("out.document", lang, paragraphs=paragraphs, sentences=sentences, **args))
    if document.encoding:
        say(text("out.guessed", lang, encoding=document.encoding))
    heads = [text(f"out.{k}", lang) for k in ("section", "title", "paragraphs", "sentences")]
    grid(heads, [[s.number, s.title, len(s.paragraphs), sum(map(len, s.paragraphs))] for s in document.sections], widest=1)
    shown = [(c, by, like, p) for (c, by), like, p in zip(found, near, proposed, strict=True) if every or not by]
    covered = sum(bool(by) for _, by in found)
    if account:
        counts = {"n": len(found), "covered": covered, "open": len(found) - covered}
        say(text("out.candidates", lang, ledger=account.head.id, **counts))
    else:
        say(text("out.no_ledger", lang, n=len(found)))
    heads = [text(f"out.{k}", lang) for k in ("place", "score", "signs", "sentence")] + ([text("out.covered", lang)] if every else [])
    rows = []
    for c, by, like, p in shown:
        section, paragraph, sentence = c.sentence.position
        place, score = f"{section}.{paragraph}:{sentence}", f"{c.score:.2f}"
        signs = "\n".join(text(f"cue.{sign}", lang) for sign in c.weightiest(SIGNS))
        rows.append([place, score, signs, c.sentence.text + _near(like, lang) + _proposed(p, lang), *([" ".join(by)] if every else [])])
    if rows:
        grid(heads, rows, widest=3)


SIGNS = 3
"""Signs told of a candidate, at most; the rest is for machines."""
NEAR = 5
"""Events and claims told under a candidate, of each at most."""


def _near(like: Likely, lang: str) -> str:
    """A line below a candidate: ids of events and claims of its day and place."""
    parts = []
    for key, ids in (("out.likely_events", like.events), ("out.likely_claims", like.claims)):
        if ids:
            more = [text("out.likely_more", lang, n=len(ids) - NEAR)] if len(ids) > NEAR else []
            parts.append(text(key, lang, ids=" ".join([*ids[:NEAR], *more])))
    return "\n→ " + text("error.sep", lang).join(parts) if parts else ""


def _proposed(proposal: Proposal | None, lang: str) -> str:
    """A line below a candidate: what the record proposes."""
    return "" if proposal is None else f"\n→ {proposed_in(proposal, lang)}"


def written_in(language: str) -> str:
    """The language in which is written of a document in this one: its own, or English where the program does not speak it."""
    return language if language in LANGUAGES else LANGUAGES[0]


def proposed_in(proposal: Proposal, lang: str) -> str:
    """What the record proposes and why, in a language (English where the program does not speak it)."""
    lang = written_in(lang)
    said = text("out.proposed", lang, verdict=text(f"verdict.{proposal.verdict}", lang))
    return f"{said}{text('error.colon', lang)}{proposal.why[lang]}"


def outline_json(
    document: Document, found: Found, account: Account | None, near: Sequence[Likely], proposed: Sequence[Proposal | None]
) -> dict[str, object]:
    """The same for machines."""
    return {
        "document": document.name,
        "language": document.language,
        "guessed_encoding": document.encoding or None,
        "sha256": document.sha256,
        "ledger": account.head.id if account else None,
        "document_is": account.match(document) if account else None,
        "sections": [{"number": s.number, "title": s.title, "line": s.line, "paragraphs": len(s.paragraphs)} for s in document.sections],
        "candidates": [
            {
                **dict(zip(("section", "paragraph", "sentence"), c.sentence.position, strict=True)),
                "line": c.sentence.line,
                "text": c.sentence.text,
                "score": round(c.score, 3),
                "signs": c.signs,
                "covered_by": list(by),
                "likely_events": list(like.events),
                "likely_claims": list(like.claims),
                "proposed": p.cells() if p else None,
            }
            for (c, by), like, p in zip(found, near, proposed, strict=True)
        ],
    }


def case_line(loaded: Loaded, lang: str) -> dict[str, object]:
    """A case in one line: what, when, and how much it holds."""
    head, record = loaded.case.head, loaded.case.record
    return {
        "id": head.id,
        "title": head.title_zh if lang == "zh" else head.title_en,
        "first": head.first_day.isoformat(),
        "last": head.last_day.isoformat(),
        "events": len(record.events),
        "regions": len(record.regions),
        "claims": len(loaded.account.claims),
        "sources": len(record.sources),
    }


def file_kind(kind: str, lang: str) -> str:
    """What a checked file is, in words."""
    if kind.startswith("table "):
        return text("check.kind.table", lang, name=kind.removeprefix("table "))
    if kind.startswith("absent "):
        return text(f"absent.{kind.removeprefix('absent ')}", lang)
    return text(f"check.kind.{kind}", lang)


def words(known: dict[str, list[str]], lang: str) -> None:
    """Everything that can be explained, by sort."""
    heads = {"verdict": "out.verdict", "kind": "out.kind", "basis": "out.basis", "flag": "out.flags"}
    rows = [[text(heads.get(sort, f"out.{sort}"), lang), ", ".join(names)] for sort, names in known.items()]
    grid(["", text("out.words", lang)], rows, widest=1)


def explanations(found: list[Explanation], lang: str) -> None:
    """Meanings of a word; a table with its columns below."""
    colon = text("error.colon", lang)
    for e in found:
        allowed = f" ({text('out.allowed', lang)}{colon}{e.allowed})" if e.allowed else ""
        say(f"{e.name}{colon}{e.meaning}{allowed}")
        if e.rows:
            heads = [text(f"out.{k}", lang) for k in ("column", "allowed")] if e.sort == "table" else ["", ""]
            grid([*heads, text("out.meaning", lang)], e.rows, widest=2)


def rows_changed(account: Account, lang: str) -> None:
    """Claims whose rows of the record say something else than when the verdict was written, with each cell, and the mend."""
    if not account.changed:
        return
    claims = list(dict.fromkeys(c.claim for c in account.changed))
    say(text("out.rows_changed", lang, n=len(claims)))
    for c in account.changed:
        say(text("out.row_changed", lang, **{k: getattr(c, k) for k in ("claim", "row", "column", "was", "now")}))
    say(text("out.rows_changed_mend", lang, path=account.folder, claims=" ".join(claims)))


def earlier_verdicts(judged: Sequence[Judged], lang: str) -> None:
    """Claims that had another verdict under earlier rules of decision."""
    rows = [(j, j.trial or j.beside) for j in judged]
    changed = [(j.claim.claim_id, t, word) for j, t in rows if t is not None for word in t.earlier if word != t.verdict]
    if not changed:
        return
    say(text("experiment.earlier", lang))
    for claim, t, word in changed:
        was, now = (text(f"experiment.{w}", lang) for w in (word, t.verdict))
        say(f"  {claim} ({t.hypothesis}){text('report.colon', lang)}{was} → {now}{text('report.semicolon', lang)}{t.why(lang)}")
