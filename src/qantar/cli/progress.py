"""How far a long command is, on stderr, and how it is ended by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from qantar.cli.pace import SURE, Log, Pace
from qantar.messages import text


@contextmanager
def interruptible(lang: str, kept: bool = True) -> Iterator[None]:
    """Ctrl-C ends a long command with one sentence; what was finished stays."""
    import typer

    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("\n" + text("out.stopped_by_hand" if kept else "out.stopped_rerun", lang) + "\n")
        raise typer.Exit(130) from None


@contextmanager
def progress(lang: str) -> Iterator[Callable[[str], None]]:
    """Names each step: a spinner on a terminal, else one line a step on stderr."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False)
    if console.is_terminal:
        with console.status("") as status:
            yield lambda step: status.update(text(f"progress.{step}", lang))
    else:
        yield lambda step: console.print(text(f"progress.{step}", lang) + " …")


@contextmanager
def staging(lang: str, *, sure: int = SURE, compile_first: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """Several counts one after the other, each with its name and a time of its own: a bar on a terminal, else lines, on stderr (`pace`).

    Parameters
    ----------
    sure : how many must be finished before the time left is said
    compile_first : whether the engines are compiled when the first begins: what is wrong with what was asked is said before
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    counts: dict[str, tuple[Pace, Log]] = {}

    def begun(what: str, done: int, total: int) -> tuple[str, str, str]:
        """The name of a count; the key of the message about its time, empty if there is nothing to say, and that message."""
        if compile_first and not counts:
            _compile(lang)
        of, _, name = what.rpartition(": ")
        pace = counts.setdefault(what, (Pace(sure=sure), Log()))[0]
        seconds = pace.left(done, total)
        key = "progress.rough" if pace.is_rough else "progress.left"
        said = (key, time_left(seconds, key, lang)) if seconds else ("", "")
        return (f"{of}: " if of else "") + text(f"progress.{name}", lang), *said

    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("", total=None, left="", visible=False)  # until there is something to count

            def show(what: str, done: int, total: int) -> None:
                name, _, left = begun(what, done, total)
                bar.update(task, description=name, completed=done, total=total, left=left, visible=True)

            yield show
    else:

        def tell(what: str, done: int, total: int) -> None:
            name, key, left = begun(what, done, total)
            if counts[what][1].wants(done, total, key):
                console.print(f"{name} {done} / {total}{text('error.sep', lang) if left else ''}{left}")

        yield tell


def _compile(lang: str) -> None:
    """Compile the engines if they are not, which is said on stderr."""
    from qantar.ensemble.warm import compiled

    if not compiled():
        sys.stderr.write(text("progress.compile", lang) + "\n")
        sys.stderr.flush()
        compiled(now=True)


def time_left(seconds: float, key: str, lang: str) -> str:
    """Seconds that are left, in a unit a reader can wait in.

    >>> [time_left(n, "progress.left", "en") for n in (70.2, 600, 30_000)]
    ['about 70 s left', 'about 10 min left', 'about 8.3 h left']
    """
    unit, n = ("seconds", f"{seconds:.0f}") if seconds < 90 else ("minutes", f"{seconds / 60:.0f}")
    if seconds >= 5400:
        unit, n = "hours", f"{seconds / 3600:.1f}"
    return text(key, lang, time=text(f"out.{unit}", lang, n=n))
