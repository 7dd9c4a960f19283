"""The tree of commands and the options that several of them have."""

from pathlib import Path
from typing import Annotated, Any

import typer

from qantar.files.places import user_store
from qantar.messages import text

STYLE: dict[str, Any] = {
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
app = typer.Typer(help="cli.about", epilog="cli.epilog", no_args_is_help=True, **STYLE)
ledger_app = typer.Typer(help="cli.account", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(ledger_app, name="account")
Context = typer.Context
AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="cli.arg_account")]
DocumentArgument = Annotated[Path, typer.Argument(metavar="DOCUMENT", help="cli.arg_document")]
CaseOption = Annotated[str, typer.Option("--case", metavar="CASE", help="cli.case")]
DocumentOption = Annotated[Path | None, typer.Option("--document", metavar="FILE", help="cli.document")]
ProcessesOption = Annotated[int | None, typer.Option(min=1, max=1024, help="cli.opt_processes")]
StoreOption = Annotated[Path, typer.Option("--store", metavar="FOLDER", help="cli.opt_store", show_default=False)]
ClusterOption = Annotated[str | None, typer.Option("--cluster", metavar="ADDRESS", help="cli.opt_cluster")]
DepotOption = Annotated[str | None, typer.Option("--depot", metavar="ADDRESS", help="cli.opt_depot")]
STORE = user_store()
JsonOption = Annotated[bool, typer.Option("--json", help="cli.json")]


def one_of(option: str, value: str | None, known: tuple[str, ...], lang: str) -> None:
    if value not in (None, *known):
        raise typer.BadParameter(text("cli.bad_choice", lang, value=value, choices=", ".join(known)), param_hint=option)
