"""The map: islands far off stand in boxes, labels stay inside the sheet and on no other."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from pathlib import Path

import pytest

from qantar.cases.case import load_case
from qantar.record.complete import GATHERINGS, UNREST, VIOLENCE
from qantar.record.schema import EVENT_KINDS
from qantar.report.figures import width_of
from qantar.report.map import CODE, LABEL, RADIUS, SIGN_OF, SMALL, WIDTH, Sheet, draw, signs
from qantar.verdicts.load import Loaded

Ring = list[list[float]]


def square(lon: float, lat: float, size: float) -> list[Ring]:
    return [[[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]]


def with_shapes(tiny: Path, more: list[list[Ring]], *, alone: bool = False) -> Sheet:
    """The sheet of the tiny country with further parts: of its second region, or as the whole of it."""
    path = tiny / "regions.geojson"
    whole = json.loads(path.read_text())
    first, second = whole["features"]
    own = second["geometry"]["coordinates"]
    if alone:
        first["geometry"] = {"type": "MultiPolygon", "coordinates": [first["geometry"]["coordinates"], own]}
        lon, lat = more[0][0][0]
        second["properties"] |= {"label_lon": lon, "label_lat": lat}
        for name in ("regions.csv", "settlements.csv"):  # a region and its seat lie in its shape
            table = tiny / name
            table.write_text(table.read_text(encoding="utf-8").replace("15,11.5", f"{lat},{lon}"), encoding="utf-8")
    second["geometry"] = {"type": "MultiPolygon", "coordinates": [*([] if alone else [own]), *more]}
    path.write_text(json.dumps(whole))
    return draw(load_case(str(tiny)))


def test_a_far_islet_stands_in_a_box_and_moves_nothing_else(tiny: Path) -> None:
    plain = draw(load_case(str(tiny)))
    towns = tiny / "settlements.csv"
    towns.write_text(towns.read_text() + "S3,Islet,岛,settlement,XA-TWO,14.95,-19.95,10,1,gazette\n", encoding="utf-8")
    events = tiny / "events.csv"
    events.write_text(
        events.read_text() + "E4,2030-03-03,,,XA-TWO,Islet,S3,protest,event,,,,,high,On the islet.,岛上。,gazette,\n", encoding="utf-8"
    )
    sheet = with_shapes(tiny, [square(-20, 14.9, 0.1)])
    (box,) = sheet.insets
    assert box.regions == ("XA-TWO",)
    assert {k: sheet.places[k] for k in plain.places} == plain.places
    assert sheet.regions[0] == plain.regions[0]
    assert sheet.regions[1].path.startswith(plain.regions[1].path)
    x, y = sheet.places["S3"]
    assert box.x < x < box.x + box.width
    assert plain.height <= box.y < y < box.y + box.height <= sheet.height
    drawn = signs(load_case(str(tiny)).record, sheet, [dt.date(2030, 3, 3)])
    assert (x, y) in {(s.x, s.y) for s in drawn}


def test_a_region_that_lies_only_far_off_keeps_a_sign_and_a_name(tiny: Path) -> None:
    sheet = with_shapes(tiny, [square(-20, 14.9, 0.01)], alone=True)
    (box,), (_, second) = sheet.insets, sheet.regions
    assert f"a{RADIUS:g} " in second.path  # a circle
    assert second.area  # so it has a label, and can be reached with the keyboard
    assert box.x <= second.x <= box.x + box.width
    assert box.y <= second.y <= box.y + box.height


@pytest.mark.parametrize(
    "more",
    [
        [square(12.2, 14.9, 0.1)],  # near the coast
        [square(-20, 14, 2)],  # not tiny
        [square(-20, 14, 0.2), square(40, 14, 0.2), square(11, -20, 0.2), square(11, 50, 0.2)],  # not tiny together
    ],
)
def test_what_is_near_or_large_stays_in_its_place(tiny: Path, more: list[list[Ring]]) -> None:
    assert with_shapes(tiny, more).insets == ()


def test_islands_apart_have_boxes_apart(tiny: Path) -> None:
    sheet = with_shapes(tiny, [square(-20, 14.9, 0.05), square(-19.9, 14.9, 0.05), square(40, 14.9, 0.05)])
    assert len(sheet.insets) == 2
    one, two = sheet.insets
    assert one.x + one.width <= two.x or two.y >= one.y + one.height
    assert all(b.x >= 0 and b.x + b.width <= WIDTH for b in sheet.insets)


def test_labels_stay_inside_the_sheet_and_on_no_other(tiny: Path) -> None:
    path = tiny / "regions.geojson"
    whole = json.loads(path.read_text())
    for n, f in enumerate(whole["features"]):
        f["properties"] |= {"name_en": "A name that is as long as half of the sheet or more", "label_lon": 11.9, "label_lat": 15 + n / 500}
    path.write_text(json.dumps(whole))
    one, two = draw(load_case(str(tiny))).regions
    for s in (one, two):
        assert s.x + width_of(s.name_en, SMALL) / 2 <= WIDTH + 0.1
    assert abs(one.y - two.y) >= LABEL - 0.1
    assert abs(one.code[1] - two.code[1]) >= CODE - 0.1 or abs(one.code[0] - two.code[0]) >= width_of("ONE", CODE)


def test_the_map_of_the_packaged_case_needs_no_box_and_moves_no_label(loaded: Loaded) -> None:
    sheet = draw(loaded.case)
    assert sheet.insets == ()
    placed = {s.id: (s.x, s.y) for s in sheet.regions if s.area}
    assert len(placed) == 14
    assert {s.id: s.code for s in sheet.regions if s.area} == placed
    for a, b in itertools.combinations((s for s in sheet.regions if s.area), 2):
        assert abs(a.y - b.y) >= LABEL or abs(a.x - b.x) * 2 >= width_of(a.name_en, SMALL) + width_of(b.name_en, SMALL)


def test_a_kind_of_event_is_a_gathering_or_violence_or_neither_wherever_it_is_read() -> None:
    assert not {*GATHERINGS} & {*VIOLENCE}
    assert {*GATHERINGS, *VIOLENCE} == {*UNREST} <= {*EVENT_KINDS}
    assert {k for k, sign in SIGN_OF.items() if sign == "violence"} == {*VIOLENCE}
    assert {k for k, sign in SIGN_OF.items() if sign == "crowd"} - {*GATHERINGS} == {"strike", "talks"}
