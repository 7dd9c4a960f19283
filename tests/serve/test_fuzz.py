"""The HTTP interface under requests that nobody would write, made from its own description: never a fault of ours, never another status."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from kit.serving import Serving, serving, with_tiny
from qantar.serve.app import parts
from qantar.serve.openapi import described

OPERATIONS = [operation for part in parts() for operation in part.operations]
CHECKS = [not_a_server_error, content_type_conformance, status_code_conformance]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(with_tiny(tmp_path_factory.mktemp("root"))) as there:
        yield there


def test_the_description_is_one(served: Serving) -> None:
    document = served.ask("GET", "/api/openapi.json").json()
    assert document == described(OPERATIONS)
    schemathesis.openapi.from_dict(document).validate()
    assert len(document["paths"]) == len({o.path for o in OPERATIONS})


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_no_request_is_a_fault_of_ours(served: Serving, operation: object) -> None:
    schema = schemathesis.openapi.from_dict(described(OPERATIONS))
    found = schema[f"/api{operation.path}"][operation.method]  # type: ignore[attr-defined]

    @given(case=found.as_strategy(), ours=st.booleans())
    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case, ours: bool) -> None:
        case.headers = {**(case.headers or {}), **({"X-Qantar": "1"} if ours else {})}
        case.call_and_validate(base_url=served.url, checks=CHECKS)

    check()


@given(body=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda s: s.encode("utf-8", "surrogatepass"))))
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
def test_no_body_is_a_fault_of_ours(served: Serving, body: bytes) -> None:
    for operation in OPERATIONS:
        if operation.method not in ("GET", "DELETE") and not operation.upload:
            assert served.ask(operation.method, f"/api{operation.path}", body).status in (400, 404, 409, 413, 422, 429)


@given(path=st.text(max_size=60), query=st.text(max_size=60))
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_no_address_is_a_fault_of_ours(served: Serving, path: str, query: str) -> None:
    from urllib.parse import quote

    answer = served.ask(
        "GET", f"/{quote(path.encode('utf-8', 'surrogatepass'))}?{quote(query.encode('utf-8', 'surrogatepass'), safe='=&')}"
    )
    assert answer.status < 500
