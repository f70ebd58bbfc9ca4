"""Measure one workload on one server; a library function, with no pytest in it."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_llmbench.asking import Asking
from pytest_llmbench.client.plan import Progress, Timeouts
from pytest_llmbench.metrics.run import measure_run
from pytest_llmbench.metrics.validity import check_validity
from pytest_llmbench.result import BenchResult
from pytest_llmbench.runtimes.server_watch import ServerWatch
from pytest_llmbench.workloads.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.client.generator import LoadGenerator
    from pytest_llmbench.metrics.slo import Slo
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.spec.workload import Workload
    from pytest_llmbench.telemetry.watch import GpuWatch
    from pytest_llmbench.workloads.arrivals import Arrivals
    from pytest_llmbench.workloads.loads import Load

__all__ = ["measure"]

# Requests prepared for a closed loop that runs by the clock, as a multiple of what a first look tells.
_SPARE = 1.5


def measure(
    server: Server,
    workload: Workload,
    load: Load,
    *,
    generator: LoadGenerator,
    runs: int = 1,
    replicate: int = 1,
    salt: str = "",
    timeouts: Timeouts | None = None,
    slos: tuple[Slo, ...] = (),
    on_progress: Callable[[int, Progress], None] = lambda _run, _progress: None,
    watch: Callable[[], GpuWatch] | None = None,
) -> BenchResult:
    """Measure `runs` times and return the result, its validity included; judging it is the caller's.

    `salt` is mixed into every prompt, beside the replicate and the run, so that no two runs share prompts.
    `on_progress` hears (run, progress) twice a second. With `slos`, `goodput` is measured, too. `watch` makes
    what looks after the server's GPUs for one run; one that was slowed down makes the result invalid.

    Raises:
        MeasurementError: the load could not be generated.
        UsageError: the workload cannot be made for this model.
    """
    asking = Asking(server, workload, timeouts or Timeouts(), f"{salt}/{load.id}/{replicate}")
    if load.requests == 0 and load.arrivals is None:
        load = replace(load, requests=_enough(asking, load, generator))
    measured, began, schedules, ran_out = [], [], [], 0
    throttled: dict[str, None] = {}
    for run in range(1, runs + 1):
        schedule = _schedule(load, f"{workload.seed}/{run}")
        schedules += [schedule] if schedule else []
        count = load.requests if schedule is None else len(schedule)
        prompts = asking.prompts(load, count, str(run))
        began.append(datetime.now(UTC).isoformat(timespec="milliseconds"))
        server_watch = ServerWatch(server)
        gpus = watch() if watch else None
        with gpus or nullcontext():
            outcome = generator.run(
                asking.plan(load, prompts, schedule),
                lambda progress, run=run: on_progress(run, progress),  # type: ignore[misc]
                on_ready=server_watch.begin,
            )
        ran_out += outcome.ran_out
        told = server_watch.end()
        asking.complete(outcome, prompts)
        one = measure_run(
            outcome,
            gpus=server.deployment.gpus,
            concurrency=load.streams,
            steady=load.is_steady,
            slos=slos,
            server=told,
        )
        if gpus:
            one = one.beside(gpus.values(one.began, one.ended, one.output_tokens))
            throttled |= dict.fromkeys(gpus.throttled())
        measured.append(one)
    validity = check_validity(
        measured,
        asked_prompt_tokens=_asked_lengths(workload, load),
        # What a limit on the requests under way holds back is meant to wait.
        open_loop=load.streams is None and not load.concurrency,
    )
    if ran_out:
        note = (
            f"{load.requests} prepared requests were used up before {load.duration:g} s were over,"
            f" in {ran_out} of {runs} runs: the server was faster than at the first look"
        )
        validity = replace(validity, notes=(*validity.notes, note))
    if throttled:
        reason = f"the GPUs were slowed down: {', '.join(throttled)}"
        validity = replace(validity, reasons=(*validity.reasons, reason))
    known = tuple(run.without(validity.dropped) for run in measured)
    return BenchResult(server, workload, load, known, validity, replicate, tuple(began), tuple(schedules))


def _schedule(load: Load, seed: str) -> Arrivals | None:
    """Draw when the requests of an open loop are due; the same for both sides of a comparison."""
    if load.arrivals is None:
        return None
    return load.arrivals.draw(seed=seed, count=load.requests, duration=load.duration)


def _asked_lengths(workload: Workload, load: Load) -> int | dict[int, int] | None:
    """Return the exact prompt length that was asked for, or that of each request."""
    if not isinstance(load.arrivals, Replay):
        return workload.input_tokens
    requests = load.arrivals.requests
    return {index: request.input_tokens for index, request in enumerate(requests, start=load.warmup)}


def _enough(asking: Asking, load: Load, generator: LoadGenerator) -> int:
    """Return how many requests a closed loop will need for its duration, from a first look at the server."""
    look = replace(load, requests=2 * load.concurrency, warmup=load.concurrency, duration=None)
    prompts = asking.prompts(look, look.requests, "look")
    outcome = generator.run(asking.plan(look, prompts, None))
    seconds = max(1e-6, (outcome.ended - outcome.began) * 1e-9)
    return math.ceil(look.requests / seconds * (load.duration or 0) * _SPARE) + load.concurrency
