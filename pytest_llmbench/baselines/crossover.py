"""Where the lines of two engines cross between loads, and how sure that is. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Crossing", "Level", "crossings"]


@dataclass(frozen=True, slots=True)
class Level:
    """What a load says: the logarithm of B / A, and its bounds where they are known."""

    concurrency: int
    effect: float
    low: float | None = None
    high: float | None = None

    @property
    def sign(self) -> int:
        """Which side is ahead for sure: the sign of the interval, 0 if it holds both or is not known."""
        if self.low is None or self.high is None:
            return 0
        return (self.low > 0) - (self.high < 0)


@dataclass(frozen=True, slots=True)
class Crossing:
    """Between two loads the sign changes.

    `sure` only if the intervals at both say so. `at` is then where the line between them crosses, and `low`
    and `high` where the lines of their bounds do; all in streams, interpolated in the logarithm of the
    concurrency. Where loads between the two were measured and tell nothing, the crossing is sure and its
    place is not: `at` is None.
    """

    below: int
    above: int
    sure: bool
    falling: bool
    """B / A is above 1 at `below` and beneath it at `above`."""
    at: float | None = None
    low: float | None = None
    high: float | None = None


def crossings(levels: Sequence[Level]) -> tuple[Crossing, ...]:
    """Find every change of sign, in the order of the concurrency; `levels` may have any order."""
    ordered = sorted(levels, key=lambda level: level.concurrency)
    sure = [level for level in ordered if level.sign]
    found = [
        _between(a, b, adjacent=ordered.index(b) == ordered.index(a) + 1)
        for a, b in pairwise(sure)
        if a.sign != b.sign
    ]
    # What the estimates alone say, where no change that is sure covers it.
    told = [level for level in ordered if level.effect]
    for a, b in pairwise(told):
        covered = any(one.below <= a.concurrency and b.concurrency <= one.above for one in found)
        if (a.effect > 0) != (b.effect > 0) and not covered:
            found.append(Crossing(a.concurrency, b.concurrency, sure=False, falling=a.effect > 0))
    return tuple(sorted(found, key=lambda one: one.below))


def _between(a: Level, b: Level, *, adjacent: bool) -> Crossing:
    falling = a.sign > 0
    if not adjacent:
        return Crossing(a.concurrency, b.concurrency, sure=True, falling=falling)
    bounds = sorted(
        _zero(a, b, start, end)
        for start, end in ((a.low, b.low), (a.high, b.high))
        if start is not None and end is not None
    )
    return Crossing(
        a.concurrency,
        b.concurrency,
        sure=True,
        falling=falling,
        at=_zero(a, b, a.effect, b.effect),
        low=bounds[0],
        high=bounds[-1],
    )


def _zero(a: Level, b: Level, start: float, end: float) -> float:
    """Where the line from `start` at `a` to `end` at `b`, which have different signs, is zero."""
    share = start / (start - end)
    return math.exp(math.log(a.concurrency) + share * math.log(b.concurrency / a.concurrency))
