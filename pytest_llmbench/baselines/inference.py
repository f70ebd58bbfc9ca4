"""From the values of sessions to an estimate and how sure it is. Values are logarithms.

The unit is the session: replicates and runs have been averaged into its value before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.distributions import (
    digamma,
    t_quantile,
    t_tail,
    trigamma,
    trigamma_inverse,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "NOTHING_KNOWN",
    "Estimate",
    "Spread",
    "discoveries",
    "fit_prior",
    "fraction",
    "outliers",
    "pairs",
    "sessions",
    "spread",
]

_LEAST_VARIANCE = 1e-12
"""Equal values do not prove that there is no noise; a millionth is below every clock."""
_FEWEST_CELLS = 3
_POWER = 0.8
_MOST = 100.0
"""Logarithm of a change beyond which nobody asks; not much further floating point numbers end."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A variance, and the degrees of freedom it is known with."""

    variance: float
    df: float

    def moderated(self, prior: Spread) -> Spread:
        """Weigh in what the other cells say: (d0 s0² + d s²) / (d0 + d), Smyth 2004."""
        df = self.df + prior.df
        if not df:
            return self
        return Spread((prior.df * prior.variance + self.df * self.variance) / df, df)

    def times(self, factor: float) -> Spread:
        """Return the variance of what has this one, times a factor."""
        return Spread(factor * self.variance, self.df)

    def plus(self, other: Spread) -> Spread:
        """Add an independent variance, with the degrees of freedom of Welch and Satterthwaite."""
        if not other.variance:
            return self
        variance = self.variance + other.variance
        return Spread(variance, variance**2 / (self.variance**2 / self.df + other.variance**2 / other.df))


NOTHING_KNOWN = Spread(0.0, 0.0)


def fraction(logarithm: float) -> float:
    """From a difference of logarithms to a change: 0.05 for 5 %."""
    return math.expm1(min(logarithm, _MOST))


def spread(groups: Iterable[Sequence[float]]) -> Spread:
    """Pooled variance within groups: sessions of one treatment differ by noise alone."""
    squares, df = 0.0, 0
    for values in groups:
        mean = math.fsum(values) / len(values)
        squares += math.fsum((value - mean) ** 2 for value in values)
        df += len(values) - 1
    return Spread(squares / df, df) if df else NOTHING_KNOWN


def fit_prior(cells: Iterable[Spread]) -> Spread:
    """What the variances of all cells say about one of them: s0² and d0 of Smyth 2004, section 6.2.

    From fewer than three cells nothing is known (`df` 0). A prior cannot be surer than the cells it comes
    from, so d0 is at most the degrees of freedom that all but one of them have. And cells count as different
    only by what exceeds one standard error of how much such variances differ by chance: without that, chance
    alone takes half of all equal cells for different ones, which costs power and guards against nothing.
    """
    known = [cell for cell in cells if cell.df and cell.variance > _LEAST_VARIANCE]
    count = len(known)
    if count < _FEWEST_CELLS:
        return NOTHING_KNOWN
    logs = [math.log(cell.variance) - digamma(cell.df / 2) + math.log(cell.df / 2) for cell in known]
    mean = math.fsum(logs) / count
    chance = math.fsum(trigamma(cell.df / 2) for cell in known) / count
    chance *= 1 + math.sqrt(2 / (count - 1))
    excess = math.fsum((value - mean) ** 2 for value in logs) / (count - 1) - chance
    most = math.fsum(cell.df for cell in known) * (count - 1) / count
    df = min(2 * trigamma_inverse(excess), most) if excess > 0 else most
    return Spread(math.exp(mean + digamma(df / 2) - math.log(df / 2)), df)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference of logarithms, its standard error, and the degrees of freedom of that.

    `effect` is a mean over starts, or pairs of them; `middle` is their median.
    """

    effect: float
    error: float
    df: float
    middle: float

    def p_above(self) -> float:
        """One-sided p-value of there being no effect, against a positive one."""
        return t_tail(self.effect / self.error, self.df)

    def p_below(self) -> float:
        """One-sided p-value of there being no effect, against a negative one."""
        return t_tail(-self.effect / self.error, self.df)

    def bounds(self, tail: float) -> tuple[float, float]:
        """Limits that the true effect is beyond with probability `tail` each."""
        half = t_quantile(tail, self.df) * self.error
        return self.effect - half, self.effect + half

    def critical(self, alpha: float, least: float) -> float:
        """Smallest effect that is significant at level `alpha` and at least `least`."""
        return max(t_quantile(alpha, self.df) * self.error, least)

    def detectable(self, alpha: float, least: float) -> float:
        """Smallest true effect that is seen as a critical one four times in five."""
        return self.critical(alpha, least) + t_quantile(1 - _POWER, self.df) * self.error


def sessions(
    baseline: Sequence[float],
    candidate: Sequence[Sequence[float]],
    within: Spread,
    fewer: Spread = NOTHING_KNOWN,
) -> Estimate:
    """Candidate against baseline sessions; with one candidate session this is the prediction interval.

    `baseline` has a value a session, `candidate` those of every start of each session. `fewer` is the
    variance that the candidate's sessions have beyond that of the baseline's, `within`, for having fewer
    starts.
    """
    count = len(candidate)
    noise = Spread(max(within.variance, _LEAST_VARIANCE), within.df)
    noise = noise.times(1 / len(baseline) + 1 / count).plus(fewer.times(1 / count))
    usual = fmean(baseline)
    starts = [start for session in candidate for start in session]
    effect, middle = fmean(map(fmean, candidate)) - usual, median(starts) - usual
    return Estimate(effect, math.sqrt(noise.variance), noise.df, middle)


def pairs(differences: Sequence[float], within: Spread) -> Estimate:
    """Mean of paired differences: what is common to a pair has cancelled."""
    count = len(differences)
    variance = max(within.variance, _LEAST_VARIANCE) / count
    return Estimate(fmean(differences), math.sqrt(variance), within.df, median(differences))


def outliers(values: Mapping[str, float], most: int, level: float = 0.01) -> tuple[str, ...]:
    """Name values that are too far from the others, at most `most` of them.

    `level` is how often any is named where all are normal with one mean and variance: the generalized extreme
    studentized deviate test, in which one outlier does not hide another (Rosner 1983).
    """
    left = dict(values)
    farthest: list[str] = []
    found = 0
    for _ in range(most):
        count = len(left)
        mean = math.fsum(left.values()) / count
        squares = math.fsum((value - mean) ** 2 for value in left.values())
        name = max(left, key=lambda one: abs(left[one] - mean))
        distance = abs(left.pop(name) - mean)
        farthest.append(name)
        t = t_quantile(level / (2 * count), count - 2)
        # Of distances in standard deviations, squared on both sides: equal values have none.
        critical = (count - 1) ** 2 * t * t / ((count - 2 + t * t) * count)
        if distance**2 * (count - 1) > critical * squares:
            found = len(farthest)
    return tuple(farthest[:found])


def discoveries(p_values: Mapping[str, float], rate: float = 0.05) -> tuple[str, ...]:
    """Names whose p-values are significant at this false discovery rate (Benjamini and Hochberg 1995)."""
    ordered = sorted(p_values, key=lambda name: (p_values[name], name))
    last = 0
    for rank, name in enumerate(ordered, 1):
        if p_values[name] <= rate * rank / len(ordered):
            last = rank
    return tuple(ordered[:last])
