"""One verdict of several rows: parts of an experiment, over priors and posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qantar.effects import decision

EVERYONE = "everyone"
"""The basis of what is run with every resident; the others are prior and posterior."""
INFORMATIVE = "informative"
"""The basis of what is run over the posterior with priors of what the literature finds: printed beside, and no part of the verdict."""
RECORD = "record"
"""The basis of what needs no run (`orders`): it counts as a part over priors and posterior alike."""
POLICY, RECORDED = "policy", "recorded"
"""Whose decisions follow the change: those of the policy, or those of the record."""


def together(rows: Sequence[Mapping[str, Any]]) -> str:
    """One verdict of several parts."""
    return decision.together([r["verdict"] for r in rows])


def state_in(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Whose decisions follow the change in the rows that are judged: as recorded, if there are such."""
    states = {r.get("state") for r in rows}
    return next((s for s in (RECORDED, POLICY) if s in states), None)


def judged(rows: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Verdict and basis from the rows of priors and posterior in the state that is judged, rivals left out.

    >>> row = lambda basis, verdict: {"basis": basis, "verdict": verdict, "rival": ""}
    >>> judged([row("prior", "supported"), row("posterior", "supported")])
    ('supported', 'assumed')
    >>> judged([row("prior", "undecided"), row("posterior", "supported")]), judged([row("prior", "supported")])
    (('supported', 'experiment'), ('supported', 'prior'))
    """
    ordered = [r for r in rows if r["basis"] == RECORD]
    rows = [r for r in rows if r.get("state") == state_in(rows) and r["basis"] != RECORD]
    own = {basis: together([*(r for r in rows if r["basis"] == basis and not r["rival"]), *ordered]) for basis in ("prior", "posterior")
           if any(r["basis"] == basis for r in rows)}  # fmt: skip
    verdict = own.get("posterior", own.get("prior", "undecided"))
    if any(r.get("scaled") == "differs" for r in rows):  # what holds only of a smaller country is no verdict on this one
        verdict = "undecided"
    return verdict, decision.basis_of(own.get("prior"), verdict if "posterior" in own else None)
