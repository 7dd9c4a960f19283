"""The catalogue: both languages whole, everything the program may say is in it, and nothing else."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import qantar
from kit.glossary import glossary
from qantar import messages, studies
from qantar.account.schema import KINDS, READINGS
from qantar.files.cells import Number
from qantar.lookup.check import TABLES
from qantar.lookup.keys import FILES, keys_of
from qantar.messages import LANGUAGES, catalogue, column_meanings, key_meanings, keys_under, language, read_messages, text
from qantar.record.record import variables
from qantar.record.schema import EVENT_KINDS
from qantar.verdicts.claims import BASES, FLAGS, ORDER_FITS, WORDS
from qantar.verdicts.load import Loaded

PACKAGE = Path(qantar.__file__).parent


def placeholders(message: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(message) if name}


FORMS = re.compile(r"\{\w+:([^{}|]*)\|([^{}|]*)\}")
"""A place where a message has one word for one and another for several."""
NEVER_ONE = {"high", "value", "case"}
"""Limits, what exceeds one, and a name."""


def test_what_is_counted_has_a_word_for_one() -> None:
    messages = {
        key: both[0]
        for path in sorted((PACKAGE / "messages").rglob("*.toml"))
        if path.parent.name != "studies"  # where hundreds of histories are told of
        for key, both in read_messages(path.read_text(encoding="utf-8"), path.name)
    }
    forms = [(set(one.split()), several.split()) for message in catalogue("en").values() for one, several in FORMS.findall(message)]
    nouns = {word.strip(",;") for one, several in forms for word in several if re.fullmatch(r"[a-z]+s[,;]?", word) and word not in one}
    assert {"rows", "events", "claims", "regions"} <= nouns
    counted = re.compile(r"\{(\w+)\}(?: (?!of|in|on|from)[a-z]+)? ([a-z]+s)\b")
    bare = {key: m[0] for key, message in messages.items() for m in counted.finditer(message) if m[2] in nouns and m[1] not in NEVER_ONE}
    assert not bare


def test_every_file_says_to_any_reader_of_toml_what_it_says_here() -> None:
    # The reader is our own for speed: this holds it to the standard, and the files to what it can read.
    def flat(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
        for key, value in node.items():
            if set(value) == set(LANGUAGES):
                yield prefix + key, tuple(value[lang].strip("\n") for lang in LANGUAGES)
            else:
                yield from flat(value, f"{prefix}{key}.")

    files = sorted((PACKAGE / "messages").rglob("*.toml"))
    assert len(files) > 20
    for path in files:
        source = path.read_text(encoding="utf-8")
        assert dict(read_messages(source, path.name)) == dict(flat(tomllib.loads(source))), path
        assert source.startswith("# "), path  # what the file groups


@pytest.mark.parametrize(
    "source",
    [
        '[a.b]\nen = "one language"\n',
        '[a.b]\nzh = "一"\nen = "the other way round"\n',
        '[a.b]\nen = "a third"\nzh = "三"\nru = "3"\n',
        '[a.b]\nen = "no end\nzh = "三"\n',
        'en = "no key"\nzh = "三"\n',
    ],
)
def test_a_file_of_another_form_is_refused(source: str) -> None:
    good = '# what is here\n[a.a]\nen = "a \\"word\\""\nzh = """\n一\n二"""\n'
    assert dict(read_messages(good, "good.toml")) == {"a.a": ('a "word"', "一\n二")}
    with pytest.raises(ValueError, match=r"bad\.toml, line (7|10)"):
        dict(read_messages(good + source, "bad.toml"))


def test_a_key_stands_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text('[a.b]\nen = "x"\nzh = "一"\n', encoding="utf-8")
    monkeypatch.setattr(messages, "_HERE", tmp_path)
    with pytest.raises(ValueError, match=r"a\.b stands twice, the second time in two\.toml"):
        messages._messages.__wrapped__()


def test_no_message_is_the_beginning_of_another_key() -> None:
    keys = set(catalogue("en"))
    assert not [k for k in keys for n in range(1, k.count(".") + 1) if k.rsplit(".", n)[0] in keys]


def test_both_languages_have_the_same_placeholders() -> None:
    en, zh = (catalogue(lang) for lang in ("en", "zh"))
    assert {k: placeholders(v) for k, v in en.items()} == {k: placeholders(v) for k, v in zh.items()}


EXCEPT = {
    **dict.fromkeys(("new.note.borders", "new.note.crimea", "cli.new_case"), "to draw, to claim: of borders"),
    **dict.fromkeys(("new.seats", "new.data.regions", "error.no_region_names.mend"), "seats, units and features of a map"),
    **dict.fromkeys(("cli.opt_find", "cli.arg_what", "cli.opt_set", "cli.opt_delta"), "names as they are typed"),
    **dict.fromkeys(("error.nothing_to_search.mend", "error.figure_without.mend"), "names as they are typed"),
    **dict.fromkeys(("error.not_geojson.what", "error.empty_shape.mend"), "a feature of GeoJSON"),
    **dict.fromkeys(("report.nothing_recorded", "cli.opt_countries", "cli.opt_posterior", "cli.opt_hindsight"), "to draw, not a draw"),
    **dict.fromkeys(("out.run_head", "cli.opt_seed", "cli.opt_methods_seed"), "base seed"),
    **dict.fromkeys(("cli.weigh", "report.gist.weigh", "weigh.text", "weigh.band", "weigh.nobody"), "items that are weighed, no text"),
    **dict.fromkeys(("error.unknown_evidence.rule", "table.items"), "items that are weighed, no text"),
    "report.claims_n": "a number under a heading",
    "scope.claim": "what one side says, no claim of an account",
    "cli.export": "a program that reads",
    "error.not_of_kind.rule": "results that ship, no evidence for a verdict",
}
"""Messages whose English has a word of the glossary in another sense, and why."""


def uses(term: str, message: str) -> bool:
    message = re.sub(r"\{\w+:([^}]*)\}", r"\1", message)  # of a plural the words, not what is counted
    prose = re.sub(
        r"\{[^}|]*\}|`[^`]*`|--[\w-]+|\S*[/=]\S*|\b[A-Z]{2,}\b|\w+\.(?:toml|csv|json)|qantar [\w-]+|\[default:.*?\]|Examples?:.*",
        "",
        message,
    )
    forms = {"history": "histor(y|ies)", "hypothesis": "hypothes[ie]s", "nats": "nats?"}.get(term, f"{term}s?")
    return re.search(rf"(?<![\w-]){forms}(?![\w-])", prose, re.IGNORECASE) is not None


def test_one_thing_has_one_word_in_chinese() -> None:
    en, zh = (catalogue(lang) for lang in LANGUAGES)
    terms = glossary()
    assert len(terms) > 40
    assert len(set(terms.values())) == len(terms)
    other = {key for term, word in terms.items() for key in en if uses(term, en[key]) and word not in zh[key]}
    assert other == set(EXCEPT)
    assert not [term for term in terms if sum(uses(term, message) for message in en.values()) < 3]  # each is a word of the catalogue


def test_a_word_of_the_glossary_is_seen_in_prose_and_not_in_what_is_typed() -> None:
    seen = {"draw": "two draws of {seed}", "history": "All histories.", "nats": "one nat"}
    typed = {"seed": "{seed}", "store": "restored", "arm": "--arm", "scenario": "SCENARIO in scenario.toml", "record": "`qantar record`"}
    assert [uses(*pair) for pair in seen.items()] == [True] * 3
    assert [uses(*pair) for pair in typed.items()] == [False] * 5


def test_chinese_is_chinese_and_english_is_not() -> None:
    for key, message in catalogue("zh").items():
        if not key.startswith(("sign.", "error.sep", "error.colon", "error.space")) and key not in (
            "out.id",
            "report.finding.of",
            "report.colon",
            "report.comma",
            "report.semicolon",
            "unit.number",
            "serve.what_if.clock",
            "serve.what_if.step",
        ):
            assert re.search(r"[\u4e00-\u9fff]", message), key
    assert not [k for k, v in catalogue("en").items() if re.search(r"[\u4e00-\u9fff]", v)]


def source() -> Iterator[tuple[str, str]]:
    for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.j2"), *PACKAGE.rglob("*.js")]:
        yield path.name, path.read_text(encoding="utf-8")


def test_every_key_that_is_written_out_exists_and_every_key_is_used() -> None:
    keys = set(catalogue("en"))
    used: set[str] = set()
    for name, code in source():
        for key in re.findall(
            r"""["']((?:cli|out|report|check|error|progress|term|fitted|heldout|counterfactual|importing|methods|rivals|warning)\.[\w.-]+)["']""",
            code,
        ):
            if not key.endswith((".", "_", ".html", ".css", ".js", ".csv", ".npz", ".toml")):
                assert key in keys or any(k.startswith(key + ".") for k in keys), f"{name}: {key}"
                used.add(key)
    composed = (
        "error.",
        "event.",
        "scope.",
        "unit.",
        "term.",
        "table.",
        "report.part.",
        "report.figure.",
        "report.deaths.",
        "report.seat_",
        "heldout.",
        "warning.",
        "report.axis.",
        "report.evidence.",
        "forecaster.",
        "fitted.",
        "check.kind.",
        "progress.",
        "out.sampled_",
        "experiment.",
        "planted.",
        "scale.",
        "answer.",
        *(f"{kind}." for kind in studies.KINDS),
    )
    composed += ("parser.", "new.", "serve.api.", "serve.part.", "serve.story.without_")
    composed += ("serve.ledger.table_", "serve.ledger.says.", "serve.own.says.")
    composed += tuple(f"serve.own.{step}" for step in ("new", "import", "check", "ledger", "keep"))
    composed += ("serve.what_if.", "serve.claims.needs.", "serve.claims.way.", "serve.accounts.", "serve.studies.state.")
    composed += tuple(f"{g}{m}." for g in ("verdict", "kind", "basis", "flag") for m in ("", "_meaning"))
    composed += ("proposal.", "sign.", "reading.", "seen.", "confidence.", "test.", "cue.")
    joined = "\n".join(code for _, code in source())
    named = {k for k in keys if f'"{k}"' in joined or f'"{k.rpartition(".")[2]}"' in joined}
    leftovers = [k for k in keys - used - named if not k.startswith(composed)]
    assert not leftovers


def test_every_word_of_a_closed_list_has_its_label() -> None:
    for group, words in {
        "verdict": (*WORDS, ORDER_FITS),
        "sign": (*WORDS, ORDER_FITS),
        "kind": KINDS,
        "basis": BASES,
        "flag": FLAGS,
        "reading": READINGS,
        "event": EVENT_KINDS,
    }.items():
        assert set(keys_under(group)) == set(words), group
    assert set(keys_under("table")) == set(TABLES)


def test_every_scope_and_test_of_the_case_has_its_label(loaded: Loaded) -> None:
    assert {e.scope for e in loaded.case.record.events} <= set(keys_under("scope"))
    assert {h.test for h in loaded.account.hypotheses} <= set(keys_under("test"))
    assert {s.seen for s in loaded.case.record.sources} <= set(keys_under("seen"))
    assert {d.unit for d in loaded.case.record.disagreements if d.unit} <= set(keys_under("unit"))


def test_every_unit_has_its_name() -> None:
    units = {v.unit for v in variables()}
    for model in TABLES.values():
        for info in model.model_fields.values():
            parts = [*info.metadata, *(m for a in getattr(info.annotation, "__args__", ()) for m in getattr(a, "__metadata__", ()))]
            units |= {p.func.unit for p in parts if isinstance(getattr(p, "func", None), Number)}
    units |= set(re.findall(r'Number\("([^"]+)"', (PACKAGE / "cases" / "case.py").read_text()))
    assert units <= set(keys_under("unit"))


def test_every_problem_the_code_can_raise_has_its_three_sentences() -> None:
    # Every call that names a problem names one that has its sentences, and each of these is named somewhere.
    known = {k for k in keys_under("error") if f"error.{k}.what" in catalogue("en")}
    code = "\n".join(text for name, text in source() if name.endswith(".py"))
    raised = set(re.findall(r'_wrong\(\s*"(\w+)"', code)) | set(re.findall(r'fail\(\w+, [^,]+, "(\w+)"', code))
    for call in re.findall(r"problems\.add\(([^()]*(?:\([^()]*\)[^()]*)*)\)", code):
        raised |= set(re.findall(r'"(\w+)"', call)) & known
    assert raised <= known
    assert {k for k in known if f'"{k}"' not in code} == set()
    for name in known:
        assert {f"error.{name}.{part}" for part in ("what", "rule")} <= set(catalogue("en"))
        if f"error.{name}.mend" not in catalogue("en"):  # then the mend is what exists, and whoever names the problem lists it
            assert re.search(rf'"{name}"[^\n]{{0,120}}\bchoices\b|among\([^\n]*"{name}"', code), name  # `among` lists it always


def test_every_column_has_a_meaning_in_both_languages() -> None:
    fields = {(name, column) for name, model in TABLES.items() for column in model.model_fields}
    for lang in LANGUAGES:
        meanings = column_meanings(lang)
        assert set(meanings) == fields
        assert all(meanings.values())


def test_every_key_of_a_case_has_a_meaning_in_both_languages() -> None:
    keys = {(file, key.path) for file in FILES for key in keys_of(file)}
    for lang in LANGUAGES:
        meanings = key_meanings(lang)
        assert set(meanings) == keys
        assert all(meanings.values())


@pytest.mark.parametrize(
    ("asked", "env", "expected"),
    [
        (None, {}, "en"),
        (None, {"LANG": "de_DE.UTF-8"}, "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, "zh"),
        (None, {"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        (None, {"QANTAR_LANG": "zh", "LC_ALL": "C"}, "zh"),
        ("en", {"QANTAR_LANG": "zh"}, "en"),
    ],
)
def test_the_language_is_found(asked: str | None, env: dict[str, str], expected: str) -> None:
    assert language(asked, env) == expected


def test_a_key_that_does_not_exist_is_our_fault() -> None:
    with pytest.raises(KeyError):
        text("no.such.key", "en")
