"""The ledger of the packaged account, its verdicts, and how far to trust them."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

from qantar.account.schema import Claim
from qantar.errors import DataError, ScenarioError
from qantar.lookup.show import show
from qantar.statistics import wilson
from qantar.verdicts.claims import agreement, basis, flags, judge, tally
from qantar.verdicts.hypotheses import Trial
from qantar.verdicts.load import Loaded, load_account


def test_153_claims_in_four_kinds(loaded: Loaded) -> None:
    claims = loaded.account.claims
    assert [c.claim_id for c in claims] == [f"C{n:03d}" for n in range(1, 154)]
    assert Counter(c.kind for c in claims) == {"fact": 89, "cause": 40, "judgement": 17, "prediction": 7}
    counts = tally(judge(loaded.account))
    assert counts["fact"] == {"supported": 31, "partly": 32, "contradicted": 23, "unverifiable": 3}
    assert sum(sum(c.values()) for c in counts.values()) == 153


def test_every_claim_is_told_in_both_languages(loaded: Loaded) -> None:
    for c in loaded.account.claims:
        assert re.search(r"[\u4e00-\u9fff]", c.claim_zh)
        assert c.claim_zh.endswith("。")
        assert re.search(r"[\u4e00-\u9fff]", c.evidence_zh)
        assert not re.search(r"[\u4e00-\u9fff]", c.claim_en + c.evidence_en)


def test_years_and_shares_survive_translation(loaded: Loaded) -> None:
    def figures(text: str) -> set[str]:
        return set(re.findall(r"\d+(?:\.\d+)?(?=%)|(?<!\d)(?:18|19|20)\d\d(?!\d)", text))

    for c in loaded.account.claims:
        assert figures(c.claim_en) <= figures(c.claim_zh), c.claim_id


def test_the_documents_sentences_are_not_in_the_project(loaded: Loaded) -> None:
    folder = loaded.account.folder
    header = (folder / "claims.csv").read_text(encoding="utf-8").split("\n")[0]
    assert "quote" not in header
    assert not [p for p in folder.iterdir() if p.suffix in (".txt", ".md")]


def test_positions_are_inside_the_document(loaded: Loaded) -> None:
    # Sections and paragraphs of the document by its own numbering (its words are not kept): 0 to 9, at most 14.
    paragraphs = {0: 2, 1: 5, 2: 7, 3: 14, 4: 8, 5: 10, 6: 12, 7: 7, 8: 10, 9: 6}
    for c in loaded.account.claims:
        assert int(c.paragraph.split("-")[-1]) <= paragraphs[c.section], c.claim_id
    assert {s.number for s in loaded.account.head.sections} == set(paragraphs)


def test_without_experiments_causes_rest_on_the_order_of_events(loaded: Loaded) -> None:
    for j in judge(loaded.account):
        assert j.as_dict()["effect"] is None
        supported = j.basis == "order" and j.claim.verdict == "supported"
        assert j.value == ("order-fits" if supported else j.claim.verdict)  # an order that fits supports no cause
        assert j.word == j.claim.verdict
        if j.claim.kind == "cause":
            assert j.basis in ("order", "memory", "none")


def test_an_experiment_judges_causes_and_predictions_and_never_a_fact(loaded: Loaded) -> None:
    hypotheses = {c.hypothesis_id for c in loaded.account.claims if c.hypothesis_id}
    row = {"basis": "posterior", "rival": "", "effect": 0.5, "low": 0.4, "high": 0.6, "unit": "log10", "smallest": 0.1,
           "independent": 9.4}  # fmt: skip
    named = {h: tuple(c.claim_id for c in loaded.account.claims if c.hypothesis_id == h and c.claim_id != "C117") for h in hypotheses}
    trials = {h: Trial(h, "counterfactual", "supported", "assumed", [row], [], "", judges=named[h]) for h in hypotheses}
    for j in judge(loaded.account, trials):
        c = j.claim
        tried = bool(c.hypothesis_id) and c.kind in ("cause", "prediction") and c.verdict != "contradicted"
        tried = tried and c.claim_id != "C117"  # near the hypothesis, and its experiment does not name it
        assert (j.trial is not None) == tried
        assert j.word == ("model-supported" if tried else c.verdict)
        if tried:
            assert j.value == "supported in this model (assumed; 9 independent draws)"
            assert (j.as_dict()["record"], j.as_dict()["effect"]) == (c.verdict, 0.5)
            assert j.basis == "assumed"
        else:
            assert j.as_dict()["effect"] is None


def test_what_cannot_be_tested_leaves_the_record_its_word(loaded: Loaded) -> None:
    every = tuple(c.claim_id for c in loaded.account.claims)
    trials = {h: Trial(h, "none", "not-testable", "none", [], [], "", judges=every) for h in ("H03", "H07")}
    for j in judge(loaded.account, trials):
        c = j.claim
        open_cause = c.hypothesis_id in trials and c.kind in ("cause", "prediction") and c.verdict == "unverifiable"
        assert (j.word == "not-testable") == open_cause
    not_run = {h.hypothesis_id: Trial(h.hypothesis_id, "x", "not-run", "none", [], [], "", judges=every) for h in loaded.account.hypotheses}
    assert all(j.trial is None for j in judge(loaded.account, not_run))


def test_basis_and_flags_follow_the_sources(loaded: Loaded) -> None:
    account = loaded.account
    found = {j.claim.claim_id: j for j in judge(account)}
    assert found["C052"].basis == "memory"
    assert "memory" in found["C052"].flags
    assert "memory-in-part" in found["C005"].flags
    assert "address-lost" in found["C007"].flags
    assert "address-lost" not in found["C001"].flags
    assert found["C012"].flags[-1] == "readers-differed"
    assert found["C018"].basis == "judgement"
    assert found["C018"].flags == ()
    assert Counter(f for j in found.values() for f in j.flags) == {
        "seen-in-copy": 120,
        "one-reader": 29,
        "address-lost": 24,
        "readers-differed": 25,
        "memory": 10,
        "memory-in-part": 9,
    }


def test_agreement_is_computed_from_the_ledger(loaded: Loaded) -> None:
    found = agreement(loaded.account)
    assert found is not None
    assert (found.n, found.same, found.changed_to_second, found.kept_first, found.opposite) == (116, 91, 11, 14, 0)
    assert (round(found.share, 3), round(found.share_low, 3), round(found.share_high, 3)) == (0.784, 0.701, 0.85)
    # Cohen's kappa by hand from the two margins of the 116 pairs
    pairs = [(r.first, r.second) for r in loaded.account.second_reading]
    chance = sum(sum(a == v for a, _ in pairs) * sum(b == v for _, b in pairs) for v in {a for a, _ in pairs}) / 116**2
    assert found.kappa == pytest.approx((91 / 116 - chance) / (1 - chance))
    assert found.kappa_low < 0.7 < found.kappa_high


def test_no_second_reading_means_no_agreement_figure(tiny: Path) -> None:
    text = (tiny / "claims.csv").read_text(encoding="utf-8")
    (tiny / "claims.csv").write_text(text.replace("agreed", "one").replace("settled", "one"), encoding="utf-8")
    toml = (tiny / "account.toml").read_text(encoding="utf-8")
    (tiny / "account.toml").write_text(toml.replace('second_reading = "second_reading.csv"\n', ""), encoding="utf-8")
    assert agreement(load_account(str(tiny)).account) is None


def test_a_compromise_is_neither_readers_and_one_verdict_throughout_has_no_kappa(tiny: Path) -> None:
    text = (tiny / "claims.csv").read_text(encoding="utf-8").replace("contradicted,Forty", "partly,Forty")
    (tiny / "claims.csv").write_text(text, encoding="utf-8")
    rows = (
        (tiny / "second_reading.csv")
        .read_text(encoding="utf-8")
        .replace("C2,partly,contradicted,contradicted", "C2,supported,contradicted,partly")
    )
    (tiny / "second_reading.csv").write_text(rows, encoding="utf-8")
    found = agreement(load_account(str(tiny)).account)
    assert found is not None
    assert (found.n, found.same, found.changed_to_second, found.kept_first, found.opposite) == (2, 1, 0, 0, 1)
    (tiny / "claims.csv").write_text(text.replace("settled", "one"), encoding="utf-8")
    (tiny / "second_reading.csv").write_text("\n".join(rows.split("\n")[:2]) + "\n", encoding="utf-8")
    alone = agreement(load_account(str(tiny)).account)
    assert alone is not None
    assert alone.share_high == 1
    assert alone.kappa is None


def test_memory_is_known_by_what_was_seen_not_by_a_name(tiny: Path) -> None:
    for name in ("sources.csv", "claims.csv"):
        text = (
            (tiny / name)
            .read_text(encoding="utf-8")
            .replace("memory,From", "recall,From")
            .replace("gazette,memory,settled", "recall,,settled")
        )
        (tiny / name).write_text(text, encoding="utf-8")
    judged = {j.claim.claim_id: j for j in judge(load_account(str(tiny)).account)}
    assert judged["C2"].basis == "memory"
    assert judged["C2"].flags == ("memory", "readers-differed")


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (1, 2)])
def test_wilson_stays_inside_0_and_1(hits: int, n: int) -> None:
    low, high = wilson(hits, n)
    assert low + 1e-12 >= 0
    assert low <= hits / n + 1e-12
    assert hits / n <= high + 1e-12 <= 1 + 1e-11


def test_a_claim_covers_its_sentences_only() -> None:
    c = Claim(claim_id="C1", section="6", paragraph="3", sentence="2-3", kind="fact", verdict="open")  # type: ignore[arg-type]
    assert [c.covers((6, 3, n)) for n in (1, 2, 3, 4)] == [False, True, True, False]
    whole = c.model_copy(update={"paragraph": "3-5", "sentence": None})
    assert whole.covers((6, 5, 9))
    assert not whole.covers((6, 6, 1))
    assert not whole.covers((5, 4, 1))


def _with(folder: Path, file: str, column: str, claim_id: str, cell: str) -> None:
    """One more column of a table, filled for one row."""
    head, *rows = (folder / file).read_text(encoding="utf-8").splitlines()
    rows = [f"{row},{cell if row.startswith(claim_id + ',') else ''}" for row in rows]
    (folder / file).write_text("\n".join([f"{head},{column}", *rows]) + "\n", encoding="utf-8")


def test_a_claim_names_the_rows_of_the_record_it_rests_on(tiny: Path) -> None:
    _with(tiny, "claims.csv", "events", "C2", "E2;T1")
    account = load_account(str(tiny)).account
    assert [c.claim_id for c in account.resting_on("T1")] == ["C2"]
    assert judge(account)[1].as_dict()["events"] == ["E2", "T1"]
    assert "claims that rest on this row" in [
        head for head, _ in show(load_account(str(tiny)), "E2", region=None, day=None, lang="en").blocks
    ]


def test_a_row_that_the_record_does_not_have_is_named_with_the_nearest(tiny: Path) -> None:
    _with(tiny, "claims.csv", "events", "C2", "E0002")
    with pytest.raises(DataError) as caught:
        load_account(str(tiny))
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key, problem.code) == ("claims.csv", 3, "events", "unknown_record_row")
    assert str(problem.as_dict("en")["mend"]).startswith("Nearest: E2,")


@pytest.mark.parametrize(
    ("old", "new", "key", "code"),
    [
        ("", "", "", ""),
        ("C2;C3", "C2;C9", "second", "unknown_claim"),
        ("X1,C1,", "X1,,", "first", "empty_cell"),
        ("C2;C3", "C1", "second", "tension_with_itself"),
        ("Sixty are no thousand.,六十不是一千。", ",", "note_en", "empty_cell"),
        ("六十不是一千。\n", "六十不是一千。\nX1,C1,C3,Twice.,两次。\n", "tension_id", "repeated_id"),
    ],
)
def test_claims_that_do_not_go_together_are_a_table(tiny: Path, old: str, new: str, key: str, code: str) -> None:
    text = (tiny / "tensions.csv").read_text(encoding="utf-8")
    assert old in text
    (tiny / "tensions.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
    if not code:
        loaded = load_account(str(tiny))
        assert [t.second for t in loaded.account.tensions] == [("C2", "C3")]
        assert "tensions.csv" in loaded.hashes()["ledger"]
        return
    with pytest.raises(DataError) as caught:
        load_account(str(tiny))
    assert [(p.file, p.key, p.code) for p in caught.value.problems] == [("tensions.csv", key, code)]


def test_an_open_claim_needs_no_words_yet(loaded: Loaded) -> None:
    c = Claim(claim_id="C1", section="1", paragraph="1", kind="fact", verdict="open")  # type: ignore[arg-type]
    assert basis(c, loaded.account) == "open"


def test_a_mark_without_the_other_readers_verdict_is_no_agreement(tiny: Path) -> None:
    text = (tiny / "claims.csv").read_text(encoding="utf-8")
    (tiny / "claims.csv").write_text(text.replace(",one", ",agreed").replace("first-only", "agreed"), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_account(str(tiny))
    assert {(p.code, p.args["claim"]) for p in caught.value.problems} == {("reading_without", "C3"), ("reading_without", "C4")}


def test_an_own_source_without_an_address_is_a_lost_one(tiny: Path) -> None:
    assert "address-lost" not in next(j for j in judge(load_account(str(tiny)).account) if j.claim.claim_id == "C1").flags
    text = (tiny / "sources.csv").read_text(encoding="utf-8")
    (tiny / "sources.csv").write_text(text.replace("https://example.org/2,yes", ",no"), encoding="utf-8")
    flags = {j.claim.claim_id: j.flags for j in judge(load_account(str(tiny)).account)}
    assert "address-lost" in flags["C1"]
    assert flags["C4"] == ()  # nothing empirical is claimed


def test_the_command_that_repeats_a_verdict_names_a_path_that_works(tiny: Path, loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny.rename(tiny.parent / "my ledger")
    monkeypatch.chdir(tiny.parent)
    own = load_account("my ledger")
    words = shlex.split(judge(own.account)[0].repeat(own.name, own.case_name))
    assert words == ["qantar", "show", "my ledger", "C1"]
    assert show(load_account(words[2]), words[3], region=None, day=None, lang="en").value["id"] == "C1"
    assert load_account(str(folder)).name == "my ledger"  # whoever works below a home does not give its name away
    assert judge(loaded.account)[0].repeat(loaded.name, loaded.case_name) == "qantar show kazakhstan-2022 C001"


def test_flags_of_an_open_claim_are_empty(loaded: Loaded) -> None:
    c = Claim(claim_id="C1", section="1", paragraph="1", kind="fact", verdict="open", source="memory")  # type: ignore[arg-type]
    assert flags(c, loaded.account) == ()


def test_an_account_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(ScenarioError, match="kazakhstan-2022"):
        load_account("kazakstan-2022")


def test_a_search_that_found_nothing_is_a_source_of_its_own(tiny: Path) -> None:
    with (tiny / "sources.csv").open("a", encoding="utf-8") as file:
        file.write("search1,Looked for figures of bread,Archive of Tinyland,2030-05-01,,n/a,own,searched by the reader,searched\n")
    text = (tiny / "claims.csv").read_text(encoding="utf-8")
    (tiny / "claims.csv").write_text(text.replace(",H1,letter,", ",H1,search1,"), encoding="utf-8")
    (claim,) = [j for j in judge(load_account(str(tiny)).account) if j.claim.claim_id == "C3"]
    assert claim.basis == "none"
    assert claim.flags == ("one-reader",)  # nothing was read, so that no address is lost
