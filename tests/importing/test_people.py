"""Numbers of people as tables write them: read where they can mean one thing only."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from conftest import call_qantar
from qantar.importing.figures import read_figure
from qantar.importing.run import import_file


@pytest.mark.parametrize(
    ("cell", "low", "high", "sure"),
    [
        ("1500", 1500, 1500, True),
        ("12.0", 12, 12, True),
        ("1,500", 1500, 1500, True),
        ("1.500", 1500, 1500, True),
        ("1 500", 1500, 1500, True),
        ("1’500", 1500, 1500, True),
        ("1.200.000", 1_200_000, 1_200_000, True),
        ("1,200.00", 1200, 1200, True),
        ("60.000?", 60_000, 60_000, False),
        ("1?", 1, 1, False),
        ("about 8,000", 8000, 8000, False),
        ("ca. 500", 500, 500, False),
        ("~400", 400, 400, False),
        ("etwa 300 Menschen", 300, 300, False),
        ("约500人", 500, 500, False),
        ("3 mil", 3000, 3000, True),
        ("2k", 2000, 2000, True),
        ("1.2 million", 1_200_000, 1_200_000, True),
        ("2,5 mil", 2500, 2500, True),
        ("3万", 30_000, 30_000, True),
        ("3,000+", 3000, None, True),
        ("more than 1000", 1000, None, True),
        ("over 2k people", 2000, None, True),
        ("более 5 тыс. человек", 5000, None, True),
        ("超过1万人", 10_000, None, True),
        ("2,000-3,000", 2000, 3000, True),
        ("2.000–3.000", 2000, 3000, True),
        ("1000 a 2000", 1000, 2000, True),
        ("1000 bis 2000", 1000, 2000, True),
        ("5 - 6 thousand", 5000, 6000, True),
        ("500-2k", 500, 2000, True),
        ("between 200 and 300", 200, 300, True),
        ("entre 200 y 300", 200, 300, True),
    ],
)
def test_figures_are_read_as_they_are_written(cell: str, low: int, high: int | None, sure: bool) -> None:
    assert read_figure(cell) == (low, high, sure)


@pytest.mark.parametrize(
    "about",
    ["aprox. {}", "approx. {}", "approx {}", "ca. {}", "ca {}", "circa {}", "unos {}", "casi {}", "más o menos {}", "cerca de {}", "alrededor de {}",
     "environ {}", "env. {}", "près de {}", "etwa {}", "rund {}", "gegen {}", "около {}", "ок. {}", "примерно {} человек", "порядка {}", "约{}人",
     "{}人左右", "将近{}", "uns {}", "por volta de {}", "حوالي {}", "an estimated {} people", "± {}", "{} (approx.)"],
)  # fmt: skip
def test_an_approximation_is_read_alike_in_every_language(about: str) -> None:
    assert read_figure(about.format(600)) == (600, 600, False)


@pytest.mark.parametrize("cell", ["max 600", "against 600", "up to 600", "approx", "fast", "600 environs de Lima", "c"])
def test_what_only_begins_like_one_is_no_figure(cell: str) -> None:
    assert read_figure(cell) is None


@pytest.mark.parametrize(
    "cell",
    [
        "", "-", "hundreds", "two", "tens of thousands", "156 police", "1.5", "0.500", "1,50,000", "1.200 mil", "1.200.00", "3000-2000",
        "12 or 13", "-1", "1e5", "٣", "9" * 30, "more than 1 - 2", "up to 500", "=50*20",
    ],
)  # fmt: skip
def test_what_is_no_figure_or_could_be_two_is_not_read(cell: str) -> None:
    assert read_figure(cell) is None


MAPPING = """[source]
key = "log"
title = "A log"
licence = "own"
[columns]
date = "day"
region = "region"
participants = "crowd"
deaths = "dead"
injured = "hurt"
[every_row]
kind = "protest"
"""
ROWS = [
    ("about 80", "", ""),
    ("300", "2-3", "2-3"),
    ("200 a 300", "1?", "-"),
    ("hundreds", "-", "20+"),
    ("hundreds", "0", ""),
    ("?", "5+", ""),
]


def test_figures_fill_both_ends_and_words_are_told(tiny: Path) -> None:
    (tiny.parent / "log.toml").write_text(MAPPING, encoding="utf-8")
    lines = [f"2030-03-0{n % 5 + 1};Onia;{crowd};{dead};{hurt}" for n, (crowd, dead, hurt) in enumerate(ROWS)]
    (tiny.parent / "log.csv").write_text("\n".join(["day;region;crowd;dead;hurt", *lines]), encoding="utf-8")
    told = call_qantar("import", "log.csv", "--mapping", "log.toml", "--into", "tiny", cwd=tiny.parent)
    with (tiny / "events.csv").open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["source"] == "log"]
    columns = ("participants_low", "participants_high", "number_basis", "deaths_low", "deaths", "deaths_high", "injured", "confidence")
    assert sorted(tuple(r[c] for c in columns) for r in rows) == sorted(
        [
            ("80", "80", "about 80", "", "", "", "", "medium"),  # of an estimated size, and no less certain to have been
            ("300", "300", "", "2", "", "3", "2", "medium"),
            ("200", "300", "deaths 1?", "", "1", "", "", "medium"),
            ("", "", "hundreds", "", "", "", "20", "medium"),
            ("", "", "hundreds", "", "0", "", "", "medium"),
            ("", "", "", "5", "", "", "", "medium"),
        ]
    )
    said = " ".join(told.out.split())
    assert '2 crowds kept as words, without a number: "hundreds" (2).' in said
    assert "2 figures of injured or detained are ranges" in said


def test_a_crowd_above_the_residents_is_left_out_at_both_ends_and_no_other_number_of_the_row(tiny: Path) -> None:
    (tiny.parent / "log.toml").write_text(MAPPING, encoding="utf-8")
    (tiny.parent / "log.csv").write_text("day;region;crowd;dead;hurt\n2030-03-02;Onia;2000-5000000;2;7\n", encoding="utf-8")
    done = import_file(tiny.parent / "log.csv", tiny, mapping=tiny.parent / "log.toml")
    assert (done.taken.read, len(done.taken.rows), dict(done.taken.blanked)) == (1, 1, {"more_than_residents": 1})
    (row,) = done.taken.rows.values()
    assert [row[c] for c in ("participants_low", "participants_high", "deaths", "injured")] == ["", "", "2", "7"]


def test_a_row_that_does_not_say_for_how_many_events_it_stands_is_refused(tiny: Path) -> None:
    (tiny.parent / "log.toml").write_text(MAPPING.replace('injured = "hurt"', 'count = "hurt"'), encoding="utf-8")
    (tiny.parent / "log.csv").write_text("day;region;crowd;dead;hurt\n2030-03-02;Onia;20;;few\n", encoding="utf-8")
    done = import_file(tiny.parent / "log.csv", tiny, mapping=tiny.parent / "log.toml")
    assert (dict(done.taken.reasons), dict(done.taken.blanked)) == ({"bad_number": 1}, {})
