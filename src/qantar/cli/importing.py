"""The command that brings downloaded data into a case: import."""

from pathlib import Path
from typing import Annotated, Any

import typer

from qantar.cli import progress
from qantar.cli import text as terminal
from qantar.cli.app import Context, JsonOption, app, one_of
from qantar.messages import text

SHOWN = 12
"""Types, and groups of likely duplicates, that are told; the rest is for machines."""


@app.command("import", help="cli.import")
def import_(
    context: Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="cli.arg_import")],
    into: Annotated[Path | None, typer.Option("--into", metavar="FOLDER", help="cli.opt_into")] = None,
    mapping: Annotated[Path | None, typer.Option("--mapping", metavar="MAPPING", help="cli.opt_mapping")] = None,
    propose: Annotated[Path | None, typer.Option("--propose", metavar="MAPPING", help="cli.opt_propose")] = None,
    deleted: Annotated[Path | None, typer.Option("--deleted", metavar="LIST", help="cli.opt_deleted")] = None,
    date_order: Annotated[str | None, typer.Option("--date-order", metavar="dmy|mdy|ymd", help="cli.opt_date_order")] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", metavar="NAME", help="cli.opt_encoding")] = None,
    swap: Annotated[bool, typer.Option("--swap", help="cli.opt_swap")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="cli.opt_dry_run")] = False,
    json: JsonOption = False,
) -> None:
    from qantar.importing.days import ORDERS
    from qantar.importing.source import ENCODINGS

    lang = context.obj
    encoding = encoding.lower() if encoding else None
    one_of("--date-order", date_order, ORDERS, lang)
    one_of("--encoding", encoding, tuple(ENCODINGS), lang)
    if (into is None) == (propose is None):
        raise typer.BadParameter(text("cli.into_or_propose", lang), param_hint="--into / --propose")
    with progress.progress(lang) as step:
        step("import")
        if propose is not None:
            _propose(file, propose, encoding, lang)
            summary = None
        else:
            from qantar.importing.run import import_file

            assert into is not None  # one of the two is there
            summary = import_file(
                file, into, mapping=mapping, encoding=encoding, date_order=date_order, swap=swap, deleted=deleted, dry_run=dry_run
            )
    if summary is None:
        if json:
            terminal.print_json({"file": str(file), "mapping": str(propose)})
        else:
            terminal.say(text("out.import_proposed", lang, path=propose))
    elif json:
        terminal.print_json({"folder": str(into), **summary.as_dict()})
    else:
        _told(summary, into, lang)


def _propose(file: Path, place: Path, encoding: str | None, lang: str) -> None:
    from qantar.files.write import refuse_foreign_file, write_bytes
    from qantar.importing.propose import propose
    from qantar.importing.source import open_source

    refuse_foreign_file(place, lambda _: False)  # a mapping that somebody has completed is not written over
    write_bytes(place, propose(open_source(file, encoding), lang).encode())


def _told(summary: Any, folder: Path | None, lang: str) -> None:
    """The summary in words: what the file is, what became of its rows, and what to do about those that were not taken."""
    t, c = summary.taken, summary.changes
    say = terminal.say
    name = text(f"importing.format.{summary.format}", lang)
    say(text("out.import_format", lang, file=summary.file, format=name))
    if summary.titles:
        say(text("out.import_titles", lang, n=summary.titles))
    if summary.encoding:
        say(text("out.import_guessed" if summary.guessed else "out.import_encoding", lang, encoding=summary.encoding))
    say(text("out.import_counts", lang, read=t.read, taken=len(t.rows), left=t.reasons.total(), duplicates=t.duplicates + t.superseded))
    if t.reasons:
        rows = [[reason, n, _lines(t.lines[reason], n), text(f"importing.reason.{reason}", lang)] for reason, n in t.reasons.most_common()]
        terminal.grid([text(k, lang) for k in ("out.import_reason", "out.rows", "out.import_lines", "out.meaning")], rows, widest=3)
    _kinds(summary, lang)
    for key, n in (
        ("out.import_spans", t.spans),
        ("out.import_near", t.near),
        ("out.import_swapped", t.swapped),
        ("out.import_elsewhere", t.elsewhere),
    ):
        if n:
            say(text(key, lang, n=n))
    if summary.unnamed:
        say(text("out.import_unnamed", lang, n=t.unnamed.total()))
        for name, n, like in summary.unnamed[:SHOWN]:
            say(f"  {name} ({n})" + (text("out.import_like", lang, name=like) if like else ""))
    if summary.duplicates:
        say(text("out.import_likely", lang, n=len(summary.duplicates)))
        for ids in summary.duplicates[:SHOWN]:
            say("  " + " ".join(ids[:SHOWN]))
    counts = {"added": c.added, "changed": c.changed, "removed": c.removed, "unchanged": c.unchanged, "absent": c.absent}
    say(text("out.import_changes", lang, events=summary.events, by_hand=c.by_hand, **counts))
    say(text("out.import_licence_no" if summary.redistribution == "no" else "out.import_licence", lang, licence=summary.licence))
    if summary.written:
        say(text("out.import_written", lang, files=" ".join(summary.written), folder=folder))
    else:
        say(text("out.import_dry", lang))


def _lines(first: list[int], n: int) -> str:
    return " ".join(map(str, first)) + (" …" if n > len(first) else "")


def _kinds(summary: Any, lang: str) -> None:
    """Which types became which kinds, the most frequent first."""
    found = summary.taken.kinds.most_common()
    if not found:
        return
    rows = [[name or "–", kind if kind not in ("", "?") else "–", n] for (name, kind), n in found[:SHOWN]]
    terminal.grid([text(k, lang) for k in ("out.import_type", "out.kind", "out.rows")], rows, widest=0)
    if len(found) > SHOWN:
        terminal.say(text("out.import_more", lang, n=len(found) - SHOWN))
