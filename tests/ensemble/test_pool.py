"""Tasks in processes of their own, and without them."""

from __future__ import annotations

import errno

import pytest

from qantar.ensemble import pool


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "no semaphores"), NotImplementedError("no semaphores")])
def test_where_a_system_shares_no_memory_tasks_are_done_one_after_the_other(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pool, "ProcessPoolExecutor", refused)
    done: list[tuple[tuple[int, int], tuple[int, int]]] = []
    pool.in_processes(divmod, [(7, 2), (9, 4)], 2, lambda task, result: done.append((task, result)))
    assert done == [((7, 2), (3, 1)), ((9, 4), (2, 1))]
