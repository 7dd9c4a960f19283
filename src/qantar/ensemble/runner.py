"""Who simulates: where histories are kept, on how many processes or on which cluster, and who is told how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from qantar.ensemble.cluster import Cluster, joined
from qantar.ensemble.depot import Depot
from qantar.ensemble.histories import Runs, arrays
from qantar.ensemble.local import run_ensembles
from qantar.ensemble.pool import R, T, cores, held_processes, in_processes
from qantar.ensemble.slurm import SLURM
from qantar.ensemble.store import STORE, Recipe, Store
from qantar.messages import LANGUAGES, text


@dataclass(frozen=True)
class Runner:
    """What every study needs to simulate, and no number depends on.

    Parameters
    ----------
    store : folder of stores of histories
    processes : at most so many; by default one a core
    progress : called with the name of a stage (`progress.NAME` of the catalogue), what is done of it, and how much there is
    note : called with a sentence, alike or in English and Chinese, that somebody who waits should read before all is done
    cluster : machines that do the work in place of processes of this one
    depot : an object store in which histories are kept besides
    """

    store: Path = field(default_factory=lambda: STORE)
    processes: int | None = None
    progress: Callable[[str, int, int], None] = lambda what, done, total: None
    note: Callable[[str | tuple[str, str]], None] = lambda words: None
    cluster: Cluster | None = None
    depot: Depot | None = None

    @property
    def hands(self) -> int:
        """How many histories are made at a time."""
        return self.cluster.size() if self.cluster else self.processes or cores()

    def each(self, function: Callable[..., R], tasks: Sequence[T], done: Callable[[T, R], None]) -> None:
        """Call a function with each task, as `pool.Each` does."""
        if self.cluster:
            self.cluster.each(function, tasks, done)
        else:
            in_processes(function, tasks, self.processes, done)

    def quiet(self) -> Runner:
        """The same, which tells nobody anything."""
        return replace(self, progress=lambda what, done, total: None, note=lambda words: None)

    def stage(self, name: str) -> Callable[[int, int], None]:
        """How far a stage is, for functions that know of no other."""
        return partial(self.progress, name)

    def named(self, prefix: str) -> Runner:
        """The same, its stages after a name: `rival: table`."""
        return replace(self, progress=lambda what, done, total: self.progress(f"{prefix}: {what}", done, total))

    def of_stages(self, names: Sequence[str]) -> Runner:
        """The same, each stage with its place among all: `2/5: proposed`. The time that is told of one is not that of the whole.

        >>> said = []
        >>> Runner(progress=lambda what, done, total: said.append(what)).of_stages(["table", "force"]).stage("force")(0, 9)
        >>> said
        ['2/2: force']
        """
        places = {name: f"{k}/{len(names)}: {name}" for k, name in enumerate(names, 1)}
        return replace(self, progress=lambda what, done, total: self.progress(places.get(what, what), done, total))

    def within(self, stage: str, before: int, total: int) -> Runner:
        """The same, where all that is done belongs to one stage of so many, some of which were done before."""
        return replace(self, progress=lambda _, done, __: self.progress(stage, before + done, total))

    def histories(self, recipe: Recipe, n: int, stage: str = "histories", before: int = 0) -> Runs:
        """The first `n` runs of a recipe; those that the store lacks are simulated. Of these, `before` are not asked for."""

        def tell(done: int, total: int) -> None:
            self.progress(stage, done - before, total - before)

        (store,) = run_ensembles([recipe], n, self.store, each=self.each, progress=tell, depot=self.depot)
        return arrays(*store.read(n))

    def ensembles(
        self,
        recipes: Sequence[Recipe],
        n: int,
        stage: str = "histories",
        order: Sequence[tuple[int, int]] | None = None,
        finished: Callable[[int, int], None] = lambda recipe, number: None,
    ) -> list[Store]:
        """The first `n` runs of each of some recipes, as `run_ensembles` does them."""
        told = self.stage(stage)
        return run_ensembles(recipes, n, self.store, each=self.each, progress=told, depot=self.depot, order=order, finished=finished)


@contextmanager
def at_work(runner: Runner, cluster: str | None = None, depot: str | None = None) -> Iterator[Runner]:
    """The same with a cluster and an object store of these addresses, once it was seen that they can be; processes stay to the end.

    Raises
    ------
    StudyError
        If they cannot.
    """
    with ExitStack() as held:
        held.enter_context(held_processes())
        if depot:
            runner = replace(runner, depot=Depot(depot))
            Depot(depot).check()
        if cluster:
            runner = replace(runner, store=runner.store.absolute())  # workers are in other folders
            if cluster == SLURM:
                en, zh = (text("cluster.slurm", lang, n=runner.processes or 1) for lang in LANGUAGES)
                runner.note((en, zh))
            runner = replace(runner, cluster=held.enter_context(joined(cluster, runner.store, runner.depot, runner.processes, runner.note)))
        yield runner
