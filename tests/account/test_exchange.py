"""Arguments for other programs and back: nothing is lost on the way, others read them, and mistakes are named."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qantar.account.arguments import Inference, schemes
from qantar.account.exchange import Graph, aif, argdown, graph_of, inferences_of, read_aif, read_argdown, read_inferences
from qantar.errors import DataError

words = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1)
    .map(lambda s: " ".join(s.split()))
    .filter(bool)
)


@st.composite
def arguments(draw: st.DrawFn) -> tuple[list[Inference], dict[str, str]]:
    claims = {f"C{n:03}": draw(words) for n in range(2, 9)}
    rows = []
    for n in range(draw(st.integers(1, 6))):
        conclusion, *premises = draw(st.lists(st.sampled_from(sorted(claims)), min_size=2, max_size=4, unique=True))
        link = "convergent" if len(premises) > 1 and draw(st.booleans()) else "linked"
        scheme = draw(st.sampled_from(sorted(schemes())))
        premises = sorted(premises) if link == "convergent" else premises
        rows.append({"id": f"A{n:02}", "conclusion": conclusion, "premises": ";".join(premises), "link": link, "scheme": scheme})
    return [Inference.model_validate(r) for r in rows], claims


@settings(max_examples=60, deadline=None)
@given(arguments())
def test_nothing_is_lost_on_the_way(tmp_path_factory: pytest.TempPathFactory, drawn: tuple[list[Inference], dict[str, str]]) -> None:
    inferences, texts = drawn
    folder, graph = tmp_path_factory.mktemp("exchange"), graph_of(inferences, texts)
    for name, write, read in (("a.argdown", argdown_of, read_argdown), ("a.json", aif, read_aif)):
        (folder / name).write_text(write(graph), encoding="utf-8")
        found = read(folder / name)
        assert found == graph
        assert write(found) == write(graph)
        assert inferences_of(found) == inferences


def argdown_of(graph: Graph) -> str:
    return argdown(graph, "x")


def aif_of(*chain: str) -> str:
    """AIF of nodes (`I C001`), with an edge from each to the next."""
    nodes = {name: kind for kind, name in map(str.split, chain)}
    edges = [{"fromID": a.split()[1], "toID": b.split()[1]} for a, b in itertools.pairwise(chain)]
    return json.dumps({"nodes": [{"nodeID": n, "type": k, "text": "sign"} for n, k in nodes.items()], "edges": edges})


GOOD = "[C001]: x\n[C002]: y\n<A02>\n(1) [C001]\n--\nsign\n--\n(2) [C002]\n"
BAD = {
    "a line of something else": ("a.argdown", "[C001]: x\nhello\n", 2, "not_argdown"),
    "a scheme that is none": ("a.argdown", "[C001]: x\n[C002]: y\n<A01>\n(1) [C001]\n--\nmagic\n--\n(2) [C002]\n", 7, "unknown_scheme"),
    "no scheme": ("a.argdown", "[C001]: x\n[C002]: y\n<A01>\n(1) [C001]\n----\n(2) [C002]\n", 5, "unknown_scheme"),
    "cut off": ("a.argdown", "[C001]: x\n<A01>\n(1) [C001]\n", 2, "unfinished_argument"),
    "cut off by the next": ("a.argdown", f"[C001]: x\n<A01>\n(1) [C001]\n{GOOD}", 2, "unfinished_argument"),
    "twice": ("a.argdown", GOOD * 2, 11, "repeated_id"),
    "two texts": ("a.argdown", GOOD + "[C001]: another\n", 9, "two_texts"),
    "an id that is none": ("a.argdown", GOOD.replace("A02", "My argument!"), 3, "bad_form"),
    "nothing": ("a.argdown", "", None, "nothing_inferred"),
    "a statement without text": ("a.argdown", "[C001]: x\n<A01>\n(1) [C001]\n--\nsign\n--\n(2) [C002]\n", None, "no_such_statement"),
    "no JSON": ("a.json", "{", 1, "broken_json"),
    "JSON of something else": ("a.json", "[1, 2]", None, "not_aif"),
    "too deep": ("a.json", "[" * 10_000, None, "too_deep"),
    "a statement of no words": ("a.json", '{"nodes": [{"nodeID": "1", "type": "I"}], "edges": []}', None, "not_aif"),
    "a node twice": (
        "a.json",
        '{"nodes": [' + '{"nodeID": "1", "text": "x", "type": "I"},' * 2 + '{"nodeID": "2", "text": "x", "type": "I"}], "edges": []}',
        None,
        "node_twice",
    ),
    "an attack": ("a.json", '{"nodes": [{"nodeID": "1", "text": "x", "type": "CA"}], "edges": []}', None, "unknown_node"),
    "an edge to nothing": ("a.json", '{"nodes": [], "edges": [{"fromID": "1", "toID": "2"}]}', None, "unknown_end"),
    "no conclusion": ("a.json", '{"nodes": [{"nodeID": "1", "text": "sign", "type": "RA"}], "edges": []}', None, "not_an_inference"),
    "an inference of an inference": ("a.json", aif_of("I C001", "RA A01", "RA A02", "I C002"), None, "edge_of_one_type"),
    "a statement of a statement": ("a.json", aif_of("I C001", "I C002", "RA A01", "I C002"), None, "edge_of_one_type"),
    "a claim of another ledger": ("a.argdown", "[C001]: x\n[C999]: y\n<A01>\n(1) [C001]\n--\nsign\n--\n(2) [C999]\n", 3, "unknown_claim"),
}


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_is_named(mistake: str, tmp_path: Path) -> None:
    name, content, line, code = BAD[mistake]
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_inferences(tmp_path / name, {"C001", "C002"})
    problem = error.value.problems[0]
    assert (problem.code, problem.line) == (code, line)
    assert all(problem.part(which, lang) for which in ("what", "rule", "mend") for lang in ("en", "zh"))
