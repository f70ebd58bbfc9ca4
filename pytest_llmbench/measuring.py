"""Measure one workload on one server; a library function, with no pytest in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
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
from pytest_llmbench.workloads.tokenizers import count_missing_tokens, load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.backends.base import Api
    from pytest_llmbench.client.dialects import Dialect
    from pytest_llmbench.client.generator import LoadGenerator
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.spec.workload import Workload
    from pytest_llmbench.workloads.tokenizers import CountsTokens

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
    api = backend_of(server).api(workload.endpoint, server.facts)
    dialect = DIALECTS[api.dialect]
    tokenizer = cache(lambda: load_tokenizer(server.deployment.source))
    measured, began = [], []
    for run in range(1, runs + 1):
        prompts = _prompts(
            server,
            workload,
            load,
            f"{salt}/{load.id}/{replicate}/{run}",
            dialect=dialect,
            tokenizer=tokenizer,
        )
        plan = _plan(server, workload, load, prompts, api=api, timeouts=timeouts or Timeouts())
        began.append(datetime.now(UTC).isoformat(timespec="milliseconds"))
        outcome = generator.run(plan, lambda progress, run=run: on_progress(run, progress))  # type: ignore[misc]
        if any(trace.text is not None for trace in outcome.traces):
            count_missing_tokens(outcome.traces, None if dialect.templated else prompts, tokenizer())
        measured.append(measure_run(outcome, gpus=server.deployment.gpus))
    validity = check_validity(measured, asked_prompt_tokens=workload.input_tokens)
    return BenchResult(server, workload, load, tuple(measured), validity, replicate, tuple(began))


def _prompts(
    server: Server,
    workload: Workload,
    load: Load,
    salt: str,
    *,
    dialect: Dialect,
    tokenizer: Callable[[], CountsTokens | None],
) -> list[str]:
    backend = backend_of(server)

    def count_tokens(http: httpx.Client, prompt: str) -> int | None:
        counted = backend.count_tokens(http, prompt, chat=dialect.templated)
        # A template is the server's; without one, our copy of the model's tokenizer counts the same.
        if counted is None and not dialect.templated and (ours := tokenizer()) is not None:
            counted = ours.count(prompt, special=True)
        return counted

    try:
        with server_http(server, timeout=_HTTP_TIMEOUT) as http:
            return make_prompts(
                workload,
                load.warmup + load.requests,
                salt=salt,
                count_tokens=lambda prompt: count_tokens(http, prompt),
            )
    except httpx.HTTPError as error:
        cause = str(error) or type(error).__name__
        message = f"{server.base_url} stopped answering while prompts were made: {cause}"
        raise MeasurementError(message) from error


def _plan(
    server: Server, workload: Workload, load: Load, prompts: list[str], *, api: Api, timeouts: Timeouts
) -> LoadPlan:
    dialect = DIALECTS[api.dialect]
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
