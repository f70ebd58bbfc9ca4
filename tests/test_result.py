"""What a test author holds in hand."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import StatisticsError
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.metrics.validity import check_validity
from pytest_llmbench.result import BenchResult
from pytest_llmbench.runtimes.server import Server
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.workload import Workload
from pytest_llmbench.workloads.loads import Load
from tests.metrics.traces import REFUSED, chunks_at, make_run, make_trace

if TYPE_CHECKING:
    from pytest_llmbench.client.trace import RequestTrace

GOOD = make_trace(chunks_at(50, 60, 70))
BAD = make_trace(failure=REFUSED)


def _result(*runs: list[RequestTrace]) -> BenchResult:
    deployment = Deployment.model_validate(
        {"model": "m", "source": "builtin:m", "backend": "llama", "runtime": "embedded"}
    )
    measured = tuple(make_run(*traces) for traces in runs)
    return BenchResult(
        server=Server(deployment, "http://host", "m"),
        workload=Workload.model_validate({"id": "short", "in": 10, "out": 3}),
        load=Load(concurrency=8, requests=4, warmup=1),
        runs=measured,
        validity=check_validity(measured, asked_prompt_tokens=10),
    )


def test_metrics_are_attributes() -> None:
    """A metric is an attribute under its registry name, pooled over the runs."""
    result = _result([GOOD, GOOD], [GOOD])
    assert result.ttft.count == 3
    assert result.ttft.p50 == pytest.approx(0.05)
    assert result.throughput_request.count == 2
    assert result.metrics.keys() <= METRICS.keys()
    assert result.ttft is result.metrics["ttft"]


def test_cell() -> None:
    """The cell is made of deployment, workload and load."""
    result = _result([GOOD])
    assert result.cell == f"{result.server.deployment.id}/short/c008"


def test_shows_itself_in_few_words() -> None:
    """A limit that fails shows in the assertion what it was of, and not all that was measured."""
    result = _result([GOOD, GOOD])
    assert repr(result) == "<result of m.llama.tp01.gpux00/short/c008>"
    assert repr(result.server) == "<server of m.llama.tp01.gpux00 at http://host>"
    assert repr(result.ttft) == "<ttft: 2 values, mean 0.05 s>"
    assert repr(result.throughput_request).startswith("<throughput_request: 1 value, mean ")


def test_unknown_metric() -> None:
    """A misspelt metric is answered with the one that was meant, as any missing attribute."""
    result = _result([GOOD])
    with pytest.raises(AttributeError, match=r"^a result has no metric 'tfft': did you mean 'ttft'"):
        _ = result.tfft
    assert not hasattr(result, "nonsense")


def test_metric_that_was_not_measured() -> None:
    """A metric of the registry that the answers do not tell raises, and says that."""
    with pytest.raises(StatisticsError) as caught:
        _ = _result([GOOD, BAD]).cached_tokens
    assert str(caught.value) == "cached_tokens was not measured: the server's answers do not tell it"


def test_nothing_succeeded() -> None:
    """Without a success, the most frequent failure is the reason."""
    other = make_trace(failure=dataclasses.replace(REFUSED, message="HTTP 500: oops"))
    with pytest.raises(StatisticsError) as caught:
        _ = _result([BAD, other], [BAD]).ttft
    assert str(caught.value) == "ttft was not measured: no request succeeded; 2 of 3: HTTP 503: busy"


def test_failures_of_all_runs() -> None:
    """Failures are counted over all runs, and counting them changes none of them."""
    result = _result([GOOD, BAD], [BAD])
    assert result.failures == {("http_status", "HTTP 503: busy"): 2}
    assert result.runs[0].failures == {("http_status", "HTTP 503: busy"): 1}


def test_results_can_be_copied() -> None:
    """A result survives copying and pickling, whose probing for attributes must not recurse."""
    result = _result([GOOD])
    assert copy.copy(result) == result
    assert pickle.loads(pickle.dumps(result)).ttft == result.ttft  # noqa: S301 - our own bytes
