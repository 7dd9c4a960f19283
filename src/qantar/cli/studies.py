"""Commands of studies, made from their descriptions: options from the fields, help from the catalogue, the rest is the same for all."""

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from qantar.cli.app import STORE, ClusterOption, DepotOption, JsonOption, ProcessesOption, StoreOption
from qantar.cli.pace import SURE
from qantar.cli.progress import interruptible, staging
from qantar.cli.text import print_json, tell
from qantar.messages import text


def command(name: str) -> Callable[..., None]:
    """The function of a kind's command, with the signature that its options give."""
    from qantar.studies import study

    described = study(name)

    def run(context: typer.Context, **values: Any) -> None:
        _run(described, {k: v for k, v in values.items() if k not in of_runner}, context.obj, **{k: values[k] for k in of_runner})

    out = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="cli.out_evidence")]
    of_work = {"processes": (ProcessesOption, None), "store": (StoreOption, STORE)}
    if described.simulates:
        of_work |= {"cluster": (ClusterOption, None), "depot": (DepotOption, None)}
    of_runner = of_work | {"out": (out, None), "json": (JsonOption, False)}
    besides = [_parameter(name, *of) for name, of in of_runner.items()]
    parameters = [_parameter("context", typer.Context), *_options(described), *besides]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _options(described: Any) -> list[inspect.Parameter]:
    """A parameter a field, in their order."""
    from qantar.studies.kind import flag, options_of, type_of

    found = []
    for name, option in options_of(described.options).items():
        info = described.options.model_fields[name]
        required = info.is_required()
        kind, default = type_of(info.annotation), None if required else info.get_default()
        low, high = getattr(option.fits, "low", None), getattr(option.fits, "high", None)
        limits = {} if low is None else {"min": low, "max": high}
        if option.argument:
            asked: Any = typer.Argument(metavar=option.metavar, help=option.help)
        else:
            asked = typer.Option(f"--{flag(name)}", metavar=option.metavar, help=option.help, **limits)
        if kind == tuple[str, ...]:
            kind, default = list[str], list(default) if default else None
        if default is None and not required:
            kind = kind | None
        found.append(_parameter(name, Annotated[kind, asked], inspect.Parameter.empty if required else default))
    return found


def _run(
    described: Any,
    values: Mapping[str, Any],
    lang: str,
    *,
    processes: int | None,
    store: Path,
    out: Path | None,
    json: bool,
    cluster: str | None = None,
    depot: str | None = None,
) -> None:
    """Do a study, write its folder and what else was asked for, and tell it."""
    from qantar.ensemble.runner import Runner, at_work
    from qantar.files.result import made_of
    from qantar.files.write import is_packed, refuse_foreign, refuse_foreign_file, write_file, write_result
    from qantar.studies.blocks import in_language
    from qantar.studies.kind import as_json, ask, files_of, options_of, page_of, result_of

    asked = ask(described, {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if v is not None})
    called = (asked.scenario.case.head.id if asked.scenario else "", described.name, asked.options.variant())
    folder = out or Path("results") / "-".join(filter(None, called))
    refuse_foreign(folder)  # a wrong path is said before the histories, not after
    for name, option in options_of(described.options).items():
        if option.writes and (place := getattr(asked.options, name)):
            refuse_foreign(place) if option.writes == "folder" else refuse_foreign_file(place, is_packed)

    def note(words: str | tuple[str, str]) -> None:
        sys.stderr.write(in_language(words, lang) + "\n")

    sure = SURE + described.alike(asked)
    with interruptible(lang, kept=described.simulates), staging(lang, sure=sure, compile_first=described.simulates) as told:
        with at_work(Runner(store, processes, told, note), cluster, depot) as runner:
            outcome = described.run(asked, runner)
        files = files_of(described, asked, outcome)
    folder = placed(write_result(folder, files), folder, lang)
    for place, content in outcome.elsewhere.items():
        placed(write_file(place, content, is_packed) if isinstance(content, bytes) else write_result(place, content), place, lang)
    result = result_of(files, made_of(files), asked.scenario)
    if json:
        print_json({"folder": str(folder), **as_json(result)})
        return
    tell(page_of(described, result), lang)
    sys.stdout.write(text("out.result_in", lang, path=folder) + "\n")


def placed(place: Path, asked: Path, lang: str) -> Path:
    """Say so where a result had to go beside the place that was asked for."""
    if place != asked:
        sys.stderr.write(text("out.beside", lang, path=asked, place=place) + "\n")
    return place
