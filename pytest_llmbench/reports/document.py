"""The JSON document a session leaves behind, as models; `docs/report.schema.json` is made from them.

Field names are those of the published schema: `snake_case`, unlike configuration files.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "SCHEMA_VERSION",
    "DeploymentRecord",
    "Document",
    "EnvironmentRecord",
    "FailureCount",
    "GpuRecord",
    "LoadRecord",
    "MetricComparison",
    "MetricRecord",
    "ResultRecord",
    "RunRecord",
    "ServerRecord",
    "SessionRecord",
    "UnmeasuredRecord",
    "ValidityRecord",
    "VerdictName",
    "VerdictRecord",
    "WorkloadRecord",
]

SCHEMA_VERSION = "1.0"

VerdictName = Literal["pass", "regressed", "improved", "inconclusive", "missing", "invalid", "none"]
Scalar = str | int | float | bool | None


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class GpuRecord(_Record):
    """One GPU of the host."""

    index: int
    name: str
    uuid: str
    memory_bytes: int


class EnvironmentRecord(_Record):
    """The host and the software that measured."""

    os: str
    kernel: str
    cpu: str
    cpu_cores: int
    memory_bytes: int
    gpus: tuple[GpuRecord, ...] = ()
    driver: str | None = None
    cuda: str | None = None
    virtualization: str | None = None
    hostname: str
    versions: dict[str, str]
    label: dict[str, str] = {}


class DeploymentRecord(_Record):
    """What was asked to run; environment variables are named, never valued."""

    id: str
    model: str
    source: str
    backend: str
    version: str | None = None
    runtime: str
    profile: str | None = None
    tp: int
    pp: int
    dp: int
    ep: int
    gpus: int
    image: str | None = None
    args: dict[str, Scalar] = {}
    env: tuple[str, ...] = ()
    url: str | None = None


class ServerRecord(_Record):
    """What ran: facts the server reported."""

    served_model: str
    ready_s: float
    facts: dict[str, Scalar] = {}
    log: str | None = None


class WorkloadRecord(_Record):
    """What was asked of the server."""

    id: str
    input_tokens: int | None
    output_tokens: int
    endpoint: str
    temperature: float
    seed: int


class LoadRecord(_Record):
    """The load shape."""

    kind: Literal["closed"]
    concurrency: int
    requests: int
    warmup: int


class MetricRecord(_Record):
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


class FailureCount(_Record):
    """How many requests failed in one way."""

    kind: str
    message: str
    count: int


class RunRecord(_Record):
    """One workload measured once on one server."""

    started_at: str
    window_s: float
    sent: int
    failed: int
    failures: tuple[FailureCount, ...] = ()
    metrics: dict[str, MetricRecord]


class ValidityRecord(_Record):
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


class MetricComparison(_Record):
    """One gated metric against its baseline. `change` is candidate / baseline - 1."""

    metric: str
    baseline: float
    candidate: float
    change: float
    limit: float
    verdict: VerdictName


class VerdictRecord(_Record):
    """What the comparison came to. `rule` names how it was decided."""

    verdict: VerdictName
    rule: Literal["none", "threshold"] = "none"
    baseline: str | None = None
    message: str = ""
    comparisons: tuple[MetricComparison, ...] = ()


class ResultRecord(_Record):
    """One call of `bench` in one test."""

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


class UnmeasuredRecord(_Record):
    """A selected test that produced no result: skipped, or its server did not start."""

    nodeid: str
    deployment: str | None
    outcome: Literal["skipped", "error", "failed"]
    reason: str


class SessionRecord(_Record):
    """One pytest invocation."""

    id: str
    started_at: str
    ended_at: str | None = None
    command: str
    complete: bool = True
    """False when it was interrupted, or rebuilt from the results log of a session that was killed."""
    server_starts: int = 0


class Document(_Record):
    """The whole report."""

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    session: SessionRecord
    environment: EnvironmentRecord
    results: tuple[ResultRecord, ...] = ()
    unmeasured: tuple[UnmeasuredRecord, ...] = ()
    definitions: dict[str, str] = Field(default_factory=dict)
    """Metric name to definition, for every metric that appears."""
