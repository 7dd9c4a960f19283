"""Names of the parameters, for whoever only has to know whether one exists.

The table itself (`parameters`) draws, so that reading it loads the compiler; a small command need not wait for that.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources


@cache
def parameter_names() -> tuple[str, ...]:
    """Every parameter, in the order of the table.

    >>> "base_pressure" in parameter_names()
    True
    """
    table = resources.files(__package__).joinpath("parameters.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(table)["parameters"])
