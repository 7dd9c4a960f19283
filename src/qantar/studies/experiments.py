"""Experiments run, and what follows for each hypothesis: verdict, basis, tipping values, the rivals under which it flips.

In: the experiments of a case (`experiments`), draws of the priors that had an uprising, and the posterior where one ships. Out: `Trial` by
hypothesis, and the files of a result; `read_trials` gives them back for the table of verdicts and the report.

All rules are those of `decision`:

    given           where the base by policy is no uprising, all is run and judged with the state's other decisions as recorded
    comparison      of models: each account that has what is claimed against the best held out of those without it, paired by region
                    of policies: error of the signal it is held against less that of the signal claimed, by draw of the priors
    none            "not testable", with the reason of the file, and what the record could show at most: a power, or a comparison that says
                    something else than what is asked
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qantar.effects import decision
from qantar.effects.decision import BASE_LEAST, DECIDED
from qantar.effects.experiments import (
    EVERYONE,
    FOLDER,
    POLICY,
    RECORDED,
    Answer,
    Experiment,
    Written,
    answers,
    effect_of,
    even,
    load_experiments,
    sha256_of,
)
from qantar.effects.policy_dates import constant_error, date_policies
from qantar.effects.versions import FILE, Row, merged, read_versions, versions_csv
from qantar.ensemble.histories import Runs
from qantar.ensemble.run import made_by
from qantar.ensemble.store import model_hash
from qantar.files.result import read_result, sealed
from qantar.files.tables import to_csv
from qantar.forecast.scores import paired
from qantar.inference.abc_smc import prior_table
from qantar.inference.posterior import FIT, fits, read_fit
from qantar.messages import LANGUAGES, text
from qantar.model.outcome import UPRISING
from qantar.record.observables import observe
from qantar.scenario.parameters import Values, draw, parameters
from qantar.scenario.scenario import Scenario, resolve
from qantar.study_keys import StudyKey, lot

Floats = NDArray[np.float64]
KIND = "experiments"
REGIONS = "regions.csv"
POLICY_DRAWS = 200
POWER_LOTS, LEVEL = 2000, 0.05
"""Simulated records behind a power calculation, and its error of the first kind."""
ANEW = 1 << 30
"""First number of the draws of the priors that give a tested coefficient its value."""
CEILING_DRAWS = 4000
"""Draws of the tested coefficients behind a ceiling."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Trial:
    """What is said of one hypothesis."""

    hypothesis: str
    type: str
    verdict: str
    """supported, contradicted, undecided, not-judged, not-testable, not-run"""
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
        said: dict[str, list[str]] = {}
        for r in self.leading:
            said.setdefault(reason_of(r, lang) or text(f"experiment.{r['verdict']}", lang), []).append(r["part"])
        if len(said) == 1:
            return next(iter(said))
        colon, comma, sep = (text(f"report.{k}", lang) for k in ("colon", "comma", "semicolon"))
        return sep.join(f"{comma.join(parts)}{colon}{why}" for why, parts in said.items())

    @property
    def earlier(self) -> list[str]:
        """The verdicts under other versions of the rules, the oldest first."""
        return [r["verdict"] for r in self.versions if int(r["rules_version"]) != self.rules]

    @property
    def now(self) -> Row:
        """What the rules say now, as a row of the table of versions."""
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
        said = {r["scaled"] for r in self.rows if r["basis"] == EVERYONE}
        return "not-compared" if not said else next(x for x in ("differs", "unclear", "more", "same") if x in said)

    @property
    def words(self) -> str:
        """The verdict as it must be quoted."""
        if self.verdict in ("not-judged", "not-testable", "not-run"):
            return self.verdict
        said = [text(f"experiment.{key}", "en", **args) for key, args in [(f"basis.{self.basis}", {}), *self.qualifiers]]
        return f"{self.verdict} in this model ({'; '.join(said)})"

    @property
    def qualifiers(self) -> list[tuple[str, dict[str, Any]]]:
        """What must be quoted beside the basis, as messages under `experiment` with what they say."""
        found: list[tuple[str, dict[str, Any]]] = []
        if self.independent is not None:
            found.append(("independent", {"n": self.independent}))
        if self.state == RECORDED:
            found.append(("given", {}))
        if self.scaled:
            found.append((f"scaled.{self.scaled}", {}))
        return found


@dataclass(frozen=True)
class Draws:
    """Sets of all parameters, and which ancestor each descends from; none where each stands for itself."""

    values: list[Values]
    ancestors: list[int] = field(default_factory=list)

    def anew(self, names: Sequence[str], seed: int) -> Draws:
        """The same with these parameters drawn from their priors, each set for itself."""
        fresh = [{name: parameters()[name].draw(seed, ANEW + k) for name in names} for k in range(len(self.values) if names else 0)]
        return Draws([{**v, **new} for v, new in zip(self.values, fresh, strict=True)], self.ancestors) if names else self

    def spread(self, n: int) -> Draws:
        """So many of these at even distances, or all of them."""
        rows = even(len(self.values), n)
        return Draws([self.values[k] for k in rows], [self.ancestors[k] for k in rows] if self.ancestors else [])


def reason_of(row: Mapping[str, Any], lang: str) -> str:
    """Why a part has no answer, in words; empty where it has one."""
    if not row.get("reason"):
        return ""
    share, smallest = row.get("reason_share"), row.get("smallest")
    numbers = {"share": "" if share is None else f"{100 * share:.0f}", "least": "" if share is None else f"{share:.2g}",
               "smallest": "" if smallest is None else f"{smallest:.2g}"}  # fmt: skip
    kind = text(f"reason_kind.{decision.REASONS[row['reason']]}", lang)
    return text("experiment.because", lang, why=text(f"reason.{row['reason']}", lang, **numbers), kind=kind)


def loud_draws(table: Runs, seed: int) -> list[Values]:
    """The draws of a table of the priors whose history was an uprising.

    Parameters
    ----------
    table : histories of draws 0, 1, ... of the priors at this seed
    """
    loud = np.flatnonzero((np.asarray(table.whole["peak"], float) >= UPRISING) & ~table.stopped)
    return [draw(seed, int(k)) for k in loud]


def draws_of(
    scenario: Scenario,
    size: int,
    root: Path,
    *,
    seed: int,
    scale: float,
    known: Runs | None = None,
    processes: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> dict[str, Draws]:
    """Draws of the priors with an uprising, and of the posterior if one of this model ships with the case.

    Parameters
    ----------
    size : draws of the priors looked at; with 0 nothing is needed and nothing is looked up
    known : histories of the first of them, from a packed table of this plan, seed and version of the model

    Raises
    ------
    ResultError
        As `run_ensemble`.
    """
    if not size:
        return {}
    plan = resolve(scenario, scale=scale)
    told = partial(progress, "table")
    table = prior_table(plan, size, seed, root, part=50, known=known, processes=processes, progress=told)
    found = {"prior": Draws(loud_draws(table, seed))}
    ships = read_fit(scenario.case.folder)
    if ships is not None and fits(ships.posterior.made, plan):
        found["posterior"] = Draws(ships.posterior.values, ships.posterior.ancestors.tolist())
    return {basis: draws for basis, draws in found.items() if draws.values}


def try_all(
    scenario: Scenario,
    written: Sequence[Written],
    draws: Mapping[str, Draws],
    root: Path,
    *,
    scale: float = 0.1,
    most: int | None = None,
    rivals: int = 0,
    everyone: int = 0,
    kept: Path | None = None,
    processes: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> list[tuple[Trial, list[Answer]]]:
    """Run every experiment that can be run.

    Parameters
    ----------
    draws : "prior" and "posterior" to draws of all parameters; either may be absent
    most : draws of an experiment, at most
    rivals : draws of the posterior (of the priors, if there is none) repeated under each rival that an experiment names, one seed each
    everyone : draws of the posterior repeated with every resident, one seed each, where there is a verdict that could be lost by it
    kept : as in `answers`

    Raises
    ------
    ScenarioError, StudyError, ResultError
        As `answers`.
    """

    def run(spec: Experiment, of: Draws, basis: str, what: str, state: str, scale: float = scale, rival: str = "") -> list[Answer]:
        told = partial(progress, f"{spec.hypothesis}, {what}: histories")
        where = partial(answers, kept=kept, processes=processes, progress=told)
        most = ceilings_of(scenario, spec, draws["posterior" if basis == EVERYONE else basis])
        how: dict[str, Any] = {"scale": scale, "rival": rival, "state": state, "ancestors": of.ancestors, "ceilings": most}
        return where(scenario, spec, of.values, basis, root, **how)

    found = []
    for w in written:
        own: list[Answer] = []
        if w.spec.type == "counterfactual":
            n = min(w.spec.draws, most or w.spec.draws)
            once = w.spec.model_copy(update={"replicates": 1})
            fresh = {basis: of.anew(unlearned(scenario, w.spec), w.spec.seed).spread(n) for basis, of in draws.items()}
            for state in (POLICY, RECORDED):
                for basis, of in fresh.items():
                    own += run(w.spec, of, basis, basis, state)
                if not own or own[-1].uprisings >= BASE_LEAST or own[-1].state == RECORDED:
                    break
            for rival in w.spec.rivals if rivals else []:
                basis, of = list(fresh.items())[-1]
                own += run(once, of.spread(rivals), basis, rival, state, rival=rival)
            beside = {a.part.id: a for a in own if a.basis == "posterior" and not a.rival}  # the last: of the state that is judged
            if everyone and scale < 1 and {a.verdict for a in beside.values()} in ({"supported"}, {"contradicted"}):
                few = run(once, fresh["posterior"].spread(everyone), EVERYONE, EVERYONE, state, scale=1.0)
                own += [replace(a, beside=beside[a.part.id]) for a in few]
        found.append((trial_of(scenario, w, own, partial(progress, f"{w.spec.hypothesis}: draws")), own))
    return found


def unlearned(scenario: Scenario, spec: Experiment) -> list[str]:
    """The tested coefficients that the scenario does not name as fitted."""
    fitted = scenario.file.calibration.fitted if scenario.file.calibration else []
    return [name for name in spec.tests if name not in fitted]


def ceilings_of(scenario: Scenario, spec: Experiment, of: Draws) -> dict[str, float]:
    """Known before anything is run: in which share of the draws the effect of each part can be there at all, at most.

    What is not fitted comes from its prior, as in the experiment; what is, from the draws. It says nothing of how large the effect would
    be, and not that it is there: only that it cannot be in the others.

    Parameters
    ----------
    of : draws of the priors or the posterior
    """
    fresh = unlearned(scenario, spec)
    names = {name for part in spec.parts for name in spec.carriers(part)}
    own = {name: _anew(name, spec.seed) if name in fresh else np.array([v[name] for v in of.values]) for name in names}
    values = {name: np.resize(x, CEILING_DRAWS) for name, x in own.items()}
    return {part.id: decision.ceiling(spec.carriers(part), values) for part in spec.parts}


@functools.cache
def _anew(name: str, seed: int) -> Floats:
    return np.array([parameters()[name].draw(seed, ANEW + k) for k in range(CEILING_DRAWS)])


def trial_of(
    scenario: Scenario, w: Written, own: Sequence[Answer], progress: Callable[[int, int], None] = lambda done, total: None
) -> Trial:
    """The verdict on one hypothesis."""
    declared = (w.spec.rule_en, w.spec.rule_zh) if w.spec.type == "none" else ("", "")
    before = [r for r in read_versions(scenario.case.folder / FIT / KIND) if r["hypothesis"] == w.spec.hypothesis]
    found = replace(_judged(scenario, w, own, progress), judges=tuple(w.spec.judges), declared=declared)
    return replace(found, versions=tuple(merged(before, [found.now])))


def _judged(scenario: Scenario, w: Written, own: Sequence[Answer], progress: Callable[[int, int], None]) -> Trial:
    spec = w.spec
    if spec.type == "none":
        rows = [power_row(scenario, spec.hypothesis, spec.power.regions)] if spec.power else []
        rows += [{**r, "verdict": "not-testable"} for r in compared_rows(scenario, spec) or []]
        return Trial(spec.hypothesis, spec.type, "not-testable", "none", rows, [], w.sha256)
    if spec.signals:
        row = policy_row(scenario, spec.hypothesis, spec.signals[0], spec.signals[1], spec.margin, progress)
        return Trial(spec.hypothesis, spec.type, row["verdict"], "prior", [row], [], w.sha256)
    if spec.compare:
        found = compared_rows(scenario, spec)
        said = "not-run" if found is None else decision.any_of([r["verdict"] for r in found])
        return Trial(spec.hypothesis, spec.type, said, "none" if found is None else "experiment", found or [], [], w.sha256)
    rows = [a.as_dict() for a in own]
    if not rows:
        return Trial(spec.hypothesis, spec.type, "not-run", "none", [], [], w.sha256)
    verdict, basis = judged(rows)
    under = {name: together([r for r in rows if r["rival"] == name]) for name in {r["rival"] for r in rows if r["rival"]}}
    flips = sorted(name for name, there in under.items() if there in DECIDED and there != verdict)
    return Trial(spec.hypothesis, spec.type, verdict, basis, rows, flips, w.sha256)


def together(rows: Sequence[Mapping[str, Any]]) -> str:
    """One verdict of several parts."""
    return decision.together([r["verdict"] for r in rows])


def state_in(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Whose decisions follow the change in the rows that are judged: as recorded, if there are such."""
    said = {r.get("state") for r in rows}
    return next((s for s in (RECORDED, POLICY) if s in said), None)


def judged(rows: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Verdict and basis from the rows of priors and posterior in the state that is judged, rivals left out.

    >>> row = lambda basis, verdict: {"basis": basis, "verdict": verdict, "rival": ""}
    >>> judged([row("prior", "supported"), row("posterior", "supported")])
    ('supported', 'assumed')
    >>> judged([row("prior", "undecided"), row("posterior", "supported")]), judged([row("prior", "supported")])
    (('supported', 'experiment'), ('supported', 'prior'))
    """
    rows = [r for r in rows if r.get("state") == state_in(rows)]
    own = {basis: together([r for r in rows if r["basis"] == basis and not r["rival"]]) for basis in ("prior", "posterior")
           if any(r["basis"] == basis for r in rows)}  # fmt: skip
    verdict = own.get("posterior", own.get("prior", "undecided"))
    if any(r.get("scaled") == "differs" for r in rows):  # what holds only of a smaller country is no verdict on this one
        verdict = "undecided"
    return verdict, decision.basis_of(own.get("prior"), verdict if "posterior" in own else None)


def policy_row(
    scenario: Scenario, hypothesis: str, claimed_signal: str, other: str, margin: float, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """A policy that reacts to one signal against one that reacts to another, on the dates of the record."""
    dates = {d.signal: d for d in date_policies(scenario, resolve(scenario), draws=POLICY_DRAWS, signals=[claimed_signal, other],
                                                progress=progress)}  # fmt: skip
    mine, theirs = dates[claimed_signal].errors(), dates[other].errors()
    constant = constant_error(dates[other].recorded)
    values = theirs - mine
    better = float((mine < constant).mean())
    said = decision.of_policy(values, margin, better)
    f = said.finding
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95)).tolist()
    return {
        "hypothesis": hypothesis, "part": "a", "basis": "prior", "rival": "", "measure": "date_error", "unit": "hours",
        "direction": "rise", "smallest": margin, "asserts": "effect", "effect": middle, "low": low, "high": high, "base": constant,
        "draws": f.draws, "reached": f.reached, "between": f.between, "reversed": f.reversed, "finding": f.name, "verdict": said.verdict,
        "reason": said.reason, "reason_share": said.share,
        "coefficient": None, "tipping": None, "chance": 0.0, "detectable": None, "better_than_constant": better,
    }  # fmt: skip


def power_row(scenario: Scenario, hypothesis: str, regions: Sequence[str]) -> dict[str, Any]:
    """How much sooner a few regions would have to rise for this record to show it.

    First days of unrest of all regions are taken as independent and exponential, those of the few so many times as fast, rounded down to
    days as the record has them, with the record's own mean delay behind its first region; a two-sided rank-sum test (Mann and Whitney 1947,
    Ann. Math. Stat. 18) at 5 %. Gives the least ratio of rates that is found in 80 % of `POWER_LOTS` simulated records.
    """
    from scipy.stats import mannwhitneyu

    ids = [r.id for r in resolve(scenario).regions]
    few = np.array([i in regions for i in ids])
    rose = [o.earliest for o in observe(scenario.case.record).onsets if o.earliest is not None]
    delay = float(np.mean([(day - min(rose)).days for day in rose]))
    u = np.array([[lot(1, StudyKey.REGION_DAY, k, r) for r in range(len(ids))] for k in range(POWER_LOTS)])
    times = -np.log(u) * delay
    ratios = 2.0 ** np.arange(0, 7.5, 0.5)
    shares = []
    for ratio in ratios:
        day = np.floor(np.where(few, times / ratio, times))
        p = mannwhitneyu(day[:, few], day[:, ~few], axis=1).pvalue
        shares.append(float((p < LEVEL).mean()))
    found = [r for r, s in zip(ratios, shares, strict=True) if s >= 0.8]
    return {
        "hypothesis": hypothesis, "part": "a", "basis": "none", "rival": "", "measure": "power", "unit": "ratio", "few": int(few.sum()),
        "of": len(ids), "detectable": float(found[0]) if found else None, "power_at_2": shares[2], "verdict": "not-testable",
        "effect": None, "low": None, "high": None, "tipping": None, "chance": 0.0,
    }  # fmt: skip


def compared_rows(scenario: Scenario, spec: Experiment) -> list[dict[str, Any]] | None:
    """The accounts that have what is claimed, each against the best of those without it, by the comparison that ships; None without one."""
    folder = scenario.case.folder / FIT / "rivals"
    stored = read_result(folder, "rivals")
    scores: dict[str, list[float]] = {}
    for r in stored.rows(REGIONS) if stored and stored.made.get("model_sha256") == model_hash() else []:
        scores.setdefault(r["rival"], []).append(float(r["log_score"]))
    if not {*spec.compare, *spec.plain} <= {*scores}:
        return None
    best = min(spec.plain, key=lambda arm: float(np.mean(scores[arm])), default="")
    found = []
    for arm in spec.compare:
        gain = paired(np.array(scores[best]), np.array(scores[arm]))
        said = decision.compared(gain.mean, gain.se, spec.margin)
        found.append(
            {
                "hypothesis": spec.hypothesis, "part": arm, "basis": "posterior", "rival": "", "measure": "held_out", "unit": "nats",
                "effect": gain.mean, "low": gain.mean - 2 * gain.se, "high": gain.mean + 2 * gain.se, "smallest": spec.margin,
                "finding": said, "verdict": said, "against": best, "tipping": None, "chance": 0.0,
            }
        )  # fmt: skip
    return found


def by_hypothesis(trials: Mapping[str, Trial]) -> dict[str, Trial]:
    """The trials of hypotheses alone, in their order."""
    return {name: trials[name] for name in sorted(trials) if name == trials[name].hypothesis}


def expected_by_chance(trials: Sequence[Trial]) -> float:
    """How many of the verdicts would be "supported" if nothing were so: the sum over hypotheses of the least chance of their parts."""
    total = 0.0
    for t in trials:
        if (lead := t.lead) is not None:
            total += min((float(r["chance"]) for r in t.own if r["basis"] == lead["basis"]), default=0.0)
    return total


def summed(trials: Sequence[Trial]) -> dict[str, str]:
    """How many are supported, could have been before anything was run, and would be by chance: the numbers of one sentence."""
    of = [t for t in trials if t.type == "counterfactual" and t.lead is not None]
    possible = [t for t in of if decision.can_support([(r["asserts"], r.get("ceiling", 1.0)) for r in t.leading])]
    supported = sum(t.verdict == "supported" for t in trials)
    return {"n": str(supported), "possible": str(len(possible)), "of": str(len(of)), "expected": f"{expected_by_chance(trials):.2f}"}


def files_of(scenario: Scenario, found: Sequence[tuple[Trial, Sequence[Answer]]], made: Mapping[str, Any]) -> dict[str, str]:
    """The folder of a result as text, `result.json` last."""
    rows = [r for t, _ in found for r in t.rows]
    names = list(dict.fromkeys(k for r in rows for k in r))
    by_draw = [
        [a.hypothesis, a.part.id, a.basis, a.rival, a.state, k, _short(d), _short(a.coefficient[k]) if len(a.coefficient) else ""]
        for _, own in found
        for a in own
        for k, d in enumerate(a.values)
    ]
    files = {
        "experiments.csv": to_csv(names, [[_cell(r.get(n)) for n in names] for r in rows]),
        "draws.csv": to_csv(["hypothesis", "part", "basis", "rival", "state", "draw", "effect", "coefficient"], by_draw),
        FILE: versions_csv([row for t, _ in found for row in t.versions]),
    }
    trials = [t for t, _ in found]
    whole = {
        "kind": KIND,
        **made_by(),
        **made,
        "scenario": scenario.case.head.id,
        "rules": {"version": decision.VERSION, "sha256": decision.sha256()},
        "expected_supported_by_chance": expected_by_chance(trials),
        "trials": [
            {"hypothesis": t.hypothesis, "type": t.type, "verdict": t.verdict, "basis": t.basis, "words": t.words, "flips": t.flips,
             "judges": t.judges, "file_sha256": t.sha256, "rules_version": t.rules, "reason_en": t.why("en"), "reason_zh": t.why("zh"),
             "rows": t.rows}
            for t in trials
        ],
    }  # fmt: skip
    return sealed(files, whole)


def read_trials(folder: Path) -> dict[str, Trial]:
    """The trials that ship with a case, by hypothesis; none if there are none or they were made by another version of the model.

    The stylized experiment (`methods`) judges claim by claim: its trials stand under the ids of claims, and together under its hypothesis.

    Parameters
    ----------
    folder : of the case
    """
    found = _stylized(folder)
    stored = read_result(folder / FIT / KIND, KIND)
    if stored is None or stored.made.get("model_sha256") != model_hash():
        return found
    made = stored.made
    rules, before = made.get("rules", {}), read_versions(folder / FIT / KIND)
    for t in made["trials"]:
        changed = _changed(folder, t["hypothesis"], t["file_sha256"]) or rules.get("sha256") != decision.sha256()
        found[t["hypothesis"]] = Trial(
            t["hypothesis"],
            t["type"],
            t["verdict"],
            t["basis"],
            t["rows"],
            t["flips"],
            t["file_sha256"],
            changed,
            tuple(t.get("judges", ())),
            (t.get("reason_en", ""), t.get("reason_zh", "")),
            rules.get("version", 1),
            tuple(r for r in before if r["hypothesis"] == t["hypothesis"]),
        )
    return found


@dataclass(frozen=True)
class Again:
    """One effect of a result that ships, computed again."""

    hypothesis: str
    part: str
    draw: int
    shipped: float
    found: float

    @property
    def same(self) -> bool:
        """Equal in the six digits that are written."""
        return math.isclose(self.shipped, self.found, rel_tol=1e-5, abs_tol=1e-9)


def check_again(scenario: Scenario, n: int, seed: int, *, progress: Callable[[int, int], None] = lambda done, total: None) -> list[Again]:
    """Effects over the posterior that are not zero, drawn by lot from the result that ships, from histories simulated anew.

    None if no such result ships, or all its effects are zero: an arm that changes nothing would come out the same whatever was simulated.

    Parameters
    ----------
    n : how many effects of one draw
    seed : of the lots
    """
    folder = scenario.case.folder
    stored, ships = read_result(folder / FIT / KIND, KIND), read_fit(folder)
    if stored is None or stored.made.get("model_sha256") != model_hash() or ships is None:
        return []
    made = stored.made
    rows = [r for r in stored.rows("draws.csv") if r["basis"] == "posterior" and not r["rival"]]
    specs = {w.spec.hypothesis: w.spec for w in load_experiments(scenario)}
    rows = [r for r in rows if r["hypothesis"] in specs]
    lots = [r for r in rows if float(r["effect"]) != 0]
    found = []
    for k in range(min(n, len(lots))):
        r = lots[int(lot(seed, StudyKey.REPEATED_EFFECT, k) * len(lots))]
        spec = specs[r["hypothesis"]]
        n_draws = sum(all(x[k] == r[k] for k in ("hypothesis", "part", "state")) for x in rows)
        values = Draws(ships.posterior.values).anew(unlearned(scenario, spec), spec.seed).spread(n_draws).values
        part = next(p for p in spec.parts if p.id == r["part"])
        again = effect_of(scenario, spec, part, values, int(r["draw"]), scale=float(made["scale"]), state=r["state"])
        found.append(Again(r["hypothesis"], r["part"], int(r["draw"]), float(r["effect"]), again))
        progress(k + 1, n)
    return found


def _changed(folder: Path, hypothesis: str, sha256: str) -> bool:
    """Whether the file of an experiment is no longer the one that was run."""
    path = folder / FOLDER / f"{hypothesis}.toml"
    return not path.is_file() or sha256_of(path) != sha256


def _stylized(folder: Path) -> dict[str, Trial]:
    stored = read_result(folder / FIT / "methods", "methods")
    if stored is None or stored.made.get("model_sha256") != model_hash():
        return {}
    made = stored.made
    rules = made.get("rules", {})
    changed = _changed(folder, made["hypothesis"], made["experiment_sha256"]) or rules.get("sha256") != decision.sha256()
    return stylized(made, changed, rules.get("version", 1), tuple(read_versions(folder / FIT / "methods")))


def stylized(made: Mapping[str, Any], changed: bool = False, rules: int = decision.VERSION, before: Sequence[Row] = ()) -> dict[str, Trial]:
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
        row |= {"finding": c["finding"], "chance": c["supported_by_chance"], "ceiling": made["ceiling"]}
        row |= {k: c[k] for k in ("verdict", "reason", "reason_share", "moving", "detectable")}
        rows.append(row | dict.fromkeys(("coefficient", "tipping")))
    every = [r for rows in of_claim.values() for r in rows]
    judged_by = partial(Trial, name, "stylized")
    how: dict[str, Any] = {"changed": changed, "rules": rules, "versions": tuple(before)}
    found = {c: judged_by(together(rows), "prior", rows, [], sha, judges=(c,), **how) for c, rows in of_claim.items()}
    found[name] = judged_by(together(every), "prior", every, [], sha, **how)
    return found


def _short(x: float) -> float:
    return float(f"{x:.6g}")


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if math.isnan(value) else _short(value)
    return value
