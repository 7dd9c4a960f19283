"""What a source says as a program, and its SHA-256: the syntax tree without what a reader sees and a computer does not.

Left out are comments, line breaks, docstrings (also those under a constant or a field), the order of imports, and where in the package a
name is imported from: moving, sorting or explaining a file changes no hash. A constant, an operator, a default or the name of what is
imported does. The tree is written out here and not by `ast.dump`, whose form differs from one Python to the next.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Iterator, Mapping

OWN = "qantar"
_SILENT = {"ctx", "kind", "type_comment"}
"""Fields that follow from what stands around them, or say how a text was spelt."""


def sha256_of(programs: Mapping[str, str]) -> str:
    """SHA-256 of sources by label; the labels count, so that two files cannot change places.

    >>> one = sha256_of({"a": "import numpy as np\\nx = 1  # comment"})
    >>> one == sha256_of({"a": "import numpy as np\\n\\nx = 1\\n'''What x is.'''"}), one == sha256_of({"a": "import numpy as np\\nx = 2"})
    (True, False)
    """
    return hashlib.sha256(json.dumps({label: _sha256(source) for label, source in sorted(programs.items())}).encode()).hexdigest()


@functools.lru_cache(maxsize=256)
def _sha256(source: str) -> str:
    return hashlib.sha256(json.dumps(program_of(source)).encode()).hexdigest()


def program_of(source: str) -> list[object]:
    """The program in a source as nested lists: its imports, sorted, then its statements.

    >>> program_of("from qantar.model.forces import acting as a\\nx = 1")
    [[['qantar', 'acting', 'a']], ['Assign', ['targets', [['Name', ['id', 'x']]]], ['value', ['Constant', ['value', 'int 1']]]]]
    """
    tree = ast.parse(source)
    imports = sorted({line for node in ast.walk(tree) for line in _imports(node)})
    return [[list(line) for line in imports], *_plain_body(tree.body)]


def _imports(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Where from, what and under which name; of the package itself, only what."""
    if isinstance(node, ast.Import):
        yield from (("", a.name, a.asname or "") for a in node.names)
    elif isinstance(node, ast.ImportFrom):
        home = "." * node.level + (node.module or "")
        own = node.level > 0 or home.split(".")[0] == OWN
        yield from ((OWN if own else home, a.name, a.asname or "") for a in node.names)


def _plain_body(body: list[ast.stmt]) -> list[object]:
    return [_plain(s) for s in body if not isinstance(s, ast.Import | ast.ImportFrom) and not _is_text(s)]


def _is_text(statement: ast.stmt) -> bool:
    """A docstring, of a module, a function, a class or what stands above it."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)


def _plain(item: object) -> object:
    """A node as its name and those fields that hold something; a list as a list; a constant as its type and itself."""
    if isinstance(item, ast.AST):
        fields = [(f, v) for f, v in ast.iter_fields(item) if f not in _SILENT and v is not None and v != []]
        return [type(item).__name__, *([f, _constant(item, v) if isinstance(item, ast.Constant) else _field(v)] for f, v in fields)]
    return item


def _constant(node: ast.Constant, value: object) -> str:
    return f"{type(value).__name__} {value!a}"


def _field(value: object) -> object:
    if isinstance(value, list):
        return _plain_body(value) if all(isinstance(x, ast.stmt) for x in value) else [_plain(x) for x in value]
    return _plain(value)
