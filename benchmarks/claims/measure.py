"""`python -m benchmarks claims [FOLDER] [--essay FILE] [--out FILE]`: the finder against the plain rule "has a number", on labelled sets.

The sets in Chinese and Russian lie beside this file. FOLDER holds the public English ones as tables with the columns doc, id, sentence and
claim (1 or 0): their owners' terms do not let us ship them. FILE after --essay is the document of the packaged ledger; there a sentence
is a claim where the ledger has one. --out writes the figures as a table.

A sentence of our own is labelled 1 where it asserts at least one thing about the world that evidence could bear on, also a cause or a
forecast; 0 where it is an opinion, a demand, a question (whatever it presupposes), a heading, a principle, a definition or about the text,
also with digits. `first` is the label given when it was written, `second` that of a later pass over sentences in random order by the same
person, `claim` what was settled.

Two figures a set. Average precision: sentences in order of score, the mean precision at each claim. Recall at 20 %: the share of claims
among the first fifth of sentences, what somebody finds who has time for no more. Equals count by their expected value over all orders, so
that a rule that says only yes or no is neither helped nor hurt. Intervals hold 95 % of bootstrap samples over sentences; the sentences of a
speech are not independent, so those of English are too narrow.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qantar.account.candidates import cut, scored
from qantar.account.document import Sentence, read_document
from qantar.account.ledger import read_claims
from qantar.cases.case import load_case

Floats = NDArray[np.float64]
HERE = Path(__file__).parent
CASE = "kazakhstan-2022"
ROUNDS, SEED = 1000, 1
SHARE = 0.2
OWN = "own sentences by the author of the signs: flatters the finder"
FRESH = "own sentences, other topics, written after signs and weights were set; errors not looked at"
POLICLAIM = "PoliClaim: github.com/EdisonNi-hku/AFaCTA at 25e8f3b; no licence stated, so not shipped"
CHECKTHAT = "free for general research use, not shipped; positives are what a fact-checker did check"
ESSAY = "packaged essay, not shipped; claims are the sentences at which the ledger of {n} claims has one"
SHIPPED = {
    "zh own, simplified": ("zh.csv", "zhs", OWN),
    "zh own, traditional": ("zh.csv", "zht", OWN),
    "zh fresh, simplified": ("fresh-zh.csv", "fzs", FRESH),
    "zh fresh, traditional": ("fresh-zh.csv", "fzt", FRESH),
    "ru own": ("ru.csv", "ru", OWN),
    "ru fresh": ("fresh-ru.csv", "fru", FRESH),
}
ENGLISH = {
    "en PoliClaim test": ("policlaim_test.csv", "", POLICLAIM),
    "en PoliClaim gold": ("policlaim_gold.csv", "", POLICLAIM),
    "en CheckThat 2018": (
        "checkthat2018.csv",
        "",
        f"CheckThat! 2018 task 1, training part: github.com/clef2018-factchecking/clef2018-factchecking at 201e236; {CHECKTHAT}",
    ),
    "en CheckThat 2019": (
        "checkthat2019.csv",
        "",
        f"CheckThat! 2019 task 1, test part: github.com/apepa/clef2019-factchecking-task1 at 7d46333; {CHECKTHAT}",
    ),
}
NUMBER = {
    "en": r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|"
    r"ninety|hundreds?|thousands?|millions?|billions?|trillions?|dozens?|half|third)\b",
    "zh": r"[一二两三四五六七八九十百千万亿兩萬億]",
    "ru": r"\b(?:один|одна|одно|одного|дв[аеу]\w*|тр[иеё]\w?|четыр\w+|пят[ьи]\w*|шест[ьи]\w*|сем[ьи]|восемь\w*|девят[ьи]|десят\w+|"
    r"\w+надцат\w|сорок|ст[оа]|двести|\w+ста|\w+сот|тысяч\w*|миллион\w*|миллиард\w*|половин\w*|трет[ьи])\b",
}
"""The rule to beat: a digit, or a word of a plain list."""


@dataclass(frozen=True)
class Labelled:
    """Sentences with their labels: 1 where somebody could check what the sentence says."""

    name: str
    language: str
    note: str
    sentences: list[str]
    claim: Floats
    places: list[str] = field(default_factory=list)
    country: str = ""

    def finder(self) -> Floats:
        """The scores of the finder."""
        sentences = [Sentence((1, n, 1), text, n) for n, text in enumerate(self.sentences, 1)]
        return np.array([c.score for c in scored(sentences, self.language, self.places, self.country)])

    def number(self) -> Floats:
        """1 where a sentence has a number."""
        pattern = re.compile(rf"\d|{NUMBER[self.language]}", re.IGNORECASE)
        return np.array([float(bool(pattern.search(text))) for text in self.sentences])


def labelled(folder: Path, sets: dict[str, tuple[str, str, str]]) -> Iterator[Labelled]:
    """The sets of a folder, as far as they are there; of a table only the rows whose id begins as named."""
    for name, (file, start, note) in sets.items():
        if (folder / file).is_file():
            with (folder / file).open(encoding="utf-8", newline="") as opened:
                rows = [row for row in csv.DictReader(opened) if row["id"].startswith(start)]
            claim = np.array([float(row["claim"]) for row in rows])
            yield Labelled(name, name[:2], note, [row["sentence"] for row in rows], claim)


def essay(path: Path) -> Labelled:
    """The document of the packaged ledger."""
    document, case = read_document(path), load_case(CASE)
    account = read_claims(case.folder)
    if account is None or account.match(document) == "other":
        raise SystemExit(f"{path} is not the document of the packaged ledger")
    claims = [c for c in account.claims if c.sentence is not None]
    sentences = [s for s in document.sentences() if s.position[0]]
    covered = np.array([float(any(c.covers(s.position) for c in claims)) for s in sentences])
    name, note = f"{document.language} packaged essay", ESSAY.format(n=len(account.claims))
    places, country = list(case.place_names()), case.head.country
    return Labelled(name, document.language, note, [s.text for s in sentences], covered, places, country)


def both(claim: Floats, score: Floats) -> tuple[float, float]:
    """Average precision, and recall among the first `SHARE` of sentences; equals in the mean over all their orders.

    >>> both(np.array([1.0, 0, 1, 0, 0]), np.array([0.9, 0.8, 0.7, 0.1, 0.1]))
    (0.8333333333333333, 0.5)
    >>> both(np.array([1.0, 0]), np.array([1.0, 1.0]))  # either order: 1 or 1/2
    (0.75, 0.0)
    """
    _, group = np.unique(-score, return_inverse=True)
    sizes, hits = np.bincount(group), np.bincount(group, weights=claim)
    room, before, above, precision, recalled = round(SHARE * len(claim)), 0, 0.0, 0.0, 0.0
    for size, hit in zip(sizes, hits, strict=True):
        if hit:
            rank = np.arange(1, size + 1)
            earlier = (rank - 1) * (hit - 1) / (size - 1) if size > 1 else np.zeros(1)
            precision += float(np.sum(hit / size * (above + 1 + earlier) / (before + rank)))
        taken = min(int(size), max(0, room - before))
        recalled += hit * taken / size
        before += int(size)
        above += hit
    return (float(precision / above), float(recalled / above)) if above else (float("nan"), float("nan"))


FIGURES = ("ap", "recall20")
COLUMNS = ["set", "sentences", "claims", "rule"]
COLUMNS += [f"{figure}{part}" for figure in FIGURES for part in ("", "_low", "_high")]
COLUMNS += [f"{figure}_more{part}" for figure in FIGURES for part in ("", "_low", "_high")]
COLUMNS += ["recall20_best", "precision_at_cut", "recall_at_cut", "note"]


def measure(these: Labelled) -> list[dict[str, str]]:
    """A row of figures for each rule; that of the finder also says how much more it has than the rule to beat, on the same samples."""
    rules = {"has a number": (these.number(), 0.5), "finder": (these.finder(), cut())}
    draws = np.random.default_rng(SEED).integers(0, len(these.claim), (ROUNDS, len(these.claim)))
    found = {rule: np.array([both(these.claim, score)]) for rule, (score, _) in rules.items()}
    again = {rule: np.array([both(these.claim[d], score[d]) for d in draws]) for rule, (score, _) in rules.items()}
    rows = []
    for rule, (score, least) in rules.items():
        taken = score >= least
        row = {
            "set": these.name,
            "sentences": str(len(these.claim)),
            "claims": f"{these.claim.sum():.0f}",
            "rule": rule,
            "note": these.note,
        }
        row |= _with_intervals("", found[rule], again[rule])
        if rule == "finder":
            row |= _with_intervals("_more", found[rule] - found["has a number"], again[rule] - again["has a number"])
        row["recall20_best"] = f"{min(1.0, round(SHARE * len(these.claim)) / these.claim.sum()):.3f}"  # no rule can find more
        row["precision_at_cut"] = f"{these.claim[taken].mean():.3f}" if taken.any() else ""
        row["recall_at_cut"] = f"{these.claim[taken].sum() / these.claim.sum():.3f}"
        rows.append({column: row.get(column, "") for column in COLUMNS})
    return rows


def _with_intervals(ending: str, found: Floats, again: Floats) -> dict[str, str]:
    low, high = np.nanpercentile(again, [2.5, 97.5], axis=0)
    cells: dict[str, str] = {}
    for k, figure in enumerate(FIGURES):
        cells |= {f"{figure}{ending}{part}": f"{x:.3f}" for part, x in (("", found[0, k]), ("_low", low[k]), ("_high", high[k]))}
    return cells


HEAD = f"{'set':<22} {'n':>5} {'claims':>6}  {'rule':<12}  {'average precision':<21}  {'recall at 20 %':<21}  P and R at the cut"


def lines(row: dict[str, str]) -> str:
    """A row for people; below the finder how much more it has than the rule to beat."""
    cells = [f"{row[f]} [{row[f'{f}_low']}, {row[f'{f}_high']}] " for f in FIGURES]
    cells.append(f"{row['precision_at_cut'] or '-'} {row['recall_at_cut']}")
    told = f"{row['set']:<22} {row['sentences']:>5} {row['claims']:>6}  {row['rule']:<12}  " + "  ".join(cells)
    if row["ap_more"]:
        more = [f"{float(row[f'{f}_more']):+.3f} [{row[f'{f}_more_low']}, {row[f'{f}_more_high']}]" for f in FIGURES]
        told += f"\n{'':<36} {'more':<12}  " + "  ".join(f"{m:<21}" for m in more)
    return told.rstrip()


def table(rows: list[dict[str, str]]) -> str:
    """The rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def main(words: list[str]) -> int:
    """Measure what is at hand."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks claims", description="How well candidate claims are found.")
    parser.add_argument("folder", nargs="?", type=Path, help="folder with the public English sets as tables")
    parser.add_argument("--essay", type=Path, metavar="FILE", help="the document of the packaged ledger")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the figures to this table")
    asked = parser.parse_args(words)
    sets = [*labelled(HERE, SHIPPED), *([essay(asked.essay)] if asked.essay else [])]
    if asked.folder is not None:
        english = list(labelled(asked.folder, ENGLISH))
        if not english:
            sys.stderr.write(f"{asked.folder} has none of {', '.join(file for file, _, _ in ENGLISH.values())}\n")
            return 2
        sets += english
    print(HEAD)
    rows = []
    for these in sets:
        found = measure(these)
        print("\n".join(map(lines, found)), flush=True)
        rows += found
    if asked.out is not None:
        asked.out.write_text(table(rows), encoding="utf-8", newline="\n")
    return 0
