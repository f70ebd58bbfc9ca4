"""One run, and several of them together, as summaries."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_llmbench.metrics.histogram import Histogram
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.metrics.requests import request_values
from pytest_llmbench.metrics.slo import goodput
from pytest_llmbench.metrics.steady import Window, throughput, window
from pytest_llmbench.metrics.summary import Summary, summarize

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pytest_llmbench.client.plan import LoadOutcome
    from pytest_llmbench.client.trace import RequestTrace
    from pytest_llmbench.metrics.slo import Slo
    from pytest_llmbench.telemetry.prometheus import Difference

__all__ = ["Run", "measure_run", "pool"]

_NS = 1e-9


@dataclass(frozen=True, slots=True)
class Run:
    """One workload measured once on one server.

    Attributes:
        traces: the measured requests, warm-up left out.
        began, ended: the window (ns, CLOCK_REALTIME) that throughput is counted in: the part of the run in
            which the load was what was asked.
        note: why that is not so; the window is then the whole run.
        histograms: what the server told by its own, where no value of a request tells it.
        values: metric → values, in the metric's unit; a scalar has one.
        clock_step: largest change (s) of the host's clock from one second to the next.
        real_time, cores: how the load generator ran, as in `LoadOutcome`.
        unknown: percentiles (`itl.p99`) that these values do not tell, many as they are.
    """

    traces: Sequence[RequestTrace]
    began: int
    ended: int
    values: Mapping[str, Sequence[float]]
    cpu_share: float
    clock_step: float = 0.0
    real_time: bool = False
    cores: tuple[int, ...] = ()
    unknown: frozenset[str] = frozenset()
    note: str = ""
    histograms: Mapping[str, Histogram] = field(default_factory=dict)

    def without(self, names: Collection[str]) -> Run:
        """Return the run without some metrics (`itl`), and others without some percentiles (`ttft.p99`)."""
        values = {name: found for name, found in self.values.items() if name not in names}
        return replace(self, values=values, unknown=self.unknown | {name for name in names if "." in name})

    def beside(self, found: Mapping[str, float]) -> Run:
        """Return the run with scalars that were measured beside it, such as `power`."""
        return replace(self, values={**self.values, **{name: (value,) for name, value in found.items()}})

    @property
    def output_tokens(self) -> float:
        """Output tokens inside the window; 0 where tokens are unknown."""
        return sum(self.values.get("throughput_output", ())) * self.window

    @property
    def window(self) -> float:
        """Length of the window, s."""
        return (self.ended - self.began) * _NS

    @property
    def failures(self) -> Counter[tuple[str, str]]:
        """How many requests failed in which way: (kind, message) → count."""
        return Counter((t.failure.kind, t.failure.message) for t in self.traces if t.failure)

    @property
    def succeeded(self) -> int:
        """Requests that did not fail."""
        return sum(trace.ok for trace in self.traces)

    @property
    def metrics(self) -> dict[str, Summary]:
        """Summaries of everything that could be measured."""
        return _summaries(self.values, self.unknown, self.histograms)


def measure_run(
    outcome: LoadOutcome,
    *,
    gpus: int,
    concurrency: int | None = 1,
    steady: bool = True,
    slos: Sequence[Slo] = (),
    server: Difference | None = None,
) -> Run:
    """Turn a load outcome into a run.

    `gpus` of the deployment, 0 if it has none. `concurrency` is the number of streams of a closed loop, None
    for an open one. `server` is what the server told about the window. A load that is not meant to be
    `steady`, as a ramp, has the whole run for its window.
    """
    traces = [trace for trace in outcome.traces if not trace.warmup]
    values = _nothing()
    for trace in traces:
        if trace.ok:
            for name, found in request_values(trace).items():
                values[name].extend(found)
    whole = (outcome.began, outcome.ended)
    inside = window(traces, concurrency, whole=whole) if steady else Window(*whole, reached=True)
    for name, value in _scalars(traces, inside, gpus).items():
        values[name].append(value)
    for name, value in (server.scalars if server else {}).items():
        if name not in values:
            values[name].append(value)
    good = goodput(traces, inside, slos) if slos else None
    if good is not None:
        values["goodput"].append(good)
    return Run(
        traces,
        inside.began,
        inside.ended,
        dict(values),
        outcome.cpu_share,
        outcome.clock_step,
        outcome.real_time,
        outcome.cores,
        note=inside.note,
        histograms={
            name: found for name, found in (server.histograms if server else {}).items() if name not in values
        },
    )


def _scalars(traces: Sequence[RequestTrace], inside: Window, gpus: int) -> dict[str, float]:
    good = [trace for trace in traces if trace.ok]
    through = throughput(traces, inside)
    scalars = {
        "throughput_request": through.request,
        "error_rate": (len(traces) - len(good)) / max(1, len(traces)),
    }
    if through.output is not None:
        scalars["throughput_output"] = through.output
    if through.total is not None:
        scalars["throughput_total"] = through.total
    if gpus:
        for name in ("throughput_output", "throughput_total"):
            if name in scalars:
                scalars[f"{name}_per_gpu"] = scalars[name] / gpus
    told = [trace for trace in good if trace.cached_tokens is not None and trace.prompt_tokens]
    if told:
        prompt = sum(trace.prompt_tokens or 0 for trace in told)
        scalars["cache_hit_rate"] = sum(trace.cached_tokens or 0 for trace in told) / prompt
    return scalars


def pool(runs: Iterable[Run]) -> dict[str, Summary]:
    """Summarize the values of several runs together: requests pooled, one scalar a run."""
    values, unknown = _nothing(), frozenset[str]()
    told: defaultdict[str, list[Histogram]] = defaultdict(list)
    for run in runs:
        for name, histogram in run.histograms.items():
            told[name].append(histogram)
        unknown |= run.unknown
        for name, found in run.values.items():
            values[name].extend(found)
    together = {name: Histogram.together(parts) for name, parts in told.items()}
    return _summaries(values, unknown, {name: found for name, found in together.items() if found})


def _nothing() -> defaultdict[str, array[float]]:
    """Metric → values, none so far; in arrays, for a million gaps are as many numbers."""
    return defaultdict(lambda: array("d"))


def _summaries(
    values: Mapping[str, Sequence[float]],
    unknown: Collection[str],
    histograms: Mapping[str, Histogram],
) -> dict[str, Summary]:
    # In the registry's order, which is the one reports print.
    found = (
        (
            name,
            histograms[name].summary(metric)
            if name in histograms
            else summarize(metric, values.get(name, ()), unknown=unknown),
        )
        for name, metric in METRICS.items()
    )
    return {name: summary for name, summary in found if summary is not None}
