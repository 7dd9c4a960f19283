"""Rules by which a history ends before its last hour: what it has shown by the end of a day already settles what it was asked.

A rule is part of a recipe, so that what is kept under it is never taken for whole histories; a history it ended counts as broken off
(`stopped`). Nothing is lost but time where all histories that a rule ends would have got the same answer.
"""

from __future__ import annotations

from typing import Any, Protocol

from qantar.ensemble.histories import Runs
from qantar.scenario.plan import Plan


class Ending(Protocol):
    """A rule. It is handed to other processes, so it must be of a module."""

    def over(self, so_far: Runs, plan: Plan) -> bool:
        """Whether a history of the plan need not go on.

        Parameters
        ----------
        so_far : one history, its days those that have ended everywhere in the country; deaths and seats up to now
        """
        ...

    def as_dict(self) -> dict[str, Any]:
        """All that the rule depends on, as data: part of the recipe's key."""
        ...
