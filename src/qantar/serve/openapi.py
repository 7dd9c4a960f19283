"""The description of the HTTP interface for programs (OpenAPI 3.1), made from the operations themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qantar
from qantar.messages import text
from qantar.serve.guard import OURS
from qantar.serve.part import Operation

PROBLEM = {
    "type": "object",
    "required": ["file", "line", "key", "code", "what", "rule", "mend"],
    "properties": {
        **{name: {"type": "string"} for name in ("file", "key", "code", "what", "rule", "mend")},
        "line": {"type": ["integer", "null"]},
    },
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["problems"],
            "properties": {"problems": {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}}},
        }
    },
}
"""A mistake: what, where, the rule, the mend, as `--json` prints it."""
REFUSED = ("400", "401", "403", "404", "405", "409", "413", "422", "429")
READ = ("GET", "DELETE")
"""Methods whose questions stand in the address."""


def described(operations: Sequence[Operation[Any]], lang: str = "en") -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(f"/api{operation.path}", {})[operation.method.lower()] = _operation(operation, lang)
    return {
        "openapi": "3.1.0",
        "info": {"title": "qantar", "version": qantar.__version__, "description": text("serve.interface", lang)},
        "paths": paths,
        "components": {"schemas": {"Problem": PROBLEM, "Error": ERROR}},
    }


def _operation(operation: Operation[Any], lang: str) -> dict[str, Any]:
    schema = operation.asked.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("title", None)
    fields = schema.get("properties", {})
    in_query = operation.method in READ or operation.upload
    parameters = [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": _plain(about)}
        for name, about in fields.items()
        if in_query
    ]
    if operation.method not in ("GET",):
        parameters.append({"name": OURS.decode(), "in": "header", "required": True, "schema": {"const": "1"}})
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": text(f"serve.api.{operation.name}", lang),
        "parameters": parameters,
        "responses": {
            str(operation.status): {"description": "OK", "content": {_type(operation): {}}},
            **{status: {"description": "A mistake", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
               for status in REFUSED},
        },
    }  # fmt: skip
    if not in_query:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif operation.upload:
        found["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": {}}}}
    return found


def _plain(about: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in about.items() if k not in ("title", "description")}


def _type(operation: Operation[Any]) -> str:
    return "text/event-stream" if operation.streams else operation.gives
