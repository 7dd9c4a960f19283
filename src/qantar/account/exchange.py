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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qantar.account.arguments import LINKS, Inference, check_inferences, schemes
from qantar.errors import DataError, Problems
from qantar.files.cells import Table

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
        If it cannot be read, or does not fit the claims.
    """
    rows = inferences_of(read_aif(path) if path.suffix == AIF else read_argdown(path))
    problems = Problems()
    check_inferences(Table(path.name, path.name, tuple(rows), tuple(range(1, len(rows) + 1))), claims, problems)
    problems.raise_as(DataError)
    return rows


def inferences_of(graph: Graph) -> list[Inference]:
    """Rows of a table from a graph: parts `A01:C005` of one inference are joined as convergent.

    Raises
    ------
    pydantic.ValidationError
        If an id is none of ours or a scheme is unknown.
    """
    rows: dict[str, dict[str, Any]] = {}
    for unit, step in graph.steps.items():
        name, part, _ = unit.partition(":")
        row = rows.setdefault(
            name, {"id": name, "conclusion": step.conclusion, "premises": [], "link": LINKS[bool(part)], "scheme": step.scheme}
        )
        row["premises"] += step.premises
    return [Inference.model_validate({**row, "premises": ";".join(row["premises"])}) for row in rows.values()]


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
    problems, texts, steps = Problems(), dict[str, str](), dict[str, Step]()
    name, premises, scheme, dashes, front = "", list[str](), "", 0, 0
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        words = line.strip()
        if words == "===":
            front += 1
        elif not words or front == 1:
            continue
        elif found := re.fullmatch(r"\[([^\]]+)\]:\s*(.+)", words):
            texts[found[1]] = _ESCAPED.sub(r"\1", found[2])
        elif found := re.fullmatch(r"<([^>]+)>(:.*)?", words):
            name, premises, scheme, dashes = found[1], [], "", 0
        elif re.fullmatch(r"-{2,}", words) and name:
            dashes += 1
        elif (found := re.fullmatch(r"\(\d+\)\s*\[([^\]]+)\](?::\s*(.+))?", words)) and name:
            if found[2]:
                texts[found[1]] = _ESCAPED.sub(r"\1", found[2])
            if dashes < 2:
                premises.append(found[1])
            else:
                steps[name] = Step(found[1], tuple(premises), scheme)
                name = ""
        elif name and dashes == 1 and words in schemes():
            scheme = words
        elif name and dashes == 1:
            problems.add(path, number, "", "unknown_scheme", value=words, choices=", ".join(schemes()))
        else:
            problems.add(path, number, "", "not_argdown", value=words)
    problems.raise_as(DataError)
    return _checked(Graph(dict(sorted(texts.items())), dict(sorted(steps.items()))), path)


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
    problems = Problems()
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        nodes = {str(n["nodeID"]): n for n in content["nodes"]}
        edges = [(str(e["fromID"]), str(e["toID"])) for e in content["edges"]]
    except (ValueError, KeyError, TypeError) as error:
        problems.add(path, None, "", "not_aif", reason=repr(error))
        raise DataError(problems.found) from None
    for key, node in nodes.items():
        if node.get("type") not in ("I", "RA"):
            problems.add(path, None, f"nodes.{key}.type", "unknown_node", value=node.get("type"))
    for a, b in edges:
        for key in (a, b):
            if key not in nodes:
                problems.add(path, None, "edges", "unknown_end", value=key)
    problems.raise_as(DataError)
    steps = {}
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
