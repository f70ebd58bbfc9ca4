"""Summaries: their statistics, and what a sample cannot carry."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.errors import StatisticsError
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.metrics.summary import PERCENTILES, Summary, percentile, required_count, summarize

TTFT = METRICS["ttft"]
VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=300)


def _summary(values: list[float]) -> Summary:
    summary = summarize(TTFT, values)
    assert summary
    return summary


@given(VALUES)
def test_statistics(values: list[float]) -> None:
    """Count, mean, deviation and extremes are those of the sample, whatever its order."""
    summary = _summary(values)
    assert (summary.count, summary.min, summary.max) == (len(values), min(values), max(values))
    assert math.isclose(summary.mean, statistics.fmean(values), rel_tol=1e-12)
    assert summary.min <= summary.mean <= summary.max
    assert summarize(TTFT, reversed(values)) == summary
    if len(values) > 1:
        assert math.isclose(summary.std, statistics.stdev(values), rel_tol=1e-6, abs_tol=1e-6)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=300))
def test_percentiles_are_type_7(values: list[float]) -> None:
    """Percentiles are those of the standard library's inclusive quantiles, which are numpy's default."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    for percent in PERCENTILES:
        found = percentile(sorted(values), percent)
        assert math.isclose(found, cuts[percent - 1], rel_tol=1e-9, abs_tol=1e-9)


@given(VALUES)
def test_percentiles_are_ordered(values: list[float]) -> None:
    """A higher percentile is never lower, and none leaves the sample's range."""
    ordered = sorted(values)
    found = [ordered[0], *(percentile(ordered, percent) for percent in range(101)), ordered[-1]]
    assert found == sorted(found)


@pytest.mark.parametrize(("percent", "needed"), [(50, 1), (90, 10), (95, 20), (99, 100), (99.9, 1000)])
def test_required_count(percent: float, needed: int) -> None:
    """A percentile needs so many values that one is expected above it."""
    assert required_count(percent) == needed


@pytest.mark.parametrize(("statistic", "needed"), [("std", 2), ("p90", 10), ("p95", 20), ("p99", 100)])
def test_what_a_sample_cannot_carry(statistic: str, needed: int) -> None:
    """One value short, a statistic is None by name, and an error with the repair as attribute."""
    short, enough = _summary([1.0] * (needed - 1)), _summary([1.0] * needed)
    assert short.get(statistic) is None
    with pytest.raises(StatisticsError) as caught:
        getattr(short, statistic)
    assert str(caught.value) == (
        f"ttft.{statistic} needs {needed} values, this sample has {needed - 1}: raise --bench-requests"
    )
    assert enough.get(statistic) == getattr(enough, statistic) == (0.0 if statistic == "std" else 1.0)


def test_get() -> None:
    """Every statistic has a name; an unknown one is answered with those there are."""
    summary = _summary([1.0, 2.0, 3.0])
    assert [summary.get(name) for name in ("count", "mean", "min", "p50", "max")] == [3, 2, 1, 2, 3]
    assert summary.p50 == 2
    with pytest.raises(AttributeError, match="ttft has no statistic 'p98': did you mean 'p99'"):
        summary.get("p98")


def test_nothing_has_no_summary() -> None:
    """Without values there is no summary, rather than one of zeros."""
    assert summarize(TTFT, []) is None


@given(st.floats(1e-9, 1e6), st.integers(2, 50))
def test_equal_values(value: float, count: int) -> None:
    """Equal values have that mean and no deviation, to the last bit."""
    summary = _summary([value] * count)
    assert (summary.mean, summary.std, summary.p50) == (value, 0.0, value)
