"""The main job and what is done with its results: study, rerun, export."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from qantar.cli import progress, streams
from qantar.cli import text as terminal
from qantar.cli.account import notice
from qantar.cli.app import (
    STORE,
    AccountArgument,
    ClusterOption,
    Context,
    DepotOption,
    DocumentOption,
    JsonOption,
    ProcessesOption,
    StoreOption,
    app,
)
from qantar.cli.studies import placed
from qantar.messages import text


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
    from qantar.files.write import refuse_foreign
    from qantar.report.write import inputs_of, unchanged
    from qantar.report.write import study_account as run
    from qantar.verdicts.claims import judge
    from qantar.verdicts.load import load_account

    lang = context.obj
    loaded = load_account(account)
    about = notice(document, loaded.account, lang)
    if document is not None:
        loaded = _beside(loaded, document)
    folder = out or Path("results") / Path(account).resolve().name
    refuse_foreign(folder)  # a wrong path is said before the histories, not after
    inputs = inputs_of(loaded, draws=draws, again=again, seed=seed, quoted=dict(loaded.account.quoted))
    judged = judge(loaded.account, loaded.trials())
    result = None if full else unchanged(folder, inputs)
    told = terminal.verdict_summary if not json else lambda *said, **more: None
    if result is not None:
        told(loaded, judged, lang, (result["model"] or {"runs": 0})["runs"], fitted=bool(result["calibrated"]))
    else:
        shown = _shown(loaded, draws, store, lang)
        told(loaded, judged, lang, shown.n if shown else 0, fitted=bool(shown and shown.made))
        sys.stdout.flush()
        histories = _histories(shown, lang, loaded, store) if shown else None
        sampled = _sampled(shown, lang, again=again, seed=seed, full=full, processes=processes) if shown else None
        repeated = _in_full(loaded, lang, folder, processes) if full else []
        with progress.progress(lang) as step:
            place, result = run(loaded, folder, step, histories, sampled, repeated, inputs=inputs)
        folder = placed(place, folder, lang)
        if repeated and not json:
            terminal.repeated_table(repeated, lang)
    sys.stderr.write(about)
    if json:
        terminal.print_json({"folder": str(folder), **result})
        return
    terminal.sample_lines(result, lang)
    _remarks(loaded, account, lang, judged=bool(judged))
    terminal.say(text("out.files" if judged else "out.files_record", lang))
    sys.stdout.write(text("out.written", lang, path=folder / "report.html") + "\n")  # never wrapped: a path to copy


def _beside(loaded: Any, document: Path) -> Any:
    """The account with the sentences of its document for claims that nobody has paraphrased."""
    from qantar.account.document import read_document

    return replace(loaded, account=loaded.account.beside(read_document(document)))


def _remarks(loaded: Any, account: str, lang: str, *, judged: bool) -> None:
    """What is to be known of a page before it is passed on: rows not kept or changed since, sentences quoted, words left out."""
    from qantar.cases.case import packaged_names
    from qantar.lookup.check import waiting

    if (n := waiting(loaded.account, packaged=account in packaged_names())["not_kept"]) and judged:
        terminal.say(text("check.not_kept", lang, n=n, path=account))
    terminal.rows_changed(loaded.account, lang)
    if loaded.account.quoted:
        terminal.say(text("out.quoted", lang, n=len(loaded.account.quoted)))
    for key, n in loaded.case.record.withheld().items():
        terminal.say(text("out.withheld", lang, key=key, n=n))


@dataclass(frozen=True)
class _Shown:
    """The histories that a study shows: as they ship, or a recipe for them."""

    scenario: Any
    n: int
    made: dict[str, Any] | None
    """how the posterior they draw from was made"""
    ships: Any = None
    recipe: Any = None


def _shown(loaded: Any, draws: int | None, store: Path, lang: str) -> _Shown | None:
    """Which histories a study shows: those asked for, else those that ship with the account's own case, else none."""
    from qantar.ensemble.store import Recipe, keep_draws
    from qantar.errors import DataError, Problems
    from qantar.inference.packed import read
    from qantar.inference.posterior import shipped_posterior, told_unused
    from qantar.scenario.scenario import FILE, read_scenario, resolve
    from qantar.studies.blocks import in_language
    from qantar.studies.kind import STUDY_SCALE

    if not (loaded.case.folder / FILE).is_file() or draws == 0 or (draws is None and loaded.own):
        return None
    problems = Problems()
    scenario = read_scenario(loaded.case.folder, problems, loaded.case)  # the case is read already
    problems.raise_as(DataError)
    assert scenario is not None  # no problem means it was read
    if draws is None:
        ships = read(scenario)
        return _Shown(scenario, ships.runs.n, ships.provenance["posterior"], ships=ships) if ships else None
    if (posterior := shipped_posterior(scenario)) is None:
        if unused := told_unused(scenario):
            sys.stderr.write(in_language(unused, lang) + "\n")
        return _Shown(scenario, draws, None, recipe=Recipe(resolve(scenario, scale=STUDY_SCALE), seed=1))
    plan, given = resolve(scenario, scale=posterior.made["scale"]), keep_draws(store, posterior.values)
    recipe = Recipe(plan, 1, sampling="given", given=given)
    return _Shown(scenario, min(draws, len(posterior.values)), posterior.made, recipe=recipe)


def _histories(shown: _Shown, lang: str, loaded: Any, store: Path) -> Any:
    """The histories: simulated, unless they ship."""
    from qantar.ensemble.run import run as do
    from qantar.ensemble.runner import Runner

    if shown.ships is not None:
        return shown.ships
    with progress.interruptible(lang), progress.staging(lang) as told:
        runner = Runner(store, progress=told)
        return do(shown.recipe, shown.n, loaded.case, runner, shown.made)


def _sampled(shown: _Shown, lang: str, *, again: int | None, seed: int, full: bool, processes: int | None) -> Any:
    """Some of the histories that ship and of the effects of experiments, simulated again; None where nothing was."""
    from qantar.ensemble.runner import Runner
    from qantar.studies.shown import EFFECTS, SAMPLE, sample
    from qantar.verdicts.hypotheses import read_trials

    times = (1 if shown.ships else 0) if again is None else again
    tried = any(t.type == "counterfactual" and t.rows for t in read_trials(shown.scenario.case.folder).values())
    histories = 0 if shown.ships is None else shown.n if full else min(times * SAMPLE, shown.n)
    effects = times * EFFECTS * tried
    if not histories + effects:
        return None
    sys.stderr.write(text("progress.sample", lang, n=histories, of=shown.n, effects=effects, seed=seed) + "\n")
    with progress.interruptible(lang), progress.staging(lang) as told:
        runner = Runner(processes=processes, progress=told)
        return sample(shown.scenario, shown.ships, runner, histories=histories, effects=effects, seed=seed)


def _in_full(loaded: Any, lang: str, folder: Path, processes: int | None) -> Any:
    """Everything that ships with the account's case, made again beside the study's folder."""
    from qantar.ensemble.runner import Runner
    from qantar.studies.repeat import expected, repeat, repeatable

    results = repeatable(loaded.case.folder)
    sys.stderr.write(text("out.full", lang, n=len(results), hours=f"{expected(results, processes) / 60:.1f}") + "\n")
    with progress.interruptible(lang), progress.staging(lang) as told:
        place = folder.parent / f"{folder.name}-full"

        def begun(name: str, minutes: float) -> None:
            sys.stderr.write((text("out.full_begun", lang, what=name, n=f"{minutes:.0f}") if minutes else name) + "\n")

        def failed(error: Any) -> None:
            streams.complain(terminal.problem_text(error, lang, as_json=False))

        return repeat(results, loaded.case.folder, place, runner=Runner(processes=processes, progress=told), begun=begun, failed=failed)


@app.command(help="cli.evidence")
def evidence(
    context: Context,
    case: Annotated[str, typer.Argument(metavar="CASE", help="cli.arg_evidence_case")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="cli.out_all_evidence")] = Path("results/evidence"),
    beside: Annotated[Path, typer.Option("--beside", metavar="FOLDER", help="cli.opt_beside")] = Path("evidence"),
    processes: ProcessesOption = None,
    store: StoreOption = STORE,
    cluster: ClusterOption = None,
    depot: DepotOption = None,
) -> None:
    import subprocess

    from qantar.cases.case import find_folder
    from qantar.scenario.plan import FILE
    from qantar.studies.making import Step, make_all

    lang = context.obj

    def run(words: Any) -> None:
        given = {"store": store, "processes": processes, "cluster": cluster, "depot": depot}
        of_runner = [f"--{name}={value}" for name, value in given.items() if value is not None]
        done = subprocess.run([sys.executable, "-m", "qantar", f"--lang={lang}", *words, *of_runner], check=False)
        if done.returncode:
            raise typer.Exit(done.returncode)

    def begun(step: Step) -> None:
        hours, minutes = divmod(round(step.minutes), 60)
        time = f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
        sys.stdout.write(text("out.evidence_begun", lang, n=step.number, of=step.of, what=step.name, time=time) + "\n")
        sys.stdout.flush()

    made = make_all(case, find_folder(case, FILE), out, beside, run, begun)
    sys.stdout.write(text("out.evidence_made" if made else "out.evidence_same", lang, n=len(made)) + "\n")


@app.command(help="cli.rerun")
def rerun(
    context: Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="cli.arg_result")],
    case: Annotated[str | None, typer.Option(metavar="CASE", help="cli.opt_rerun_case")] = None,
    processes: ProcessesOption = None,
    json: JsonOption = False,
) -> None:
    from qantar.ensemble.runner import Runner
    from qantar.files.result import command_line
    from qantar.studies.repeat import rerun as do

    lang = context.obj
    with progress.interruptible(lang, kept=False), progress.staging(lang) as told:
        made, differ = do(folder, Runner(processes=processes, progress=told), case)
    line = command_line(made)
    if json:
        terminal.print_json({"same": not differ, "differ": differ, **made, "command": line})
    else:
        terminal.say(text("out.rerun_differs", lang, files=", ".join(differ)) if differ else text("out.remade_same", lang, command=line))
    if differ:
        raise typer.Exit(1)


@app.command(help="cli.export")
def export(
    context: Context,
    account: AccountArgument,
    study: Annotated[Path | None, typer.Option("--study", metavar="FOLDER", help="cli.opt_study")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="cli.out_export")] = None,
    json: JsonOption = False,
) -> None:
    from qantar.report.crate import export as do
    from qantar.verdicts.load import load_account

    lang = context.obj
    name = Path(account).resolve().name
    loaded = load_account(account)
    folder = out or Path("results") / f"{name}-crate"
    place, n = do(loaded, study or Path("results") / name, folder)
    folder = placed(place, folder, lang)
    if json:
        terminal.print_json({"folder": str(folder), "files": n})
        return
    sys.stdout.write(text("out.exported", lang, n=n, path=folder) + "\n")
