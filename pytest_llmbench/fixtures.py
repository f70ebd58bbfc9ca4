"""What a test author sees: `llm_server` and `bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_llmbench.outcomes import plainly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.result import BenchResult
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.session import Session
    from pytest_llmbench.spec.workload import Workload

__all__ = ["SESSION", "Bench", "bench", "llm_server"]

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
    session, item = request.config.stash[SESSION], request.node

    def measure(workload: Workload | str, **asked: Any) -> BenchResult:  # noqa: ANN401 - as `Bench` says
        __tracebackhide__ = True
        with plainly():
            return session.bench(item, llm_server, workload, asked)

    return measure
