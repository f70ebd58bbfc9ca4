from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.baselines.distributions import wilson
from pytest_llmbench.evals.scores import marks_of, scores_of


def test_counts_prompts_and_parts() -> None:
    """What could not be told is in neither number."""
    scores = scores_of([{"a": True, "b": [True, False]}, {"a": None, "b": [None, True]}])
    assert (scores["a"].mean, scores["a"].passed, scores["a"].scored, scores["a"].unscored) == (1.0, 1, 1, 1)
    assert (scores["b"].passed, scores["b"].scored, scores["b"].unscored) == (2, 3, 1)
    assert scores_of([]) == {}
    assert scores_of([{"a": None}])["a"].mean is None


def test_the_interval_is_wilsons() -> None:
    """Newcombe (1998), table I, gives these for 81 of 263, 15 of 148 and 0 of 20."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share(counts: tuple[int, int]) -> None:
    """And lies between 0 and 1."""
    low, high = wilson(*counts)
    assert 0 <= low <= counts[0] / counts[1] + 1e-12
    assert counts[0] / counts[1] - 1e-12 <= high <= 1


def test_marks_are_of_prompts_only() -> None:
    """A character a score, in the order of the names."""
    names, marks = marks_of({"k": {"a": True, "b": [True], "c": None}, "l": {"a": False, "b": [], "c": True}})
    assert names == ("a", "c")
    assert marks == {"k": "+?", "l": "-+"}
    assert marks_of({}) == ((), {})
