"""A workload in the words of one server's API: its prompts, its requests, and counting what came back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import httpx

from pytest_llmbench.backends import backend_of
from pytest_llmbench.client.dialects import DIALECTS, Ask
from pytest_llmbench.client.plan import LoadPlan
from pytest_llmbench.errors import MeasurementError
from pytest_llmbench.runtimes.connect import proxy_for, server_http
from pytest_llmbench.workloads.prompts import make_prompts
from pytest_llmbench.workloads.replay import Replay
from pytest_llmbench.workloads.replay_prompts import make_replay_prompts, warmup_requests
from pytest_llmbench.workloads.tokenizers import count_missing_tokens, load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.backends.base import Api
    from pytest_llmbench.client.dialects import Dialect
    from pytest_llmbench.client.plan import LoadOutcome, Timeouts
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.spec.workload import Workload
    from pytest_llmbench.workloads.arrivals import Arrivals
    from pytest_llmbench.workloads.loads import Load
    from pytest_llmbench.workloads.tokenizers import CountsTokens

__all__ = ["Asking"]

_HTTP_TIMEOUT = 60.0


@dataclass
class Asking:
    """A workload in the words of one server's API.

    `salt` is mixed into every prompt, beside that of the run.
    """

    server: Server
    workload: Workload
    timeouts: Timeouts
    salt: str
    api: Api = field(init=False)
    dialect: Dialect = field(init=False)

    def __post_init__(self) -> None:
        self.api = backend_of(self.server).api(self.workload.endpoint, self.server.facts)
        self.dialect = DIALECTS[self.api.dialect]

    @cached_property
    def tokenizer(self) -> CountsTokens | None:
        """Our copy of the model's tokenizer, if there is one."""
        return load_tokenizer(self.server.deployment.source)

    def prompts(self, load: Load, count: int, salt: str) -> list[str]:
        """Make the prompts of the warm-up and so many more."""
        try:
            with server_http(self.server, timeout=_HTTP_TIMEOUT) as http:
                return self._prompts(
                    load, count, f"{self.salt}/{salt}", lambda prompt: self._count(http, prompt)
                )
        except httpx.HTTPError as error:
            cause = str(error) or type(error).__name__
            message = f"{self.server.base_url} stopped answering while prompts were made: {cause}"
            raise MeasurementError(message) from error

    def _prompts(
        self, load: Load, count: int, salt: str, count_tokens: Callable[[str], int | None]
    ) -> list[str]:
        if not isinstance(load.arrivals, Replay):
            return make_prompts(self.workload, load.warmup + count, salt=salt, count_tokens=count_tokens)
        warmup = warmup_requests(load.arrivals, load.warmup)
        return [
            *make_replay_prompts(warmup, salt=f"{salt}/warm-up", count_tokens=count_tokens),
            *make_replay_prompts(load.arrivals.requests, salt=salt, count_tokens=count_tokens),
        ]

    def _output_tokens(self, load: Load, count: int) -> list[int]:
        if not isinstance(load.arrivals, Replay):
            return [self.workload.output_tokens] * count
        requests = (*warmup_requests(load.arrivals, load.warmup), *load.arrivals.requests)
        return [request.output_tokens for request in requests]

    def _count(self, http: httpx.Client, prompt: str) -> int | None:
        counted = backend_of(self.server).count_tokens(http, prompt, chat=self.dialect.templated)
        # A template is the server's; without one, our copy of the model's tokenizer counts the same.
        if counted is None and not self.dialect.templated and self.tokenizer is not None:
            counted = self.tokenizer.count(prompt, special=True)
        return counted

    def plan(self, load: Load, prompts: list[str], schedule: Arrivals | None) -> LoadPlan:
        """Say what the load generator is to send, and when."""
        workload = self.workload
        bodies = tuple(
            json.dumps(
                self.dialect.body(
                    Ask(prompt, output_tokens, workload.temperature, workload.seed),
                    model=self.server.served_model,
                    extras=self.api.extras,
                )
            ).encode()
            for prompt, output_tokens in zip(prompts, self._output_tokens(load, len(prompts)), strict=True)
        )
        return LoadPlan(
            base_url=self.server.base_url,
            proxy=proxy_for(self.server.base_url),
            headers=self.server.headers | self.dialect.headers(self.server.api_key),
            dialect=self.dialect.name,
            bodies=bodies,
            concurrency=load.concurrency,
            warmup=load.warmup,
            arrivals=schedule.offsets if schedule else None,
            duration=load.duration if schedule is None else None,
            timeouts=self.timeouts,
            cores=self.server.client_cores,
        )

    def complete(self, outcome: LoadOutcome, prompts: list[str]) -> None:
        """Count the tokens of replies whose server did not."""
        if any(trace.text is not None for trace in outcome.traces):
            count_missing_tokens(outcome.traces, None if self.dialect.templated else prompts, self.tokenizer)
