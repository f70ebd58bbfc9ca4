"""One plan carried out by several processes, as if by one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pytest_llmbench.client.plan import LoadOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.client.plan import LoadPlan
    from pytest_llmbench.client.trace import RequestTrace

__all__ = ["default_processes", "merge", "renumbered", "share"]

STREAMS_A_PROCESS = 1024
"""Streams one process carries: measured, 86,000 to 92,000 chunks a second at that many, a core full."""

CORES_A_PROCESS = 4
"""Cores a machine needs for each process: the server and its GPU's driver want the rest, and two processes on
one core read later than one does."""


def default_processes(concurrency: int, cores: int) -> int:
    """Return how many processes should share a load: one, unless that is too few and there are cores."""
    return max(1, min(-(-concurrency // STREAMS_A_PROCESS), cores // CORES_A_PROCESS))


def share(plan: LoadPlan, processes: int) -> list[LoadPlan]:
    """Divide a plan: request i goes to process i modulo their number, and streams are dealt out.

    There are never more shares than requests or streams. Each process keeps to its own share: a stream does
    not take over what another process has not come to yet.
    """
    streams = plan.concurrency
    if plan.arrivals is None:
        streams = max(1, streams)
    count = max(1, min(processes, len(plan.bodies), streams or processes))
    if count == 1:
        return [plan]
    return [
        dataclasses.replace(
            plan,
            bodies=plan.bodies[process::count],
            warmup=len(range(process, plan.warmup, count)),
            # The arrivals are those of the measured requests only.
            arrivals=None
            if plan.arrivals is None
            else plan.arrivals[(process - plan.warmup) % count :: count],
            concurrency=len(range(process, streams, count)),
            process=process,
        )
        for process in range(count)
    ]


def renumbered(traces: Sequence[RequestTrace], process: int, count: int) -> Sequence[RequestTrace]:
    """Give the traces of one of `count` shares their numbers in the whole plan."""
    for trace in traces:
        trace.index = trace.index * count + process
    return traces


def merge(outcomes: Sequence[LoadOutcome]) -> LoadOutcome:
    """Put together what came of the shares, which are given in their order."""
    if len(outcomes) == 1:
        return outcomes[0]
    traces: list[RequestTrace] = []
    for process, outcome in enumerate(outcomes):
        traces += renumbered(outcome.traces, process, len(outcomes))
    traces.sort(key=lambda trace: trace.index)
    return LoadOutcome(
        traces,
        began=min(outcome.began for outcome in outcomes),
        ended=max(outcome.ended for outcome in outcomes),
        cpu_share=max(outcome.cpu_share for outcome in outcomes),
        clock_step=max(outcome.clock_step for outcome in outcomes),
        real_time=all(outcome.real_time for outcome in outcomes),
        cores=tuple(core for outcome in outcomes for core in outcome.cores),
        ran_out=any(outcome.ran_out for outcome in outcomes),
    )
