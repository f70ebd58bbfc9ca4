"""When the requests of an open loop are due: drawn before the run, from a seed.

A schedule is the same on every machine and with every version of Python: of `random.Random` only seeding and
`random()` are used, the two things whose sequence the standard library promises to keep; distributions are
made from them here. Only the last digit of a logarithm is the platform's, so that an offset may differ by a
nanosecond.

Both sides of a comparison are given the same seed and get the same schedule. It is not stretched to last
exactly count / rate, as `vllm bench serve` does: a process whose end is fixed is no longer the one it is
called after. What was really asked is `Arrivals.offered_rate`.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from itertools import count as naturals
from itertools import takewhile
from typing import TYPE_CHECKING, Literal

from pytest_llmbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["MAX_ARRIVALS", "ArrivalKind", "Arrivals", "Seed", "constant", "gamma", "poisson", "ramp"]

ArrivalKind = Literal["constant", "poisson", "gamma", "ramp", "replay"]
Seed = int | str

MAX_ARRIVALS = 10_000_000
"""More requests than this in one run are a slip of the keyboard, and would fill the memory first."""

_NS = 1_000_000_000
_LOG_4 = math.log(4)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When each request of a run is due.

    Attributes:
        kind: the process it was drawn from.
        parameters: what it was drawn with, for the report; durations in seconds, rates in requests/s.
        offsets: ns from the start of the window, in order.
    """

    kind: ArrivalKind
    parameters: dict[str, float | int | str]
    offsets: tuple[int, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def span(self) -> float:
        """From the start of the window to the last arrival, s."""
        return self.offsets[-1] / _NS if self.offsets else 0.0

    @property
    def offered_rate(self) -> float | None:
        """Requests/s between the first and the last arrival, None if they are at one time."""
        if not self.offsets or self.offsets[-1] == self.offsets[0]:
            return None
        return (len(self.offsets) - 1) * _NS / (self.offsets[-1] - self.offsets[0])


def constant(rate: float, *, count: int | None = None, duration: float | None = None) -> Arrivals:
    """Every 1 / rate seconds, the first at once: `count` of them, or those due before `duration` seconds."""
    parameters = _parameters({"rate": rate}, count, duration, expected=rate)
    times = (index / rate for index in naturals())
    return Arrivals("constant", parameters, _until(times, count, duration))


def poisson(rate: float, *, seed: Seed, count: int | None = None, duration: float | None = None) -> Arrivals:
    """A Poisson process: independent gaps, exponentially distributed with mean 1 / rate.

    The first arrival comes after a first gap; `count` of them, or those due before `duration` seconds.
    """
    parameters = _parameters({"rate": rate, "seed": seed}, count, duration, expected=rate)
    uniform = random.Random(seed).random  # noqa: S311 - not for secrets
    gaps = (_exponential(uniform) / rate for _ in naturals())
    return Arrivals("poisson", parameters, _until(_sums(gaps), count, duration))


def gamma(
    rate: float, burstiness: float, *, seed: Seed, count: int | None = None, duration: float | None = None
) -> Arrivals:
    """Independent gaps, gamma distributed with mean 1 / rate; less even the smaller `burstiness` is.

    As `vllm bench serve --burstiness` defines it (`get_request` in `vllm/benchmarks/serve.py`): a gap has
    shape k = burstiness and scale θ = 1 / (rate · burstiness). Its coefficient of variation is then
    1 / √burstiness: 1 is a Poisson process, below 1 comes in bursts, above 1 is more even than chance.
    """
    _positive("burstiness", burstiness)
    parameters = _parameters(
        {"rate": rate, "burstiness": burstiness, "seed": seed}, count, duration, expected=rate
    )
    uniform = random.Random(seed).random  # noqa: S311 - not for secrets
    scale = 1 / (rate * burstiness)
    gaps = (_gamma(burstiness, uniform) * scale for _ in naturals())
    return Arrivals("gamma", parameters, _until(_sums(gaps), count, duration))


def ramp(rate_from: float, rate_to: float, duration: float) -> Arrivals:
    """A rate that changes linearly from `rate_from` to `rate_to` within `duration` seconds, and ends there.

    λ(t) = rate_from + (rate_to - rate_from) · t / duration, with ∫λ = duration · (rate_from + rate_to) / 2
    arrivals. 0, 1, 2, … are run through the inverse of that integral: arrivals as even as the rate allows,
    so that where a server gives in is due to the rate and not to a burst.
    """
    for name, rate in (("rate-from", rate_from), ("rate-to", rate_to)):
        if not (math.isfinite(rate) and rate >= 0):
            message = f"{name} must be a number of requests/s, 0 or more, not {rate}"
            raise UsageError(message)
    if rate_from == rate_to == 0:
        message = "a ramp from 0 to 0 requests/s has no arrivals"
        raise UsageError(message)
    parameters: dict[str, float | int | str] = {"rate_from": rate_from, "rate_to": rate_to}
    parameters = _parameters(parameters, None, duration, expected=(rate_from + rate_to) / 2)
    slope = (rate_to - rate_from) / duration

    def due(passed: float) -> float:
        """Solve ∫λ = passed for t, in the form that also holds without a slope."""
        root = math.sqrt(max(0.0, rate_from**2 + 2 * slope * passed))
        return 2 * passed / (rate_from + root) if passed else 0.0

    total = duration * (rate_from + rate_to) / 2
    times = map(due, takewhile(lambda passed: passed < total, map(float, naturals())))
    return Arrivals("ramp", parameters, _until(times, None, duration))


def _parameters(
    given: dict[str, float | int | str], count: int | None, duration: float | None, *, expected: float
) -> dict[str, float | int | str]:
    """`given` with the bound, checked; `expected` is the mean rate."""
    if "rate" in given:
        _positive("rate", expected)
    if (count is None) == (duration is None):
        message = "a schedule needs either a number of requests or a duration, not both and not neither"
        raise UsageError(message)
    if duration is not None:
        _positive("duration", duration)
        if expected * duration > MAX_ARRIVALS:
            message = (
                f"{expected:g} requests/s for {duration:g} s are {expected * duration:.3g} requests;"
                f" a run has at most {MAX_ARRIVALS:,}"
            )
            raise UsageError(message)
        return {**given, "duration": duration}
    if not 1 <= (count or 0) <= MAX_ARRIVALS:
        message = f"the number of requests must be from 1 to {MAX_ARRIVALS:,}, not {count}"
        raise UsageError(message)
    return {**given, "count": count or 0}


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        message = f"{name} must be more than 0, not {value:g}"
        raise UsageError(message)


def _until(times: Iterable[float], count: int | None, duration: float | None) -> tuple[int, ...]:
    """Round to ns and stop after `count` arrivals, or before `duration` seconds."""
    offsets = (round(time * _NS) for time in times)
    if duration is not None:
        end = round(duration * _NS)
        return tuple(takewhile(lambda offset: offset < end, offsets))
    return tuple(offset for offset, _ in zip(offsets, range(count or 0), strict=False))


def _sums(gaps: Iterable[float]) -> Iterator[float]:
    passed = 0.0
    for gap in gaps:
        passed += gap
        yield passed


def _exponential(uniform: Callable[[], float]) -> float:
    return -math.log(1 - uniform())  # uniform() may be 0, but never 1


def _gamma(shape: float, uniform: Callable[[], float]) -> float:
    """Draw with scale 1: algorithm GB of Cheng (1977); below shape 1 by G(k) = G(k + 1) · U^(1/k)."""
    if shape < 1:
        return _gamma(shape + 1, uniform) * math.pow(1 - uniform(), 1 / shape)
    spread = math.sqrt(2 * shape - 1)
    while True:
        first, second = uniform(), 1 - uniform()
        if first == 0:
            continue
        v = math.log(first / (1 - first)) / spread
        drawn = shape * math.exp(v)
        if shape - _LOG_4 + (shape + spread) * v - drawn >= math.log(first * first * second):
            return drawn
