"""One metric of one cell: is it worse, and how sure is that?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.inference import fraction
from pytest_llmbench.baselines.values import average, session_value
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.records import MetricComparison

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from pytest_llmbench.baselines.inference import Estimate
    from pytest_llmbench.baselines.limits import Limit
    from pytest_llmbench.baselines.values import Replicates
    from pytest_llmbench.records import VerdictName

__all__ = ["by_statistics", "by_threshold", "too_few_requests"]

CONFIDENCE_TAIL = 0.05
_MEDIAN_SHARE = 2 / 3
"""Of what the mean needs the median start needs so much: more costs power, with less one start decides."""
_REQUESTS_NEEDED = {"p95": 200, "p99": 1000}


def too_few_requests(limit: Limit, sides: Sequence[Replicates]) -> bool:
    """Whether some session has too few values for this statistic to gate: then it is advisory."""
    needed = _REQUESTS_NEEDED.get(limit.stat or "", 0)
    return bool(needed) and any(
        (session_value(side, f"{limit.metric}.count") or 0) < needed for side in sides
    )


def by_statistics(
    limit: Limit,
    estimate: Estimate,
    baseline: float,
    *,
    alpha: float,
    rule: Literal["sessions", "pairs"],
) -> MetricComparison:
    """Decide by an estimate of log(candidate / baseline); `alpha` is this metric's share of the whole.

    `regressed` if it is significantly worse and by at least the limit, and the median start by two thirds of
    that; `improved` the mirror image; `pass` if it is worse by less than the limit with 95 % confidence; else
    `inconclusive`. `baseline` is in the unit of the metric.
    """
    known = METRICS[limit.metric]
    worse = 1 if known.direction == "lower" else -1
    # What matters: a fraction, but never less than what is something to a person.
    smallest = max(limit.allowed, known.smallest_effect / baseline)
    matters = math.log1p(smallest) if worse > 0 else -math.log1p(-min(smallest, 0.999))
    critical = estimate.critical(alpha, matters)
    effect, middle = worse * estimate.effect, worse * estimate.middle
    # One start that is far from the others moves their mean, and not their median.
    alone = abs(effect) >= critical and math.copysign(1, effect) * middle < _MEDIAN_SHARE * critical
    low, high = estimate.bounds(CONFIDENCE_TAIL)
    verdict: VerdictName = "inconclusive"
    if abs(effect) >= critical and not alone:
        verdict = "regressed" if effect > 0 else "improved"
    elif (high if worse > 0 else -low) < matters:
        verdict = "pass"
    change = fraction(estimate.effect)
    return MetricComparison(
        metric=limit.key,
        baseline=baseline,
        candidate=baseline * (1 + change),
        change=change,
        limit=limit.allowed,
        verdict=verdict,
        rule=rule,
        low=fraction(low),
        high=fraction(high),
        p=estimate.p_above() if worse > 0 else estimate.p_below(),
        alpha=alpha,
        # In the direction that is worse: a throughput of -5 % can be seen.
        detectable=abs(fraction(worse * estimate.detectable(alpha, matters))),
        median=fraction(estimate.middle) if alone else None,
    )


def by_threshold(limit: Limit, baseline: Sequence[float], candidate: float) -> MetricComparison:
    """Decide by the change alone: for too few sessions, and for metrics that can be zero.

    Worse by more than the limit (for a ratio, by that difference) and by something that matters to a person
    is `regressed`, unless some session of the baseline was as bad.
    """
    known = METRICS[limit.metric]
    usual = average(limit.key, baseline)
    difference = candidate - usual
    change = difference / usual if usual else None
    if change is not None and not math.isfinite(change):
        change = None  # a baseline next to nothing is nothing
    effect = difference if limit.absolute else change
    worse = 1 if known.direction == "lower" else -1
    matters = abs(difference) >= known.smallest_effect and difference != 0
    # From zero to anything is beyond every fraction.
    beyond = matters and (effect is None or abs(effect) > limit.threshold)
    extreme = max if difference > 0 else min
    verdict: VerdictName = "pass"
    if beyond and extreme(*baseline, candidate) not in baseline:
        verdict = "regressed" if worse * difference > 0 else "improved"
    return MetricComparison(
        metric=limit.key,
        baseline=usual,
        candidate=candidate,
        change=change,
        limit=limit.threshold,
        verdict=verdict,
    )
