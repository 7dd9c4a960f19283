"""Commands that look things up: check, list, show, explain."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from qantar.cli import text as terminal
from qantar.cli.account import notice
from qantar.cli.app import Context, DocumentOption, JsonOption, app
from qantar.messages import text


@app.command(help="cli.check")
def check(
    context: Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="cli.arg_path")],
    document: DocumentOption = None,
    json: JsonOption = False,
) -> None:
    from qantar.cases.case import packaged_names
    from qantar.errors import DataError, Problems, StudyError, fail
    from qantar.importing.mapping import check_mapping, is_mapping
    from qantar.lookup.check import Checked, Doubtful, Looked, doubtful, look, waiting
    from qantar.lookup.show import groups_in_words

    lang = context.obj
    problems = Problems()
    if is_mapping(Path(path)):
        check_mapping(Path(path), problems)
        found = Looked([Checked(Path(path).name, "mapping", 1)])
    else:
        found = look(path, problems)
    checked, ledger = found.files, found.ledger
    if document is not None:
        from qantar.account.copies import check_copies
        from qantar.account.document import read_document

        if ledger is None:
            raise fail(StudyError, "--document", "no_ledger", value=path)
        check_copies(ledger.claims, read_document(document), problems)
    if ledger is not None and ledger.claims.readable:
        sys.stderr.write(notice(document, ledger, lang))
    counts = waiting(ledger, packaged=path in packaged_names())
    doubts = doubtful(found.whole) if found.whole and not problems.found else Doubtful([], [])
    waits = [text(f"check.wait.{key}", lang) for key in found.waits]
    if json:
        changed = [vars(c) for c in ledger.changed] if ledger else []
        files = [{"file": c.file, "kind": c.kind, "rows": c.rows} for c in checked]
        terminal.print_json(
            {
                "files": files,
                **counts,
                "changed": changed,
                **vars(doubts),
                "waits": waits,
                "problems": [p.as_dict(lang) for p in problems.found],
            }
        )
        raise typer.Exit(2 if problems.found else 0)
    sys.stderr.writelines(f"{line}\n" for line in waits)
    problems.raise_as(DataError)
    heads = [text(f"out.{k}", lang) for k in ("file", "what", "rows")]
    shown = [c for c in checked if c.kind not in ("unread", "kept", "written")]  # which of two files is read is said before
    terminal.grid(heads, [[c.file, terminal.file_kind(c.kind, lang), c.rows] for c in shown])
    terminal.say(text("check.clean", lang, n=sum(not c.kind.startswith("absent ") for c in checked)))
    if twice := doubts.perhaps_twice:
        terminal.say(text("check.twice", lang, n=len(twice), groups=groups_in_words(twice, lang)))
    if ledger:
        terminal.say(text("check.ledger", lang, open=counts.pop("open"), written=sum(c.verdict != "open" for c in ledger.claims)))
        for key, n in {**counts, "beyond_the_sum": len(doubts.beyond_the_sum)}.items():
            if n:
                terminal.say(text(f"check.{key}", lang, n=n, path=ledger.folder, claims=", ".join(doubts.beyond_the_sum)))
        terminal.rows_changed(ledger, lang)


@app.command("list", help="cli.list")
def list_(
    context: Context,
    case: Annotated[str | None, typer.Argument(metavar="CASE", help="cli.arg_case")] = None,
    json: JsonOption = False,
) -> None:
    from qantar.cases.case import case_names
    from qantar.verdicts.load import load_account

    lang = context.obj
    if case is None:
        cases = [terminal.case_line(load_account(name), lang) for name in case_names()]
        if json:
            terminal.print_json(cases)
        for entry in [] if json else cases:
            terminal.say(text("out.case_line", lang, **entry))
        return
    rows = [{"table": n, "rows": len(table), "file": table.file} for n, table in load_account(case).tables().items()]
    if json:
        terminal.print_json(rows)
    else:
        terminal.grid([text(f"out.{k}", lang) for k in ("table", "rows", "file")], [list(r.values()) for r in rows])


@app.command(help="cli.show")
def show(
    context: Context,
    case: Annotated[str, typer.Argument(metavar="CASE|FOLDER", help="cli.arg_shown")],
    what: Annotated[str, typer.Argument(metavar="WHAT", help="cli.arg_what")] = "observables",
    step: Annotated[bool, typer.Option("--step", help="cli.opt_step")] = False,
    region: Annotated[str | None, typer.Option(help="cli.opt_region")] = None,
    day: Annotated[str | None, typer.Option(help="cli.opt_day")] = None,
    find: Annotated[str | None, typer.Option("--find", metavar="WORDS", help="cli.opt_find")] = None,
    json: JsonOption = False,
) -> None:
    from qantar.lookup.show import is_result
    from qantar.lookup.show import show as run
    from qantar.verdicts.load import load_account

    if is_result(Path(case)):
        _show_result(Path(case), context.obj, json)
        return
    shown = run(load_account(case), "step" if step else what, region=region, day=day, lang=context.obj, find=find)
    if json:
        terminal.print_json(shown.value)
        return
    for title, columns, rows in shown.tables:
        terminal.grid(columns, rows, title=title, widest=len(columns) - 1)
    terminal.blocks(shown.blocks)
    for line in shown.lines:
        terminal.say(line)


def _show_result(folder: Path, lang: str, json: bool) -> None:
    """A stored result, as the command that wrote it told it."""
    from qantar.studies.kind import as_json, page_of
    from qantar.studies.shipped import result_in

    described, result = result_in(folder)
    if json:
        terminal.print_json({"folder": str(folder), **as_json(result)})
    else:
        terminal.tell(page_of(described, result), lang)


@app.command(help="cli.explain")
def explain(
    context: Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="cli.arg_name")] = None,
    json: JsonOption = False,
) -> None:
    from qantar.lookup.explain import explain as run
    from qantar.lookup.explain import words

    lang = context.obj
    if name is None:
        if json:
            terminal.print_json(words())
        else:
            terminal.words(words(), lang)
        return
    found = run(name, lang)
    if json:
        terminal.print_json([e.__dict__ for e in found])
    else:
        terminal.explanations(found, lang)
