"""The numbers of a session: what is stored of a run, and what a session is worth as one value."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.limits import STATS
from pytest_llmbench.metrics.registry import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_llmbench.records import MetricRecord, ResultRecord, RunRecord

__all__ = [
    "Replicates",
    "RunValues",
    "average",
    "replicates_of",
    "run_values",
    "session_value",
    "session_values",
    "start_values",
]

RunValues = dict[str, float]
"""`ttft.p50`, or `throughput_output` for a scalar, to its value in the unit of the registry."""
Replicates = dict[str, tuple[RunValues, ...]]
"""Number of the replicate, as text, to the values of its runs in order."""

_COUNT = ".count"


def run_values(run: RunRecord) -> RunValues:
    """List what a limit can name of one run.

    A statistic the sample could not carry is absent. `<metric>.count` says how many values a
    distribution had.
    """
    values: RunValues = {}
    for name, record in run.metrics.items():
        values.update(_metric_values(name, record))
    return values


def _metric_values(name: str, record: MetricRecord) -> RunValues:
    known = METRICS.get(name)
    if known is not None and known.kind == "scalar":
        return {name: record.mean}
    values = {f"{name}.count": float(record.count)}
    for stat in STATS:
        value: float | None = getattr(record, stat)
        if value is not None:
            values[f"{name}.{stat}"] = value
    return values


def replicates_of(results: Iterable[ResultRecord]) -> Replicates:
    """Gather one cell's results of one session; a cell measured twice in a replicate has more runs."""
    replicates: Replicates = {}
    for result in results:
        key = str(result.replicate)
        replicates[key] = (*replicates.get(key, ()), *(run_values(run) for run in result.runs))
    return replicates


def session_values(replicates: Mapping[str, Sequence[Mapping[str, float]]]) -> RunValues:
    """Value of a session for every statistic, as `session_value`. Counts are summed."""
    names = {name for runs in replicates.values() for run in runs for name in run}
    values = {name: session_value(replicates, name) for name in sorted(names)}
    return {name: value for name, value in values.items() if value is not None}


def session_value(replicates: Mapping[str, Sequence[Mapping[str, float]]], name: str) -> float | None:
    """Value of a session for one statistic, None if no run has it.

    That of its starts, averaged in logarithms, in which slower and faster by the same factor weigh the same.
    """
    found = list(start_values(replicates, name).values())
    if not found:
        return None
    return math.fsum(found) if name.endswith(_COUNT) else average(name, found)


def start_values(replicates: Mapping[str, Sequence[Mapping[str, float]]], name: str) -> dict[str, float]:
    """Value of each replicate for one statistic, without those in which no run has it.

    Runs share the luck of their server, so they are averaged; counts are summed. A value missing from some
    runs is taken from the others.
    """
    found = {}
    counts = name.endswith(_COUNT)
    for number, runs in replicates.items():
        values = [run[name] for run in runs if name in run]
        if len(values) == 1:  # as nearly always, and what judging spends most of its time on
            found[number] = values[0]
        elif values:
            found[number] = math.fsum(values) / (1 if counts else len(values))
    return found


def average(name: str, values: Sequence[float]) -> float:
    """Mean in logarithms; the plain mean where a value is zero, and for ratios, which may be.

    `values` must not be empty; all are in the unit of `name`.
    """
    least = min(values)
    if least <= 0 or _is_ratio(name):
        return math.fsum(values) / len(values)
    mean = math.exp(math.fsum(map(math.log, values)) / len(values))
    # Rounding must not take the mean of equal values out of their range: same in, same out.
    return min(max(mean, least), max(values))


@cache
def _is_ratio(name: str) -> bool:
    known = METRICS.get(name.partition(".")[0])
    return known is not None and known.unit == "ratio"
