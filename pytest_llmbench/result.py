"""What a test author gets from `bench(...)`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_llmbench.errors import StatisticsError, nearest
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.metrics.run import Run, pool

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from pytest_llmbench.metrics.summary import Summary
    from pytest_llmbench.metrics.validity import Validity
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.spec.workload import Workload
    from pytest_llmbench.workloads.arrivals import Arrivals
    from pytest_llmbench.workloads.loads import Load

__all__ = ["BenchResult"]


@dataclass(frozen=True, repr=False)
class BenchResult:
    """One workload on one server, with a summary for each metric: `result.ttft.p50`, in seconds.

    Metrics are attributes under their registry names. One that could not be measured raises
    `StatisticsError` with the reason; `metrics` holds only what was measured. Values of several runs are
    pooled; `runs` has them one by one.
    """

    server: Server
    workload: Workload
    load: Load
    runs: tuple[Run, ...]
    validity: Validity
    replicate: int = 1
    started_at: tuple[str, ...] = ()
    """When each run began, ISO 8601 in UTC."""
    arrivals: tuple[Arrivals, ...] = ()
    """The schedule of each run of an open loop."""

    @property
    def cell(self) -> str:
        """What is compared with what: deployment, workload and load shape."""
        return f"{self.server.deployment.cell}/{self.workload.id}/{self.load.id}"

    @cached_property
    def metrics(self) -> Mapping[str, Summary]:
        """Metric name → summary, of everything that could be measured."""
        return pool(self.runs)

    @cached_property
    def failures(self) -> Counter[tuple[str, str]]:
        """How many requests failed in which way: (kind, message) → count."""
        return sum((run.failures for run in self.runs[1:]), self.runs[0].failures)

    def __repr__(self) -> str:
        return f"<result of {self.cell}>"

    def __getattr__(self, name: str) -> Summary:
        __tracebackhide__ = True
        if name not in METRICS:
            message = f"a result has no metric {name!r}: {nearest(name, METRICS)}"
            raise AttributeError(message)
        summary = self.metrics.get(name)
        if summary is None:
            raise StatisticsError(self._why_absent(name))
        return summary

    def _why_absent(self, name: str) -> str:
        if any(run.succeeded for run in self.runs):
            return f"{name} was not measured: the server's answers do not tell it"
        (_, reason), count = self.failures.most_common(1)[0]
        return f"{name} was not measured: no request succeeded; {count} of {self.failures.total()}: {reason}"
