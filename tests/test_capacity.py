"""Searching the highest load a server carries."""

from __future__ import annotations

import pytest

from pytest_llmbench.capacity import find_capacity
from pytest_llmbench.errors import MeasurementError
from pytest_llmbench.metrics.slo import parse_slos
from pytest_llmbench.metrics.validity import check_validity
from pytest_llmbench.result import BenchResult
from pytest_llmbench.runtimes.server import Server
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.workload import Workload
from pytest_llmbench.workloads.loads import Load
from tests.metrics.traces import chunks_at, make_run, make_trace

SLOS = parse_slos("ttft.p50=100ms")
SERVER = Server(
    Deployment.model_validate({"model": "m", "source": "x.gguf", "backend": "llama", "runtime": "embedded"}),
    "http://host",
    "m-1",
)
WORKLOAD = Workload.model_validate({"id": "w", "in": 10, "out": 2})


def measured(load: int) -> BenchResult:
    """Give a result of a server whose time to first token is ten milliseconds a stream."""
    runs = (make_run(make_trace(chunks_at(10 * load, 10 * load + 5))),)
    validity = check_validity(runs, asked_prompt_tokens=None)
    return BenchResult(SERVER, WORKLOAD, Load(load, 1, 0), runs, validity, started_at=("",))


def test_the_best_load_is_found() -> None:
    """The highest load within the service level, its measurement, and the curve on the way."""
    capacity = find_capacity(measured, SLOS, by="concurrency", low=1, high=64)
    assert (capacity.best, capacity.failure) == (10, None)
    assert capacity.result.load.concurrency == 10
    by_load = {probe.load: probe for probe in capacity.found.curve}
    assert by_load[16].outcome.metrics == {"ttft.p50": pytest.approx(0.16)}
    assert by_load[16].outcome.reasons == ("ttft.p50 was 160ms, above 100ms",)


def test_no_load_is_good_enough() -> None:
    """The reason is that of the lowest load, whose measurement is kept."""
    capacity = find_capacity(measured, SLOS, by="concurrency", low=20, high=64)
    assert capacity.best is None
    assert capacity.result.load.concurrency == 20
    assert capacity.failure == (
        "no concurrency from 20 on meets ttft.p50=100ms: ttft.p50 was 200ms, above 100ms"
    )


def test_a_server_that_gives_in_ends_the_climb() -> None:
    """A load that could not be measured is one that did not meet the service levels."""

    def gives_in(load: int) -> BenchResult:
        if load > 4:
            message = "the server ended"
            raise MeasurementError(message)
        return measured(load)

    capacity = find_capacity(gives_in, SLOS, by="concurrency", low=1, high=64)
    assert capacity.best == 4
    assert any(probe.outcome.reasons == ("the server ended",) for probe in capacity.found.curve)


def test_nothing_could_be_measured() -> None:
    """Then there is no result to give."""

    def never(_load: int) -> BenchResult:
        message = "the server ended"
        raise MeasurementError(message)

    with pytest.raises(MeasurementError, match="the server ended"):
        find_capacity(never, SLOS, by="concurrency", low=1, high=8)
