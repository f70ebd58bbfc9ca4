"""Measure one workload on one server; a library function, with no pytest in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx

from pytest_llmbench.backends import backend_of
from pytest_llmbench.client.dialects import DIALECTS, Ask
from pytest_llmbench.client.plan import LoadPlan, Progress, Timeouts
from pytest_llmbench.errors import MeasurementError
from pytest_llmbench.metrics.run import measure_run
from pytest_llmbench.metrics.validity import check_validity
from pytest_llmbench.result import BenchResult, Load
from pytest_llmbench.runtimes.connect import server_http
from pytest_llmbench.workloads.prompts import make_prompts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.client.generator import LoadGenerator
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.spec.workload import Workload

__all__ = ["measure"]

_HTTP_TIMEOUT = 60.0


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
    on_progress: Callable[[int, Progress], None] = lambda _run, _progress: None,
) -> BenchResult:
    """Measure `runs` times and return the result, its validity included; judging it is the caller's.

    `salt` is mixed into every prompt, beside the replicate and the run, so that no two runs share prompts.
    `on_progress` hears (run, progress) twice a second.

    Raises:
        MeasurementError: the load could not be generated.
        UsageError: the workload cannot be made for this model.
    """
    measured, began = [], []
    for run in range(1, runs + 1):
        plan = _plan(server, workload, load, f"{salt}/{load.id}/{replicate}/{run}", timeouts or Timeouts())
        began.append(datetime.now(UTC).isoformat(timespec="milliseconds"))
        outcome = generator.run(plan, lambda progress, run=run: on_progress(run, progress))  # type: ignore[misc]
        measured.append(measure_run(outcome, gpus=server.deployment.gpus))
    validity = check_validity(measured, asked_prompt_tokens=workload.input_tokens)
    return BenchResult(server, workload, load, tuple(measured), validity, replicate, tuple(began))


def _plan(server: Server, workload: Workload, load: Load, salt: str, timeouts: Timeouts) -> LoadPlan:
    backend = backend_of(server)
    api = backend.api(workload.endpoint, server.facts)
    dialect = DIALECTS[api.dialect]
    try:
        with server_http(server, timeout=_HTTP_TIMEOUT) as http:
            prompts = make_prompts(
                workload,
                load.warmup + load.requests,
                salt=salt,
                count_tokens=lambda prompt: backend.count_tokens(http, prompt, chat=dialect.templated),
            )
    except httpx.HTTPError as error:
        cause = str(error) or type(error).__name__
        message = f"{server.base_url} stopped answering while prompts were made: {cause}"
        raise MeasurementError(message) from error
    bodies = tuple(
        json.dumps(
            dialect.body(
                Ask(prompt, workload.output_tokens, workload.temperature, workload.seed),
                model=server.served_model,
                extras=api.extras,
            )
        ).encode()
        for prompt in prompts
    )
    return LoadPlan(
        base_url=server.base_url,
        headers=server.headers | dialect.headers(server.api_key),
        dialect=dialect.name,
        bodies=bodies,
        concurrency=load.concurrency,
        warmup=load.warmup,
        timeouts=timeouts,
    )
