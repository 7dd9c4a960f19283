"""What a reader should know first: at most five findings, made from the tables and never typed.

In: judged claims, the calibration that ships, what experiments said. Out: `Finding` rows: a number a journalist understands, a sentence,
the place on the page that shows more. The rule of each stands here; where a table is missing, its finding is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qantar.account.schema import VERDICTS
from qantar.ensemble.histories import HALF
from qantar.inference.posterior import Fit
from qantar.studies.blocks import Pair, pair
from qantar.verdicts.claims import Agreement, Judged, tally
from qantar.verdicts.hypotheses import Trial

NAMED = 3
"""So many contradicted claims are named."""


@dataclass(frozen=True)
class Finding:
    """One finding: its number, what it says, where more stands, and the claims it names."""

    number: Pair
    says: Pair
    to: str
    claims: tuple[Judged, ...] = ()


def weight(judged: Judged) -> tuple[bool, int]:
    """Order of claims within a group: those that two readers judged alike first, then those with most sources."""
    return judged.claim.reading != "agreed", -len(judged.claim.sources)


def groups(judged: Sequence[Judged]) -> list[tuple[str, str, list[Judged]]]:
    """Claims as the page lists them: facts by verdict, the contradicted first; then the other kinds. Kind, verdict or nothing, claims."""
    facts = [j for j in judged if j.claim.kind == "fact"]
    order = ("contradicted", "partly", "supported", *(v for v in VERDICTS if v not in ("contradicted", "partly", "supported")))
    found = [("fact", v, sorted((j for j in facts if j.word == v), key=weight)) for v in order]
    found += [(kind, "", sorted((j for j in judged if j.claim.kind == kind), key=weight)) for kind in ("cause", "prediction", "judgement")]
    return [(kind, verdict, rows) for kind, verdict, rows in found if rows]


def shown_by_half(fit: Fit) -> tuple[int, int]:
    """How many recorded features at least half of the fitted histories show, and of how many."""
    return sum(float(r["share"]) >= HALF for r in fit.fit), len(fit.fit)


def decided(trials: Mapping[str, Trial]) -> tuple[int, int]:
    """How many hypotheses experiments supported, and how many they contradicted."""
    said = [t.verdict for t in trials.values()]
    return said.count("supported"), said.count("contradicted")


def findings(judged: Sequence[Judged], agreed: Agreement | None, fit: Fit | None, trials: Mapping[str, Trial]) -> list[Finding]:
    """The findings, those about the account first."""
    return [*_facts(judged), *_readers(judged, agreed), *_fit(fit), *_causes(trials)]


def _of(n: object, of: object) -> Pair:
    return pair("report.finding.of", n=n, of=of)


def _facts(judged: Sequence[Judged]) -> list[Finding]:
    counts: Mapping[str, int] = tally(judged).get("fact", {})
    found, n = [], sum(counts.values())
    wrong = sorted((j for j in judged if j.claim.kind == "fact" and j.word == "contradicted"), key=weight)
    if n - counts.get("open", 0):
        said = {k: counts.get(k, 0) for k in ("supported", "partly", "unverifiable")}
        found.append(Finding(_of(len(wrong), n), pair("report.finding.facts", **said), "verdicts"))
    if wrong:
        named = tuple(wrong[:NAMED])
        found.append(Finding(pair("report.finding.named"), ("", ""), "", named))
    still_open = sum(j.word == "open" for j in judged)
    if still_open:
        found.append(Finding(_of(still_open, len(judged)), pair("report.finding.open"), "verdicts"))
    return found


def _readers(judged: Sequence[Judged], agreed: Agreement | None) -> list[Finding]:
    memory = sum("memory" in j.flags for j in judged)
    if agreed is None:
        return [Finding(_of(memory, len(judged)), pair("report.finding.memory"), "trust")] if memory else []
    return [Finding(_of(agreed.same, agreed.n), pair("report.finding.readers", memory=memory, n=len(judged)), "trust")]


def _fit(fit: Fit | None) -> list[Finding]:
    if fit is None:
        return []
    shown, of = shown_by_half(fit)
    deaths = next((r for r in fit.fit if (r["kind"], r["of"]) == ("deaths", "country") and r.get("median")), None)
    says = pair("report.finding.fit")
    if deaths is not None:
        recorded = deaths["recorded"].split(" ")[0]
        more = pair("report.finding.deaths", n=len(fit.posterior.values), median=f"{float(deaths['median']):,.0f}", recorded=recorded)
        says = says[0] + " " + more[0], says[1] + more[1]
    return [Finding(_of(shown, of), says, "fit")]


def _causes(trials: Mapping[str, Trial]) -> list[Finding]:
    if not trials:
        return []
    supported, contradicted = decided(trials)
    says = pair("report.finding.causes", supported=supported, contradicted=contradicted)
    return [Finding(_of(supported + contradicted, len(trials)), says, "causes")]
