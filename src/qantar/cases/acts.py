"""What the state did, as steps of a scenario, drafted from rows of events.csv, so that a what-if leaves an act out and nothing is typed.

In: rows of events, and the text of a `scenario.toml` without any step. Out: that text with a step for each act that changes what was in
force. The day is the row's; the hour is the row's or noon, and always said to be assumed. An act in the region of the capital is taken for
the whole country, and said to be so. Sizes are those of the kind: what the row tells of how far an act went, a person writes.
"""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from qantar.messages import LANGUAGES, text

ACTS: dict[str, tuple[str, int]] = {
    "internet_cut": ("internet", 0), "internet_restored": ("internet", 2), "emergency_declared": ("emergency", 1),
    "emergency_lifted": ("emergency", 0), "concession": ("concession", 1), "cabinet_resigned": ("concession", 2),
    "shoot_order": ("shoot_order", 1),
}  # fmt: skip
"""Kinds of events that are acts of the state with a step of their own, and its kind and size; of a price the size is not known."""
MOST = 20
"""Steps that are drafted, at most: a list with more acts than these is coded by machine, or needs a person first."""
NOON = "12:00"


def with_steps(scenario: str, events: Iterable[Mapping[str, str]], country: str, lang: str = "en") -> tuple[str, list[str]]:
    """The text with the steps drafted at its end, and their ids; as it was, and none, where it has steps or was drafted in before.

    Parameters
    ----------
    scenario : the text of `scenario.toml`; one that cannot be read is left alone
    events : rows of `events.csv`, their cells by column
    country : the code that stands for the whole country

    >>> row = dict(event_id="E1", date="2029-03-02", region_id="PE-LIM", kind="internet_cut", scope="event")
    >>> said = '[time]\\nstart = "2029-03-01T00:00"\\nhours = 96\\n'
    >>> text, ids = with_steps(said, [row, row | {"event_id": "E2"}], "PE")
    >>> ids, text.splitlines()[-7:-2]
    (['internet-cut'], ['id = "internet-cut"', 'kind = "internet"', 'places = ["PE-LIM"]', 'at = "2029-03-02T12:00"', 'size = 0'])
    >>> with_steps(text, [row], "PE")[1]
    []
    """
    if (found := _time_of(scenario)) is None:
        return scenario, []
    told, start, end = found
    if "steps" in told or any(text("new.acts", tongue) in scenario for tongue in LANGUAGES):
        return scenario, []
    government = told.get("government")
    capital = government.get("capital", "") if isinstance(government, dict) else ""
    acts, in_force, ids = [], dict[tuple[str, str], int](), list[str]()
    for at, row in sorted(((at, row) for row in events if _is_act(row) and (at := _hour_of(row))), key=lambda act: act[0]):
        (kind, size), where = ACTS[row["kind"]], row["region_id"]
        place = country if where == capital else where
        usual = 2 if kind == "internet" else 0
        if not start <= at < end or in_force.get((kind, place), usual) == size:
            continue
        in_force[kind, place] = size
        name = row["kind"].replace("_", "-")
        ids.append(f"{name}-{n}" if (n := 1 + sum(i == name or i.startswith(f"{name}-") for i in ids)) > 1 else name)
        acts.append(_step(ids[-1], kind, place, at, size, row["event_id"], elsewhere=place != where))
    if not acts or len(acts) > MOST:
        return scenario, []
    return f"{scenario.rstrip()}\n\n{text('new.acts', lang)}\n\n" + "\n\n".join(acts) + "\n", ids


def _time_of(scenario: str) -> tuple[dict[str, Any], dt.datetime, dt.datetime] | None:
    """What a scenario says, its first and its last hour; None where it cannot be read."""
    try:
        told = tomllib.loads(scenario)
        start = dt.datetime.fromisoformat(str(told["time"]["start"])).replace(tzinfo=None)
        return told, start, start + dt.timedelta(hours=float(told["time"]["hours"]))
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError):
        return None


def _hour_of(row: Mapping[str, str]) -> dt.datetime | None:
    """The hour of a row, noon where it tells none; None where its day or hour cannot be read."""
    try:
        return dt.datetime.fromisoformat(f"{row['date']}T{row.get('time_local') or NOON}").replace(tzinfo=None)
    except (LookupError, ValueError):
        return None


def _is_act(row: Mapping[str, str]) -> bool:
    """Whether a row tells of an act of a known day, on a source that is not doubtful."""
    return (
        row.get("kind") in ACTS
        and row.get("scope", "event") in ("event", "")
        and row.get("confidence") != "low"
        and bool(row.get("event_id"))
    )


def _step(name: str, kind: str, place: str, at: dt.datetime, size: int, event: str, *, elsewhere: bool) -> str:
    lines = [
        "[[steps]]", f'id = "{name}"', f'kind = "{kind}"', f"places = {_listed(place)}", f'at = "{at:%Y-%m-%dT%H:%M}"',
        f"size = {size}", f"events = {_listed(event)}", 'hour = "assumed"',
    ]  # fmt: skip
    return "\n".join([*lines, *(['place = "assumed"'] if elsewhere else [])])


def _listed(one: str) -> str:
    """A list of one text, as TOML writes it: as JSON, but that half characters and DEL have no number there."""
    return json.dumps([one], ensure_ascii=False).replace("\x7f", "\\u007f")
