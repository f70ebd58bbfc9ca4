from __future__ import annotations

import math

import pytest

from pytest_llmbench.errors import StatisticsError
from pytest_llmbench.metrics.histogram import Histogram
from pytest_llmbench.metrics.registry import METRICS

TTFT = METRICS["server_ttft"]


def test_quantiles_are_bounds() -> None:
    """Count and mean are exact; a percentile is the upper bound of its bucket."""
    histogram = Histogram((0.1, 0.2, 0.5, math.inf), (90, 9, 1, 0), total=8.0)
    summary = histogram.summary(TTFT)
    assert summary is not None
    assert (summary.count, summary.mean) == (100, 0.08)
    assert (summary.p50, summary.p90, summary.p95, summary.p99) == (0.1, 0.1, 0.2, 0.2)
    assert (summary.min, summary.max) == (0.0, 0.5)
    assert summary.get("std") is None


def test_beyond_the_last_bound() -> None:
    """Where a bucket has no end the percentile is not known."""
    summary = Histogram((1.0, math.inf), (1, 99), total=500.0).summary(TTFT)
    assert summary is not None
    assert summary.get("p50") is None
    with pytest.raises(StatisticsError):
        _ = summary.p50
    assert math.isfinite(summary.max)


def test_too_few_values() -> None:
    """A percentile that the number of values cannot carry is none here, too."""
    summary = Histogram((1.0, math.inf), (5, 0), total=2.0).summary(TTFT)
    assert summary is not None
    assert (summary.get("p50"), summary.get("p99")) == (1.0, None)
    assert Histogram((1.0, math.inf), (0, 0), total=0.0).summary(TTFT) is None


def test_differences_and_sums() -> None:
    """What came meanwhile is a difference; one of other buckets, or of a server that began anew, is none."""
    then = Histogram((1.0, math.inf), (2, 1), total=4.0)
    now = Histogram((1.0, math.inf), (5, 1), total=5.5)
    assert now.minus(then) == Histogram((1.0, math.inf), (3, 0), total=1.5)
    assert then.minus(now) is None
    other = Histogram((2.0, math.inf), (1, 0), total=1.0)
    assert now.minus(other) is None
    assert Histogram.together([now, then]) == Histogram((1.0, math.inf), (7, 2), total=9.5)
    assert Histogram.together([now, other]) is None
    assert Histogram.together([]) is None
