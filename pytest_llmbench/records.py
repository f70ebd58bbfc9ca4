"""What was asked, what ran and what came of it, as models: the records every report is made of.

A leaf: it imports nothing of this package, so that the judge and the reports can both stand on it.
Field names are those of the published schema: `snake_case`, unlike configuration files. Numbers are
finite; what is unknown is null or absent, never NaN.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = [
    "PROTOCOL_VERSION",
    "DeploymentRecord",
    "EnvironmentRecord",
    "EvalRecord",
    "FailureCount",
    "GpuRecord",
    "LoadRecord",
    "MetricComparison",
    "MetricRecord",
    "PairedRecord",
    "ProbeRecord",
    "ResultRecord",
    "RunRecord",
    "Scalar",
    "ScoreRecord",
    "SearchRecord",
    "ServerRecord",
    "SessionRecord",
    "UnmeasuredRecord",
    "ValidityRecord",
    "VerdictName",
    "VerdictRecord",
    "WorkloadRecord",
]

PROTOCOL_VERSION = 1
"""How we measure. Raised when the same server would get other numbers; then old baselines do not fit."""

VerdictName = Literal["pass", "regressed", "improved", "inconclusive", "missing", "invalid", "none"]
Scalar = str | int | float | bool | None


class _Record(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        ser_json_inf_nan="constants",  # not as null, so that the writer can refuse one that slipped in
        json_schema_serialization_defaults_required=True,
        protected_namespaces=(),
    )


class GpuRecord(_Record):
    """One GPU of the host."""

    index: int
    instance: int | None = None
    """Of a MIG instance, its number on the GPU `index`."""
    name: str
    uuid: str
    memory_bytes: int
    power_limit_w: float | None = None
    clock_limit_mhz: int | None = None
    ecc: bool | None = None
    mig: bool | None = None
    pcie: str | None = None
    """Generation and width of its link: `gen5 x16`."""
    numa: int | None = None
    """The node of the host's memory it is nearest to."""

    @property
    def label(self) -> str:
        """As facts name it: `0`, or `0:1` for a MIG instance."""
        return str(self.index) if self.instance is None else f"{self.index}:{self.instance}"


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
    governor: str | None = None
    """How the kernel chooses the cores' clocks: `performance`; null where it does not."""
    turbo: bool | None = None
    smt: bool | None = None
    numa_nodes: int | None = None
    cpu_limit: float | None = None
    """How many cores' time a container or a group may use; null for all of what is seen."""
    hostname: str
    versions: dict[str, str]
    label: dict[str, str] = {}
    protocol: int = PROTOCOL_VERSION


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
    side: Literal["", "a", "b"] = ""
    """Of an A/B."""


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
    """The load shape.

    A closed loop keeps `concurrency` requests under way. An open loop sends them by a schedule, of which
    `arrivals` is the process and what it was drawn with; `concurrency` is then the most under way, 0 for any
    number.
    """

    kind: Literal["closed", "open"]
    id: str
    concurrency: int
    requests: int
    warmup: int
    duration_s: float | None = None
    arrivals: dict[str, Scalar] | None = None


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
    clock_step_s: float = 0.0
    client_real_time: bool = False
    """The load generator had priority over everything else that wanted a core."""
    client_cores: tuple[int, ...] = ()
    """Those it was pinned to; empty if it was not."""


class MetricComparison(_Record):
    """One gated metric against its baseline.

    `metric` is `ttft.p50`, or `throughput_output` for a scalar. `change` is candidate / baseline - 1, null
    when the baseline is zero. `limit` is the change that matters: a fraction of the baseline, except for
    metrics of unit `ratio` (`error_rate`), where it is a difference. `rule` is how it was decided:
    `threshold` by the change alone; `sessions` one session against several; `pairs` by pairs of an A/B.
    Where it is statistical, `low` and `high` bound the change (one-sided 95 % each), `p` is the one-sided
    p-value of its not being worse, `alpha` what `p` was held against, and `detectable` the smallest worsening
    that would be found four times in five. An `advisory` one is shown and decides nothing: the sample is too
    small for its percentile.
    """

    metric: str
    baseline: float
    candidate: float
    change: float | None
    limit: float
    verdict: VerdictName
    rule: Literal["threshold", "sessions", "pairs"] = "threshold"
    low: float | None = None
    high: float | None = None
    p: float | None = None
    alpha: float | None = None
    detectable: float | None = None
    advisory: bool = False


class PairedRecord(_Record):
    """One score of an eval against its baseline, prompt by prompt.

    `lost` and `gained` are the prompts that passed on one side only, `difference` their share of all
    `prompts`, with one-sided bounds at `alpha`; `p` is that of the exact McNemar test for a loss. A loss of
    `detectable` would be found four times in five.
    """

    score: str
    prompts: int
    baseline: float
    candidate: float
    difference: float
    low: float
    high: float
    p: float
    alpha: float
    detectable: float
    lost: tuple[str, ...]
    gained: tuple[str, ...]
    verdict: VerdictName


class VerdictRecord(_Record):
    """What the comparison came to. `rule` names how it was decided, as in the comparisons.

    `treatment` lists what differs from the newest baseline session, one `name: before -> now` each.
    `set_aside` lists sessions of the baseline that were off in most cells and not compared with. `drift`
    compares with the fixed baseline `anchor` as well; it is shown and decides nothing.
    """

    verdict: VerdictName
    rule: Literal["none", "threshold", "sessions", "pairs", "paired", "floor"] = "none"
    baseline: str | None = None
    baseline_sessions: int = 0
    message: str = ""
    treatment: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    comparisons: tuple[MetricComparison, ...] = ()
    paired: tuple[PairedRecord, ...] = ()
    anchor: str | None = None
    drift: tuple[MetricComparison, ...] = ()


class ProbeRecord(_Record):
    """One load of a search, and what it came to; `metrics` are those of the service levels."""

    load: float
    met: bool
    valid: bool
    metrics: dict[str, float]
    reasons: tuple[str, ...] = ()


class SearchRecord(_Record):
    """The search of the highest load that meets the service levels.

    `best` is null if none did. `stop` is why it ended: a failing load is within the `resolution`, the `high`
    end of the range did it, `none` did, or the `probes` were used up. The curve is in the order of its walk.
    """

    by: Literal["concurrency", "rate"]
    slos: tuple[str, ...]
    best: float | None
    stop: Literal["resolution", "high", "none", "probes"]
    curve: tuple[ProbeRecord, ...]
    notes: tuple[str, ...] = ()


class ScoreRecord(_Record):
    """How many verdicts were good: of prompts, or of the parts of prompts.

    `mean` is `passed` / `scored`, null if nothing was scored; `low` and `high` its 95 % interval.
    """

    mean: float | None
    passed: int
    scored: int
    unscored: int = 0
    low: float
    high: float


class EvalRecord(_Record):
    """An eval: what was asked, how it was scored, and what came of every prompt.

    `marks` has a character a score of `marked` for each prompt: `+` passed, `-` failed, `?` unscored.
    `settings` are what the eval was made with, `sampling` is what stood in every request. Of `repeated`
    prompts, asked a second time, `same` were answered alike. Of `template_checked` prompts, `template_agreed`
    had as many tokens as the server counts in what its chat template makes of them.
    """

    name: str
    scorer: str
    dataset: str
    """SHA-256 of rows and prompts as they were asked, in hex."""
    prompts: int
    """Rows of the data."""
    asked: int
    """Less than `prompts`: a subset, drawn with `subset_seed`."""
    subset_seed: int | None = None
    scores: dict[str, ScoreRecord]
    floors: dict[str, float] = {}
    marked: tuple[str, ...]
    marks: dict[str, str]
    settings: dict[str, Scalar] = {}
    sampling: dict[str, Scalar] = {}
    max_tokens: int
    unanswered: int = 0
    truncated: int = 0
    """Replies that were cut off at `max_tokens`; scored as they are."""
    thought: int = 0
    """Replies with thinking, which is not scored."""
    retried: int = 0
    resumed: int = 0
    repeated: int = 0
    same: int = 0
    template_checked: int = 0
    template_agreed: int = 0
    template_tokens: int | None = None
    """What the chat template adds to a prompt, in tokens."""
    replies: str | None = None
    """The file of all replies, in the session's folder."""


class ResultRecord(_Record):
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


class UnmeasuredRecord(_Record):
    """A selected test that produced no result: skipped, or its server did not start.

    `missing` names the cells the compared baseline has and this test should have measured.
    """

    nodeid: str
    deployment: str | None
    outcome: Literal["skipped", "error", "failed"]
    reason: str
    missing: tuple[str, ...] = ()


class SessionRecord(_Record):
    """One pytest invocation."""

    id: str
    started_at: str
    ended_at: str | None = None
    command: str
    complete: bool = True
    """False when it was interrupted, or rebuilt from the results log of a session that was killed."""
    server_starts: int = 0
