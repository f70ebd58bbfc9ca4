"""One metric."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.baselines.deciding import by_statistics, by_threshold, too_few_requests
from pytest_llmbench.baselines.inference import Estimate
from pytest_llmbench.baselines.limits import parse_limits

if TYPE_CHECKING:
    from pytest_llmbench.baselines.values import Replicates


@pytest.mark.parametrize(
    ("metric", "effect", "verdict"),
    [
        ("e2e.p50", 0.10, "regressed"),
        ("e2e.p50", -0.10, "improved"),
        ("throughput_output", -0.10, "regressed"),
        ("throughput_output", 0.10, "improved"),
        ("e2e.p50", 0.001, "pass"),
        ("e2e.p50", 0.025, "inconclusive"),
    ],
)
def test_significance_comes_before_size(metric: str, effect: float, verdict: str) -> None:
    """A latency is worse when it is higher, a throughput when it is lower."""
    (limit,) = parse_limits(f"{metric}:3%")
    found = by_statistics(limit, Estimate(effect, 0.01, 30.0, effect), 10.0, alpha=0.01, rule="sessions")
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("effect", "middle", "verdict"),
    [
        (0.1, 0.021, "regressed"),
        (0.1, 0.019, "inconclusive"),
        (0.1, -0.02, "inconclusive"),
        (-0.1, -0.021, "improved"),
        (-0.1, -0.019, "pass"),
        (0.02, 0.0, "inconclusive"),
    ],
)
def test_one_start_decides_nothing(effect: float, middle: float, verdict: str) -> None:
    """However far it takes the mean along: the median start must reach two thirds of what is critical."""
    (limit,) = parse_limits("e2e.p50:3%")
    found = by_statistics(limit, Estimate(effect, 0.01, 30.0, middle), 10.0, alpha=0.01, rule="sessions")
    assert found.verdict == verdict
    alone = verdict not in {"regressed", "improved"} and abs(effect) > 0.03
    assert found.median == (pytest.approx(math.expm1(middle)) if alone else None)


EFFECTS = st.floats(-1, 1)
ORDER = ("improved", "pass", "inconclusive", "regressed")
MIRROR = {"improved": {"regressed"}, "regressed": {"improved"}}


@given(
    effect=EFFECTS,
    middle=EFFECTS,
    error=st.floats(1e-4, 10),
    df=st.floats(1, 1000),
    alpha=st.floats(1e-6, 0.05),
    more=st.floats(0, 1),
)
def test_slower_starts_are_never_judged_better(
    *, effect: float, middle: float, error: float, df: float, alpha: float, more: float
) -> None:
    """All of them by the same factor; and what is faster by as much is judged as its mirror image."""
    (limit,) = parse_limits("e2e.p50:3%")

    def verdict(effect: float, middle: float) -> str:
        estimate = Estimate(effect, error, df, middle)
        # A minute, so that its smallest effect plays no part and only ratios decide.
        return by_statistics(limit, estimate, 60.0, alpha=alpha, rule="pairs").verdict

    now = verdict(effect, middle)
    assert ORDER.index(verdict(effect + more, middle + more)) >= ORDER.index(now)
    assert verdict(-effect, -middle) in MIRROR.get(now, {"pass", "inconclusive"})


def test_what_nobody_notices_does_not_matter() -> None:
    """A millisecond is the least of a TTFT, whatever its ratio."""
    (limit,) = parse_limits("ttft.p50:3%")
    sure = Estimate(0.2, 0.01, 30.0, 0.2)
    assert by_statistics(limit, sure, 0.002, alpha=0.01, rule="sessions").verdict == "pass"
    assert by_statistics(limit, sure, 0.2, alpha=0.01, rule="sessions").verdict == "regressed"


def test_what_can_be_seen_is_no_less_than_what_matters() -> None:
    """A significant half percent is none of the gate's business."""
    (limit,) = parse_limits("e2e.p50:3%")
    found = by_statistics(limit, Estimate(0.0, 1e-4, 30.0, 0.0), 10.0, alpha=0.01, rule="sessions")
    assert found.detectable == pytest.approx(0.03, abs=0.001)


def test_a_threshold_spares_what_the_baseline_has_seen() -> None:
    """As bad as its worst session is not worse."""
    (limit,) = parse_limits("e2e.p50:10%")
    assert by_threshold(limit, [1.0, 1.4], 1.4).verdict == "pass"
    assert by_threshold(limit, [1.0, 1.4], 1.5).verdict == "regressed"


def test_only_tails_need_many_requests() -> None:
    """200 for a p95, 1,000 for a p99, on every side."""
    p50, p95, p99 = parse_limits("e2e.p50:3%,e2e.p95:3%,e2e.p99:3%")
    sides: list[Replicates] = [
        {"1": ({"e2e.count": 500.0},)},
        {"1": ({"e2e.count": 150.0},), "2": ({"e2e.count": 100.0},)},
    ]
    assert [too_few_requests(limit, sides) for limit in (p50, p95, p99)] == [False, False, True]
