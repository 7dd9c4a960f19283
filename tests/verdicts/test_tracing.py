"""Weighing stories: sums, bands, groups and orders, against arithmetic by hand; and mistakes of weights, each with its place."""

from __future__ import annotations

import itertools
import json
import math
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import CASE, call_qantar
from qantar.account.weights import Band, Item, Story, Weight, complete
from qantar.cases.case import cases_folder
from qantar.errors import DataError
from qantar.verdicts.load import load_account
from qantar.verdicts.tracing import PRIOR, absent, ahead, joined, weigh

WORDS = {f"{name}_{lang}": "x" for name in ("name", "story", "forbids") for lang in ("en", "zh")}


def story(name: str) -> Story:
    return Story.model_validate({"id": name, **WORDS})


def item(name: str, **more: object) -> Item:
    row = {"item_id": name, "what_en": "x", "what_zh": "天", "present": "yes", "seen": 1, "interest": "none", "own": "no"}
    return Item.model_validate(row | more)


def weight(name: str, a: str, b: str, best: float, *, half: float = 2.0, coder: str = "one") -> Weight:
    row = {"item": name, "coder": coder, "blind": "yes", "a": a, "b": b, "low": best - half, "best": best, "high": best + half}
    return Weight.model_validate(row)


def around(middle: float, *halves: float) -> tuple[float, float, float]:
    """The band of a sum of even triangles of these half widths, by hand: the variance of one is half squared over six."""
    half = 1.959964 * math.sqrt(sum(h**2 / 6 for h in halves))
    return middle - half, middle, middle + half


def ends(band: Band) -> tuple[float, float, float]:
    return band.low, band.best, band.high


def test_weights_add_up_to_odds() -> None:
    items, weights = [item("I1"), item("I2")], [weight("I1", "a", "b", 10), weight("I2", "b", "a", 3)]
    [pair] = weigh([story("a"), story("b")], items, weights).pairs
    assert (pair.a, pair.b) == ("a", "b")
    assert ends(pair.band) == pytest.approx(around(7, 2, 2), abs=1e-3)
    assert pair.one_sided == Band(3, 7, 11)
    assert pair.odds == pytest.approx((10 ** (pair.band.low / 10) / 9, 10 ** (pair.band.high / 10) * 9))
    assert {i: ends(b) for i, b in pair.without.items()} == {
        "I1": pytest.approx(around(-3, 2), abs=1e-3),
        "I2": pytest.approx(around(10, 2), abs=1e-3),
    }
    assert pair.verdict == ""  # 7 dB are less than odds of 9 to 1 that a reader may hold against it


def test_a_band_holds_as_many_sums_as_it_says() -> None:
    bands = [Band(-3, 0, 9), Band(1, 2, 4), Band(-6, -5, 3), Band(0, 4, 5), *[Band(-2, 1, 3)] * 6]
    items = [item(f"I{k:02}") for k in range(10)]
    rows = [
        weight(i.item_id, "a", "b", 0).model_copy(update={"low": x.low, "best": x.best, "high": x.high})
        for i, x in zip(items, bands, strict=True)
    ]
    [pair] = weigh([story("a"), story("b")], items, rows).pairs
    lots = random.Random(1)
    low, high = sorted((pair.band.low, pair.band.high)) if pair.a == "a" else sorted((-pair.band.low, -pair.band.high))
    inside = sum(low <= sum(lots.triangular(x.low, x.high, x.best) for x in bands) <= high for _ in range(20_000)) / 20_000
    assert 0.94 < inside < 0.965


def test_what_coders_see_differently_stays_in_the_band() -> None:
    weights = [weight("I1", "a", "b", 2), weight("I1", "a", "b", 12, coder="two")]
    [pair] = weigh([story("a"), story("b")], [item("I1")], weights).pairs
    assert ends(pair.band) == pytest.approx((around(2, 2)[0], 7, around(12, 2)[2]), abs=1e-3)


def test_a_story_is_ahead_only_over_the_whole_band_and_for_every_reader() -> None:
    assert ahead(Band(PRIOR + 0.1, 20, 30), "a", "b") == "a"
    assert ahead(Band(PRIOR - 0.1, 20, 30), "a", "b") == ""
    assert ahead(Band(-30, -20, -PRIOR - 0.1), "a", "b") == "b"


def test_items_that_are_one_witness_count_once() -> None:
    items = [item("I1", group="w"), item("I2", group="w"), item("I3")]
    weights = [weight("I1", "a", "b", 4), weight("I2", "a", "b", 9), weight("I3", "a", "b", 1)]
    [pair] = weigh([story("a"), story("b")], items, weights).pairs
    assert pair.band.best == 10
    assert pair.naive.best == 14
    assert pair.without["I2"].best == 5  # the other of the group takes its place


def test_own_arguments_and_interested_sources_stand_apart() -> None:
    items = [item("I1", own="yes"), item("I2", interest="state"), item("I3")]
    weights = [weight("I1", "a", "b", 1), weight("I2", "a", "b", 2), weight("I3", "a", "b", 4)]
    [pair] = weigh([story("a"), story("b")], items, weights).pairs
    assert (pair.own.best, pair.rest.best, pair.disinterested.best) == (1, 6, 5)


def test_what_was_not_seen_says_less_the_less_it_would_have_been_seen() -> None:
    said = [absent(20, seen) for seen in (0, 0.25, 0.5, 0.9, 1)]
    assert said == sorted(said)
    assert (said[0], said[-1]) == (0, 20)
    assert absent(20, 0.5) == pytest.approx(-10 * math.log10(1 - 0.5 * 0.99))
    [pair] = weigh([story("a"), story("b")], [item("I1", present="no", seen=0.5)], [weight("I1", "a", "b", 20)]).pairs
    assert pair.one_sided.best == pytest.approx(absent(20, 0.5))


def test_coders_are_joined_to_the_widest_band_and_the_mean() -> None:
    assert joined([Band(-1, 2, 5), Band(3, 6, 9)]) == Band(-1, 4, 9)


@given(st.lists(st.floats(-10, 10), min_size=4, max_size=4), st.permutations("abcde"))
def test_all_pairs_follow_from_one_story_against_each_other_one(best: list[float], order: list[str]) -> None:
    first, *others = order
    given_ = {(first, other): Band(w - 2, w, w + 2) for other, w in zip(others, best, strict=True)}
    whole = complete(given_, sorted(order))
    assert whole is not None
    for i, j, k in itertools.permutations(order, 3):
        assert whole[i, k].best == pytest.approx(whole[i, j].best + whole[j, k].best, abs=1e-9)
        assert whole[i, j].low == pytest.approx(-whole[j, i].high)


def test_no_order_of_rows_stories_or_coders_changes_anything() -> None:
    account = load_account("kazakhstan-2022").account
    assert account.rivals is not None
    stories, items, weights = list(account.rivals.stories), list(account.items), list(account.weights)
    whole = weigh(stories, items, weights)
    lots = random.Random(3)
    for _ in range(5):
        for rows in (stories, items, weights):
            lots.shuffle(rows)
        assert weigh(stories, items, weights) == whole
    swapped = [w.model_copy(update={"coder": {"one": "two", "two": "one"}.get(w.coder, w.coder)}) for w in weights]
    assert [p.band for p in weigh(stories, items, swapped).pairs] == [p.band for p in whole.pairs]
    turned = [w.model_copy(update={"a": w.b, "b": w.a, "low": -w.high, "best": -w.best, "high": -w.low}) for w in weights]
    assert weigh(stories, items, turned) == whole


def test_the_packaged_weights_are_enough() -> None:
    account = load_account("kazakhstan-2022").account
    assert account.rivals is not None
    assert len(account.items) >= 25
    assert 4 <= len(account.rivals.stories) <= 6
    assert len({w.coder for w in account.weights}) >= 2
    assert all(w.blind == "yes" for w in account.weights)


MISTAKES = {
    "narrow": ("weights.csv", lambda r: r[0] | {"low": r[0]["best"]}, "narrow_band"),
    "thin": ("weights.csv", lambda r: r[0] | {"low": "0", "best": "1", "high": "2"}, "narrow_band"),
    "infinite": ("weights.csv", lambda r: r[0] | {"high": "inf"}, "not_a_number"),
    "too much": ("weights.csv", lambda r: r[0] | {"high": "31"}, "above"),
    "no story": ("weights.csv", lambda r: r[0] | {"b": "nobody"}, "unknown_story"),
    "itself": ("weights.csv", lambda r: r[0] | {"b": r[0]["a"]}, "same_story"),
    "no item": ("weights.csv", lambda r: r[0] | {"item": "I99"}, "unknown_item"),
    "no evidence": ("items.csv", lambda r: r[0] | {"evidence": "E999"}, "unknown_evidence"),
    "seen twice over": ("items.csv", lambda r: r[0] | {"seen": "1.5"}, "above"),
}


def copied(folder: Path) -> Path:
    """The packaged case without its studies."""
    return Path(
        shutil.copytree(
            cases_folder() / "kazakhstan-2022", folder / "case", ignore=shutil.ignore_patterns("fit", "experiments", "accounts")
        )
    )


def rewritten(path: Path, rows: list[dict[str, str]]) -> None:
    import csv

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def rows_of(path: Path) -> list[dict[str, str]]:
    import csv

    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_line(mistake: str, tmp_path: Path) -> None:
    name, change, code = MISTAKES[mistake]
    path = copied(tmp_path) / name
    rows = rows_of(path)
    rewritten(path, [change(rows), *rows[1:]])
    with pytest.raises(DataError) as error:
        load_account(str(path.parent))
    found = [p for p in error.value.problems if p.file == name and p.line == 2]
    assert found, [p.as_dict() for p in error.value.problems]
    assert code in [p.code for p in found]
    assert all(p.part("mend") for p in found)


def test_weights_of_one_coder_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    path = copied(tmp_path) / "weights.csv"
    rows = rows_of(path)
    one = [r for r in rows if (r["item"], r["coder"]) == (rows[0]["item"], rows[0]["coder"])]
    a, b = one[0]["b"], one[1]["b"]
    assert one[0]["a"] == one[1]["a"]
    best = float(one[1]["best"]) - float(one[0]["best"])  # of a against b, from the two
    for off, fits in ((0.0, True), (5.0, False)):
        extra = one[0] | {"a": a, "b": b, "low": f"{best + off - 3}", "best": f"{best + off}", "high": f"{best + off + 3}"}
        rewritten(path, [*rows, extra])
        if fits:
            load_account(str(path.parent))
        else:
            with pytest.raises(DataError, match="by way of the other pairs") as error:
                load_account(str(path.parent))
            assert error.value.problems[0].line is not None


def test_json_says_what_was_weighed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from qantar.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main(["weigh", "kazakhstan-2022", "--json", f"--out={tmp_path / 'out'}"])
    assert not ended.value.code
    found = json.loads(capsys.readouterr().out)
    assert {"pairs", "items", "weights", "stories", "weights_sha256"} <= set(found)
    assert {"odds_low", "odds_high", "tipping_best", "naive_best", "ahead", "fragile"} <= set(found["pairs"][0])
    assert {"without_low", "without_best", "without_high"} <= set(found["weights"][0])


def test_an_item_is_left_out_by_an_option_and_all_at_once_are_refused(tmp_path: Path) -> None:
    whole, less = (call_qantar("weigh", CASE, *more, "--json", cwd=tmp_path).json() for more in ((), ("--without", "I01")))
    assert {w["item"] for w in whole["weights"]} - {w["item"] for w in less["weights"]} == {"I01"}
    assert whole["weights_sha256"] == less["weights_sha256"]  # what is registered is the whole
    out = {(w["a"], w["b"]): w["without_best"] for w in whole["weights"] if w["item"] == "I01" and w["without_best"] is not None}
    now = {(p["a"], p["b"]): p["band_best"] for p in less["pairs"]}
    assert out
    assert all(now.get(pair, -now.get(pair[::-1], 0)) == pytest.approx(best, abs=1e-3) for pair, best in out.items())
    every = [word for item in whole["items"] for word in ("--without", item["item"])]
    for more in (["--without", "I999"], every):
        wrong = call_qantar("weigh", CASE, *more, cwd=tmp_path)
        assert (wrong.code, "--without" in wrong.err) == (2, True)
