"""Results, what gave none, and the session they are of."""

from __future__ import annotations

from typing import Literal

from pytest_llmbench.records.asked import DeploymentRecord, LoadRecord, ServerRecord, WorkloadRecord
from pytest_llmbench.records.base import Record
from pytest_llmbench.records.evaluated import EvalRecord
from pytest_llmbench.records.judged import VerdictRecord
from pytest_llmbench.records.measured import MetricRecord, RunRecord, ValidityRecord
from pytest_llmbench.records.searched import SearchRecord

__all__ = ["ResultRecord", "SessionRecord", "UnmeasuredRecord"]


class ResultRecord(Record):
    """One call of `bench` in one test; of a search, the measurement at the best load."""

    nodeid: str
    cell: str
    replicate: int = 1
    deployment: DeploymentRecord
    server: ServerRecord
    workload: WorkloadRecord
    load: LoadRecord
    metrics: dict[str, MetricRecord]
    runs: tuple[RunRecord, ...]
    validity: ValidityRecord
    verdict: VerdictRecord
    search: SearchRecord | None = None
    evaluation: EvalRecord | None = None
    neighbours: tuple[str, ...] | None = None
    """Who else was at work on the host, with `--bench-overlap`; null if it was measured alone."""


class UnmeasuredRecord(Record):
    """A selected test that produced no result: skipped, or its server did not start.

    `missing` names the cells the compared baseline has and this test should have measured.
    """

    nodeid: str
    deployment: str | None
    outcome: Literal["skipped", "error", "failed"]
    reason: str
    missing: tuple[str, ...] = ()


class SessionRecord(Record):
    """One pytest invocation."""

    id: str
    started_at: str
    ended_at: str | None = None
    command: str
    complete: bool = True
    """False when it was interrupted, or rebuilt from the results log of a session that was killed."""
    server_starts: int = 0
