from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.evals.paired import compare, detectable, mcnemar


def test_mcnemar_is_a_sign_test_of_what_changed() -> None:
    """Of ten that changed, nine or more for the worse: 11 of 1024 ways."""
    assert mcnemar(9, 1) == pytest.approx(11 / 1024)
    assert mcnemar(0, 0) == 1
    assert mcnemar(0, 7) == 1
    assert mcnemar(5, 0) == pytest.approx(1 / 32)
    assert mcnemar(3, 3) == pytest.approx(42 / 64)


@given(st.integers(0, 60), st.integers(0, 60))
def test_both_directions_share_one_distribution(lost: int, gained: int) -> None:
    """More and at least as many add up to all, and the case itself is in both."""
    both = mcnemar(lost, gained) + mcnemar(gained, lost)
    assert both == pytest.approx(1 + math.comb(lost + gained, lost) / 2 ** (lost + gained))


def test_names_what_changed() -> None:
    """Prompts that only one side has are left out."""
    first = {"a": True, "b": True, "c": False, "d": False, "e": True}
    second = {"a": True, "b": False, "c": True, "d": False, "f": True}
    pairing = compare(first, second, alpha=0.05)
    assert (pairing.count, pairing.lost, pairing.gained) == (4, ("b",), ("c",))
    assert (pairing.difference, pairing.discordance) == (0, 0.5)
    assert pairing.low < 0 < pairing.high
    nothing = compare({}, {"a": True}, alpha=0.05)
    assert (nothing.count, nothing.difference, nothing.discordance, nothing.low) == (0, 0.0, 0.0, -1.0)


def test_one_sided_bounds_hold_their_level() -> None:
    """Simulated: the true difference lies below the lower bound in about one of twenty sessions."""
    draw = random.Random(0)  # noqa: S311 - no secret
    trials, beyond = 1500, 0
    for _ in range(trials):
        changes = [draw.random() for _ in range(541)]
        lost = sum(value < 0.04 for value in changes)
        gained = sum(0.04 <= value < 0.06 for value in changes)
        first = {str(place): place < lost for place in range(541)}
        second = {str(place): lost <= place < lost + gained for place in range(541)}
        beyond += compare(first, second, alpha=0.05).low > -0.02
    assert 0.03 <= beyond / trials <= 0.07


def test_what_can_be_detected() -> None:
    """At 5 % discordance 2.4 points of 541 prompts and 1.5 of 1,319; never more than everything."""
    assert detectable(541, 0.05, alpha=0.05) == pytest.approx(0.024, abs=0.0005)
    assert detectable(1319, 0.05, alpha=0.05) == pytest.approx(0.0153, abs=0.0005)
    assert detectable(541, 0.0, alpha=0.05) == detectable(541, 0.01, alpha=0.05)
    assert detectable(10, 0.0, alpha=0.05) == pytest.approx(0.618, abs=0.001)
    assert detectable(3, 0.5, alpha=0.001) == 1
    assert detectable(0, 0.5, alpha=0.05) == 1
