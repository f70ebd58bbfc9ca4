"""A distribution that is known by its buckets alone, as servers publish theirs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from pytest_llmbench.metrics.summary import PERCENTILES, Summary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmbench.metrics.registry import Metric

__all__ = ["Histogram"]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of values by bucket.

    `bounds` are the upper ends of the buckets, ascending, the last infinite; `counts` are of each bucket by
    itself; `total` is the sum of all values.
    """

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    total: float

    @property
    def count(self) -> int:
        """How many values there are."""
        return round(sum(self.counts))

    def minus(self, earlier: Histogram) -> Histogram | None:
        """Return what came since an earlier state; None if this is none of the same server."""
        if self.bounds != earlier.bounds:
            return None
        counts = tuple(now - then for now, then in zip(self.counts, earlier.counts, strict=True))
        return None if min(counts) < 0 else Histogram(self.bounds, counts, self.total - earlier.total)

    @staticmethod
    def together(parts: Iterable[Histogram]) -> Histogram | None:
        """Add histograms of the same buckets up; None if there are none, or of different buckets."""
        found = list(parts)
        if not found or len({part.bounds for part in found}) > 1:
            return None
        counts = tuple(map(sum, zip(*(part.counts for part in found), strict=True)))
        return Histogram(found[0].bounds, counts, math.fsum(part.total for part in found))

    def summary(self, metric: Metric) -> Summary | None:
        """Return the summary: count and mean are exact, the rest are the bounds of buckets; None if empty.

        A percentile is the upper bound of the bucket it lies in: no value below it is known to be it. Where
        that bound is infinite the percentile is unknown. Minimum and maximum are bounds, too.
        """
        if not self.count:
            return None
        used = [index for index, count in enumerate(self.counts) if count]
        cumulative = list(accumulate(self.counts))
        percentiles = [
            self.bounds[next(i for i, c in enumerate(cumulative) if c >= self.count * percent / 100)]
            for percent in PERCENTILES
        ]
        mean = self.total / self.count
        lowest = self.bounds[used[0] - 1] if used[0] else 0.0
        highest = self.bounds[used[-1]]
        unknown = {
            f"p{percent}"
            for percent, bound in zip(PERCENTILES, percentiles, strict=True)
            if bound == math.inf
        }
        return Summary(
            metric,
            self.count,
            mean,
            min(lowest, mean),
            # Beyond the last bound nothing is known but that the mean is not above the largest.
            max(highest if highest < math.inf else self.bounds[-2], mean),
            None,
            tuple(percentiles),
            frozenset(unknown),
        )
