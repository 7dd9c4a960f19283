"""Loads an account with its case, by packaged name or folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qantar.account.account import Account
from qantar.account.checks import check_questions
from qantar.account.kept import KEPT, changes
from qantar.account.ledger import read_account, read_head, read_tables_alone
from qantar.account.schema import LEDGER_MODELS, AccountFile
from qantar.account.twins import WRITTEN, twin
from qantar.cases.case import ACCOUNTS, GEOMETRY, Case, case_names, cases_folder, file_hashes, find_folder, read_case
from qantar.errors import DataError, Problems
from qantar.files.cells import Table
from qantar.files.markup import read_toml
from qantar.record.schema import MODELS

if TYPE_CHECKING:
    from qantar.verdicts.hypotheses import Trial


@dataclass(frozen=True)
class Loaded:
    """An account and the case whose record it is held against."""

    account: Account
    case: Case

    @property
    def name(self) -> str:
        """What a command calls the account: its packaged name, or the path of its folder."""
        return _called(self.account.folder)

    @property
    def case_name(self) -> str:
        """The same of its case."""
        return _called(self.case.folder)

    @property
    def own(self) -> bool:
        """Whether the account is somebody's own, held against a case that ships with other accounts and studies."""
        return self.account.folder.resolve() != self.case.folder.resolve()

    def trials(self) -> dict[str, Trial]:
        """The trials that may judge its claims: those of its case, unless the account is somebody's own, whose ids mean other claims."""
        from qantar.verdicts.hypotheses import read_trials  # loads the engines, which a look at tables should not cost

        return {} if self.own else read_trials(self.case.folder)

    def tables(self) -> dict[str, Table[Any]]:
        """Every table of the case and of the ledger, by name."""
        ledger = {name: getattr(self.account, name) for name in LEDGER_MODELS}
        return {**self.case.record.tables(), **ledger}

    def facts(self) -> dict[str, Any]:
        """What a result says of the ledger that was read."""
        head = self.account.head
        return {"ledger": head.id, "title_en": head.title_en, "title_zh": head.title_zh, "hashes": self.hashes()}

    def hashes(self) -> dict[str, dict[str, str]]:
        """SHA-256 of the files that were read, by name: those of the case, and those of the ledger."""
        files = self.account.head.files
        named = [name for name in files.model_dump().values() if name]
        workbooks = (other.name for name in named if (other := twin(Path(name))) is not None and other.suffix == ".xlsx")
        ledger = [*named, WRITTEN, KEPT, *workbooks]
        case = ["case.toml", *(f"{n}.csv" for n in MODELS), *(f"{n}.geojson" for n in GEOMETRY)]
        return {"case": file_hashes(self.case.folder, case), "ledger": file_hashes(self.account.folder, ["account.toml", *ledger])}


def _called(folder: Path) -> str:
    """A packaged name, or a path from the current folder where it lies below, so that it names nobody's home."""
    if folder.parent == cases_folder():
        return folder.name
    if folder.parent.name == ACCOUNTS and folder.parent.parent.parent == cases_folder():
        return f"{folder.parent.parent.name}/{folder.name}"
    whole, here = folder.resolve(), Path.cwd()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) and whole != here else str(folder)


def load_account(name: str, cases: Sequence[Case] = ()) -> Loaded:
    """The account of a packaged name (`kazakhstan-2022`), or of a folder with `account.toml`; a packaged case of `cases` is not read again.

    A folder with a case alone is held against no claim.

    Raises
    ------
    ScenarioError, DataError
        With every problem in the ledger and in the case it names.

    Examples
    --------
    >>> len(load_account("kazakhstan-2022").account.claims)
    153
    """
    problems = Problems()
    alone = (folder := Path(name)) / "case.toml"
    marker = "case.toml" if _is_file(alone) and not _is_file(folder / "account.toml") else "account.toml"
    loaded = read_loaded(find_folder(name, marker), problems, cases)
    problems.raise_as(DataError)
    assert loaded is not None  # no problem means both heads were read
    return loaded


def load_accounts(names: Iterable[str], at_hand: Sequence[Loaded] = ()) -> list[Loaded]:
    """As `load_account`, several; neither an account that is at hand nor its case is read again."""
    read = {loaded.name: loaded for loaded in at_hand}

    def loaded(name: str) -> Loaded:
        if name not in read:
            read[name] = load_account(name, [x.case for x in read.values()])
        return read[name]

    return list(map(loaded, names))


def read_loaded(folder: Path, problems: Problems, cases: Sequence[Case] = ()) -> Loaded | None:
    """As `load_account`, but adds to `problems`; None if a head is unusable."""
    account, case = read_parts(folder, problems, cases)
    return Loaded(account, case) if account and case else None


def read_parts(folder: Path, problems: Problems, cases: Sequence[Case] = ()) -> tuple[Account | None, Case | None]:
    """The account and the case of a folder, each as far as it can be used; where one cannot, the other is checked as well."""
    there = (folder / "account.toml").exists()
    head = read_head(folder, problems) if there else None
    case = _case_of(folder, head, problems, cases)
    if not there:
        return (no_account(case) if case else None), case
    if head is None or case is None:
        read_tables_alone(folder, problems)
        return None, case
    record = case.record
    named = (record.events, record.totals, record.regions)
    rows = record.events.ids() | record.totals.ids() if all(t.readable for t in named) else None
    arms = _arms(case.folder) if head.files.rivals else None
    account = read_account(folder, head, record.sources, problems, rows, arms, record.regions.ids())
    if case.questions.readable:
        check_questions(account, case.questions.ids(), problems)
    if rows is not None and account.claims.readable and account.kept:
        account = replace(account, changed=tuple(changes(account.claims, record, account.kept)))
    return account, case


def _case_of(folder: Path, head: AccountFile | None, problems: Problems, cases: Sequence[Case]) -> Case | None:
    """The case beside a ledger, whatever the names; else the one that its head names."""
    if head is None or (folder / "case.toml").exists():
        return read_case(folder, problems) if (folder / "case.toml").exists() else None
    if head.case in case_names():
        home = find_folder(head.case, "case.toml")
        return next((c for c in cases if c.folder == home), None) or read_case(home, problems)
    if (folder / head.case / "case.toml").exists():
        return read_case(folder / head.case, problems)
    problems.add("account.toml", None, "case", "no_such_case", value=head.case, choices=", ".join(case_names()))
    return None


def no_account(case: Case) -> Account:
    """The account of a case against which none is held: without a claim."""
    head = AccountFile.model_validate(
        {
            "id": case.head.id,
            "case": case.head.id,
            "title_en": case.head.title_en,
            "title_zh": case.head.title_zh,
            "document": {"language": "en"},
        }
    )
    tables: dict[str, Table[Any]] = {name: Table(name, f"{name}.csv", (), ()) for name in (*LEDGER_MODELS, "own_sources")}
    return Account(
        case.folder, head, **tables, rivals=None, sources={s.key: s for s in case.record.sources}, kept={}, changed=(), quoted={}
    )


def _is_file(path: Path) -> bool:
    with suppress(OSError, ValueError):  # longer than a name can be, or with a NUL
        return path.is_file()
    return False


def _arms(case: Path) -> Collection[str] | None:
    """Names of the arms of a case's scenario: none if it has no scenario; None if that cannot be read, which is said elsewhere."""
    from qantar.scenario.plan import FILE
    from qantar.scenario.schema import ScenarioFile  # only accounts with rival stories need them

    if not (case / FILE).exists():
        return ()
    scenario = read_toml(case / FILE, ScenarioFile, Problems())
    return None if scenario is None else scenario.arms
