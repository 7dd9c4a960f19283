"""Commands that make a case: a new one of any country."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from qantar.cli import text as terminal
from qantar.cli.app import Context, JsonOption, app
from qantar.messages import text


@app.command("new", help="cli.new_case")
def new(
    context: Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="cli.arg_new_case")],
    country: Annotated[str, typer.Option("--country", metavar="COUNTRY", help="cli.opt_country")],
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
    made = new_case(name, country, out or Path(name), days=days, adm1=adm1, lang=lang)
    if json:
        notes = [text(key, lang, **args) for key, args in made.notes]
        terminal.print_json({"folder": str(made.folder), **made.facts, "notes": notes})
        return
    shown = {**made.facts, "residents": f"{made.facts['residents']:,}"}
    terminal.say(text("new.written", lang, path=made.folder, **shown))
    if adm1 is not None:
        terminal.say(text("new.read_by" if made.facts["id_property"] else "new.read_by_name", lang, **shown))
    for key, args in made.notes:
        terminal.say(text(key, lang, **args))
    if days is None:
        terminal.say(text("new.days_are_mended", lang))
    terminal.say(text("new.next", lang, path=made.folder, scale=f"{first_scale(made.facts['residents']):g}"))


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
