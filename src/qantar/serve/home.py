"""The folder that is served: names of what lies in it and in the program, and nothing outside of it.

In: names as a client sends them. Out: accounts and cases as `qantar` loads them, kept until one of their files changes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from qantar.account.schema import AccountFile
from qantar.cases.case import Case, CaseFile, cases_folder, packaged_names
from qantar.errors import DataError, Problems, QantarError, ScenarioError, StudyError, fail, nearest
from qantar.files.markup import read_toml
from qantar.files.result import RESULT, read_head
from qantar.scenario.plan import FILE
from qantar.scenario.scenario import Scenario, load_scenario
from qantar.scenario.schema import Arm
from qantar.verdicts.claims import Judged, judge
from qantar.verdicts.load import Loaded, load_account

DEPTH = 3
"""Folders below the one that is served in which cases, ledgers and results are looked for."""
MEASURE_ONLY = "bench-"
"""How arms begin that say nothing of any country."""
KEPT = 8
"""Accounts, scenarios and what pages make of them that are kept in memory."""
MOST_FILES = 300
"""Names of files that are offered."""
HEADS = ("account.toml", "case.toml")
T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A case or ledger that can be opened: its name, titles, and what it is."""

    name: str
    title_en: str
    title_zh: str
    case: bool
    """whether it has a record of its own"""
    account: bool
    """whether it has claims"""
    scenario: bool
    """whether it can be simulated"""
    packaged: bool
    faulty: bool = False
    """whether its first file cannot be read, which `check` explains"""

    @property
    def ledger(self) -> bool:
        """Whether its claims can be written here."""
        return self.account and not self.packaged


class Home:
    """What is served.

    Parameters
    ----------
    root : the folder of the user; nothing outside it is read or written for a client, but what ships with the program
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._kept: OrderedDict[tuple[str, str], tuple[object, Any]] = OrderedDict()
        self._lock = threading.RLock()  # what is made of a case may ask for the case

    def place(self, name: str) -> Path:
        """The folder or file of a name below the root.

        Raises
        ------
        StudyError
            If the name leads outside, by dots, a root of its own, a link, or letters that no file name has.
        """
        path = PurePosixPath(name.replace("\\", "/"))
        if not name.isprintable() or not name.strip() or path.is_absolute() or ".." in path.parts or ":" in name:
            raise fail(StudyError, name, "not_served")
        try:
            found = (self.root / path).resolve()
            found.exists()  # a name may be longer than the system allows
        except OSError:
            raise fail(StudyError, name, "not_served") from None
        if not found.is_relative_to(self.root):
            raise fail(StudyError, name, "not_served")
        return found

    def called(self, place: Path) -> str:
        """The name of a place below the root."""
        return place.relative_to(self.root).as_posix()

    def found(self, name: str) -> str:
        """What the loaders are asked for: a packaged name as it is, else the path of a folder below the root.

        Raises
        ------
        StudyError
            If there is nothing of this name, with the nearest names.
        """
        if name in packaged_names():
            return name
        place = self.place(name)
        if not any((place / head).is_file() for head in HEADS):
            raise fail(StudyError, name, "not_here", choices=nearest(name, [e.name for e in self.entries()]))
        return str(place)

    def entries(self) -> list[Entry]:
        """Everything that can be opened: what ships, then what lies below the root, by name."""
        own = [folder for folder in self._folders() if any((folder / head).is_file() for head in HEADS)]
        shipped = [_entry(name, cases_folder() / _shipped(name), packaged=True) for name in packaged_names()]
        return [*shipped, *(_entry(self.called(folder), folder, packaged=False) for folder in own)]

    def entry(self, name: str) -> Entry | None:
        """The one of this name, if there is one."""
        return next((entry for entry in self.entries() if entry.name == name), None) if name else None

    def results(self) -> list[tuple[str, dict[str, Any]]]:
        """Results below the root: name of the folder and what `result.json` says, the newest first. Whether their files are whole is seen
        when one is opened.
        """
        found = []
        for folder in self._folders():
            if (folder / RESULT).is_file():
                try:
                    made = read_head(folder)
                except (QantarError, OSError):  # whatever is wrong with it: it is not offered
                    continue
                if made is not None:
                    found.append(((folder / RESULT).stat().st_mtime, self.called(folder), made))
        return [(name, made) for _, name, made in sorted(found, key=lambda f: (-f[0], f[1]))]

    def files(self) -> list[str]:
        """Names of the files below the root that a study could read, and of results."""
        ends = (".csv", ".toml", ".json", ".npz", ".md", ".txt")
        folders = [self.root, *self._folders()]
        return sorted(self.called(p) for f in folders for p in f.iterdir() if p.suffix in ends and p.is_file() and not p.is_symlink())[
            :MOST_FILES
        ]

    def loaded(self, name: str) -> Loaded:
        """An account with its case; raises what `load_account` does."""
        return self.keep("account", name, lambda asked: load_account(asked, self._cases()))

    def _cases(self) -> list[Case]:
        """Cases of the accounts that are kept: a packaged one is not read again for another account."""
        return [kept.case for (kind, _), (_, kept) in self._kept.items() if kind == "account"]

    def beside(self, name: str) -> list[str]:
        """Names of the accounts that are held against the same case, this one among them."""
        case = self.loaded(name).case.folder.resolve()
        return [e.name for e in self.entries() if e.account and not e.faulty and self._case_of(e) == case]

    def _case_of(self, entry: Entry) -> Path | None:
        """The folder of the case that an account names, read from its first file alone."""
        folder = cases_folder() / _shipped(entry.name) if entry.packaged else self.place(entry.name)
        if entry.case:
            return folder.resolve()
        head = read_toml(folder / HEADS[0], AccountFile, Problems())
        if head is None:
            return None
        return (cases_folder() / head.case if head.case in packaged_names() else folder / head.case).resolve()

    def judged(self, name: str) -> list[Judged]:
        """The claims of an account with their verdicts; raises what `load_account` does."""
        loaded = self.loaded(name)
        return self.keep("judged", name, lambda _: judge(loaded.account, loaded.trials()))

    def scenario(self, name: str) -> Scenario:
        """A scenario; raises what `load_scenario` does."""
        return self.keep("scenario", name, load_scenario)

    def keep(self, kind: str, name: str, load: Callable[[str], T]) -> T:
        """What `load` makes of an entry, given what loaders are asked for; made again only when a file of it changed."""
        asked = self.found(name)
        state = () if asked in packaged_names() else tuple(_state(Path(asked)))
        with self._lock:  # two visitors at once read a case once
            before = self._kept.get((kind, name))
            if before is not None and before[0] == state:
                self._kept.move_to_end((kind, name))
                found: T = before[1]
                return found
            made = load(asked)
            self._kept[kind, name] = (state, made)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return made

    def _folders(self, below: Path | None = None, depth: int = DEPTH) -> Iterator[Path]:
        """Folders below the root that are no links and not hidden, those of a name after those that contain them."""
        for folder in sorted(p for p in (below or self.root).iterdir() if p.is_dir() and not p.is_symlink() and not p.name.startswith(".")):
            yield folder
            if depth > 1:
                try:
                    yield from self._folders(folder, depth - 1)
                except PermissionError:
                    continue


def arms_of(scenario: Scenario) -> dict[str, Arm]:
    """Ready-made changes of a scenario, without those that say nothing of any country."""
    return {name: arm for name, arm in scenario.file.arms.items() if not name.startswith(MEASURE_ONLY)}


def _shipped(name: str) -> Path:
    case, _, account = name.partition("/")
    return Path(case, "accounts", account) if account else Path(case)


def _state(folder: Path) -> Iterator[tuple[str, int, int]]:
    """What tells whether a file of a folder changed: names, sizes and times."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        about = path.stat()
        yield path.relative_to(folder).as_posix(), about.st_size, about.st_mtime_ns


def _entry(name: str, folder: Path, *, packaged: bool) -> Entry:
    account, case = ((folder / head).is_file() for head in HEADS)
    problems = Problems()
    try:
        head = read_toml(folder / HEADS[0], AccountFile, problems) if account else read_toml(folder / HEADS[1], CaseFile, problems)
    except (DataError, ScenarioError):
        head = None
    titles = (head.title_en, head.title_zh) if head is not None else (name, name)
    return Entry(name, *titles, case, account, (folder / FILE).is_file(), packaged, faulty=head is None)
