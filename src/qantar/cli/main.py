"""The command line: parses what was asked, calls the same functions as Python does, prints what came.

Heavy imports stand inside the commands, so that `--help` is quick. Every help text is a key of the catalogue, which
`build` replaces by the sentence in the reader's language; commands find that language in `context.obj`. Typer reads
annotations when the module is loaded, so they may not be strings here.
"""

import gc
import io
import itertools
import re
import sys
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any

import typer

import qantar
from qantar import follow
from qantar.cli import account, case, importing, lookup, serve, streams, study  # noqa: F401 - they put their commands into the tree
from qantar.cli.app import STYLE, Context, app, one_of
from qantar.cli.text import problem_text
from qantar.messages import LANGUAGES, catalogue, keys_under, language
from qantar.studies import KINDS

_UsageFault: Any = typer.BadParameter.__mro__[2]
"""What the parser raises for any mistake in what was asked; it has no public name."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point of `qantar`: a user's mistake gives its sentence and exit status 2, never a traceback."""
    if arguments is None:  # a command keeps what it reads to its end: to look through it for what may go took a seventh of its time
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
    words = sys.argv[1:] if arguments is None else arguments
    lang = language(_asked_language(words))
    streams.prepare()
    follow.lead()
    from qantar.errors import QantarError

    try:
        status = _run(words, lang)
    except _UsageFault as fault:
        shown = io.StringIO()
        fault.show(shown)
        streams.complain(_parsers_words(shown.getvalue(), lang))
        status = fault.exit_code
    except typer.Abort:
        status = 1
    except QantarError as error:
        if "--debug" in words:
            raise
        streams.complain(problem_text(error, lang, as_json="--json" in words))
        status = 2
    streams.settle()
    sys.exit(status)


def _run(words: list[str], lang: str) -> int:
    """Do a command and hand over what it printed; gives its exit status.

    Raises
    ------
    ResultError
        For what the system refuses: a full disk behind stdout, a name that is too long.
    """
    from qantar.errors import ResultError, StudyError, fail

    if wrong := [w for w in words if not w.isascii() and any("\ud800" <= c <= "\udfff" for c in w)]:
        raise fail(StudyError, ascii(wrong[0]), "not_unicode")
    try:
        asked = [word for word in words if word in KINDS][:1]
        status = build(lang, asked).main(args=words, prog_name="qantar", obj=lang, standalone_mode=False) or 0
        sys.stdout.flush()
    except BrokenPipeError:  # `qantar verdicts ... | head` is no fault
        return 0
    except OSError as error:
        if "--debug" in words:
            raise
        if error.filename is None and streams.is_broken(sys.stdout):
            raise fail(ResultError, "stdout", "cannot_print", reason=error.strerror or str(error)) from None
        raise fail(ResultError, error.filename or "qantar", "system", reason=error.strerror or str(error)) from None
    return int(status)


def _asked_language(words: list[str]) -> str | None:
    for word, following in itertools.pairwise([*words, ""]):
        if word == "--lang" and following in LANGUAGES:
            return following
        if word.startswith("--lang="):
            return word.removeprefix("--lang=")
    return None


def build(lang: str, names: Iterable[str] = KINDS) -> Any:
    """The command tree with its help in one language; of kinds of study, those named with their options."""
    command: Any = typer.main.get_command(app)
    for name in names:
        command.commands[name] = _study_command(name)
    first = ("study", *KINDS)
    command.commands = {name: command.commands[name] for name in dict.fromkeys([*first, *command.commands])}
    _translate(command, lang)
    return command


def _study_command(name: str) -> Any:
    """The command of a kind of study, from its description."""
    from qantar.cli.studies import command

    alone = typer.Typer(add_completion=False, **STYLE)
    alone.command(name, help=f"cli.{name}")(command(name))
    return typer.main.get_command(alone)


def _stub() -> None:
    """Stands for a study in the list of commands: its options are read only when it is asked for."""


for _name in KINDS:
    app.command(_name, help=f"cli.{_name}")(_stub)


def _translate(command: Any, lang: str) -> None:
    messages = catalogue(lang)
    if lang != "en":
        command.get_help = lambda context: _parsers_words(type(command).get_help(command, context), lang)
    for node in (command, *command.params):
        for name in ("help", "epilog"):
            key = getattr(node, name, None)
            if key in messages:
                setattr(node, name, messages[key])
    if command.help:
        command.short_help = command.help.split("\n")[0]  # whole, not cut at some column
    for child in getattr(command, "commands", {}).values():
        _translate(child, lang)


def _parsers_words(shown: str, lang: str) -> str:
    """A help text or an error with what the parser of options says of its own put into the reader's language.

    >>> _parsers_words("Usage: qantar show [OPTIONS]", "zh")
    '用法：qantar show [选项]'
    """
    if lang == "en":
        return shown
    for key in keys_under("parser"):
        own, ours = catalogue("en")[f"parser.{key}"], catalogue(lang)[f"parser.{key}"]
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^\\n]+?)", re.escape(own).replace(r"\ ", r"\s+"))
        if own.endswith("}"):
            pattern += r"(?=\s|$)"
        if own.endswith(" "):
            pattern = pattern.removesuffix(r"\s+") + r"(?: |(?=\n))"
        shown = re.sub(pattern, partial(_filled, ours), shown, flags=re.MULTILINE)
    return shown


def _filled(template: str, match: re.Match[str]) -> str:
    return template.format(**match.groupdict())


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"qantar {qantar.__version__}")
        raise typer.Exit


@app.callback()
def _start(
    context: Context,
    lang: Annotated[str | None, typer.Option("--lang", metavar="en|zh", help="cli.lang")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="cli.debug")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="cli.version")] = False,
) -> None:
    one_of("--lang", lang, LANGUAGES, context.obj)
