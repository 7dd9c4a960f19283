"""Measures the house: `python dev/house.py` prints lines, code, rooms, the largest files and functions of the package.

Lines are counted as written and as they would be at 110 columns. Code is what is left without docstrings, comments and blank lines.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "qantar"
COLUMNS = 110


@dataclass(frozen=True)
class House:
    """What is counted."""

    lines: int
    code: int
    rooms: Counter[str]
    files: Counter[str]
    functions: Counter[str]

    @property
    def largest_room(self) -> float:
        """Share of the largest room in all lines."""
        return max(self.rooms.values()) / self.lines


def measure(source: Path = SOURCE) -> House:
    """Counts of the files below a folder."""
    code, rooms, files, functions = 0, Counter[str](), Counter[str](), Counter[str]()
    for path in sorted(source.rglob("*.py")):
        name, text = path.relative_to(source).as_posix(), path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        texts = {n for node in ast.walk(tree) for n in _docstring(node)}
        lines = text.splitlines()
        code += sum(bool(s) and not s.startswith("#") and n not in texts for n, s in enumerate(map(str.strip, lines), 1))
        rooms[name.split("/")[0] if "/" in name else "base"] += len(lines)
        files[name] = len(lines)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                functions[f"{name}:{node.name}"] = node.end_lineno - node.lineno + 1
    return House(sum(files.values()), code, rooms, files, functions)


def _docstring(node: ast.AST) -> range:
    """Lines of the docstring of a module, a class or a function, and of the text below a constant."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) and node.end_lineno:
        return range(node.lineno, node.end_lineno + 1)
    return range(0)


def at_columns(columns: int = COLUMNS) -> House:
    """The same as it would be formatted at so many columns."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(SOURCE, Path(folder) / "qantar", ignore=shutil.ignore_patterns("__pycache__", "cases")))
        command = [sys.executable, "-m", "ruff", "format", "--isolated", "--quiet", f"--line-length={columns}", str(copy)]
        subprocess.run(command, check=True)
        return measure(copy)


def main() -> None:
    """Prints the counts."""
    written, narrow = measure(), at_columns()
    print(f"lines {written.lines:,} as written, {narrow.lines:,} at {COLUMNS} columns; code {written.code:,} and {narrow.code:,}")
    print("rooms: " + ", ".join(f"{room} {n:,} ({100 * n / written.lines:.0f} %)" for room, n in written.rooms.most_common()))
    print("largest files: " + ", ".join(f"{name} {n}" for name, n in written.files.most_common(5)))
    print("largest functions: " + ", ".join(f"{name} {n}" for name, n in written.functions.most_common(5)))


if __name__ == "__main__":
    main()
