"""Arguments for other programs and from them: Argdown text, and the Argument Interchange Format (AIF) as JSON.

A `Graph` holds what both formats can say: texts of statements, and inferences with premises, conclusion, link and scheme. Convergent
premises become one inference each, named `A01:C005`, as both formats hold premises of one inference for linked.

Argdown is read in the form in which it is written here: statements `[C001]: text`, and arguments `<A01>` as numbered premises, a line with
the scheme between two of dashes, and the conclusion. AIF is the JSON of AIFdb: nodes of type I and RA (also CA, which are refused), edges.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from qantar.account.arguments import LINKS, Inference, check_inferences, schemes
from qantar.errors import DataError, Problems
from qantar.files.cells import Table
from qantar.files.markup import read_json
from qantar.files.read import add_validation
from qantar.files.text import read_text

AIF = ".json"
"""How a file ends that is read as AIF; any other is read as Argdown."""
_SPECIAL = re.compile(r"([\\\[\]{}<>#*_@/|])")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Step:
    """One inference as both formats hold it."""

    conclusion: str
    premises: tuple[str, ...]
    scheme: str


@dataclass(frozen=True)
class Graph:
    """Texts of statements by id, and steps by id; both sorted."""

    texts: dict[str, str]
    steps: dict[str, Step]
    lines: dict[str, int] = field(default_factory=dict, compare=False)
    """where each step stands in the text it was read from"""


def graph_of(inferences: Iterable[Inference], texts: Mapping[str, str]) -> Graph:
    """The graph of an account's inferences.

    >>> i = Inference(id="A1", conclusion="C2", premises="C1", link="linked", scheme="sign")
    >>> graph_of([i], {"C1": "smoke", "C2": "fire", "C3": "rain"}).texts
    {'C1': 'smoke', 'C2': 'fire'}
    """
    steps = {unit: Step(i.conclusion, premises, i.scheme) for i in inferences for unit, premises in i.units.items()}
    used = sorted({c for s in steps.values() for c in (s.conclusion, *s.premises)})
    return Graph({c: texts[c] for c in used}, dict(sorted(steps.items())))


def read_inferences(path: Path, claims: Collection[str]) -> list[Inference]:
    """Inferences from a file of either format, over the claims of a ledger.

    Raises
    ------
    DataError
        If it cannot be read, holds no inference, or does not fit the claims.
    """
    graph = read_aif(path) if path.suffix.lower() == AIF else read_argdown(path)
    problems, rows, lines = Problems(), list[Inference](), list[int]()
    if not graph.steps:
        problems.add(path, None, "", "nothing_inferred")
    for name, row in _rows(graph, path, problems).items():
        line = graph.lines.get(name) or graph.lines.get(f"{name}:{row['premises'][0]}", 0)
        try:
            rows.append(Inference.model_validate({**row, "premises": ";".join(row["premises"])}))
            lines.append(line)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                add_validation(item, str(path), line or None, name, problems, in_table=False)
    check_inferences(Table(str(path), str(path), tuple(rows), tuple(lines)), claims, problems)
    problems.found = [p if p.line else replace(p, line=None) for p in problems.found]
    problems.raise_as(DataError)
    return rows


def inferences_of(graph: Graph) -> list[Inference]:
    """Rows of a table from a graph that was checked: parts `A01:C005` of one inference are joined as convergent."""
    rows = _rows(graph, Path(), Problems())
    return [Inference.model_validate({**row, "premises": ";".join(row["premises"])}) for row in rows.values()]


def _rows(graph: Graph, path: Path, problems: Problems) -> dict[str, dict[str, Any]]:
    """Inferences as they stand in a table; parts of one that differ in conclusion or scheme are noted."""
    rows: dict[str, dict[str, Any]] = {}
    for unit, step in graph.steps.items():
        name, part, _ = unit.partition(":")
        new = {"id": name, "conclusion": step.conclusion, "premises": [], "link": LINKS[bool(part)], "scheme": step.scheme}
        row = rows.setdefault(name, new)
        if {**row, "premises": []} != new:
            problems.add(path, graph.lines.get(unit), unit, "parts_differ", value=name)
        row["premises"] += step.premises
    return rows


def argdown(graph: Graph, title: str) -> str:
    """Argdown text (argdown.org), which its editors draw as a map."""
    parts = [f"===\ntitle: {json.dumps(title, ensure_ascii=False)}\n==="]
    parts += [f"[{c}]: " + _SPECIAL.sub(r"\\\1", " ".join(words.split())) for c, words in graph.texts.items()]
    for name, step in graph.steps.items():
        premises = [f"({n}) [{p}]" for n, p in enumerate(step.premises, 1)]
        parts.append("\n".join([f"<{name}>\n", *premises, "--", step.scheme, "--", f"({len(premises) + 1}) [{step.conclusion}]"]))
    return "\n\n".join(parts) + "\n"


def read_argdown(path: Path) -> Graph:
    """A graph from Argdown text in the form above.

    Raises
    ------
    DataError
        With the line that cannot be read, what is read, and how it must be written.
    """
    problems, graph, draft, front = Problems(), Graph({}, {}), _Draft(), 0
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words = line.strip()
        front += words == "==="
        if not words or words == "===" or front == 1:
            continue
        if found := re.fullmatch(r"\[([^\]]+)\]:\s*(.+)", words):
            _state(graph, found[1], found[2], path, number, problems)
        elif found := re.fullmatch(r"<([^>]+)>(:.*)?", words):
            draft.unfinished(path, problems)
            if found[1] in graph.steps:
                problems.add(path, number, "", "repeated_id", value=found[1], first=graph.lines[found[1]])
            draft = _Draft(found[1], number)
        elif not (draft.name and _continue(draft, graph, words, path, number, problems)):
            problems.add(path, number, "", "not_argdown", value=words)
    draft.unfinished(path, problems)
    problems.raise_as(DataError)
    return _checked(Graph(dict(sorted(graph.texts.items())), dict(sorted(graph.steps.items())), graph.lines), path)


@dataclass
class _Draft:
    """An argument that is being read."""

    name: str = ""
    line: int = 0
    premises: list[str] = field(default_factory=list)
    scheme: str = ""
    dashes: int = 0

    def unfinished(self, path: Path, problems: Problems) -> None:
        """Note an argument that another one, or the end of the file, has cut off."""
        if self.name:
            problems.add(path, self.line, self.name, "unfinished_argument")


def _continue(draft: _Draft, graph: Graph, words: str, path: Path, number: int, problems: Problems) -> bool:
    """Take one more line of an argument; False if it is none."""
    if re.fullmatch(r"-{2,}", words):
        draft.dashes += 1 if words == "--" else 2  # a longer line stands for both, with no scheme between them
        return True
    found = re.fullmatch(r"\(\d+\)\s*\[([^\]]+)\](?::\s*(.+))?", words)
    if found is None:
        if draft.dashes != 1:
            return False
        draft.scheme = words
        return True
    if found[2]:
        _state(graph, found[1], found[2], path, number, problems)
    if draft.dashes < 2:
        draft.premises.append(found[1])
        return True
    if draft.scheme not in schemes():
        problems.add(path, number - 1, draft.name, "unknown_scheme", value=draft.scheme, choices=", ".join(schemes()))
    graph.steps[draft.name], graph.lines[draft.name] = Step(found[1], tuple(draft.premises), draft.scheme), draft.line
    draft.name = ""
    return True


def _state(graph: Graph, name: str, words: str, path: Path, line: int, problems: Problems) -> None:
    """Take the text of a statement, which has one."""
    said = _ESCAPED.sub(r"\1", words)
    if graph.texts.setdefault(name, said) != said:
        problems.add(path, line, name, "two_texts")


def aif(graph: Graph) -> str:
    """The Argument Interchange Format as AIFdb writes it: a node a statement (I) and a node an inference (RA)."""
    nodes = [{"nodeID": c, "text": words, "type": "I"} for c, words in graph.texts.items()]
    nodes += [{"nodeID": name, "text": step.scheme, "type": "RA", "scheme": step.scheme} for name, step in graph.steps.items()]
    ends = [(p, name) for name, s in graph.steps.items() for p in s.premises] + [(name, s.conclusion) for name, s in graph.steps.items()]
    edges = [{"edgeID": f"E{n}", "fromID": a, "toID": b, "formEdgeID": None} for n, (a, b) in enumerate(ends, 1)]
    return json.dumps({"nodes": nodes, "edges": edges, "locutions": []}, ensure_ascii=False, indent=1) + "\n"


def read_aif(path: Path) -> Graph:
    """A graph from AIF JSON.

    Raises
    ------
    DataError
        If it is no AIF, an edge has no end, an inference has no or several conclusions, or there are nodes that attack.
    """
    nodes, edges = _nodes_and_edges(path)
    problems, steps = Problems(), {}
    for key in sorted(k for k, n in nodes.items() if n["type"] == "RA"):
        premises, conclusions = tuple(a for a, b in edges if b == key), [b for a, b in edges if a == key]
        scheme = str(nodes[key].get("scheme") or nodes[key].get("text"))
        if not premises or len(conclusions) != 1:
            problems.add(path, None, f"nodes.{key}", "not_an_inference", premises=len(premises), conclusions=len(conclusions))
        elif scheme not in schemes():
            problems.add(path, None, f"nodes.{key}.text", "unknown_scheme", value=scheme, choices=", ".join(schemes()))
        else:
            steps[key] = Step(conclusions[0], premises, scheme)
    problems.raise_as(DataError)
    return _checked(Graph({k: str(n["text"]) for k, n in sorted(nodes.items()) if n["type"] == "I"}, steps), path)


def _nodes_and_edges(path: Path) -> tuple[dict[str, dict[str, Any]], list[tuple[str, str]]]:
    """Nodes of AIF by id, all of them statements or inferences, and edges from one of the one type to one of the other."""
    problems = Problems()
    content = read_json(path, problems)
    problems.raise_as(DataError)
    given = content if isinstance(content, dict) else {}
    nodes, edges = dict[str, dict[str, Any]](), list[tuple[str, str]]()
    for n, node in enumerate(_dicts(given, "nodes")):
        key, kind = str(node.get("nodeID", "")), node.get("type")
        if not key or (kind == "I" and not isinstance(node.get("text"), str)):
            problems.add(path, None, f"nodes.{n}", "not_aif")
        elif kind not in ("I", "RA"):
            problems.add(path, None, f"nodes.{key}.type", "unknown_node", value=kind)
        elif key in nodes:
            problems.add(path, None, f"nodes.{n}.nodeID", "node_twice", value=key)
        nodes[key] = node
    for edge in _dicts(given, "edges"):
        ends = str(edge.get("fromID", "")), str(edge.get("toID", ""))
        edges.append(ends)
        for key in ends:
            if key not in nodes:
                problems.add(path, None, "edges", "unknown_end", value=key)
    if "nodes" not in given or "edges" not in given:
        problems.add(path, None, "", "not_aif")
    problems.raise_as(DataError)
    for a, b in edges:
        if nodes[a]["type"] == nodes[b]["type"]:
            problems.add(path, None, "edges", "edge_of_one_type", a=a, b=b, value=nodes[a]["type"])
    problems.raise_as(DataError)
    return nodes, edges


def _dicts(content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of tables in JSON; what is none is taken for an empty one, which lacks all that is asked for."""
    found = content.get(key)
    return [x if isinstance(x, dict) else {} for x in found] if isinstance(found, list) else []


def _checked(graph: Graph, path: Path) -> Graph:
    """The graph, if every inference has premises and every statement it names a text."""
    problems = Problems()
    for name, step in graph.steps.items():
        for statement in (*step.premises, step.conclusion):
            if statement not in graph.texts:
                problems.add(path, None, name, "no_such_statement", value=statement)
        if not step.premises:
            problems.add(path, None, name, "not_an_inference", premises=0, conclusions=1)
    problems.raise_as(DataError)
    return graph
