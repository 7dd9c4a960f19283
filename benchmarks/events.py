"""An invented download of events in the columns of ACLED, of any length: for `import_million`.

Of the rows 4 in 100 lie in one country and on the days of a case of it; the others lie on other days or elsewhere, as in a download of the
whole world. Every sixth has a crowd, every tenth an uncertain day. The same everywhere: row k follows from k alone.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

HEADER = (
    "event_id_cnty,event_date,year,time_precision,disorder_type,event_type,sub_event_type,actor1,assoc_actor_1,inter1,actor2,assoc_actor_2,"
    "inter2,interaction,civilian_targeting,iso,region,country,admin1,admin2,admin3,location,latitude,longitude,geo_precision,source,"
    "source_scale,notes,fatalities,tags,timestamp\r\n"
)
COUNTRY, FIRST, LAST = "SEN", dt.date(2029, 3, 1), dt.date(2029, 3, 31)
"""Of the case into which they are imported."""
TOWNS = (("Dakar", "Dakar", 14.69, -17.44), ("Thies", "Thies", 14.79, -16.93), ("Ziguinchor", "Ziguinchor", 12.57, -16.27))
TYPES = (
    ("Demonstrations", "Protests", "Peaceful protest"),
    ("Demonstrations", "Protests", "Protest with intervention"),
    ("Political violence", "Riots", "Mob violence"),
    ("Political violence", "Battles", "Armed clash"),
    ("Strategic developments", "Strategic developments", "Arrests"),
)
NOTE = "People gathered in front of the seat of the region and asked for the prices of bread and fuel to be lowered; the police stood by."


def write(path: Path, rows: int) -> None:
    """A file of so many rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER)
        csv.writer(file).writerows(_row(k) for k in range(rows))


def _row(k: int) -> Iterator[object]:
    own = k % 25 == 0
    admin, town, lat, lon = TOWNS[k % 3]
    day = FIRST + dt.timedelta(days=k // 25 % 31) if own else dt.date(2020, 1, 1) + dt.timedelta(days=k % 4_000)
    if not own and k % 2:  # on these days and elsewhere
        day, admin, town, lat, lon = FIRST + dt.timedelta(days=k % 31), "Bamako", "Bamako", 12.6 + k % 700 / 100, -8 + k % 900 / 100
    disorder, kind, sub = TYPES[k % 5]
    crowd = f"crowd size=around {k % 5_000 + 20}" if k % 6 == 0 else ""
    iso, country = (686, "Senegal") if admin != "Bamako" else (466, "Mali")
    at, other = f"{lat + k % 40 / 1000:.4f}", f"{lon + k % 30 / 1000:.4f}"
    note = f"On {day.day} {day:%B %Y}, {NOTE}"
    yield from (f"{country[:3].upper()}{k}", f"{day:%d %B %Y}", day.year, 2 if k % 10 == 0 else 1, disorder, kind, sub)
    yield from (f"Protesters ({country})", "", "Protesters", "", "", "", "Protesters only", "", iso, "Western Africa", country)
    yield from (admin, admin, "", town, at, other, 1, "Gazette", "National", note, int(k % 40 == 0), crowd, 1_700_000_000 + k)
