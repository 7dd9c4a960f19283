"""The contract of the kinds whose smallest study takes longest: half of the time of all."""

from __future__ import annotations

import pytest

from kit.contract import *  # noqa: F403
from kit.contract import SLOW

pytestmark = pytest.mark.timeout(400)  # the smallest study of some kinds takes a minute where the engine is compiled first


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "done" in metafunc.fixturenames:
        metafunc.parametrize("done", SLOW, indirect=True)
