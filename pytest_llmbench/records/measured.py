"""What was measured, and how sure it is."""

from __future__ import annotations

from typing import Literal

from pytest_llmbench.records.base import Record

__all__ = ["FailureCount", "MetricRecord", "RunRecord", "ValidityRecord"]


class MetricRecord(Record):
    """A metric's summary. A percentile the sample cannot carry is null.

    A scalar metric (`throughput_output`) has one value a run: `count` is the number of runs.
    """

    unit: str
    direction: Literal["lower", "higher", "none"]
    count: int
    mean: float
    std: float | None
    min: float
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    max: float


class FailureCount(Record):
    """How many requests failed in one way."""

    kind: str
    message: str
    count: int


class RunRecord(Record):
    """One workload measured once on one server."""

    started_at: str
    window_s: float
    sent: int
    failed: int
    failures: tuple[FailureCount, ...] = ()
    metrics: dict[str, MetricRecord]


class ValidityRecord(Record):
    """Evidence that the numbers describe the server.

    `reasons` say why a result is not valid; `notes` what a reader should know of a valid one.
    """

    valid: bool
    clock: Literal["kernel", "user"]
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    merged_share: float
    uncertainty_p99_s: float
    send_delay_p99_s: float | None
    client_cpu_share: float
    clock_step_s: float = 0.0
    client_real_time: bool = False
    """The load generator had priority over everything else that wanted a core."""
    client_cores: tuple[int, ...] = ()
    """Those it was pinned to; empty if it was not."""
