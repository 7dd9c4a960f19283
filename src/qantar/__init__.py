"""qantar: a laboratory that tests explanations of mass unrest against a sourced record of events.

>>> import qantar
>>> loaded = qantar.load_account("kazakhstan-2022")
>>> judged = qantar.judge(loaded.account)
>>> judged[0].claim.verdict, judged[0].basis
('contradicted', 'record')
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from qantar.follow import follow as _follow

__version__ = "0.1.0"

_HOMES = {
    "load_case": "qantar.cases.case",
    "case_names": "qantar.cases.case",
    "load_record": "qantar.record.load",
    "observe": "qantar.record.observables",
    "load_account": "qantar.verdicts.load",
    "judge": "qantar.verdicts.claims",
    "agreement": "qantar.verdicts.claims",
    "tally": "qantar.verdicts.claims",
    "read_document": "qantar.account.document",
    "candidates": "qantar.account.candidates",
    "check": "qantar.lookup.check",
    "study_account": "qantar.report.write",
    "load_scenario": "qantar.scenario.scenario",
    "resolve": "qantar.scenario.scenario",
    "Edit": "qantar.scenario.schema",
    "parameters": "qantar.scenario.parameters",
    "simulate": "qantar.engine.loop",
    "counterfactual": "qantar.effects.pairing",
    "new_case": "qantar.cases.new",
    "import_file": "qantar.importing.run",
    "run_study": "qantar.notebook",
    "read_study": "qantar.notebook",
    "to_pandas": "qantar.notebook",
    "to_xarray": "qantar.notebook",
    "QantarError": "qantar.errors",
    "ScenarioError": "qantar.errors",
    "DataError": "qantar.errors",
    "StudyError": "qantar.errors",
    "ResultError": "qantar.errors",
}
__all__ = sorted([*_HOMES, "__version__"])


_follow()


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `qantar --help` does not wait for libraries it does not need.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'qantar' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
