"""The summary of a distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmbench.counting import counted
from pytest_llmbench.errors import StatisticsError, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pytest_llmbench.metrics.registry import Metric

__all__ = ["PERCENTILES", "Summary", "percentile", "required_count", "summarize"]

PERCENTILES = (50, 90, 95, 99)
STATISTICS = ("count", "mean", "std", "min", *(f"p{percent}" for percent in PERCENTILES), "max")


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Interpolate a percentile of ordered values: type 7 of Hyndman & Fan (1996), numpy's default."""
    position = (len(ordered) - 1) * percent / 100
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def required_count(percent: float) -> int:
    """Return the values a percentile needs: enough that one is expected above it, 100 for p99."""
    return 1 if percent <= 50 else math.ceil(round(100 / (100 - percent), 6))  # noqa: PLR2004


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """Statistics of one metric, in the metric's unit.

    `std` is the sample standard deviation; asking for it, or for a percentile, that the sample cannot carry
    raises `StatisticsError`. `get` returns None instead. So it is with percentiles that are `unknown`, for
    their values are not certain enough.
    """

    metric: Metric
    count: int
    mean: float
    min: float
    max: float
    _std: float | None
    _percentiles: tuple[float, ...]
    unknown: frozenset[str] = frozenset()

    def get(self, statistic: str) -> float | None:
        """Return a statistic by name (`p99`, `std`, `mean`, ...), None if the sample cannot carry it."""
        if statistic == "std":
            return self._std
        if statistic in {"count", "mean", "min", "max"}:
            return float(getattr(self, statistic))
        names = [f"p{percent}" for percent in PERCENTILES]
        if statistic not in names:
            return self.__getattr__(statistic)  # raises
        if statistic in self.unknown:
            return None
        index = names.index(statistic)
        return self._percentiles[index] if self.count >= required_count(PERCENTILES[index]) else None

    def __repr__(self) -> str:
        values = counted(self.count, "value")
        return f"<{self.metric.name}: {values}, mean {self.mean:.6g} {self.metric.unit}>"

    def __getattr__(self, name: str) -> float:
        __tracebackhide__ = True
        message = f"{self.metric.name} has no statistic {name!r}: {nearest(name, STATISTICS)}"
        raise AttributeError(message)

    def _demand(self, statistic: str, needed: int) -> float:
        __tracebackhide__ = True
        value = self.get(statistic)
        if value is None:
            if statistic in self.unknown:
                message = f"{self.metric.name}.{statistic} is not known: the client read too late to tell it"
                raise StatisticsError(message)
            message = (
                f"{self.metric.name}.{statistic} needs {needed} values, this sample has {self.count}:"
                " raise --bench-requests"
            )
            raise StatisticsError(message)
        return value

    @property
    def std(self) -> float:
        """Sample standard deviation."""
        __tracebackhide__ = True
        return self._demand("std", 2)

    @property
    def p50(self) -> float:
        """Median."""
        __tracebackhide__ = True
        return self._demand("p50", 1)

    @property
    def p90(self) -> float:
        """90th percentile; needs 10 values."""
        __tracebackhide__ = True
        return self._demand("p90", required_count(90))

    @property
    def p95(self) -> float:
        """95th percentile; needs 20 values."""
        __tracebackhide__ = True
        return self._demand("p95", required_count(95))

    @property
    def p99(self) -> float:
        """99th percentile; needs 100 values."""
        __tracebackhide__ = True
        return self._demand("p99", required_count(99))


def summarize(metric: Metric, values: Iterable[float], *, unknown: Collection[str] = ()) -> Summary | None:
    """Summarize values, given in the metric's unit; None if there are none.

    `unknown` names percentiles, of any metric, that the values do not tell: `itl.p99`.
    """
    ordered = sorted(values)
    count = len(ordered)
    if not count:
        return None
    # A mean of equal values must not leave their range by rounding.
    mean = min(max(math.fsum(ordered) / count, ordered[0]), ordered[-1])
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in ordered) / (count - 1)) if count > 1 else None
    percentiles = tuple(percentile(ordered, percent) for percent in PERCENTILES)
    unsure = frozenset(f"p{percent}" for percent in PERCENTILES if f"{metric.name}.p{percent}" in unknown)
    return Summary(metric, count, mean, ordered[0], ordered[-1], std, percentiles, unsure)
