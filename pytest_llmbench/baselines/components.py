"""How much of the noise is a session's, and how much a server's start: variance components with intervals.

Values are logarithms of what a start measured, so that standard deviations are shares of the value.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.inference import Spread, fraction, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Component", "Components", "components"]

_DRAWS = 2000
_TAIL = 0.05


@dataclass(frozen=True, slots=True)
class Component:
    """A coefficient of variation, and bounds that it is beyond with 5 % each."""

    cv: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Components:
    """What the values of one cell are made of: the noise of sessions, and of replicates, which are starts.

    `value` is the noise of a session's value, which the gate judges: that of the session, and of its starts
    averaged. `replicate` and `session` are None where sessions have one start each: nobody can tell them
    apart.
    """

    value: Component
    replicate: Component | None
    session: Component | None
    between: Spread
    within: Spread


def components(sessions: Sequence[Sequence[float]], requests: float = 0.0) -> Components:
    """Split the variance of two or more sessions, each with the logarithms of its starts.

    `requests` is the variance that a start's value has because it is made of so many requests; it is taken
    off the noise of starts. A session's variance is what exceeds that of its averaged starts (unweighted
    means). The bounds are those of generalized pivotal quantities (Weerahandi 1993), drawn with a fixed seed.
    """
    means = [math.fsum(starts) / len(starts) for starts in sessions]
    between, within = spread([means]), spread(sessions)
    share = math.fsum(1 / len(starts) for starts in sessions) / len(sessions)
    if not within.df:
        value = _component(between.variance, lambda a, _: between.variance * a, between.df, 0)
        return Components(value, None, None, between, within)

    def told(variance: Callable[[float, float], float]) -> Component:
        return _component(
            variance(between.variance, within.variance),
            lambda a, b: variance(between.variance * a, within.variance * b),
            between.df,
            within.df,
        )

    return Components(
        value=told(lambda of_sessions, _: of_sessions),
        replicate=told(lambda _, of_starts: of_starts - requests),
        session=told(lambda of_sessions, of_starts: of_sessions - share * of_starts),
        between=between,
        within=within,
    )


def _component(
    variance: float, drawn: Callable[[float, float], float], between: float, within: float
) -> Component:
    found = sorted(drawn(a, b) for a, b in _ratios(between, within))
    low, high = found[int(_TAIL * _DRAWS)], found[int((1 - _TAIL) * _DRAWS)]
    return Component(_cv(variance), _cv(low), _cv(high))


def _cv(variance: float) -> float:
    """Coefficient of variation of what has this variance in logarithms; no variance is below zero."""
    return math.sqrt(fraction(max(0.0, variance)))


@lru_cache(maxsize=64)
def _ratios(between: float, within: float) -> tuple[tuple[float, float], ...]:
    """Draw how far true variances may be from measured ones: degrees of freedom / chi-squared."""
    rng = random.Random(0)  # noqa: S311 - for figures, not for secrets

    def ratio(df: float) -> float:
        return df / (2 * rng.gammavariate(df / 2, 1)) if df else 1.0

    return tuple((ratio(between), ratio(within)) for _ in range(_DRAWS))
