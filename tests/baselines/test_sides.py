"""Pairs of an A/B."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.baselines.judge import Rules
from pytest_llmbench.baselines.limits import parse_limits
from pytest_llmbench.baselines.sides import Pairs

if TYPE_CHECKING:
    from pytest_llmbench.baselines.values import Replicates

RULES = Rules(parse_limits("e2e.p50:3%,error_rate:1%"))
A = (1.0, 2.0, 0.5, 1.5, 1.2)


def starts(*values: float, errors: float = 0.0) -> Replicates:
    """Make one run of each start."""
    return {str(n): ({"e2e.p50": value, "error_rate": errors},) for n, value in enumerate(values, 1)}


def sides(a: Replicates, b: Replicates) -> Pairs:
    """Take both sides of one cell."""
    pairs = Pairs("B=version=2")
    pairs.set("c", "a", a)
    pairs.set("c", "b", b)
    return pairs


@pytest.mark.parametrize(("factor", "verdict"), [(1.1, "regressed"), (1.0, "pass"), (0.9, "improved")])
def test_what_a_pair_shares_cancels(factor: float, verdict: str) -> None:
    """Starts that differ by four times hide no tenth."""
    b = [value * factor * (1 + 0.002 * n) for n, value in enumerate(A)]
    found = sides(starts(*A), starts(*b)).judge("c", RULES)
    assert (found.verdict, found.rule, found.baseline) == (verdict, "pairs", "B=version=2")
    assert found.comparisons[1].rule == "threshold"


def test_two_pairs_are_a_plain_threshold() -> None:
    """And are labelled so."""
    found = sides(starts(1.0, 1.1), starts(2.0, 2.2)).judge("c", RULES)
    assert (found.verdict, found.rule) == ("regressed", "threshold")


def test_a_metric_that_side_b_lacks_is_missing() -> None:
    """What could not be measured must not pass."""
    b: Replicates = {"1": ({"error_rate": 0.0},)}
    found = sides(starts(1.0), b).judge("c", RULES)
    assert (found.verdict, found.message.startswith("e2e.p50 could not be measured")) == ("missing", True)


def test_more_errors_are_worse() -> None:
    """By their difference."""
    found = sides(starts(*A), starts(*A, errors=0.02)).judge("c", RULES)
    assert found.verdict == "regressed"


def test_other_cells_moderate() -> None:
    """Three pairs know little of their noise; the other cells know more."""
    few = sides(starts(1.0, 1.0, 1.0), starts(1.02, 1.06, 1.10))
    rules = Rules(parse_limits("e2e.p50:3%"), alpha=0.01)
    assert few.judge("c", rules).verdict == "inconclusive"
    for number in range(20):
        few.set(f"other{number}", "a", starts(1.0, 1.0, 1.0, 1.0, 1.0))
        few.set(f"other{number}", "b", starts(1.01, 0.99, 1.0, 1.02, 0.98))
    assert few.judge("c", rules).verdict == "regressed"


def test_one_bad_pair_decides_nothing() -> None:
    """Of five it takes the mean along, and not the median."""
    b = [value * factor for value, factor in zip(A, (1.001, 0.999, 1.3, 1.0, 1.002), strict=True)]
    pairs = sides(starts(*A), starts(*b))
    for number in range(20):
        pairs.set(f"other{number}", "a", starts(*A))
        pairs.set(f"other{number}", "b", starts(*(value * 0.99**n for n, value in enumerate(A))))
    found = pairs.judge("c", RULES).comparisons[0]
    assert found.verdict == "inconclusive"
    assert found.median == pytest.approx(0.001)
    assert (found.change or 0) > 0.05
    assert (found.p or 0) < (found.alpha or 0)
