"""Where two lines cross, and when that is claimed."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.baselines.crossover import Crossing, Level, crossings


def sure(concurrency: int, effect: float, half: float = 0.01) -> Level:
    """Make a level whose interval is `half` to either side."""
    return Level(concurrency, effect, effect - half, effect + half)


def test_a_crossing_is_interpolated_in_the_logarithm() -> None:
    """Between 4 and 16, one third from above: at 4 to the power of one and a third; bounds on either side."""
    (found,) = crossings([sure(16, -0.2), sure(4, 0.1), sure(1, 0.3)])
    assert (found.below, found.above, found.sure, found.falling) == (4, 16, True, True)
    assert found.at == pytest.approx(4 * 4 ** (1 / 3))
    assert found.low == pytest.approx(4 * 4 ** (0.09 / 0.3))
    assert found.high == pytest.approx(4 * 4 ** (0.11 / 0.3))


def test_an_interval_that_holds_both_signs_takes_the_place_away() -> None:
    """One at 4 says nothing: they cross between 1 and 16, and nobody knows where."""
    levels = [sure(1, 0.3), sure(4, 0.02, half=0.05), sure(16, -0.2)]
    assert crossings(levels) == (Crossing(1, 16, sure=True, falling=True),)


@pytest.mark.parametrize(
    "levels",
    [
        [sure(4, 0.1, half=0.2), sure(16, -0.2)],
        [sure(4, 0.1), sure(16, -0.2, half=0.3)],
        [Level(4, 0.1), Level(16, -0.2)],
    ],
)
def test_both_neighbours_must_be_sure(levels: list[Level]) -> None:
    """Else it is told as not sure; so is what was measured once."""
    assert crossings(levels) == (Crossing(4, 16, sure=False, falling=True),)


def test_one_side_ahead_everywhere_crosses_nowhere() -> None:
    """However little is sure."""
    assert crossings([sure(1, 0.3), sure(4, 0.01, half=0.05), Level(16, 0.2)]) == ()
    assert crossings([sure(1, 0.3)]) == crossings([]) == ()


EFFECTS = st.floats(-2, 2).filter(lambda effect: abs(effect) > 1e-3)


@given(
    st.dictionaries(st.integers(1, 4096), st.tuples(EFFECTS, st.none() | st.floats(0, 3)), max_size=8),
)
def test_what_is_claimed_lies_where_it_was_measured(made: dict[int, tuple[float, float | None]]) -> None:
    """Between its neighbours, the place inside its bounds, claims backed by both; no two overlap."""
    levels = {
        streams: Level(streams, effect) if half is None else sure(streams, effect, half)
        for streams, (effect, half) in made.items()
    }
    found = crossings(list(levels.values()))
    for one in found:
        a, b = levels[one.below], levels[one.above]
        assert one.below < one.above
        assert one.sure == (a.sign * b.sign < 0)
        assert one.falling == (a.effect > 0)
        if one.at is not None and one.low is not None and one.high is not None:
            assert one.sure
            slack = 1 + 1e-9
            assert one.below / slack <= one.low <= one.at * slack
            assert one.at / slack <= one.high <= one.above * slack
    spans = [(one.below, one.above) for one in found if one.sure]
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    # Between the first and the last that are sure, changes of sign add up.
    signs = [level.sign for _, level in sorted(levels.items()) if level.sign]
    assert not signs or signs[0] * (-1) ** len(spans) == signs[-1]
    assert math.isfinite(sum(one.at or 0 for one in found))
