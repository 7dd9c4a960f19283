"""Decision rules: from numbers to the words of a verdict, in one place, with a version and a hash (docs/explanation/verdicts.md).

In: differences between arms by draw and seed, and what is known of the base they start from. Out: a probability in this model, a verdict,
and where the verdict is no answer, which rule withheld it.

    probability    share of draws in which Delta, seeds averaged, is at least the smallest effect that counts (absence claimed: is not),
                   with a 95 % interval in which draws of one ancestor count as one (Wilson 1927)
    likelihood     very likely from 90 %, likely from 66 %, unlikely to 33 %, very unlikely to 10 %, else about as likely as not
                   (Mastrandrea et al. 2010, Guidance note of the IPCC)
    not judged     where the base is not the case: most of its histories are no uprising ("quiet"), miss the largest crowd or the dead by
                   more than three times, do not end within days, or lose no seat of government where one was lost ("unlike"), or do not
                   show what is to be explained ("lacking"); and where an arm that is known to move the measure does not ("control")
    not decidable  where the test could not come out either way: the record fixes what is asked for ("answered"), the smallest effect does
                   not fit the measure ("unattainable"), or nothing that carries it acts ("ceiling"), or the arm changes nothing ("still"),
                   each in more than a tenth of draws; where so few draws could not show nine of ten even if all agreed ("draws"); where an
                   effect of the smallest size would not be told from luck ("power", "blind"); where it would be decided otherwise without
                   the draws of some one ancestor ("ancestor")
    verdict        else: supported if very likely, contradicted if very unlikely, undecided between, with the probability as the answer
    several parts  one verdict if all agree; else "not-judged" if some part is, else "not-decidable" if some part is, else "undecided"
    basis          "assumed", if a decided verdict is the same over priors and posterior; "experiment", if the record brought it about;
                   "fitted", if nothing is decided, or the priors decide nothing for want of a test; "prior" without a fit
    everyone       "same", if the difference between all residents and some of them lies within the smallest effect (95 %); "more", if it
                   is not 0 and bears the finding out; "differs", if it is not 0 and goes against it: then nothing is decided; else
                   "unclear"
    rivals         an account turns a verdict round where a part is at least likely under one of the two, at most unlikely under the other
    orders         two rankings of regions: "order-fits" if at most one in twenty of all orders agree as much, "order-reversed" if as few
                   agree as little, whichever of the days and counts that the sources allow is true; else "order-silent". An order that fits
                   supports no cause; a reversed one contradicts
    models         one account against another, paired by region: supported if better by the margin and by two standard errors, contradicted
                   if worse by two or if it cannot be better by the margin; undecided otherwise
    policies       as parts; supported only if the constant is beaten in 9 of 10 draws, too

Both words ask for the same power: under version 2 an effect could be called missing where it could never have been found. Draws in which
the arm changes nothing had a rule of their own; where they are at most a tenth they cannot turn a verdict, and where they are more the test
cannot come out one way, which is what "still" says.

Whoever changes a rule raises `VERSION` and writes a line into `decision-versions.csv`: a test holds the version to `sha256()`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qantar.files.programs import sha256_of
from qantar.statistics import wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
VERSION = 3
DIRECTIONS = {"rise": 1, "fall": -1}
MOST = (9, 10)
"""What decides, as two whole numbers: no rounding at the border."""
LIKELY, UNLIKELY = 0.66, 0.33
"""Where "likely" begins, and "unlikely" ends."""
EXACT = 1e-12
"""What rounding may take from an effect that is exactly the smallest one, or add to one that is nothing."""
BASE_LEAST = 0.5
"""Share of base histories that must be uprisings, look like the case, and show what is to be explained, for a part to be judged."""
LIKE_FACTOR = 3.0
"""Times by which the largest crowd and the dead of a history like the case may differ from the record's."""
LIKENESS = ("peak", "dead", "over", "seats")
"""In what a base must look like the case, in the order in which what fails is named."""
DRAWS_LEAST = 35
"""Independent draws, of which all must agree for the interval to stay above nine of ten: n / (n + 1.96^2) >= 0.9."""
POWER = 0.8
"""Share of repetitions in which an effect of the detectable size is seen."""
ORDER_LEVEL = 0.05
"""Share of all orders of regions, at most, that may agree as much as those that are seen."""
APART = 2.0
"""Standard errors that tell two accounts apart."""
ANSWERED = ("conceded", "settled")
"""Measures that say what the state grants: fixed where its decisions are the recorded ones."""
DECIDED = ("supported", "contradicted")
ORDERS = {"order-fits": "undecided", "order-reversed": "contradicted", "order-silent": "not-decidable"}
"""What two rankings say, and what that is worth to a claim about a cause."""
REASONS = {
    "quiet": "model", "unlike": "model", "lacking": "model", "control": "design", "answered": "design", "unattainable": "design",
    "ceiling": "information", "still": "design", "draws": "resources", "power": "resources", "blind": "resources",
    "ancestor": "resources", "constant": "information", "scale": "resources", "order": "information",
}  # fmt: skip
"""Why there is no answer, messages under `reason`, and what is wanting: a better model, another design, more computing, or information
that this record does not hold."""


@dataclass(frozen=True)
class Finding:
    """What the draws say, and how many say so."""

    name: str
    """supported, null, reversed, mixed (these three: missing) or undecided"""
    reached: int
    between: int
    reversed: int

    @property
    def draws(self) -> int:
        """All draws."""
        return self.reached + self.between + self.reversed

    @property
    def missing(self) -> bool:
        """Whether the effect is not there."""
        return self.name in ("null", "reversed", "mixed")


@dataclass(frozen=True)
class Chance:
    """A probability in this model, with its 95 % interval over independent draws."""

    share: float
    low: float
    high: float

    @property
    def word(self) -> str:
        """very-likely, likely, even, unlikely or very-unlikely.

        >>> [Chance(p, 0, 1).word for p in (0.9, 0.66, 0.5, 0.33, 0.1)]
        ['very-likely', 'likely', 'even', 'unlikely', 'very-unlikely']
        """
        if self.share >= MOST[0] / MOST[1]:
            return "very-likely"
        if self.share >= LIKELY:
            return "likely"
        if self.share > UNLIKELY:
            return "even"
        return "unlikely" if self.share > 1 / MOST[1] else "very-unlikely"


@dataclass(frozen=True)
class Said:
    """What is said of one part."""

    verdict: str
    """supported, contradicted, undecided, not-decidable or not-judged"""
    finding: Finding
    chance: Chance
    """that what is claimed is so in this model"""
    reason: str = ""
    """one of `REASONS`; empty where the test could decide"""
    share: float | None = None
    """the number behind the reason"""


@dataclass(frozen=True)
class Ground:
    """What a part stands on, beside its effect."""

    uprisings: float = 1.0
    """share of base histories that are uprisings"""
    like: Mapping[str, float] = field(default_factory=dict)
    """share of base histories that look like the case, by what; without what the record does not say, and without any over priors"""
    shown: float = 1.0
    """share of base histories that show what is to be explained"""
    control: float = 1.0
    """share of draws in which an arm that is known to move the measure does"""
    answered: bool = False
    """whether the record fixes what is measured"""
    attainable: float = 1.0
    """share of draws in which the smallest effect fits the measure"""
    ceiling: float = 1.0
    """share of draws in which the effect can be there at all, at most"""
    level: bool = False
    """whether nothing is compared: a level is asked for, which may be none"""

    @property
    def unlike(self) -> str:
        """In what most base histories do not look like the case; empty where there is nothing."""
        return next((name for name in LIKENESS if self.like.get(name, 1.0) < BASE_LEAST), "")


def most(count: int, of: int) -> bool:
    """Whether so many are at least nine of ten.

    >>> most(9, 10), most(89, 100)
    (True, False)
    """
    return MOST[1] * count >= MOST[0] * of


def finding_of(values: Floats, smallest: float, direction: int = 1) -> Finding:
    """The finding over draws, with a smallest effect above 0; direction 1, -1, or 0 where an effect of either sign counts.

    >>> finding_of(np.array([0.1] * 9 + [0.0]), 0.1).name, finding_of(np.array([-0.2] * 9 + [0.2]), 0.1).name
    ('supported', 'reversed')
    >>> finding_of(np.array([0.2, -0.2]), 0.1).name, finding_of(np.array([0.2, -0.2]), 0.1, 0).name
    ('undecided', 'supported')
    """
    signed = direction * values if direction else np.abs(values)
    reached, back = (int((x >= smallest - EXACT).sum()) for x in (signed, -signed))
    n = len(values)
    between = n - reached - back
    names = {"supported": reached, "null": between, "reversed": back, "mixed": between + back}
    return Finding(next((name for name, count in names.items() if most(count, n)), "undecided"), reached, between, back)


def claimed(finding: str, asserts: str) -> str:
    """The verdict on a claim, from a finding about the effect.

    >>> claimed("null", "effect"), claimed("null", "absence"), claimed("undecided", "absence")
    ('contradicted', 'supported', 'undecided')
    """
    if finding == "undecided":
        return finding
    return "supported" if (finding == "supported") == (asserts == "effect") else "contradicted"


def independent(ancestors: Ints, draws: int) -> float:
    """How many independent draws so many are worth, by the sizes of the families that descend from one ancestor (Kish 1965, Survey
    Sampling); all where no ancestors are named, each draw then standing for itself.

    >>> independent(np.array([3, 3, 5, 7]), 4), independent(np.array([]), 4)
    (2.6666666666666665, 4.0)
    """
    sizes = np.unique(ancestors, return_counts=True)[1] if len(ancestors) else np.ones(draws)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def chance_of(found: Finding, asserts: str, independent_draws: float) -> Chance:
    """The probability that what is claimed is so: that the effect is reached, or, where absence is claimed, that it is not.

    >>> [round(x, 2) for x in vars(chance_of(Finding("undecided", 30, 10, 0), "absence", 40.0)).values()]
    [0.25, 0.14, 0.4]
    """
    share = (found.reached if asserts == "effect" else found.draws - found.reached) / found.draws
    return Chance(share, *wilson(share * independent_draws, independent_draws))


def turned(here: float, there: float) -> bool:
    """Whether one probability is at least likely, and the other at most unlikely.

    >>> turned(0.95, 0.3), turned(0.2, 0.7), turned(0.95, 0.5)
    (True, True, False)
    """
    return max(here, there) >= LIKELY and min(here, there) <= UNLIKELY


def is_sturdy(values: Floats, ancestors: Ints, found: Finding, smallest: float, direction: int) -> bool:
    """Whether the finding is the same without the draws of any one ancestor; none are named where each draw stands for itself.

    >>> x, of = np.array([0.0, 1.0, 1.0, 1.0]), np.array([3, 5, 5, 7])
    >>> is_sturdy(x[1:], of[1:], finding_of(x[1:], 0.5), 0.5, 1), is_sturdy(x[1:3], of[1:3], finding_of(x[1:3], 0.5), 0.5, 1)
    (True, False)
    """
    for one in np.unique(ancestors):
        left = values[ancestors != one]
        if not len(left) or claimed(finding_of(left, smallest, direction).name, "effect") != claimed(found.name, "effect"):
            return False
    return True


def moves(seeds: Floats) -> NDArray[np.bool_]:
    """In which draws the arm changes the outcome at all, with any seed, shape (draws,).

    >>> moves(np.array([[0.0, 0.0], [0.0, -0.3]])).tolist()
    [False, True]
    """
    return np.asarray((np.abs(seeds) > EXACT).any(axis=1))


def noise_of(difference: Floats) -> float:
    """Typical standard error of Delta within a draw, from the luck that its seeds leave; NaN with one seed. Shape (draws, replicates)."""
    n = difference.shape[1]
    return float(np.sqrt(difference.var(axis=1, ddof=1).mean() / n)) if n > 1 else float("nan")


def detectable(seeds: Floats) -> float:
    """Smallest effect that would be seen against none in `POWER` of repetitions; NaN where nothing varies, and with one seed.

    Delta of a draw is the effect plus the luck of its seeds, normal with standard error s (`noise_of`). An effect d, the same in every
    draw, is seen if nine of ten of n draws show its sign. A draw does with probability Phi(d / s), so this happens in `POWER` of
    repetitions where P(Binomial(n, Phi(d / s)) >= k) = `POWER`, k being the least count that is nine of ten: Phi(d / s) is then the
    `POWER` quantile of Beta(k, n - k + 1) (Clopper and Pearson 1934, Biometrika 26, 404-413). Draws in which the arm changes nothing have
    no luck either and are left out.

    Whether an effect *larger than the smallest one* would be found is another question, answered by no more than "somewhat more": in one
    draw of two an effect of exactly that size falls short of it.

    >>> import math
    >>> x = np.array([[0.1, -0.1], [-0.1, 0.1]] * 50)
    >>> round(detectable(x), 2), math.isnan(detectable(0 * x)), math.isnan(detectable(x[:, :1]))
    (0.14, True, True)
    """
    from scipy.special import ndtri
    from scipy.stats import beta

    there = seeds[moves(seeds)]
    n = len(there)
    if not n:
        return math.nan
    least = -(-MOST[0] * n // MOST[1])
    return noise_of(there) * float(ndtri(beta.ppf(POWER, least, n - least + 1)))


def attainable(
    level: Floats, contrast: Mapping[str, float], base: str, limits: tuple[float, float], smallest: float, direction: int
) -> float:
    """Share of draws in which the smallest effect fits between the limits of the measure, the base being as it is.

    Level is Y(base) by draw, contrast the weight of each arm, the base among them under its name. An upper bound: the limits are those of
    any history. Where nothing is compared with the base there is no level to start from: all fit. A share that is 1 already cannot rise,
    and what lasts to the end of time cannot last longer:

    >>> attainable(np.array([0.0, 1.0]), {"arm": 1, "base": -1}, "base", (0, 1), 0.1, 1)
    0.5
    >>> attainable(np.array([2.0, 2.5]), {"arm": 1, "base": -1}, "base", (0, np.log10(385)), 0.176, 1)
    0.5
    """
    own = direction * contrast.get(base, 0.0)
    arms = [direction * weight for name, weight in contrast.items() if name != base]
    if not own or not arms or not len(level):
        return 1.0
    room = sum(max(weight * limit for limit in limits) for weight in arms)
    return float((own * level + room >= smallest - EXACT).mean())


def ceiling(carriers: Mapping[str, int], values: Mapping[str, Floats]) -> float:
    """Share of draws in which at least one carrier of the effect lets it be there, an upper bound; 1 where the arm itself carries it.

    >>> x = {"call_rate": np.array([0.0, 0.0, 0.1, 0.2]), "retention": np.array([-1.0, 1.0, -1.0, 1.0])}
    >>> ceiling({"call_rate": 1}, x), ceiling({"call_rate": 1, "retention": 1}, x), ceiling({"retention": 0}, x), ceiling({}, x)
    (0.5, 0.75, 1.0, 1.0)

    A carrier comes with the sign with which it carries the effect; 0 where that is not known and any value but 0 may.
    """
    if not carriers:
        return 1.0
    acts = [sign * values[name] > 0 if sign else values[name] != 0 for name, sign in carriers.items()]
    return float(np.any(acts, axis=0).mean())


def can_decide(ceilings: Sequence[float]) -> bool:
    """Whether a hypothesis could be decided before anything is run, from the ceilings of its parts.

    >>> can_decide([1.0, 0.95]), can_decide([1.0, 0.5])
    (True, False)
    """
    return all(share >= MOST[0] / MOST[1] for share in ceilings)


def judge(seeds: Floats, ancestors: Ints, smallest: float, direction: int, asserts: str, ground: Ground) -> Said:
    """What is said of one part.

    >>> there, none = np.full((40, 2), 0.5), np.array([[0.01, -0.01]] * 40)
    >>> [judge(x, np.array([]), 0.1, 1, "effect", Ground()).verdict for x in (there, none, 0 * none, 50 * none)]
    ['supported', 'contradicted', 'not-decidable', 'not-decidable']

    Seeds are Delta by draw and seed, shape (draws, replicates); ancestors are as in `is_sturdy`; asserted is an "effect" or "absence".
    """
    values, moving, least = np.asarray(seeds.mean(axis=1)), float(moves(seeds).mean()), detectable(seeds)
    found, of, enough = finding_of(values, smallest, direction), independent(ancestors, len(seeds)), MOST[0] / MOST[1]
    chance = chance_of(found, asserts, of)
    not_judged = (
        ("quiet", ground.uprisings, ground.uprisings < BASE_LEAST),
        ("unlike", ground.like.get(ground.unlike), bool(ground.unlike)),
        ("lacking", ground.shown, ground.shown < BASE_LEAST),
        ("control", ground.control, ground.control < enough),
    )
    not_decidable = (
        ("answered", None, ground.answered),
        ("unattainable", ground.attainable, ground.attainable < enough),
        ("ceiling", ground.ceiling, ground.ceiling < enough),
        ("still", moving, moving < enough and not ground.level),
        ("draws", of, of < DRAWS_LEAST - EXACT),
        ("blind", None, math.isnan(least) and not (ground.level and seeds.shape[1] > 1)),
        ("power", least, least > smallest + EXACT),
        ("ancestor", None, found.name != "undecided" and not is_sturdy(values, ancestors, found, smallest, direction)),
    )
    for verdict, gates in (("not-judged", not_judged), ("not-decidable", not_decidable)):
        for reason, share, shut in gates:
            if shut:
                return Said(verdict, found, chance, reason, share)
    return Said(claimed(found.name, asserts), found, chance)


def together(verdicts: Sequence[str]) -> str:
    """One verdict of several parts.

    >>> together(["supported"] * 2), together(["supported", "undecided"]), together(["contradicted", "not-decidable", "not-judged"])
    ('supported', 'undecided', 'not-judged')
    """
    said = set(verdicts)
    if len(said) == 1:
        return said.pop()
    return next((word for word in ("not-judged", "not-decidable") if word in said), "undecided")


def basis_of(prior: str | None, posterior: str | None) -> str:
    """What a verdict rests on: that over the priors, and that over the posterior; None where it was not run.

    >>> [basis_of(*x) for x in (("supported", "supported"), ("undecided", "supported"), ("undecided", "undecided"), ("supported", None))]
    ['assumed', 'experiment', 'fitted', 'prior']
    """
    if posterior is None:
        return "prior"
    if posterior not in DECIDED or prior in (None, "not-judged", "not-decidable"):
        return "fitted"
    return "assumed" if prior == posterior else "experiment"


def scaled(low: float, high: float, smallest: float, towards: int = 1) -> str:
    """What the difference between everyone and some of them says, from its 95 % interval and the sign that would bear out the finding.

    >>> [scaled(*x, 0.1) for x in ((-0.05, 0.08), (0.05, 0.3), (-0.3, -0.05), (-0.1, 0.3))], scaled(0.05, 0.3, 0.1, -1)
    (['same', 'more', 'differs', 'unclear'], 'differs')
    """
    if max(-low, high) < smallest:
        return "same"
    if low > 0 or high < 0:
        return "more" if (low > 0) == (towards > 0) else "differs"
    return "unclear"


def compared(gain: float, se: float, margin: float) -> str:
    """Whether one account is better held out than another, by region: gain in nats with its standard error.

    >>> [compared(g, 0.5, 1.0) for g in (2.0, -1.5, 0.5, -0.4)]
    ['supported', 'contradicted', 'undecided', 'contradicted']
    """
    if gain >= margin and gain > APART * se:
        return "supported"
    return "contradicted" if gain < -APART * se or gain + APART * se < margin else "undecided"


def any_of(verdicts: Sequence[str]) -> str:
    """One verdict of several accounts that have what is claimed: it is enough that one is better, and none may be, to contradict.

    >>> any_of(["contradicted", "supported"]), any_of(["contradicted"] * 2), any_of(["contradicted", "undecided"])
    ('supported', 'contradicted', 'undecided')
    """
    if "supported" in verdicts:
        return "supported"
    return "contradicted" if set(verdicts) == {"contradicted"} else "undecided"


def of_policy(values: Floats, margin: float, better: float) -> Said:
    """A policy against another, on dates: hours by which it errs less in each draw, and the share of draws in which it beats the constant.

    >>> late, soon = np.full(10, -50.0), np.full(10, 50.0)
    >>> of_policy(soon, 12, 1.0).verdict, of_policy(soon, 12, 0.5).verdict, of_policy(late, 12, 0.0).verdict
    ('supported', 'undecided', 'contradicted')
    """
    found = finding_of(values, margin)
    chance = chance_of(found, "effect", len(values))
    if found.name == "supported" and not better >= MOST[0] / MOST[1]:
        return Said("undecided", found, chance, "constant", better)
    return Said(claimed(found.name, "effect"), found, chance)


def of_order(agree: Sequence[float], oppose: Sequence[float]) -> str:
    """What two rankings say, from the shares of all orders that agree, or oppose each other, at least as much as those that are seen; one
    of each for every reading that the sources allow.

    >>> of_order([0.01, 0.04], [0.99, 0.97]), of_order([0.01, 0.3], [0.99, 0.8]), of_order([0.99], [0.02])
    ('order-fits', 'order-silent', 'order-reversed')
    """
    if max(agree) <= ORDER_LEVEL:
        return "order-fits"
    return "order-reversed" if max(oppose) <= ORDER_LEVEL else "order-silent"


def sha256() -> str:
    """SHA-256 of these rules as a program: comments, docstrings and line breaks do not change it, a rule or a number does."""
    return sha256_of({"rules": Path(__file__).read_text(encoding="utf-8")})


@dataclass(frozen=True)
class Version:
    """A line of `decision-versions.csv`: what changed in these rules."""

    version: int
    sha256: str
    """empty where the rules stood in several files"""
    since: str
    change_en: str
    change_zh: str


def versions() -> list[Version]:
    """All versions of the rules, the oldest first."""
    rows = csv.DictReader(io.StringIO(Path(__file__).with_name("decision-versions.csv").read_text(encoding="utf-8")))
    return [Version(int(r["version"]), r["sha256"], r["since"], r["change_en"], r["change_zh"]) for r in rows]
