"""What the terminal shows: tables and lines from the same values that `--json` prints. Results to stdout, progress to stderr."""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qantar.account.ledger import KINDS, VERDICTS
from qantar.account.load import Loaded
from qantar.account.verdicts import Judged, agreement, tally
from qantar.messages import text

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from qantar.account.document import Candidate, Document
    from qantar.account.ledger import Account
    from qantar.explain import Explanation
    from qantar.study.run import Result
    from qantar.study.summary import Feature

_STYLE = {"supported": "blue", "partly": "cyan", "contradicted": "red", "unverifiable": "dim", "not-empirical": "dim", "open": "yellow"}
_LETTER = {"memory": "M", "memory-in-part": "m", "address-lost": "A", "one-reader": "1", "readers-differed": "2"}


def print_json(value: object, *, error: bool = False) -> None:
    """One JSON value on stdout (or stderr), readable, in UTF-8."""
    stream = sys.stderr if error else sys.stdout
    stream.write(json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n")


def say(line: str = "") -> None:
    """A line of result text, wrapped between words; Chinese has none, so that the terminal wraps it."""
    from rich.console import Console

    Console(highlight=False, markup=False, emoji=False).print(line, soft_wrap=any("\u4e00" <= c <= "\u9fff" for c in line))


def grid(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "", widest: int | None = None) -> None:
    """A plain table that wraps inside its columns; column `widest` takes the room that is left."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False, expand=widest is not None)
    for index, name in enumerate(columns):
        table.add_column(name, ratio=1 if index == widest else None, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text("" if cell is None else str(cell)) for cell in row))
    Console(highlight=False, markup=False, emoji=False).print(table)


@contextmanager
def progress(lang: str) -> Iterator[Callable[[str], None]]:
    """Names each step: a spinner on a terminal, else one line a step on stderr."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False)
    if console.is_terminal:
        with console.status("") as status:
            yield lambda step: status.update(text(f"progress.{step}", lang))
    else:
        yield lambda step: console.print(text(f"progress.{step}", lang) + " …")


@contextmanager
def counting(lang: str, total: int, *, what: str = "histories") -> Iterator[Callable[[int, int], None]]:
    """Counts histories, or draws that need no engine: a bar with the time left on a terminal, else a line at every tenth, on stderr.

    The first history of a version compiles the engine, which takes longer than the history; a line says so.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from qantar.engine.warm import compiled

    console = Console(stderr=True, highlight=False, markup=False)
    if what == "histories" and not compiled():
        console.print(text("progress.compile", lang))
        compiled(now=True)
    if console.is_terminal:
        columns = (TextColumn(text(f"progress.{what}", lang)), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("", total=total)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        told = [-1]

        def tell(done: int, total: int) -> None:
            if 10 * done // max(1, total) > told[0]:
                told[0] = 10 * done // max(1, total)
                console.print(f"{text(f'progress.{what}', lang)} {done} / {total}")

        yield tell


@contextmanager
def measuring(lang: str, names: Sequence[str], *, compile_first: bool) -> Iterator[Callable[[str], None]]:
    """Names each row of the bench before it runs, on stderr; compiles before, so that no row does."""
    if compile_first:
        from qantar.engine.warm import compiled

        if not compiled():
            sys.stderr.write(text("progress.compile", lang) + "\n")
            compiled(now=True)

    def tell(name: str) -> None:
        sys.stderr.write(text("progress.bench", lang, k=names.index(name) + 1, n=len(names), name=name) + "\n")
        sys.stderr.flush()

    yield tell


def bench_table(rows: Sequence[dict[str, Any]], lang: str) -> None:
    """Each row with its bar, whether everything asked of it holds, and what it did."""
    counted = {"joins": "joins_wanted", "contact_updates": "", "ns_per_update": "", "peak_mb": "peak_bar_mb"}

    def did(row: dict[str, Any]) -> str:
        parts = [text(f"bench.row.{row['name']}", lang)]
        for key, bar in counted.items():
            if row.get(key) is not None and (key != "ns_per_update" or "joins_wanted" in row):  # of a quiet country it says nothing
                wanted = text("out.bench_asked", lang, bar=f"{row[bar]:,.0f}") if bar in row else ""
                parts.append(text(f"bench.did.{key}", lang, n=f"{row[key]:,.0f}") + wanted)
        return text("error.sep", lang).join(parts)

    def cells(row: dict[str, Any]) -> list[object]:
        unit = {"s": " " + text("unit.s", lang), "times": " " + text("unit.times", lang)}.get(row["unit"], "")
        value = text("out.unknown", lang) if row["value"] is None else f"{row['value']:.3g}{unit}"
        return [row["name"], value, f"{row['bar']:g}", text("out.yes" if row["holds"] else "out.no", lang), did(row)]

    heads = [text(f"out.{k}", lang) for k in ("row", "measured", "bar", "holds", "what")]
    grid(heads, map(cells, rows), widest=4)
    say(text("out.bench_note", lang))


def run_json(result: Result, written: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What a run printed for machines holds."""
    keys = (
        "history_sha256",
        "key",
        "plan_sha256",
        "model_sha256",
        "residents",
        "runs",
        "recipe",
        "calibrated",
        "stamp",
        "network",
        "files",
    )
    plan = result.recipe.plan
    return {
        "folder": str(folder),
        "scenario": plan.case,
        "scale": plan.scale,
        "edits": plan.edits,
        **{k: written[k] for k in keys},
        "features": [f.as_dict() for f in result.features],
    }


def run_summary(result: Result, names: dict[str, str], lang: str) -> None:
    """Features of the record against the drawn histories, with what they are not."""
    plan, p = result.recipe.plan, result.provenance
    scale = text("out.scale_full", lang) if plan.scale == 1 else text("out.scale_part", lang, n=f"{1 / plan.scale:g}")
    args = {"case": plan.case, "runs": result.runs.n, "residents": f"{p['residents']:,}", "scale": scale}
    say(text("out.run_head", lang, hours=plan.hours, seed=result.recipe.seed, engine=result.recipe.engine, **args))
    net = p["network"]
    say(text("out.network", lang, degree=f"{net['degree']:.1f}", clustering=f"{net['clustering']:.2f}", path=f"{net['path_length']:.1f}"))
    if plan.edits:
        say(text("out.edits", lang, edits="; ".join(f"{e['path']} {e.get('op', 'set')} {e.get('value', '')}".strip() for e in plan.edits)))
    if replayed := plan.replayed():
        say(text("out.replayed", lang, n=len(replayed)))
    heads = [text(f"out.{k}", lang) for k in ("feature", "recorded", "simulated", "shown")]
    grid(heads, [_feature_row(f, names, lang) for f in result.features], title=text("out.features_title", lang))
    if stopped := int(result.runs.stopped.sum()):
        say(text("out.runs_stopped", lang, n=stopped, limit=f"{result.recipe.stop_above:,.0f}"))
    say(text("out.not_calibrated" if result.recipe.sampling == "prior" else "out.defaults_only", lang))
    sys.stdout.write(text("out.history_sha", lang, sha=result.history_sha256) + "\n")


def policy_table(found: dict[str, Any], case: str, lang: str) -> None:
    """Errors of each signal against the recorded dates, and the dates themselves."""
    say(text("out.policy_head", lang, case=case, draws=found["draws"]))
    rows: list[list[object]] = [
        [
            text(f"signal.{s['signal']}", lang),
            f"{s['error']:.0f} ({s['error_low']:.0f}–{s['error_high']:.0f})",
            f"{100 * s['share_better_than_constant']:.0f} %",
            f"{s['least_error']:.1f}",
        ]
        for s in found["signals"]
    ]
    rows.append([text("out.constant", lang), f"{found['constant']['error']:.1f}", "", ""])
    grid([text(f"out.{k}", lang) for k in ("signal", "error", "better", "least")], rows)
    at = found["constant"]["at"].replace("T", " ")
    say(text("out.policy_note", lang, at=at, error=f"{found['constant']['error']:.1f}"))
    steps = [
        [
            text(f"dated.{name}", lang),
            f"{dt.datetime.fromisoformat(when):%d %H:%M}",
            *(f"{_date(found['start'], s['steps'][k]['hours'][1])} ({100 * s['steps'][k]['never']:.0f} %)" for s in found["signals"]),
        ]
        for k, (name, when) in enumerate(found["recorded"].items())
    ]
    heads = [text("out.what", lang), text("out.recorded", lang), *(text(f"signal.{s['signal']}", lang) for s in found["signals"])]
    grid(heads, steps, title=text("out.policy_steps", lang))


def _date(start: str, hours: float) -> str:
    """Day and hour, short: `05 16h`."""
    return f"{dt.datetime.fromisoformat(start) + dt.timedelta(hours=hours):%d %Hh}"


def _feature_row(f: Feature, names: dict[str, str], lang: str) -> list[str]:
    low, high = f.interval()
    numbers = f.numbers()
    if f.kind == "onset":
        numbers = (
            ""
            if math.isnan(f.median)
            else text("out.day_of", lang, median=f"{f.median + 1:.0f}", low=f"{f.low + 1:.0f}", high=f"{f.high + 1:.0f}")
        )
    return [
        text(f"feature.{f.kind}", lang, of=", ".join(names.get(part, part) for part in f.of.split(";"))),
        f.recorded,
        numbers,
        f"{100 * f.share:.0f} % ({100 * low:.0f}–{100 * high:.0f})",
    ]


def verdict_table(judged: Sequence[Judged], lang: str) -> None:
    """Every claim on two lines: id and place, verdict and kind, paraphrase, sources and flags."""
    from rich.text import Text

    def row(j: Judged) -> list[object]:
        c = j.claim
        verdict = Text(f"{text('sign.' + c.verdict, lang)} {text('verdict.' + c.verdict, lang)}", style=_STYLE[c.verdict])
        verdict.append("\n" + text(f"kind.{c.kind}", lang), style="dim")
        letters = " ".join(_LETTER[f] for f in j.flags if f in _LETTER)
        return [f"{c.claim_id}\n{c.place}", verdict, (c.claim_zh if lang == "zh" else c.claim_en), f"{c.source or ''}\n{letters}"]

    heads = [text(f"out.{k}", lang) for k in ("id", "verdict", "claim", "sources_column")]
    grid(heads, map(row, judged), widest=2)


def verdict_summary(loaded: Loaded, judged: Sequence[Judged], lang: str, histories: int = 0) -> None:
    """Counts by kind and verdict, the two readers, and what has not been done."""
    for kind, counts in sorted(tally(judged).items(), key=lambda item: KINDS.index(item[0])):
        parts = text("error.sep", lang).join(f"{text('verdict.' + v, lang)} {counts[v]}" for v in VERDICTS if counts[v])
        say(f"{text('kind.' + kind, lang)} {sum(counts.values())}{text('error.colon', lang)}{parts}")
    say(text("out.not_fitted", lang, n=histories) if histories else text("out.no_model", lang))
    if agreed := agreement(loaded.account):
        low, high, share = (f"{100 * v:.0f}" for v in (agreed.share_low, agreed.share_high, agreed.share))
        say(text("out.agreement", lang, same=agreed.same, n=agreed.n, share=share, low=low, high=high, opposite=agreed.opposite))
    sources = {key for j in judged for key in j.claim.sources}
    memory, lost = (sum(flag in j.flags for j in judged) for flag in ("memory", "address-lost"))
    say(text("out.sources", lang, n=len(sources), memory=memory, lost=lost))


Found = list[tuple["Candidate", tuple[str, ...]]]
"""Candidate claims, each with the ids of the ledger's claims that cover it."""


def outline(document: Document, found: Found, account: Account | None, every: bool, lang: str) -> None:
    """Sections of a document, then its candidate claims."""
    sentences = sum(len(p) for s in document.sections for p in s.paragraphs)
    paragraphs = sum(len(s.paragraphs) for s in document.sections)
    args = {"name": document.name, "language": document.language, "sections": len(document.sections), "sha": document.sha256[:16] + "…"}
    say(text("out.document", lang, paragraphs=paragraphs, sentences=sentences, **args))
    heads = [text(f"out.{k}", lang) for k in ("section", "title", "paragraphs", "sentences")]
    grid(heads, [[s.number, s.title, len(s.paragraphs), sum(map(len, s.paragraphs))] for s in document.sections], widest=1)
    shown = [(c, by) for c, by in found if every or not by]
    covered = sum(bool(by) for _, by in found)
    if account:
        counts = {"n": len(found), "covered": covered, "open": len(found) - covered}
        say(text("out.candidates", lang, ledger=account.head.id, **counts))
    else:
        say(text("out.no_ledger", lang, n=len(found)))
    heads = [text(f"out.{k}", lang) for k in ("place", "cues", "sentence")] + ([text("out.covered", lang)] if every else [])
    rows = [[_place(c), _cues(c, lang), c.sentence.text, *([" ".join(by)] if every else [])] for c, by in shown]
    if rows:
        grid(heads, rows, widest=2)


def outline_json(document: Document, found: Found, account: Account | None) -> dict[str, object]:
    """The same for machines."""
    return {
        "document": document.name,
        "language": document.language,
        "sha256": document.sha256,
        "ledger": account.head.id if account else None,
        "document_is": account.match(document) if account else None,
        "sections": [{"number": s.number, "title": s.title, "line": s.line, "paragraphs": len(s.paragraphs)} for s in document.sections],
        "candidates": [
            {
                **dict(zip(("section", "paragraph", "sentence"), c.sentence.position, strict=True)),
                "line": c.sentence.line,
                "text": c.sentence.text,
                "cues": c.cues,
                "covered_by": list(by),
            }
            for c, by in found
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


def _place(candidate: Candidate) -> str:
    section, paragraph, sentence = candidate.sentence.position
    return f"{section}.{paragraph}:{sentence}"


def _cues(candidate: Candidate, lang: str) -> str:
    return "\n".join(text(f"cue.{sort}", lang) for sort in candidate.cues)
