"""The command that brings downloaded data into a case: import."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
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
FIRST_LOOK = "--recorded --scale 0.01 --draws 20"
"""Of a what-if: what the record has, coarsely, in a minute."""


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
    from qantar.files.decode import ENCODINGS
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
            proposal = _propose(file, propose, encoding, lang)
        else:
            from qantar.errors import DataError
            from qantar.importing.run import import_file

            options: dict[str, Any] = {"encoding": encoding, "date_order": date_order, "swap": swap, "dry_run": dry_run}
            try:
                summary = import_file(file, folder, mapping=mapping, deleted=deleted, remove_gone=remove_gone, lang=lang, **options)
            except DataError as error:
                if mapping is not None or [p.code for p in error.problems] != ["unknown_format"]:
                    raise
                look = _first_look(file, folder, lang, options)
    if look is not None:
        _looked(look, file, folder, options, lang, as_json=json)
        raise typer.Exit(2)
    if propose is not None:
        _proposed(proposal.view, file, propose, lang, as_json=json)
    elif json:
        terminal.print_json({"folder": str(into), **summary.as_dict()})
    else:
        from qantar.importing.first import place_of

        beside = mapping is not None and mapping.resolve() == place_of(file, folder).resolve()
        tell(summary, into, lang, mapping, _command(file, folder, options) if beside else "")


def _propose(file: Path, place: Path, encoding: str | None, lang: str) -> Any:
    from qantar.files.write import refuse_foreign_file, write_bytes
    from qantar.importing.propose import is_untouched, propose
    from qantar.importing.source import open_source

    refuse_foreign_file(place, is_untouched)  # a mapping that somebody has completed is not written over
    proposal = propose(open_source(file, encoding), lang)
    write_bytes(place, proposal.text.encode())
    return proposal


def _proposed(view: Any, file: Path, place: Path, lang: str, *, as_json: bool) -> None:
    """What a proposed mapping leaves to be filled in."""
    if as_json:
        found = {"unused_numbers": view.numbers, "types_without_kind": view.types}
        terminal.print_json({"file": str(file), "mapping": str(place), **found})
        return
    for key, names in (("out.import_unused_numbers", view.numbers), ("out.import_without_kind", view.types)):
        if names:
            terminal.say(text(key, lang, n=len(names), names=", ".join(names)))
    terminal.say(text("out.import_proposed", lang, path=place))


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
    told = _Told(look.summary, lang) if look.summary is not None else None
    if look.view is not None and look.is_changed:
        _changed(look, lang)
    elif look.view is not None:
        _viewed(look.view, lang)
    if told is not None:
        told.counts()
        told.reasons()
        told.blanked()
    for problem in look.problems:
        terminal.say(problem.render(lang))
    if look.view is not None and look.is_changed:
        _as_before(look.view, lang)
    if told is not None:
        told.remarks(short=look.is_changed)
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

    terminal.grid([text(f"out.{k}", lang) for k in ("import_column", "import_read_as", "import_values")], _columns(view), widest=2)
    if view.unused:
        terminal.say(text("out.import_unused", lang, names=", ".join(view.unused)))
    _unused_numbers(view, lang)
    _kinds(view, view.kinds, lang)
    if stormed := [name for name, kind, _ in view.kinds if may_be_only_attacked(name, kind)]:
        terminal.say(text("out.import_stormed", lang, names=", ".join(stormed[:SHOWN])))


def _columns(view: Any) -> list[tuple[str, str, str]]:
    """Each column once, with all that is read from it, and some of its values."""
    found = [(name, " + ".join(f for f, n, _ in view.columns if n == name), shown) for _, name, shown in view.columns]
    return list(dict.fromkeys(found))


def _unused_numbers(view: Any, lang: str) -> None:
    if view.numbers:
        terminal.say(text("out.import_unused_numbers", lang, n=len(view.numbers), names=", ".join(view.numbers)))


def _kinds(view: Any, kinds: Sequence[tuple[str, str, int]], lang: str) -> None:
    """Words by the kind they were taken for, those first that are not known, with the rows of the table that have the kind."""
    words: dict[str, list[tuple[str, int]]] = {}
    for name, kind, n in sorted(kinds, key=lambda k: (bool(k[1]), not k[1] and k[0] not in view.lost)):
        words.setdefault(kind or ("" if name in view.lost else "-"), []).append((name, n))
    named = {"": text("out.import_unknown", lang), "-": text("out.import_beside", lang)}
    counts = view.rows_of | {"-": view.beside}
    if words:
        rows = [(named.get(kind, kind), counts.get(kind, 0), _words(found, lang)) for kind, found in words.items()]
        terminal.grid([text(k, lang) for k in ("out.kind", "out.rows", "out.import_type")], rows, widest=2)


def _changed(look: Any, lang: str) -> None:
    """Of a mapping that somebody has changed, what is new in it, and what of the table it leaves out."""
    view = look.view
    if look.added:
        terminal.say(text("out.import_added", lang, n=len(look.added), mapping=look.mapping))
        _kinds(view, [row for row in view.kinds if row[0] in look.added], lang)
    if look.to_add:
        names = ", ".join(name[:NOTE] for name in look.to_add[:SHOWN]) + (" …" if len(look.to_add) > SHOWN else "")
        terminal.say(text("out.import_to_add", lang, n=len(look.to_add), mapping=look.mapping, names=names))
    _unused_numbers(view, lang)
    if lost := [row for row in view.kinds if row[0] in view.lost and row[0] not in look.added]:
        _kinds(view, lost, lang)


def _as_before(view: Any, lang: str) -> None:
    """What columns and words are taken for, in short."""
    terminal.say(text("out.import_same_columns", lang, columns="; ".join(f"{name} → {field}" for name, field, _ in _columns(view))))
    if kinds := _in_short((k, n) for k, n in view.rows_of.items() if k):
        terminal.say(text("out.import_same_kinds", lang, kinds=kinds))


def _in_short(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{kind} {n}" for kind, n in sorted(counts, key=lambda row: (-row[1], row[0])))


def _words(found: Sequence[tuple[str, int]], lang: str) -> str:
    told = "; ".join(name[:NOTE] + (f" ({n})" if n > 1 else "") for name, n in found[:SHOWN])
    return told + (" " + text("out.import_words_more", lang, n=len(found) - SHOWN) if len(found) > SHOWN else "")


def tell(summary: Any, folder: Path | None, lang: str, mapping: Path | None = None, completing: str = "") -> None:
    """The summary in words: what the file is, what became of its rows, and what to do about those that were not taken.

    `completing` is the command that adds words to the mapping which it lacks.
    """
    told = _Told(summary, lang)
    told.file()
    told.reasons()
    if completing and summary.taken.reasons["unknown_kind"]:
        told.say("out.import_propose_kinds", mapping=mapping, command=completing)
    told.blanked()
    if told.again or (summary.written and summary.format == "mapping"):  # a look came before
        told.twice()
        told.changes()
        told.new_kinds()
        told.remarks(short=True)
    else:
        told.kinds()
        told.remarks()
        told.twice()
        told.changes()
    told.say("out.import_licence_no" if summary.redistribution == "no" else "out.import_licence", licence=summary.licence)
    if not summary.written:
        told.say("out.import_dry")
        return
    told.say("out.import_written", files=" ".join(summary.written), folder=folder)
    if summary.steps:
        told.say("out.import_steps", n=len(summary.steps), steps=", ".join(summary.steps))
        step = summary.steps[0]
        sys.stdout.write(f"qantar counterfactual {folder} --arm steps.{step}=off {FIRST_LOOK}\n")  # never wrapped: to copy


class _Told:
    """Parts of a summary, said one after the other."""

    def __init__(self, summary: Any, lang: str) -> None:
        self.summary, self.taken, self.lang = summary, summary.taken, lang
        self.again = bool(summary.changes.unchanged + summary.changes.changed + len(summary.changes.taken_out))
        """whether an earlier import of the table was told of"""

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

    def new_kinds(self) -> None:
        """The kinds of rows that are new or changed, and those of all, in short."""
        c = self.summary.changes
        if c.new_kinds:
            self.say("out.import_new_kinds", kinds=_in_short(c.new_kinds.items()))
        counts: Counter[str] = Counter()
        for (_, kind), n in self.taken.kinds.items():
            counts[kind] += n
        if same := _in_short((k, n - c.new_kinds[k]) for k, n in counts.items() if k not in ("", "?") and n > c.new_kinds[k]):
            self.say("out.import_same_kinds", kinds=same)

    def kinds(self) -> None:
        """Which types became which kinds, the most frequent first."""
        found = self.taken.kinds.most_common()
        if found:
            rows = [[name or "–", kind if kind not in ("", "?") else "–", n] for (name, kind), n in found[:TYPES]]
            self.grid(("out.import_type", "out.kind", "out.rows"), rows, widest=0)
        if len(found) > TYPES:
            self.say("out.import_more", n=len(found) - TYPES)

    def remarks(self, *, short: bool = False) -> None:
        """Days, figures and places that were not written plainly; `short`, places in one line."""
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
            self.places([f"{region} / {name} ({n}): {name} → {where}" for (name, region, where), n in t.apart.most_common(SHOWN)], short)
        if self.summary.unnamed:
            self.say("out.import_unnamed", n=t.unnamed.total())
            found = self.summary.unnamed[:SHOWN]
            likes = [text("out.import_like", self.lang, name=like) if like else "" for _, _, like in found]
            self.places([f"{name} ({n}){like}" for (name, n, _), like in zip(found, likes, strict=True)], short)

    def places(self, told: Sequence[str], short: bool) -> None:
        """Places, each in a line of its own, or all in one."""
        for line in ["; ".join(told)] if short else told:
            terminal.say(f"  {line}")

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
        if c.taken_out:
            self.say("out.import_taken_out", n=len(c.taken_out))
        for row in c.taken_out[:SHOWN]:
            terminal.say("- " + self.event(row))
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
