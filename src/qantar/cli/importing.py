"""The command that brings downloaded data into a case: import."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from qantar.cli import progress
from qantar.cli import text as terminal
from qantar.cli.app import Context, JsonOption, app, one_of
from qantar.messages import text

SHOWN = 12
"""Places, events and groups of likely duplicates that are told; the rest is for machines."""
TYPES = 40
"""Types that are told."""
NOTE = 60
"""Letters of a note that are told."""


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
    remove_gone: Annotated[bool, typer.Option("--remove-gone", help="cli.opt_remove_gone")] = False,
    swap: Annotated[bool, typer.Option("--swap", help="cli.opt_swap")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="cli.opt_dry_run")] = False,
    json: JsonOption = False,
) -> None:
    from qantar.files.read import ENCODINGS
    from qantar.importing.days import ORDERS

    lang = context.obj
    encoding = encoding.lower() if encoding else None
    one_of("--date-order", date_order, ORDERS, lang)
    one_of("--encoding", encoding, tuple(ENCODINGS), lang)
    if (into is None) == (propose is None):
        raise typer.BadParameter(text("cli.into_or_propose", lang), param_hint="--into / --propose")
    folder = into or Path()
    look: Any = None
    with progress.progress(lang) as step:
        step("import")
        if propose is not None:
            proposal, summary = _propose(file, propose, encoding, lang), None
        else:
            from qantar.errors import DataError
            from qantar.importing.run import import_file

            options: dict[str, Any] = {"encoding": encoding, "date_order": date_order, "swap": swap, "dry_run": dry_run}
            try:
                summary = import_file(file, folder, mapping=mapping, deleted=deleted, remove_gone=remove_gone, **options)
            except DataError as error:
                if mapping is not None or [p.code for p in error.problems] != ["unknown_format"]:
                    raise
                look = _first_look(file, folder, lang, options)
    if look is not None:
        _looked(look, file, folder, options, lang, as_json=json)
        raise typer.Exit(2)
    if summary is None:
        view = proposal.view
        if json:
            terminal.print_json(
                {
                    "file": str(file),
                    "mapping": str(propose),
                    "unused_numbers": view.numbers,
                    "types_without_kind": view.types,
                }
            )
        else:
            for key, names in (("out.import_unused_numbers", view.numbers), ("out.import_without_kind", view.types)):
                if names:
                    terminal.say(text(key, lang, n=len(names), names=", ".join(names)))
            terminal.say(text("out.import_proposed", lang, path=propose))
    elif json:
        terminal.print_json({"folder": str(into), **summary.as_dict()})
    else:
        _told(summary, into, lang)


def _propose(file: Path, place: Path, encoding: str | None, lang: str) -> Any:
    from qantar.files.write import refuse_foreign_file, write_bytes
    from qantar.importing.propose import is_untouched, propose
    from qantar.importing.source import open_source

    refuse_foreign_file(place, is_untouched)  # a mapping that somebody has completed is not written over
    proposal = propose(open_source(file, encoding), lang)
    write_bytes(place, proposal.text.encode())
    return proposal


def _first_look(file: Path, into: Path, lang: str, options: dict[str, Any]) -> Any:
    from qantar.importing.first import first_look, place_of

    return first_look(file, into, lang, _command(file, into, options, place_of(file, into)), **options)


def _command(file: Path, into: Path, options: dict[str, Any], mapping: Path | None = None) -> str:
    """The command that imports a table, with the options that were given."""
    words = ["qantar", "import", str(file), *(("--mapping", str(mapping)) if mapping else ()), "--into", str(into)]
    words += [w for name in ("encoding", "date_order") if options[name] for w in (f"--{name.replace('_', '-')}", options[name])]
    words += ["--swap"] if options["swap"] else []
    return " ".join(f'"{w}"' if " " in w else w for w in words)


def _looked(look: Any, file: Path, into: Path, options: dict[str, Any], lang: str, *, as_json: bool) -> None:
    """A first look in words: what columns and words are taken for, what would become of each row, and the one command that comes next."""
    if as_json:
        terminal.print_json({"folder": str(into), "file": str(file), **look.as_dict(lang)})
        return
    terminal.say(text("out.import_look_changed" if look.is_changed else "out.import_look", lang, file=file.name, mapping=look.mapping))
    if look.view is not None:
        _viewed(look.view, lang)
    if look.summary is not None:
        told = _Told(look.summary, lang)
        told.counts()
        told.reasons()
        told.blanked()
        told.remarks()
    for problem in look.problems:
        terminal.say(problem.render(lang))
    if options["dry_run"]:
        told_next, command = "out.import_look_dry", _command(file, into, options)
    elif look.problems:
        told_next, command = "out.import_look_complete", _command(file, into, options)
    else:
        told_next, command = "out.import_look_next", _command(file, into, options, look.mapping)
    terminal.say(text(told_next, lang, mapping=look.mapping, command=command))


def _viewed(view: Any, lang: str) -> None:
    """What each column is taken for, and each word for which kind, with its rows."""
    from qantar.importing.words import may_be_only_attacked

    columns = [(name, " + ".join(f for f, n, _ in view.columns if n == name), shown) for _, name, shown in view.columns]
    terminal.grid([text(f"out.{k}", lang) for k in ("import_column", "import_read_as", "import_values")], dict.fromkeys(columns), widest=2)
    if view.unused:
        terminal.say(text("out.import_unused", lang, names=", ".join(view.unused)))
    if view.numbers:
        terminal.say(text("out.import_unused_numbers", lang, n=len(view.numbers), names=", ".join(view.numbers)))
    words: dict[str, list[tuple[str, int]]] = {}
    for name, kind, n in sorted(view.kinds, key=lambda k: bool(k[1])):  # what is not known first
        words.setdefault(kind, []).append((name, n))
    if words:
        rows = [(kind or text("out.import_unknown", lang), sum(n for _, n in found), _words(found, lang)) for kind, found in words.items()]
        terminal.grid([text(k, lang) for k in ("out.kind", "out.rows", "out.import_type")], rows, widest=2)
    if stormed := [name for name, kind, _ in view.kinds if may_be_only_attacked(name, kind)]:
        terminal.say(text("out.import_stormed", lang, names=", ".join(stormed[:SHOWN])))


def _words(found: Sequence[tuple[str, int]], lang: str) -> str:
    told = "; ".join(name[:NOTE] + (f" ({n})" if n > 1 else "") for name, n in found[:SHOWN])
    return told + (" " + text("out.import_words_more", lang, n=len(found) - SHOWN) if len(found) > SHOWN else "")


def _told(summary: Any, folder: Path | None, lang: str) -> None:
    """The summary in words: what the file is, what became of its rows, and what to do about those that were not taken."""
    told = _Told(summary, lang)
    told.file()
    told.reasons()
    told.blanked()
    told.kinds()
    told.remarks()
    told.twice()
    told.changes()
    told.say("out.import_licence_no" if summary.redistribution == "no" else "out.import_licence", licence=summary.licence)
    if summary.written:
        told.say("out.import_written", files=" ".join(summary.written), folder=folder)
    else:
        told.say("out.import_dry")


class _Told:
    """Parts of a summary, said one after the other."""

    def __init__(self, summary: Any, lang: str) -> None:
        self.summary, self.taken, self.lang = summary, summary.taken, lang

    def say(self, key: str, **args: object) -> None:
        terminal.say(text(key, self.lang, **args))

    def file(self) -> None:
        s = self.summary
        self.say("out.import_format", file=s.file, format=text(f"importing.format.{s.format}", self.lang))
        if s.encoding:
            self.say("out.import_guessed" if s.guessed else "out.import_encoding", encoding=s.encoding)
        self.counts()

    def counts(self) -> None:
        """What became of the rows, in numbers."""
        s, t = self.summary, self.taken
        if s.titles:
            self.say("out.import_titles", n=s.titles)
        twice = t.duplicates + t.superseded
        self.say("out.import_counts", read=t.read, taken=len(t.rows), left=t.reasons.total(), duplicates=twice)

    def reasons(self) -> None:
        """Why rows were not taken."""
        t = self.taken
        if not t.reasons:
            return
        rows = [[reason, n, text(f"importing.reason.{reason}", self.lang)] for reason, n in t.reasons.most_common()]
        self.grid(("out.import_reason", "out.rows", "out.meaning"), rows, widest=2)
        self.listed(t.reasons, t.refused)

    def blanked(self) -> None:
        """Numbers that were left out of rows that were taken."""
        t = self.taken
        if t.blanked:
            self.say("out.import_blanked", n=t.blanked.total())
            self.listed(t.blanked, t.left_out)

    def listed(self, counts: Any, first: Any) -> None:
        """The first lines of each reason."""
        for reason, n in counts.most_common():
            terminal.say(f"{reason}: " + "; ".join(map(self.refused, first[reason])) + (" …" if n > len(first[reason]) else ""))

    def refused(self, row: Any) -> str:
        """Line, column and cell of a row that was not taken, and what may have been meant."""
        told = f'{row.column} "{row.value[:NOTE]}"' if row.column else ""
        like = text("out.import_like", self.lang, name=row.hint) if row.hint else ""
        like += text("out.import_within", self.lang, names=row.within) if row.within else ""
        return f"{text('out.import_line', self.lang, n=row.line)} {told}".rstrip() + like

    def kinds(self) -> None:
        """Which types became which kinds, the most frequent first."""
        found = self.taken.kinds.most_common()
        if found:
            rows = [[name or "–", kind if kind not in ("", "?") else "–", n] for (name, kind), n in found[:TYPES]]
            self.grid(("out.import_type", "out.kind", "out.rows"), rows, widest=0)
        if len(found) > TYPES:
            self.say("out.import_more", n=len(found) - TYPES)

    def remarks(self) -> None:
        """Days, figures and places that were not written plainly."""
        t = self.taken
        for key, n in (
            ("out.import_spans", t.spans),
            ("out.import_near", t.near),
            ("out.import_swapped", t.swapped),
            ("out.import_elsewhere", t.elsewhere),
            ("out.import_lowest", t.lowest),
        ):
            if n:
                self.say(key, n=n)
        if t.words:
            told = ", ".join(f'"{word[:NOTE]}"' + (f" ({n})" if n > 1 else "") for word, n in t.words.most_common(SHOWN))
            self.say("out.import_words", n=t.words.total(), words=told + (" …" if len(t.words) > SHOWN else ""))
        if t.apart:
            self.say("out.import_apart", n=t.apart.total())
            for (name, region, where), n in t.apart.most_common(SHOWN):
                terminal.say(f"  {region} / {name} ({n}): {name} → {where}")
        if self.summary.unnamed:
            self.say("out.import_unnamed", n=t.unnamed.total())
            for name, n, like in self.summary.unnamed[:SHOWN]:
                terminal.say(f"  {name} ({n})" + (text("out.import_like", self.lang, name=like) if like else ""))

    def twice(self) -> None:
        """Events that may be one."""
        if groups := self.summary.duplicates:
            self.say("out.import_likely", n=len(groups))
            for group in groups[:SHOWN]:
                for k, row in enumerate(group[:SHOWN]):
                    terminal.say(("  " if k else "- ") + self.event(row))

    def changes(self) -> None:
        """What became of the table of events: its rows in numbers, then those that somebody must look at."""
        from qantar.importing.run import differing

        c = self.summary.changes
        counts = {"added": c.added, "changed": c.changed, "removed": c.removed, "unchanged": c.unchanged, "absent": len(c.absent)}
        self.say("out.import_changes", events=self.summary.events, by_hand=c.by_hand, **counts)
        for key, pairs in (("out.import_mended", c.mended), ("out.import_perhaps", c.perhaps)):
            if pairs:
                self.say(key, n=len(pairs))
            for old, new in pairs[:SHOWN]:
                terminal.say("- " + self.event(new))
                if old["event_id"] != new["event_id"]:
                    terminal.say("  " + self.event(old))
                terminal.say("  " + "; ".join(f'{c} "{a}" → "{b}"' for c, (a, b) in differing(old, new).items()))
        if c.taken_away:  # row by row: what is gone from the table can no longer be looked at there
            self.say("out.import_removed", n=len(c.taken_away))
        for row in c.taken_away:
            terminal.say("- " + self.event(row))
        if c.absent:
            self.say("out.import_absent", n=len(c.absent))
        for row in c.absent[:SHOWN]:
            terminal.say("- " + self.event(row))
        if not self.summary.with_ids:
            self.say("out.import_without_ids")

    def grid(self, columns: Sequence[str], rows: Sequence[Sequence[object]], widest: int) -> None:
        terminal.grid([text(k, self.lang) for k in columns], rows, widest=widest)

    def event(self, row: dict[str, str]) -> str:
        """Day, place, kind and note of an event, its line in the file, and its id."""
        line = self.taken.line_of.get((row.get("source", ""), row.get("external_id", "")))
        where = row.get("settlement") or row.get("settlement_id") or row.get("region_id", "")
        told = row.get("note", "")
        note = f'"{told[:NOTE]}{"…" if told[NOTE:] else ""}"' if told else ""
        at = f"({text('out.import_line', self.lang, n=line)})" if line else ""
        return " ".join(filter(None, (row["date"], where, row.get("kind", ""), note, at, row.get("event_id", ""))))
