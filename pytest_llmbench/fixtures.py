"""What a test author sees: `llm_server`, `bench` and `evaluate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import pytest

from pytest_llmbench.outcomes import plainly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_llmbench.capacity import Capacity
    from pytest_llmbench.evals.base import Eval
    from pytest_llmbench.evals.outcome import EvalResult
    from pytest_llmbench.measurements import Measurements
    from pytest_llmbench.result import BenchResult
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.session import Session
    from pytest_llmbench.spec.workload import Workload

__all__ = ["SESSION", "Bench", "Evaluate", "bench", "evaluate", "llm_server"]

SESSION: pytest.StashKey[Session] = pytest.StashKey()


class Bench(Protocol):
    """The type of the `bench` fixture."""

    def __call__(
        self,
        workload: Workload | str,
        *,
        concurrency: int | None = None,
        rate: float | tuple[float, float] | None = None,
        arrival: str | None = None,
        burstiness: float | None = None,
        duration: float | None = None,
        requests: int | None = None,
        warmup: int | None = None,
    ) -> BenchResult:
        """Measure a workload (or the configured one of that name) on the test's server.

        Without a `rate` this is a closed loop: `concurrency` streams (by default 1) share `requests` requests
        (by default 16, or six a stream if that is more), after `warmup` unmeasured ones (by default one a
        stream). With a `rate` (requests/s) it is an open loop: requests are sent when they are due, by a
        process that is `poisson` (the default), `constant` or `gamma` (of that `burstiness`); a pair of rates
        is a ramp from one to the other. `concurrency` then bounds how many are under way. `duration` (s)
        says how long requests are sent, instead of how many.

        `--bench-requests`, `--bench-warmup`, `--bench-duration`, `--bench-arrival` and `--bench-burstiness`
        override these arguments, and the `bench` marker overrides the options.
        """

    def replay(
        self, path: str | Path | None = None, *, speed: float | None = None, limit: int | None = None
    ) -> BenchResult:
        """Send recorded requests when they are due, each with its own prompt length and answer length.

        `path` is a file of one request a line (`docs/configuration.md` says how), relative to the root
        directory; without it and without `--bench-replay` the test is skipped. `speed` 2 takes half the time;
        `limit` sends only so many. `--bench-replay`, `--bench-replay-speed`, `--bench-requests` and
        `--bench-duration` override these arguments.
        """

    def search(
        self,
        workload: Workload | str,
        *,
        slo: str | None = None,
        by: Literal["concurrency", "rate"] = "concurrency",
        low: float = 1,
        high: float = 256,
    ) -> Capacity[int] | Capacity[float]:
        """Find the highest concurrency or rate whose metrics meet service levels, by bisection.

        `slo` is written as in `--bench-slo`, which it stands for: `ttft.p99=500ms,itl.p95=50ms`; without
        either the test is skipped. Fails if not even the lowest load meets them. The curve that was walked is
        in the report; `found.best` is the load, `found.result` the measurement at it.
        """


class Evaluate(Protocol):
    """The type of the `evaluate` fixture."""

    def __call__(
        self,
        eval_: Eval | str,
        *,
        concurrency: int | None = None,
        limit: int | None = None,
        max_tokens: int | None = None,
    ) -> EvalResult:
        """Run an eval (or the one of that name: `ifeval`, `gsm8k`, `gsm8k-cot`) on the test's server.

        `concurrency` streams share the prompts, by default the most that `eval:` in the configuration names;
        `limit` asks only so many, drawn by the seed. `max_tokens` bounds a reply, thinking included.
        `--bench-eval-limit` and `--bench-output-tokens` override these arguments.
        """


@pytest.fixture(scope="session")
def llm_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Have a running server: `base_url`, `served_model`, `facts`. The test runs once for every deployment."""
    with plainly(), request.config.stash[SESSION].serving(request.param) as server:
        yield server


@pytest.fixture
def bench(request: pytest.FixtureRequest, llm_server: Server) -> Bench:
    """Measure workloads on the server of this test.

    `result = bench("short", concurrency=8)`, then `result.ttft.p50`, in seconds.
    """
    return _Bench(request.config.stash[SESSION].measurements, request.node, llm_server)


@pytest.fixture
def evaluate(request: pytest.FixtureRequest, llm_server: Server) -> Evaluate:
    """Evaluate what the server of this test answers.

    `result = evaluate("ifeval")`, then `result["strict"]`, a share from 0 to 1.
    """
    evaluations = request.config.stash[SESSION].evaluations

    def evaluate(
        eval_: Eval | str,
        *,
        concurrency: int | None = None,
        limit: int | None = None,
        max_tokens: int | None = None,
    ) -> EvalResult:
        __tracebackhide__ = True
        with plainly():
            return evaluations.evaluate(
                request.node,
                llm_server,
                eval_,
                concurrency=concurrency,
                limit=limit,
                max_tokens=max_tokens,
            )

    return evaluate


class _Bench:
    def __init__(self, measurements: Measurements, item: pytest.Item, server: Server) -> None:
        self._measurements, self._item, self._server = measurements, item, server

    def __repr__(self) -> str:
        return f"<bench on {self._server.deployment.id}>"

    def __call__(self, workload: Workload | str, **asked: Any) -> BenchResult:  # noqa: ANN401 - see `Bench`
        __tracebackhide__ = True
        with plainly():
            return self._measurements.bench(self._item, self._server, workload, asked)

    def replay(
        self, path: str | Path | None = None, *, speed: float | None = None, limit: int | None = None
    ) -> BenchResult:
        __tracebackhide__ = True
        with plainly():
            return self._measurements.replay(self._item, self._server, path, speed=speed, limit=limit)

    def search(
        self,
        workload: Workload | str,
        *,
        slo: str | None = None,
        by: Literal["concurrency", "rate"] = "concurrency",
        low: float = 1,
        high: float = 256,
    ) -> Capacity[int] | Capacity[float]:
        __tracebackhide__ = True
        with plainly():
            return self._measurements.search(
                self._item, self._server, workload, slo=slo, by=by, low=low, high=high
            )
