"""Executes the notebooks of docs/notebooks and keeps in them what their cells give, as Jupyter would.

Run `.venv/bin/python dev/notebooks.py` after changing a cell or what a cell shows; a test compares them. A cell is run as Python, what it
prints and the value of its last line are its outputs; so no kernel and no server is needed to make or to test them. Each is run in an
empty folder of its own.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "docs" / "notebooks"


def executed(notebook: dict[str, Any], place: Path) -> dict[str, Any]:
    """The notebook with the outputs of its cells; they see only an empty folder, as `place`."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells, count = [], 0
    with contextlib.chdir(place):
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                count += 1
                cell = {**cell, "execution_count": count, "outputs": _outputs("".join(cell["source"]), names, count)}
            cells.append(cell)
    return {**notebook, "cells": cells}


def _outputs(source: str, names: dict[str, Any], count: int) -> list[dict[str, Any]]:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    value = None
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        exec(compile(tree, "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    found: list[dict[str, Any]] = []
    if text := printed.getvalue():
        found.append({"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)})
    if value is not None:
        data = {"text/plain": repr(value).splitlines(keepends=True)}
        if (html := getattr(value, "_repr_html_", lambda: None)()) is not None:
            data = {"text/html": _still(html).splitlines(keepends=True), **data}
        found.append({"data": data, "execution_count": count, "metadata": {}, "output_type": "execute_result"})
    return found


def _still(html: str) -> str:
    """Without what differs at each run: ids that xarray draws for its switches."""
    ids: dict[str, str] = {}
    return re.sub(r"(?:section|attrs|data)-[0-9a-f-]{36}", lambda m: ids.setdefault(m[0], f"part-{len(ids)}"), html)


def main() -> None:
    """Execute all of them and write them back."""
    os.environ["QANTAR_LANG"] = "en"
    for path in sorted(FOLDER.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as place:
            done = executed(json.loads(path.read_text(encoding="utf-8")), Path(place))
        path.write_text(json.dumps(done, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        print(path.name)


if __name__ == "__main__":
    main()
