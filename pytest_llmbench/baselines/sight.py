"""What a gate would see on a machine of known noise: the smallest effects, and which δ makes sense."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.distributions import t_quantile
from pytest_llmbench.baselines.inference import Estimate, Spread, fit_prior, fraction
from pytest_llmbench.metrics.registry import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmbench.baselines.limits import Limit
    from pytest_llmbench.baselines.noise import CellNoise
    from pytest_llmbench.metrics.registry import Metric

__all__ = ["PAIRS", "SESSIONS", "Sight", "sight_of"]

SESSIONS = (3, 5, 10, 20)
PAIRS = (5, 10)
_FEWEST_CELLS = 3
_USUAL = 10
_MOST_FALLEN = 99
_TAIL, _POWER_TAIL = 0.05, 0.2


@dataclass(frozen=True, slots=True)
class Sight:
    """Of one metric: the noise of a session's value, what is found four times in five, and a sensible δ.

    `by_sessions` is for one candidate session against so many of a baseline, `by_pairs` for an A/B of so many
    starts of each side, empty where sessions had one start. All are fractions, in the direction that is
    worse. With `delta`, a session in which nothing changed is a `pass` against ten others four times in five;
    with less it would often be `inconclusive`.
    """

    metric: str
    noise: float
    by_sessions: Mapping[int, float]
    by_pairs: Mapping[int, float]
    delta: float


def sight_of(limit: Limit, noises: Sequence[CellNoise], alpha: float) -> Sight:
    """Work it out from the noise of all cells; `alpha` is the share of one metric of one cell."""
    known = METRICS[limit.metric]
    worse = 1 if known.direction == "lower" else -1
    smallest = max(limit.allowed, known.smallest_effect / median(noise.value for noise in noises))
    least = math.log1p(smallest) if worse > 0 else -math.log1p(-min(smallest, 0.999))
    between = [noise.parts.between for noise in noises]
    within = [noise.parts.within for noise in noises if noise.parts.within.df]

    def seen(error: float, df: float) -> float:
        return abs(fraction(worse * Estimate(0.0, error, df, 0.0).detectable(alpha, least)))

    def error_of(count: int) -> float:
        return math.sqrt(_pooled(between) * (1 + 1 / count))

    df = _df(between, _USUAL)
    clean = (t_quantile(_TAIL, df) + t_quantile(_POWER_TAIL, df)) * error_of(_USUAL)
    return Sight(
        metric=limit.key,
        noise=math.sqrt(math.expm1(_pooled(between))),
        by_sessions={count: seen(error_of(count), _df(between, count)) for count in SESSIONS},
        by_pairs={
            count: seen(math.sqrt(2 * _pooled(within) / count), _df(within, count))
            for count in PAIRS
            if within
        },
        delta=max(limit.allowed, _whole(abs(fraction(worse * clean)), known)),
    )


def _whole(fraction: float, metric: Metric) -> float:
    """Round up to a whole percent, to less than all of what can only fall."""
    percent = math.ceil(fraction * 100 - 1e-9)
    return min(percent, _MOST_FALLEN) / 100 if metric.direction == "higher" else percent / 100


def _pooled(spreads: Sequence[Spread]) -> float:
    df = math.fsum(one.df for one in spreads)
    return math.fsum(one.df * one.variance for one in spreads) / df


def _df(spreads: Sequence[Spread], count: int) -> float:
    """Degrees of freedom that a cell's moderated variance would have with `count` sessions, or pairs.

    What other cells add is all they have if they are equally noisy, else as much as they say now.
    """
    own = count - 1
    cells = len(spreads)
    if cells < _FEWEST_CELLS:
        return own
    all_others = own * (cells - 1)
    prior = fit_prior(spreads).df
    equally = prior >= math.fsum(one.df for one in spreads) * (cells - 1) / cells * (1 - 1e-9)
    return own + (all_others if equally else min(prior, all_others))
