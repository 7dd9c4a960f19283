"""Keys of the TOML files of a case: which there are, which are needed, what each may hold, and what it means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from qantar.cases.case import CaseFile
from qantar.forecast.splits import Benchmark
from qantar.scenario.schema import Basis, Figure, Quiet, ScenarioFile

FILES: dict[str, type[BaseModel]] = {"case": CaseFile, "scenario": ScenarioFile, "benchmark": Benchmark}


@dataclass(frozen=True)
class FileKey:
    """One key: its path in the file, whether a file needs it, and what it may hold."""

    path: str
    needed: bool
    allowed: str


def keys_of(file: str) -> list[FileKey]:
    """Keys of `case.toml`, `scenario.toml` or `benchmark.toml`, tables before what stands in them.

    >>> [k.path for k in keys_of("scenario")][:3]
    ['mechanisms', 'time', 'time.start']
    """
    return list(_walk(FILES[file], ""))


def _walk(model: type[BaseModel], before: str) -> Iterator[FileKey]:
    for name, info in model.model_fields.items():
        if issubclass(model, Basis) and name in Basis.model_fields:
            continue  # where a figure comes from is told once, with what a figure is
        path = before + (info.alias or name)
        inner, many = _model_in(info)
        described = inner is not None and (not issubclass(inner, Basis) or inner is Quiet)
        yield FileKey(path, info.is_required(), _allowed(info, inner, many))
        if inner is not None and described:
            yield from _walk(inner, f"{path}.")


def _parts(annotation: Any) -> Iterator[Any]:
    """An annotation and all inside it."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _model_in(info: FieldInfo) -> tuple[type[BaseModel] | None, str]:
    """The model that a key holds, and whether it holds several: in a list, or by name."""
    found = next((p for p in _parts(info.annotation) if isinstance(p, type) and issubclass(p, BaseModel)), None)
    kinds = {get_origin(p) for p in _parts(info.annotation)}
    return found, "list" if list in kinds else "named" if dict in kinds else ""


def _allowed(info: FieldInfo, inner: type[BaseModel] | None, many: str) -> str:
    """What a key may hold, in words for help and manual."""
    checks = [m for p in _parts(info.annotation) if get_origin(p) is Annotated for m in p.__metadata__]
    told = [found.allowed() for m in (*info.metadata, *checks) if (found := getattr(m, "func", None)) and hasattr(found, "allowed")]
    if inner is not None:
        one = told[0] if told else "figure" if issubclass(inner, Figure) else "source or assumption" if inner is Basis else "table"
    else:
        types = [p for p in _parts(info.annotation) if isinstance(p, type) and p not in (NoneType, list, dict)]
        plain = {bool: "true or false", str: "text"}
        one = ", ".join(dict.fromkeys(told)) or next((plain[t] for t in types if t in plain), "any value")
    return {"list": f"list of: {one}", "named": f"by name: {one}", "": one}[many]
