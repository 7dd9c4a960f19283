"""Commands that make a case: a new one of any country."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from qantar.cli import text as terminal
from qantar.cli.app import Context, JsonOption, app
from qantar.messages import text


@app.command("new", help="cli.new_case")
def new(
    context: Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="cli.arg_new_case")],
    country: Annotated[str | None, typer.Option("--country", metavar="COUNTRY", help="cli.opt_country")] = None,
    events: Annotated[Path | None, typer.Option("--events", metavar="FILE", help="cli.opt_events")] = None,
    first_day: Annotated[str | None, typer.Option("--first-day", metavar="DATE", help="cli.opt_first_day")] = None,
    last_day: Annotated[str | None, typer.Option("--last-day", metavar="DATE", help="cli.opt_last_day")] = None,
    adm1: Annotated[Path | None, typer.Option("--adm1", metavar="FILE", help="cli.opt_adm1")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="cli.opt_out_case")] = None,
    json: JsonOption = False,
) -> None:
    from qantar.cases.new import new_case
    from qantar.cases.starter import first_scale

    lang = context.obj
    days = _days(_day("--first-day", first_day), _day("--last-day", last_day))
    if country is None and events is None:
        raise typer.BadParameter(text("cli.country_or_events", lang), param_hint="--country / --events")
    if events is not None:
        from qantar.importing.extent import extent_of

        extent = extent_of(events, country, of_days=days is None)
        country, days = extent.country, days or (extent.first, extent.last)
    made = new_case(name, country or "", out or Path(name), days=days, adm1=adm1, lang=lang)
    summary = _imported(events, made.folder, lang) if events else None
    if json:
        notes = [text(key, lang, **args) for key, args in made.notes]
        brought = {"events": summary.as_dict()} if summary else {}
        terminal.print_json({"folder": str(made.folder), **made.facts, "notes": notes, **brought})
        return
    shown = {**made.facts, "residents": f"{made.facts['residents']:,}"}
    terminal.say(text("new.written", lang, path=made.folder, **shown))
    if adm1 is not None:
        terminal.say(text("new.read_by" if made.facts["id_property"] else "new.read_by_name", lang, **shown))
    for key, args in made.notes:
        terminal.say(text(key, lang, **args))
    if days is None:
        terminal.say(text("new.days_are_mended", lang))
    if summary is not None:
        from qantar.cli.importing import tell

        tell(summary, made.folder, lang)
        return
    terminal.say(text("new.next", lang, path=made.folder, scale=f"{first_scale(made.facts['residents']):g}"))


def _imported(events: Path, folder: Path, lang: str) -> Any:
    """The summary of an import into a new case, which is taken away again if the file cannot be imported."""
    import shutil

    from qantar.errors import QantarError
    from qantar.importing.run import import_file

    try:
        return import_file(events, folder, lang=lang)
    except QantarError:
        shutil.rmtree(folder)
        raise


def _day(option: str, word: str | None) -> date | None:
    """A day as the tables write it; a StudyError for anything else."""
    from pydantic import TypeAdapter, ValidationError

    from qantar.errors import StudyError, fail
    from qantar.files.cells import Date

    if word is None:
        return None
    try:
        day: date = TypeAdapter(Date).validate_python(word)
    except ValidationError as error:
        said = dict(error.errors()[0].get("ctx", {}))
        raise fail(StudyError, option, str(said.pop("code")), **said) from None
    return day


def _days(first: date | None, last: date | None) -> tuple[date, date] | None:
    """The stretch asked for; where only one end is, 31 days."""
    from datetime import timedelta

    if first is None and last is None:
        return None
    if first is None:
        assert last is not None
        return last - timedelta(days=30), last
    return first, last or first + timedelta(days=30)
