"""The command line: parses what was asked, calls the same functions as Python does, prints what came.

Heavy imports stand inside the commands, so that `--help` is quick. Every help text is a key of the catalogue, which
`build` replaces by the sentence in the reader's language; commands find that language in `context.obj`. Typer reads
annotations when the module is loaded, so they may not be strings here.
"""

import io
import itertools
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

import qantar
from qantar import follow
from qantar.cli import streams
from qantar.cli.studies import placed as _placed
from qantar.files.places import user_store
from qantar.messages import LANGUAGES, catalogue, keys_under, language, text
from qantar.studies import KINDS

_STYLE: dict[str, Any] = {
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
app = typer.Typer(help="cli.about", epilog="cli.epilog", no_args_is_help=True, **_STYLE)
ledger_app = typer.Typer(help="cli.account", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(ledger_app, name="account")

_UsageFault: Any = typer.BadParameter.__mro__[2]
"""What the parser raises for any mistake in what was asked; it has no public name."""
Context = typer.Context
AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="cli.arg_account")]
DocumentArgument = Annotated[Path, typer.Argument(metavar="DOCUMENT", help="cli.arg_document")]
CaseOption = Annotated[str, typer.Option("--case", metavar="CASE", help="cli.case")]
DocumentOption = Annotated[Path | None, typer.Option("--document", metavar="FILE", help="cli.document")]
ProcessesOption = Annotated[int | None, typer.Option(min=1, max=1024, help="cli.opt_processes")]
StoreOption = Annotated[Path, typer.Option("--store", metavar="FOLDER", help="cli.opt_store", show_default=False)]
STORE = user_store()
STUDY_SCALE = 0.1
"""What `qantar run` and others simulate with nothing said, so that all use the same kept histories."""
JsonOption = Annotated[bool, typer.Option("--json", help="cli.json")]


def main(arguments: list[str] | None = None) -> None:
    """Entry point of `qantar`: a user's mistake gives its sentence and exit status 2, never a traceback."""
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
        streams.complain(_problems(error, lang, as_json="--json" in words))
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


def _problems(error: Any, lang: str, *, as_json: bool) -> str:
    """Problems as they are shown, in words or as JSON."""
    from qantar.cli.text import as_text

    if as_json:
        return as_text({"error": {"problems": [p.as_dict(lang) for p in error.problems]}})
    lines = [p.render(lang) for p in error.problems]
    if len(lines) > 1:
        lines.append(text("error.count", lang, n=len(lines)))
    return "\n".join(lines) + "\n"


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

    alone = typer.Typer(add_completion=False, **_STYLE)
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
    _one_of("--lang", lang, LANGUAGES, context.obj)


def _one_of(option: str, value: str | None, known: tuple[str, ...], lang: str) -> None:
    if value not in (None, *known):
        raise typer.BadParameter(text("cli.bad_choice", lang, value=value, choices=", ".join(known)), param_hint=option)


@app.command(help="cli.study")
def study(
    context: Context,
    account: AccountArgument,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="cli.out_study")] = None,
    document: DocumentOption = None,
    draws: Annotated[int | None, typer.Option(min=0, max=100_000, help="cli.opt_study_draws")] = None,
    again: Annotated[int | None, typer.Option("--again", min=0, max=10_000, help="cli.opt_again")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**40, help="cli.opt_again_seed")] = 1,
    full: Annotated[bool, typer.Option("--full", help="cli.opt_full")] = False,
    processes: ProcessesOption = None,
    store: StoreOption = STORE,
    json: JsonOption = False,
) -> None:
    sys.stderr.write(text("progress.load", context.obj) + " …\n")  # before anything that takes a second
    sys.stderr.flush()
    from qantar.cli import text as terminal
    from qantar.files.write import refuse_foreign
    from qantar.report.write import inputs_of, unchanged
    from qantar.report.write import study_account as run
    from qantar.verdicts.claims import judge
    from qantar.verdicts.load import load_account

    lang = context.obj
    loaded = load_account(account)
    notice = _notice(document, loaded.account, lang)
    folder = out or Path("results") / Path(account).resolve().name
    refuse_foreign(folder)  # a wrong path is said before the histories, not after
    inputs = inputs_of(loaded, draws=draws, again=again, seed=seed)
    judged = judge(loaded.account, loaded.trials())
    result = None if full else unchanged(folder, inputs)
    told = terminal.verdict_summary if not json else lambda *said, **more: None
    if result is not None:
        told(loaded, judged, lang, (result["model"] or {"runs": 0})["runs"], fitted=bool(result["calibrated"]))
    else:
        shown = _shown(loaded, draws, store)
        told(loaded, judged, lang, shown.n if shown else 0, fitted=bool(shown and shown.made))
        sys.stdout.flush()
        histories = _histories(shown, lang, loaded, store) if shown else None
        sampled = _sampled(shown, lang, again=again, seed=seed, full=full, processes=processes) if shown else None
        repeated = _in_full(loaded, lang, folder, processes) if full else []
        with terminal.progress(lang) as step:
            place, result = run(loaded, folder, step, histories, sampled, repeated, inputs=inputs)
        folder = _placed(place, folder, lang)
        if repeated and not json:
            terminal.repeated_table(repeated, lang)
    sys.stderr.write(notice)
    if json:
        terminal.print_json({"folder": str(folder), **result})
        return
    terminal.sample_lines(result, lang)
    terminal.say(text("out.files", lang))
    sys.stdout.write(text("out.written", lang, path=folder / "report.html") + "\n")  # never wrapped: a path to copy


@dataclass(frozen=True)
class _Shown:
    """The histories that a study shows: as they ship, or a recipe for them."""

    scenario: Any
    n: int
    made: dict[str, Any] | None
    """how the posterior they draw from was made"""
    ships: Any = None
    recipe: Any = None


def _shown(loaded: Any, draws: int | None, store: Path) -> _Shown | None:
    """Which histories a study shows: those asked for, else those that ship with the account's own case, else none."""
    from qantar.ensemble.store import Recipe, keep_draws
    from qantar.errors import DataError, Problems
    from qantar.inference.packed import read
    from qantar.inference.posterior import fits, read_fit
    from qantar.scenario.scenario import FILE, read_scenario, resolve

    if not (loaded.case.folder / FILE).is_file() or draws == 0 or (draws is None and loaded.own):
        return None
    problems = Problems()
    scenario = read_scenario(loaded.case.folder, problems, loaded.case)  # the case is read already
    problems.raise_as(DataError)
    assert scenario is not None  # no problem means it was read
    if draws is None:
        ships = read(scenario)
        return _Shown(scenario, ships.runs.n, ships.provenance["posterior"], ships=ships) if ships else None
    plan = resolve(scenario, scale=STUDY_SCALE)
    fit = read_fit(loaded.case.folder)
    if fit is None or not fits(fit.posterior.made, plan):
        return _Shown(scenario, draws, None, recipe=Recipe(plan, seed=1))
    recipe = Recipe(plan, 1, sampling="given", given=keep_draws(store, fit.posterior.values))
    return _Shown(scenario, min(draws, len(fit.posterior.values)), fit.posterior.made, recipe=recipe)


def _histories(shown: _Shown, lang: str, loaded: Any, store: Path) -> Any:
    """The histories: simulated, unless they ship."""
    from qantar.cli import text as terminal
    from qantar.ensemble.run import case_sha256
    from qantar.ensemble.run import run as do
    from qantar.ensemble.runner import Runner
    from qantar.record.observables import observe

    if shown.ships is not None:
        return shown.ships
    with terminal.interruptible(lang), terminal.staging(lang) as told:
        runner = Runner(store, progress=told)
        return do(shown.recipe, shown.n, observe(loaded.case.record), case_sha256(loaded.case), runner, shown.made)


def _sampled(shown: _Shown, lang: str, *, again: int | None, seed: int, full: bool, processes: int | None) -> Any:
    """Some of the histories that ship and of the effects of experiments, simulated again; None where nothing was."""
    from qantar.cli import text as terminal
    from qantar.ensemble.warm import compiled
    from qantar.studies.shown import EFFECTS, SAMPLE, sample
    from qantar.verdicts.hypotheses import read_trials

    times = (1 if shown.ships else 0) if again is None else again
    tried = any(t.type == "counterfactual" and t.rows for t in read_trials(shown.scenario.case.folder).values())
    histories = 0 if shown.ships is None else shown.n if full else min(times * SAMPLE, shown.n)
    effects = times * EFFECTS * tried
    if not histories + effects:
        return None
    sys.stderr.write(text("progress.sample", lang, n=histories, of=shown.n, effects=effects, seed=seed) + "\n")
    if not compiled():
        sys.stderr.write(text("progress.compile", lang) + "\n")
    with terminal.interruptible(lang), terminal.counting(lang, histories + (effects > 0), what="again") as counted:
        return sample(shown.scenario, shown.ships, histories=histories, effects=effects, seed=seed, processes=processes, progress=counted)


def _in_full(loaded: Any, lang: str, folder: Path, processes: int | None) -> Any:
    """Everything that ships with the account's case, made again beside the study's folder."""
    from qantar.cli import text as terminal
    from qantar.ensemble.runner import Runner
    from qantar.studies.repeat import expected, repeat, shipped

    results = shipped(loaded.case.folder)
    terminal.in_full(lang, len(results), expected(results, processes))
    with terminal.interruptible(lang), terminal.staging(lang) as told:
        place = folder.parent / f"{folder.name}-full"

        def failed(error: Any) -> None:
            streams.complain(_problems(error, lang, as_json=False))

        runner = Runner(processes=processes, progress=told)
        return repeat(results, loaded.case.folder, place, runner=runner, begun=partial(terminal.begun, lang), failed=failed)


@app.command(help="cli.rerun")
def rerun(
    context: Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="cli.arg_result")],
    case: Annotated[str | None, typer.Option(metavar="CASE", help="cli.opt_rerun_case")] = None,
    processes: ProcessesOption = None,
    json: JsonOption = False,
) -> None:
    from qantar.cli import text as terminal
    from qantar.ensemble.runner import Runner
    from qantar.files.result import command_line
    from qantar.studies.repeat import rerun as do

    lang = context.obj
    with terminal.interruptible(lang, kept=False), terminal.staging(lang) as told:
        made, differ = do(folder, Runner(processes=processes, progress=told), case)
    line = command_line(made)
    if json:
        terminal.print_json({"same": not differ, "differ": differ, **made, "command": line})
    else:
        terminal.say(text("out.rerun_differs", lang, files=", ".join(differ)) if differ else text("out.remade_same", lang, command=line))
    if differ:
        raise typer.Exit(1)

    sys.stdout.write(text("out.written", lang, path=folder / "result.json") + "\n")


@app.command(help="cli.export")
def export(
    context: Context,
    account: AccountArgument,
    study: Annotated[Path | None, typer.Option("--study", metavar="FOLDER", help="cli.opt_study")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="cli.out_export")] = None,
    json: JsonOption = False,
) -> None:
    from qantar.cli import text as terminal
    from qantar.report.crate import export as do
    from qantar.verdicts.load import load_account

    lang = context.obj
    name = Path(account).resolve().name
    loaded = load_account(account)
    folder = out or Path("results") / f"{name}-crate"
    place, n = do(loaded, study or Path("results") / name, folder)
    folder = _placed(place, folder, lang)
    if json:
        terminal.print_json({"folder": str(folder), "files": n})
        return
    sys.stdout.write(text("out.exported", lang, n=n, path=folder) + "\n")


@app.command(help="cli.verdicts")
def verdicts(
    context: Context,
    account: AccountArgument,
    kind: Annotated[str | None, typer.Option(help="cli.opt_kind")] = None,
    verdict: Annotated[str | None, typer.Option(help="cli.opt_verdict")] = None,
    section: Annotated[int | None, typer.Option(help="cli.opt_section")] = None,
    flag: Annotated[str | None, typer.Option(help="cli.opt_flag")] = None,
    document: DocumentOption = None,
    json: JsonOption = False,
) -> None:
    from qantar.account.ledger import KINDS
    from qantar.cli import text as terminal
    from qantar.verdicts.claims import FLAGS, WORDS, judge
    from qantar.verdicts.load import load_account

    lang = context.obj
    for option, value, known in (("--kind", kind, KINDS), ("--verdict", verdict, WORDS), ("--flag", flag, FLAGS)):
        _one_of(option, value, known, lang)
    loaded = load_account(account)
    sys.stderr.write(_notice(document, loaded.account, lang))
    if section is not None:
        sections = sorted({c.section for c in loaded.account.claims})
        _one_of("--section", str(section), tuple(map(str, sections)), lang)
    wanted = {"kind": kind, "section": section}
    chosen = [
        j
        for j in judge(loaded.account, loaded.trials())
        if all(value in (None, getattr(j.claim, name)) for name, value in wanted.items())
        and verdict in (None, j.word)
        and (flag is None or flag in j.flags)
    ]
    if json:
        terminal.print_json([{**j.as_dict(), "repeat": j.repeat(loaded.name, loaded.case_name)} for j in chosen])
        return
    terminal.verdict_table(chosen, lang)
    terminal.earlier_verdicts(chosen, lang)
    terminal.verdict_summary(loaded, chosen, lang)
    terminal.say(text("out.marks", lang))


@ledger_app.command(help="cli.outline")
def outline(
    context: Context,
    document: DocumentArgument,
    ledger: Annotated[str | None, typer.Option("--ledger", metavar="ACCOUNT", help="cli.ledger")] = None,
    case: CaseOption = "kazakhstan-2022",
    every: Annotated[bool, typer.Option("--all", help="cli.all")] = False,
    json: JsonOption = False,
) -> None:
    from qantar.account.document import candidates, read_document
    from qantar.account.ledger import read_claims
    from qantar.account.skeleton import uncovered
    from qantar.cases.case import load_case
    from qantar.cli import text as terminal
    from qantar.lookup.likely import likely

    with terminal.progress(context.obj) as step:
        step("read")
        read = read_document(document)
        loaded = _ledger_for(read, ledger)
        country = loaded.case if loaded else load_case(case)
        account = loaded.account if loaded else None
        sentences = candidates(read, country.place_names(), country.head.country)
        found = uncovered(sentences, account)
        judged = account or read_claims(country.folder)  # what others have judged on the same days
        near = likely(sentences, read.language, country, [c for c in judged.claims if c.verdict != "open"] if judged else ())
    if json:
        terminal.print_json(terminal.outline_json(read, found, account, near))
        return
    terminal.outline(read, found, account, near, every, context.obj)
    if any(x.events or x.claims for x in near):
        terminal.say(text("out.likely_note", context.obj, case=loaded.name if loaded else case))
    sys.stderr.write(_notice(document, account, context.obj) if account else "")


@ledger_app.command(help="cli.new")
def new(
    context: Context,
    document: DocumentArgument,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="cli.out_new")] = None,
    case: CaseOption = "kazakhstan-2022",
    json: JsonOption = False,
) -> None:
    from qantar.account.document import candidates, read_document
    from qantar.account.skeleton import slug, write_skeleton
    from qantar.cases.case import case_names, load_case
    from qantar.cli import text as terminal

    with terminal.progress(context.obj) as step:
        step("read")
        read = read_document(document)
        _one_of("--case", case, tuple(case_names()), context.obj)
        country = load_case(case)
        found = candidates(read, country.place_names(), country.head.country)
        folder = out or Path(f"{slug(read)}-ledger")
        write_skeleton(read, found, case, folder)
    if json:
        terminal.print_json({"folder": str(folder), "claims": len(found), "sha256": read.sha256})
    else:
        terminal.say(text("out.new_written", context.obj, path=folder, n=len(found)))


@app.command(help="cli.check")
def check(
    context: Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="cli.arg_path")],
    document: DocumentOption = None,
    json: JsonOption = False,
) -> None:
    from qantar.cli import text as terminal
    from qantar.errors import DataError, Problems, StudyError, fail
    from qantar.lookup.check import check as run
    from qantar.lookup.check import ledger_at

    lang = context.obj
    problems = Problems()
    checked = run(path, problems)
    ledger = ledger_at(path)
    if document is not None:
        from qantar.account.copies import check_copies
        from qantar.account.document import read_document

        if ledger is None:
            raise fail(StudyError, "--document", "no_ledger", value=path)
        check_copies(ledger.claims, read_document(document), problems)
        sys.stderr.write(_notice(document, ledger, lang))
    n_open = sum(c.verdict == "open" for c in ledger.claims) if ledger else 0
    if json:
        files = [{"file": c.file, "kind": c.kind, "rows": c.rows} for c in checked]
        terminal.print_json({"files": files, "open": n_open, "problems": [p.as_dict(lang) for p in problems.found]})
        raise typer.Exit(2 if problems.found else 0)
    problems.raise_as(DataError)
    heads = [text(f"out.{k}", lang) for k in ("file", "what", "rows")]
    terminal.grid(heads, [[c.file, terminal.file_kind(c.kind, lang), c.rows] for c in checked])
    terminal.say(text("check.clean", lang, n=len(checked)))
    if ledger:
        counts = {"open": n_open, "written": len(ledger.claims) - n_open}
        terminal.say(text("check.ledger", lang, **counts))


@app.command("list", help="cli.list")
def list_(
    context: Context,
    case: Annotated[str | None, typer.Argument(metavar="CASE", help="cli.arg_case")] = None,
    json: JsonOption = False,
) -> None:
    from qantar.cases.case import case_names
    from qantar.cli import text as terminal
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
    from qantar.cli import text as terminal
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
    from qantar.cli import text as terminal
    from qantar.studies.kind import as_json
    from qantar.studies.shipped import result_in

    described, result = result_in(folder)
    if json:
        terminal.print_json({"folder": str(folder), **as_json(result)})
    else:
        terminal.tell(described.page(result), lang)


@app.command(help="cli.explain")
def explain(
    context: Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="cli.arg_name")] = None,
    json: JsonOption = False,
) -> None:
    from qantar.cli import text as terminal
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


def _notice(path: Path | None, account: Any, lang: str) -> str:
    """Whether the document at hand is the one the ledger was written for, and claims that stand where it has no text."""
    if path is None:
        return ""
    from qantar.account.document import read_document

    document = read_document(path)
    match = account.match(document)
    args = {"ledger": account.head.id}
    if match == "other":
        args |= {"sha": document.sha256[:12], "expected": account.head.document.sha256[:12]}
    lines = [text(f"out.{match}", lang, **args)]
    positions = [s.position for s in document.sentences()]
    if lost := [c.claim_id for c in account.claims if not any(map(c.covers, positions))]:
        lines.append(text("out.no_such_place", lang, n=len(lost), claims=", ".join(lost[:10])))
    return "\n".join(lines) + "\n"


def _ledger_for(document: Any, name: str | None) -> Any:
    """The ledger asked for, else the packaged one written for this document, else None."""
    from qantar.cases.case import case_names
    from qantar.verdicts.load import load_account

    if name is not None:
        return load_account(name)
    return next((x for x in map(load_account, case_names()) if x.account.match(document) != "other"), None)
