"""The highest load a server carries within its service levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from pytest_llmbench.errors import MeasurementError
from pytest_llmbench.metrics.slo import meets
from pytest_llmbench.search import LoadT, Outcome, SearchResult, search

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_llmbench.metrics.slo import Slo
    from pytest_llmbench.result import BenchResult

__all__ = ["Capacity", "find_capacity"]


@dataclass(frozen=True, slots=True)
class Capacity(Generic[LoadT]):
    """What a search found.

    Attributes:
        by: what the load is: `concurrency` (streams) or `rate` (requests/s).
        found: the best load and the curve that was walked.
        results: the measurement at each load of the curve.
    """

    by: str
    slos: tuple[Slo, ...]
    found: SearchResult[LoadT]
    results: Mapping[LoadT, BenchResult]

    @property
    def best(self) -> LoadT | None:
        """The highest load that met the service levels; None if none did."""
        return self.found.best

    @property
    def result(self) -> BenchResult:
        """The measurement at the best load; at the lowest that was tried, if none met the service levels."""
        return self.results[min(self.results) if self.best is None else self.best]

    @property
    def failure(self) -> str | None:
        """Why no load will do, None if one does."""
        if self.best is not None:
            return None
        lowest = self.found.by_load[0]
        reasons = "; ".join(lowest.outcome.reasons)
        return f"no {self.by} from {lowest.load:g} on meets {', '.join(map(str, self.slos))}: {reasons}"


def find_capacity(
    measure: Callable[[LoadT], BenchResult], slos: tuple[Slo, ...], *, by: str, low: LoadT, high: LoadT
) -> Capacity[LoadT]:
    """Search the highest load that meets `slos`, from `low` to `high`.

    Raises:
        MeasurementError: not even one load could be measured.
        UsageError: the range makes no sense.
    """
    results: dict[LoadT, BenchResult] = {}

    def probe(load: LoadT) -> Outcome:
        try:
            result: BenchResult = measure(load)
        except MeasurementError as error:
            return Outcome(met=False, reasons=(str(error),), valid=False)
        results[load] = result
        met: bool
        reasons: tuple[str, ...]
        met, reasons = meets(result.metrics, slos)
        values = {slo.key: _value(result, slo) for slo in slos}
        known = {key: value for key, value in values.items() if value is not None}
        return Outcome(met, known, (*reasons, *result.validity.reasons), result.validity.valid)

    found = search(probe, low, high)
    if not results:
        raise MeasurementError("; ".join(found.curve[0].outcome.reasons))
    return Capacity(by, slos, found, results)


def _value(result: BenchResult, slo: Slo) -> float | None:
    summary = result.metrics.get(slo.metric)
    return None if summary is None else summary.get(slo.stat or "mean")
