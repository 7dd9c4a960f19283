"""What experiments say of each hypothesis: verdict, basis, tipping values, the rivals under which it flips.

In: results that ship with a case, of `experiments` and of `methods`. Out: `Trial` by hypothesis, which the ledger, the page and every
look-up quote. A folder that is damaged is an error that names its file: a verdict never falls back to an earlier word in silence.

All rules are those of `decision`; docs/explanation/verdicts.md gives the reason for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from qantar.effects import decision
from qantar.effects.decision import DECIDED
from qantar.effects.verdict import EVERYONE, POLICY, RECORD, RECORDED, state_in, together
from qantar.effects.versions import COLUMNS, FILE, Row
from qantar.ensemble.store import model_hash
from qantar.errors import ResultError, fail
from qantar.files.result import RESULT, Stored, read_checked
from qantar.files.write import sha256_of
from qantar.inference.posterior import FIT
from qantar.messages import LANGUAGES, text
from qantar.scenario.plan import EXPERIMENTS

FACTS = {
    "experiments": ("trials", "rules", "scale"),
    "methods": ("hypothesis", "experiment_sha256", "claims", "rules", "ceiling"),
}
"""What `result.json` must say for a verdict to be read from it, by kind."""
OF_TRIAL = {"hypothesis", "type", "verdict", "basis", "rows", "flips", "file_sha256"}
"""What it says of each hypothesis, at least."""
WITHHELD = ("not-judged", "not-decidable")
"""Verdicts where what was run gives no answer."""
UNTRIED = ("not-testable", "not-run")
"""Verdicts where nothing was run."""


@dataclass(frozen=True)
class Trial:
    """What is said of one hypothesis."""

    hypothesis: str
    type: str
    verdict: str
    """supported, contradicted, undecided, not-decidable, not-judged, not-testable, not-run"""
    basis: str
    """experiment, assumed, fitted (nothing is decided, or the priors could not be judged), prior (no posterior was at hand), none"""
    rows: list[dict[str, Any]]
    """one a part, basis and rival"""
    flips: list[str]
    """rivals under which it is supported or contradicted, and not so here"""
    sha256: str
    """of the file as it was run"""
    changed: bool = False
    """whether the file, or a rule of decision, has been changed since"""
    judges: tuple[str, ...] = ()
    """claims that bear its verdict"""
    declared: tuple[str, str] = ("", "")
    """why it cannot be tested, in both languages, where its file says so"""
    rules: int = decision.VERSION
    """version of the rules of decision"""
    versions: tuple[Row, ...] = ()
    """what it was said to be under each version of the rules, the oldest first"""

    @property
    def own(self) -> list[dict[str, Any]]:
        """Rows of the model itself, no rival's, in the state that is judged."""
        return [r for r in self.rows if not r["rival"] and r.get("state") == self.state]

    @property
    def ordered(self) -> list[dict[str, Any]]:
        """Rows of parts that need no run."""
        return [r for r in self.rows if r["basis"] == RECORD]

    @property
    def lead(self) -> dict[str, Any] | None:
        """The row whose figures are quoted: of the model itself, the posterior's if there is one, the first part."""
        return next((r for basis in ("posterior", "prior") for r in self.own if r["basis"] == basis), None)

    @property
    def state(self) -> str | None:
        """Whose decisions follow the change where it is judged: policy or recorded; None where nothing is changed."""
        return state_in(self.rows)

    @property
    def quiet(self) -> float | None:
        """Share of base histories by policy that are uprisings, if for want of them it is judged as recorded."""
        own = [r["base_uprisings"] for r in self.rows if r.get("state") == POLICY and not r["rival"]]
        return float(own[-1]) if own and self.state == RECORDED else None

    @property
    def leading(self) -> list[dict[str, Any]]:
        """Rows of the lead's basis, one a part: those that the verdict is made of."""
        return [r for r in self.own if self.lead is not None and r["basis"] == self.lead["basis"]]

    def why(self, lang: str) -> str:
        """Why it is not decided, or not tested, as one sentence a part; empty where there is an answer."""
        if self.verdict == "not-testable":
            return self.declared[LANGUAGES.index(lang)]
        if self.verdict in (*DECIDED, "not-run"):
            return ""
        if any(r.get("scaled") == "differs" for r in self.rows):
            return reason_of({"reason": "scale"}, lang)
        reasons: dict[str, list[str]] = {}
        for r in [*self.leading, *self.ordered]:
            reasons.setdefault(reason_of(r, lang) or answer_of(r, lang), []).append(r["part"])
        if len(reasons) == 1:
            return next(iter(reasons))
        colon, comma, sep = (text(f"report.{k}", lang) for k in ("colon", "comma", "semicolon"))
        return sep.join(f"{comma.join(parts)}{colon}{why}" for why, parts in reasons.items())

    @property
    def earlier(self) -> list[str]:
        """The verdicts under other versions of the rules, the oldest first."""
        return [r["verdict"] for r in self.versions if int(r["rules_version"]) != self.rules]

    @property
    def now(self) -> Row:
        """What these rules say, as a row of the table of versions."""
        verdict = {"hypothesis": self.hypothesis, "rules_version": str(self.rules), "verdict": self.verdict, "basis": self.basis}
        return {**verdict, **{f"reason_{lang}": self.why(lang) for lang in LANGUAGES}}

    @property
    def repeated(self) -> list[str]:
        """Rivals under which it was repeated."""
        return sorted({r["rival"] for r in self.rows if r["rival"]})

    @property
    def independent(self) -> int | None:
        """How many independent draws of the posterior it rests on; None where it rests on no posterior of parameters."""
        if self.type != "counterfactual" or self.lead is None or self.lead["basis"] != "posterior":
            return None
        return int(self.lead["independent"])

    @property
    def scaled(self) -> str:
        """Whether it holds with everyone: same, more, differs, unclear, not-compared; empty where nothing was scaled down."""
        if self.lead is None or self.lead.get("scale", 1) == 1:
            return ""
        words = {r["scaled"] for r in self.rows if r["basis"] == EVERYONE}
        return "not-compared" if not words else next(x for x in ("differs", "unclear", "more", "same") if x in words)

    @property
    def words(self) -> str:
        """The verdict as it must be quoted."""
        if self.verdict in (*WITHHELD, *UNTRIED):
            return self.verdict
        return f"{self.verdict} in this model ({self.grounds('en')})"

    @property
    def quoted(self) -> tuple[str, str]:
        """The same in both languages, for people to read."""
        en, zh = map(self._quoted, LANGUAGES)
        return en, zh

    def _quoted(self, lang: str) -> str:
        if self.verdict in WITHHELD:
            return text(f"verdict.{self.verdict}", lang)
        return self.said(lang) + (text("experiment.changed", lang) if self.changed and self.verdict not in UNTRIED else "")

    def said(self, lang: str) -> str:
        """What an experiment says, in one language, with its basis; whether its file was changed since stands beside it."""
        if self.verdict in UNTRIED:
            return text(f"experiment.{self.verdict}", lang)
        return text("experiment.in_model", lang, verdict=text(f"experiment.{self.verdict}", lang), basis=self.grounds(lang))

    def grounds(self, lang: str) -> str:
        """The basis, and what must be quoted with it."""
        keys = [(f"basis.{self.basis}", {}), *self.qualifiers]
        return text("report.semicolon", lang).join(text(f"experiment.{key}", lang, **args) for key, args in keys)

    @property
    def qualifiers(self) -> list[tuple[str, dict[str, Any]]]:
        """What must be quoted with the basis, as messages under `experiment` with their arguments."""
        qualifiers: list[tuple[str, dict[str, Any]]] = []
        for r in self.leading:
            qualifiers += chance_of(r, f"{r['part']} " if len(self.leading) > 1 else "")
        if self.independent is not None:
            qualifiers.append(("independent", {"n": self.independent}))
        if self.state == RECORDED:
            qualifiers.append(("given", {}))
        if self.scaled:
            qualifiers.append((f"scaled.{self.scaled}", {}))
        return qualifiers


def chance_of(row: Mapping[str, Any], part: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The probability of a row in words, as a message under `experiment` with its arguments; none where it has none."""
    if row.get("probability") is None:
        return []
    share, low, high = (f"{100 * row[f'probability{end}']:.0f}" for end in ("", "_low", "_high"))
    return [(f"probability.{row['likelihood']}", {"part": part, "share": share, "low": low, "high": high})]


def answer_of(row: Mapping[str, Any], lang: str) -> str:
    """What a part says that has no reason to say nothing: what the orders do, that draws differ, or its verdict."""
    if row["basis"] == RECORD:
        return text(f"experiment.{row['finding']}", lang)
    return text("experiment.differ" if row["verdict"] == "undecided" else f"experiment.{row['verdict']}", lang)


def reason_of(row: Mapping[str, Any], lang: str) -> str:
    """Why a part has no answer, in words; empty where it has one."""
    if not row.get("reason"):
        return ""
    share, smallest = row.get("reason_share"), row.get("smallest")
    like = {name: row[f"base_{name}"] for name in decision.LIKENESS if row.get(f"base_{name}") is not None}
    numbers = {"what": text(f"likeness.{decision.Ground(like=like).unlike or 'peak'}", lang),
               "n": "" if share is None else f"{share:.0f}", "share": "" if share is None else f"{100 * share:.0f}",
               "least": "" if share is None else f"{share:.2g}", "smallest": "" if smallest is None else f"{smallest:.2g}"}  # fmt: skip
    kind = text(f"reason_kind.{decision.REASONS[row['reason']]}", lang)
    return text("experiment.because", lang, why=text(f"reason.{row['reason']}", lang, **numbers), kind=kind)


def by_hypothesis(trials: Mapping[str, Trial]) -> dict[str, Trial]:
    """The trials of hypotheses alone, in their order."""
    return {name: trials[name] for name in sorted(trials) if name == trials[name].hypothesis}


def expected_by_chance(trials: Sequence[Trial]) -> float:
    """How many of the verdicts would be "supported" if nothing were so: the sum over hypotheses of the least chance of their parts."""
    return sum((min((float(r["chance"]) for r in t.leading), default=0.0) for t in trials), 0.0)


def summed(trials: Sequence[Trial]) -> dict[str, str]:
    """How many are supported, could have been before anything was run, and would be by chance: the numbers of one sentence."""
    of = [t for t in trials if t.type == "counterfactual" and t.lead is not None]
    possible = [t for t in of if decision.can_decide([r.get("ceiling", 1.0) for r in t.leading])]
    supported = sum(t.verdict == "supported" for t in trials)
    return {"n": str(supported), "possible": str(len(possible)), "of": str(len(of)), "expected": f"{expected_by_chance(trials):.2f}"}


def read_trials(folder: Path) -> dict[str, Trial]:
    """The trials that ship with a case, by hypothesis; none if there are none or they were made by another version of the model.

    The stylized experiment (`methods`) judges claim by claim: its trials stand under the ids of claims, and together under its hypothesis.

    Parameters
    ----------
    folder : of the case

    Raises
    ------
    ResultError
        If a result is there and not as it was written.
    """
    trials: dict[str, Trial] = {}
    if (stored := read_verdicts(folder, "methods")) is not None:
        made = stored.made
        changed = _is_changed(folder, made["hypothesis"], made["experiment_sha256"], made["rules"])
        trials = stylized(made, changed, made["rules"]["version"], tuple(stored.rows(FILE)))
    if (stored := read_verdicts(folder, "experiments")) is not None:
        own = trials_of(stored.made, stored.rows(FILE))
        trials |= {name: replace(t, changed=_is_changed(folder, name, t.sha256, stored.made["rules"])) for name, t in own.items()}
    return trials


def trials_of(made: Mapping[str, Any], versions: Sequence[Row]) -> dict[str, Trial]:
    """The trials of a result of `experiments`, by hypothesis.

    Parameters
    ----------
    made : its `result.json`
    versions : rows of its table of versions
    """
    return {
        t["hypothesis"]: Trial(
            t["hypothesis"],
            t["type"],
            t["verdict"],
            t["basis"],
            t["rows"],
            t["flips"],
            t["file_sha256"],
            judges=tuple(t.get("judges", ())),
            declared=(t.get("reason_en", ""), t.get("reason_zh", "")),
            rules=made["rules"]["version"],
            versions=tuple(r for r in versions if r["hypothesis"] == t["hypothesis"]),
        )
        for t in made["trials"]
    }


def read_verdicts(folder: Path, kind: str) -> Stored | None:
    """A result with verdicts, whole; None if there is none, or another version of the model made it."""
    home = folder / FIT / kind
    stored = read_checked(home, kind, ("model_sha256", *FACTS[kind]), {FILE.removesuffix(".csv"): COLUMNS})
    if stored is None or stored.made["model_sha256"] != model_hash():
        return None
    if kind == "experiments" and not all(set(t) >= OF_TRIAL for t in stored.made["trials"]):
        raise fail(ResultError, home / RESULT, "not_of_kind", value=kind)
    return stored


def _is_changed(folder: Path, hypothesis: str, sha256: str, rules: Mapping[str, Any]) -> bool:
    """Whether the file of an experiment is no longer the one that was run, or the rules are no longer those that judged it."""
    return sha256_of(folder / EXPERIMENTS / f"{hypothesis}.toml") != sha256 or rules["sha256"] != decision.sha256()


def stylized(
    made: Mapping[str, Any], changed: bool = False, rules: int = decision.VERSION, versions: Sequence[Row] = ()
) -> dict[str, Trial]:
    """The trials of a result of `methods`: under the ids of its claims, and together under its hypothesis."""
    name, sha = made["hypothesis"], made["experiment_sha256"]
    main = [c for c in made["claims"] if c["main"]]
    of_claim: dict[str, list[dict[str, Any]]] = {}
    for c in main:
        rows = of_claim.setdefault(c["claim"], [])
        several = sum(other["claim"] == c["claim"] for other in main) > 1
        row = {"hypothesis": name, "part": c["claim"] + "abcdefgh"[len(rows)] * several, "basis": "prior", "rival": ""}
        row |= {"measure": c["outcome"], "unit": "share", "direction": "rise", "smallest": c["smallest"], "effect": c["interaction"]}
        row |= {"low": c["over_draws_low"], "high": c["over_draws_high"], "draws": c["draws"], "reached": c["reached"]}
        row |= {"probability": c["share"], "probability_low": c["share_low"], "probability_high": c["share_high"]}
        row |= {"likelihood": decision.Chance(c["share"], c["share_low"], c["share_high"]).word, "finding": c["finding"]}
        row |= {"chance": c["supported_by_chance"], "ceiling": made["ceiling"]}
        row |= {k: c[k] for k in ("verdict", "reason", "reason_share", "moving", "detectable")}
        rows.append(row | dict.fromkeys(("coefficient", "tipping")))
    every = [r for rows in of_claim.values() for r in rows]
    judged_by = partial(Trial, name, "stylized")
    how: dict[str, Any] = {"changed": changed, "rules": rules, "versions": tuple(versions)}
    trials = {c: judged_by(together(rows), "prior", rows, [], sha, judges=(c,), **how) for c, rows in of_claim.items()}
    return trials | {name: judged_by(together(every), "prior", every, [], sha, **how)}
