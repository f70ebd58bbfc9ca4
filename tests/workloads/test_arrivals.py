"""Schedules: the rate that was asked, the scatter that was asked, and the same again for the same seed."""

from __future__ import annotations

import hashlib
import math
import pickle
import re
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.errors import UsageError
from pytest_llmbench.workloads.arrivals import Arrivals, constant, gamma, poisson, ramp

if TYPE_CHECKING:
    from collections.abc import Callable

NS = 1_000_000_000
RATES = st.floats(0.1, 1000)
SEEDS = st.integers(0, 2**64) | st.text(max_size=8)
BURSTINESS = st.floats(0.05, 50)


def _gaps(arrivals: Arrivals) -> list[float]:
    return [(after - before) / NS for before, after in pairwise((0, *arrivals.offsets))]


def _drawn(rate: float, burstiness: float, seed: int | str, **bound: float) -> list[Arrivals]:
    count = int(bound["count"]) if "count" in bound else None
    duration = bound.get("duration")
    return [
        constant(rate, count=count, duration=duration),
        poisson(rate, seed=seed, count=count, duration=duration),
        gamma(rate, burstiness, seed=seed, count=count, duration=duration),
    ]


@given(RATES, BURSTINESS, SEEDS, st.integers(1, 200))
def test_a_count_is_met_and_time_never_runs_back(
    rate: float, burstiness: float, seed: int | str, count: int
) -> None:
    """Any process has as many arrivals as asked, in order, none before the window."""
    for arrivals in _drawn(rate, burstiness, seed, count=count):
        assert len(arrivals) == len(arrivals.offsets) == count
        assert arrivals.offsets[0] >= 0
        assert list(arrivals.offsets) == sorted(arrivals.offsets)


@given(RATES, BURSTINESS, SEEDS, st.floats(0.001, 0.5))
def test_a_duration_is_filled_and_not_left(
    rate: float, burstiness: float, seed: int | str, duration: float
) -> None:
    """All arrivals lie before the end, and a longer schedule begins with the shorter one."""
    longer = _drawn(rate, burstiness, seed, duration=2 * duration)
    for short, long in zip(_drawn(rate, burstiness, seed, duration=duration), longer, strict=True):
        end = round(duration * NS)
        assert all(offset < end for offset in short.offsets)
        assert short.offsets == tuple(offset for offset in long.offsets if offset < end)


@given(RATES, BURSTINESS, SEEDS)
def test_same_seed_same_schedule(rate: float, burstiness: float, seed: int | str) -> None:
    """A schedule depends on its parameters alone, and survives the way to another process."""
    first, again = (_drawn(rate, burstiness, seed, count=20) for _ in range(2))
    assert first == again == pickle.loads(pickle.dumps(first))  # noqa: S301 - our own


def test_another_seed_another_schedule() -> None:
    """Seeds matter, whole numbers as well as texts."""
    seeds: list[int | str] = [0, 1, "0", "a"]
    assert len({poisson(5, seed=seed, count=5).offsets for seed in seeds}) == 4
    assert len({gamma(5, 0.5, seed=seed, count=5).offsets for seed in seeds}) == 4


def test_schedules_are_the_same_with_every_python() -> None:
    """The digests of schedules, in ms, do not change with the version of Python or the platform."""
    drawn = [
        poisson(7, seed="s", count=500),
        gamma(7, 0.3, seed=3, count=500),
        gamma(7, 4, seed=3, count=500),
    ]
    text = repr([[round(offset / 1e6, 2) for offset in arrivals.offsets] for arrivals in drawn])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "91a76c6a5e0b4bf5"


def test_constant() -> None:
    """Arrivals at a constant rate are evenly spaced from the first moment on, without drifting."""
    arrivals = constant(3, duration=100)
    assert arrivals.offsets[:4] == (0, 333_333_333, 666_666_667, NS)
    assert len(arrivals) == 300
    assert arrivals.offsets[-1] == round(299 / 3 * NS)
    assert arrivals.offered_rate == pytest.approx(3)
    assert constant(3, count=4).parameters == {"rate": 3, "count": 4}


@pytest.mark.parametrize(
    ("draw", "variation"),
    [
        (lambda n: poisson(20, seed=1, count=n), 1.0),
        (lambda n: gamma(20, 1.0, seed=2, count=n), 1.0),
        (lambda n: gamma(20, 0.1, seed=3, count=n), math.sqrt(10)),
        (lambda n: gamma(20, 0.5, seed=4, count=n), math.sqrt(2)),
        (lambda n: gamma(20, 4.0, seed=5, count=n), 0.5),
        (lambda n: gamma(20, 1000.0, seed=6, count=n), math.sqrt(1 / 1000)),
    ],
)
def test_mean_and_scatter_of_gaps(draw: Callable[[int], Arrivals], variation: float) -> None:
    """Gaps have the mean 1 / rate and the coefficient of variation 1 / √burstiness."""
    gaps = _gaps(draw(40_000))
    assert statistics.fmean(gaps) == pytest.approx(0.05, rel=5 * variation / math.sqrt(40_000))
    assert statistics.stdev(gaps) / statistics.fmean(gaps) == pytest.approx(variation, rel=0.06)


@pytest.mark.parametrize("shape", [0.3, 1.0, 2.5])
def test_gamma_has_the_third_moment_of_the_distribution(shape: float) -> None:
    """Not only mean and variance: the skewness of a gamma distribution is 2 / √shape."""
    gaps = _gaps(gamma(1, shape, seed="third", count=60_000))
    mean, deviation = statistics.fmean(gaps), statistics.pstdev(gaps)
    skewness = statistics.fmean(((gap - mean) / deviation) ** 3 for gap in gaps)
    assert skewness == pytest.approx(2 / math.sqrt(shape), rel=0.1)


def test_gaps_of_a_poisson_process_are_exponential() -> None:
    """The share of gaps longer than t is exp(-rate t)."""
    gaps = _gaps(poisson(10, seed=7, count=40_000))
    for t in (0.01, 0.1, 0.3):
        assert sum(gap > t for gap in gaps) / 40_000 == pytest.approx(math.exp(-10 * t), abs=0.01)


@given(
    st.tuples(st.floats(0, 100), st.floats(0, 100)).filter(lambda rates: max(rates) > 1e-3),
    st.floats(0.1, 20),
)
def test_an_even_ramp_has_the_integral_of_its_rate(rates: tuple[float, float], duration: float) -> None:
    """The k-th arrival comes when k arrivals were due, whether the rate rises, falls or stays."""
    arrivals = ramp(*rates, duration)
    total = duration * sum(rates) / 2
    assert abs(len(arrivals) - total) <= 1.001
    slope = (rates[1] - rates[0]) / duration
    for index, offset in enumerate(arrivals.offsets):
        t = offset / NS
        assert rates[0] * t + slope * t * t / 2 == pytest.approx(index, abs=1e-3)


def test_a_level_ramp_is_a_constant_rate() -> None:
    """Without a slope it is the process it is made of."""
    assert ramp(8, 8, 3).offsets == constant(8, duration=3).offsets


def test_parameters_say_how_to_draw_it_again() -> None:
    """What a report needs to repeat a schedule is in its parameters."""
    assert poisson(2.5, seed="x", duration=9).parameters == {"rate": 2.5, "seed": "x", "duration": 9}
    assert gamma(2, 0.5, seed=1, count=3).parameters == {"rate": 2, "burstiness": 0.5, "seed": 1, "count": 3}
    assert ramp(0, 5, 9).parameters == {"rate_from": 0, "rate_to": 5, "duration": 9}


def test_rate_and_span_of_next_to_nothing() -> None:
    """One arrival has no rate, and no arrivals no span."""
    assert constant(5, count=1).offered_rate is None
    nothing = Arrivals("replay", {}, ())
    assert (nothing.span, nothing.offered_rate, len(nothing)) == (0.0, None, 0)
    assert constant(4, count=3).span == 0.5


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: constant(0, count=1), "rate must be more than 0, not 0"),
        (lambda: poisson(math.nan, seed=0, count=1), "rate must be more than 0, not nan"),
        (lambda: gamma(1, -1, seed=0, count=1), "burstiness must be more than 0, not -1"),
        (lambda: gamma(1, math.inf, seed=0, count=1), "burstiness must be more than 0, not inf"),
        (lambda: constant(1), "either a number of requests or a duration"),
        (lambda: constant(1, count=1, duration=1), "either a number of requests or a duration"),
        (lambda: constant(1, duration=0), "duration must be more than 0"),
        (lambda: constant(1, count=0), "must be from 1 to 10,000,000, not 0"),
        (lambda: constant(1e6, duration=60), "1e+06 requests/s for 60 s are 6e+07 requests"),
        (lambda: ramp(0, 0, 1), "from 0 to 0 requests/s has no arrivals"),
        (lambda: ramp(-1, 1, 1), "rate-from must be a number of requests/s, 0 or more, not -1"),
        (lambda: ramp(1, math.inf, 1), "rate-to must be a number"),
        (lambda: ramp(1, 2, 0), "duration must be more than 0"),
    ],
)
def test_what_cannot_be_drawn(draw: Callable[[], Arrivals], message: str) -> None:
    """A schedule that makes no sense is refused in words."""
    with pytest.raises(UsageError, match=re.escape(message)):
        draw()
