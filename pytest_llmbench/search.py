"""The highest load that meets the SLOs: grow until one does not, then close in on where it breaks.

Measuring is the caller's, so that nothing here knows a server. Loads are whole numbers (concurrency) or
fractions (requests/s), whatever `low` is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from pytest_llmbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["MAX_PROBES", "RESOLUTION", "Outcome", "Probe", "SearchResult", "Stop", "search"]

LoadT = TypeVar("LoadT", int, float)

RESOLUTION = 0.05
"""How close the load that met the SLOs must be to one that did not: two runs at one load differ as much."""
MAX_PROBES = 20
"""Enough for a factor of 1,000 between the bounds: ten doublings, one look ahead, five halvings."""

_GROWTH = 2
_LOOK_AHEAD = 1

Stop = Literal["resolution", "high", "none", "probes"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one load came to.

    Attributes:
        met: whether it met the SLOs.
        metrics: what was measured, for the curve: `ttft.p99` → value.
        reasons: why it did not meet them.
        valid: False if the measurement does not describe the server; it then counts as not met.
    """

    met: bool
    metrics: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    valid: bool = True


@dataclass(frozen=True, slots=True)
class Probe(Generic[LoadT]):
    """A point of the curve: a load and what it came to."""

    load: LoadT
    outcome: Outcome

    @property
    def met(self) -> bool:
        """It met the SLOs, in a measurement that counts."""
        return self.outcome.met and self.outcome.valid


@dataclass(frozen=True, slots=True)
class SearchResult(Generic[LoadT]):
    """How far it went.

    Attributes:
        best: the highest load that met the SLOs, None if none did.
        stop: why the search ended: a failing load is within the `resolution` of the best; the best is the
            `high` end of the range; `none` met them; or the `probes` were used up.
        curve: every probe, in the order they were made.
    """

    best: LoadT | None
    stop: Stop
    curve: tuple[Probe[LoadT], ...]

    @property
    def by_load(self) -> tuple[Probe[LoadT], ...]:
        """The curve from the lowest load to the highest."""
        return tuple(sorted(self.curve, key=lambda probe: probe.load))

    @property
    def ceiling(self) -> LoadT | None:
        """The lowest load above the best that did not meet the SLOs; None if there was none."""
        return _ceiling(self.curve)

    @property
    def dips(self) -> tuple[Probe[LoadT], ...]:
        """Probes that did not meet the SLOs at loads below the best: more load was not always worse."""
        best = self.best
        return tuple(p for p in self.by_load if best is not None and not p.met and p.load < best)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the result should know, as sentences without their stop."""
        return tuple(_notes(self))


def search(
    measure: Callable[[LoadT], Outcome],
    low: LoadT,
    high: LoadT,
    *,
    resolution: float = RESOLUTION,
    max_probes: int = MAX_PROBES,
) -> SearchResult[LoadT]:
    """Find the highest load from `low` to `high` that meets the SLOs.

    The load is doubled until it fails, and then halved in between, in ratios, until the best and the lowest
    failure above it are at most `resolution` (relative) apart, or are neighbouring whole numbers.

    That more load is worse is assumed, but not blindly: after the first failure of the growth one more
    doubling is tried. If that meets the SLOs, the failure was a disturbance, a cold start or an awkward batch
    size: the search goes on from there, and the failure is among the `dips`. No load is measured twice.

    `measure` should return, not raise, where a server gives in: what it raises ends the search and loses
    the curve.

    Raises:
        UsageError: the range, the resolution or the number of probes makes no sense.
    """
    _check(low, high, resolution, max_probes)
    curve: list[Probe[LoadT]] = []
    for load in _walk(low, high, resolution, curve):
        if len(curve) == max_probes:
            return SearchResult(_best(curve), "probes", tuple(curve))
        curve.append(Probe(load, measure(load)))
    best = _best(curve)
    if best is None:
        return SearchResult(best, "none", tuple(curve))
    return SearchResult(best, "high" if best == high else "resolution", tuple(curve))


def _walk(low: LoadT, high: LoadT, resolution: float, curve: Sequence[Probe[LoadT]]) -> Iterator[LoadT]:
    """Say where to measure next; by then the `curve` must hold what was said before."""
    load, failures = low, 0
    while True:
        yield load
        failures = 0 if curve[-1].met else failures + 1
        if failures > _LOOK_AHEAD or load == high:
            break
        load = min(load * _GROWTH, high)
    while (middle := _between(_best(curve), _ceiling(curve), resolution)) is not None:
        yield middle


def _between(met: LoadT | None, failed: LoadT | None, resolution: float) -> LoadT | None:
    """Halve in ratios; None when the two are close enough, or one of them is not known."""
    if met is None or failed is None or failed <= met * (1 + resolution):
        return None
    middle = math.sqrt(met * failed)
    if isinstance(met, int):
        return min(max(round(middle), met + 1), failed - 1) if failed - met > 1 else None
    return middle if met < middle < failed else None


def _best(curve: Sequence[Probe[LoadT]]) -> LoadT | None:
    return max((probe.load for probe in curve if probe.met), default=None)


def _ceiling(curve: Sequence[Probe[LoadT]]) -> LoadT | None:
    best = _best(curve)
    failed = (probe.load for probe in curve if not probe.met)
    return min((load for load in failed if best is None or load > best), default=None)


def _notes(result: SearchResult[LoadT]) -> Iterator[str]:
    best, ceiling = result.best, result.ceiling
    if best is None:
        lowest = result.by_load[0]
        yield f"no load met the SLOs; {lowest.load:g}, the lowest, did not: {_why(lowest)}"
    elif result.stop == "high":
        yield f"{best:g} met the SLOs and is the highest load that was allowed: the limit may lie above"
    if result.stop == "probes":
        above = "" if ceiling is None else f", and {ceiling:g} did not meet the SLOs"
        yield f"{len(result.curve)} probes were used up before the limit was found{above}"
    for dip in result.dips:
        yield f"more load was not always worse: {best:g} met the SLOs, {dip.load:g} did not: {_why(dip)}"
    for probe in result.curve:
        if probe.load == ceiling and not probe.outcome.valid:
            why = _why(probe)
            yield f"the measurement at {ceiling:g} is invalid, so the server's limit may lie above: {why}"


def _why(probe: Probe[LoadT]) -> str:
    return "; ".join(probe.outcome.reasons) or "no reason was given"


def _check(low: float, high: float, resolution: float, max_probes: int) -> None:
    if not (math.isfinite(high) and 0 < low <= high):
        message = f"the range to search must be above 0 and not empty, not {low:g} to {high:g}"
        raise UsageError(message)
    if not 0 < resolution < 1:
        message = f"the resolution must be between 0 and 1, as in 0.05 for 5 %, not {resolution:g}"
        raise UsageError(message)
    if max_probes < 1:
        message = f"a search needs at least 1 probe, not {max_probes}"
        raise UsageError(message)
