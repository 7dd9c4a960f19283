"""Pages for those who come from other programs: their Python runs and prints what they say it does."""

from __future__ import annotations

import re

import pytest

from conftest import REPOSITORY

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize(("page", "blocks"), [("from-netlogo", 1), ("from-mesa", 2)])
def test_the_python_on_a_page_prints_what_it_says(page: str, blocks: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = BLOCK.findall((REPOSITORY / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8"))
    assert len(found) == blocks
    for block in found:
        exec(compile(block, page, "exec"), {})
        assert capsys.readouterr().out.splitlines() == re.findall(r"^# (.*)$", block, re.MULTILINE)
