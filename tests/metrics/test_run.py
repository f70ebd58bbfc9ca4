"""Runs: what is counted, over what, and what never is."""

from __future__ import annotations

from collections import Counter

import pytest

from pytest_llmbench.client.plan import LoadOutcome
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.metrics.run import measure_run, pool
from pytest_llmbench.metrics.slo import parse_slos
from tests.metrics.traces import MS, REFUSED, START, chunks_at, make_run, make_trace

GOOD = make_trace(chunks_at(50, 60, 70))


def test_throughput() -> None:
    """Tokens and requests of the successful are divided by the window."""
    run = make_run(GOOD, GOOD, seconds=2)
    assert run.window == 2
    assert run.metrics["throughput_request"].mean == 1
    assert run.metrics["throughput_output"].mean == 3
    assert run.metrics["throughput_total"].mean == 13
    assert "throughput_output_per_gpu" not in run.metrics


def test_per_gpu() -> None:
    """With GPUs, token throughput is also given for each."""
    metrics = make_run(GOOD, gpus=4).metrics
    assert metrics["throughput_output_per_gpu"].mean == 3 / 4
    assert metrics["throughput_total_per_gpu"].mean == 13 / 4


def test_warm_up_counts_for_nothing() -> None:
    """Warm-up requests are in no metric, failed or not."""
    cold = make_trace(chunks_at(5000), warmup=True)
    run = make_run(cold, make_trace(warmup=True, failure=REFUSED), GOOD)
    assert len(run.traces) == 1
    assert run.metrics["ttft"].max == pytest.approx(0.05)
    assert run.metrics["error_rate"].mean == 0
    assert run.failures == Counter()


def test_failures_enter_no_latency() -> None:
    """What a failed request measured before it failed is in no distribution and no throughput."""
    failed = make_trace(chunks_at(1, 2), failure=REFUSED, cached_tokens=10)
    run = make_run(GOOD, failed, failed)
    assert (run.succeeded, run.failures) == (1, {("http_status", "HTTP 503: busy"): 2})
    assert run.metrics["ttft"].count == 1
    assert run.metrics["throughput_request"].mean == 1
    assert run.metrics["throughput_output"].mean == 3
    assert "cache_hit_rate" not in run.metrics


@pytest.mark.parametrize(("failed", "sent"), [(0, 4), (1, 3), (1, 100), (3, 10), (4, 4)])
def test_error_rate(failed: int, sent: int) -> None:
    """The error rate is exactly failed by sent, so that a limit of 0.01 allows one in a hundred."""
    bad = [make_trace(failure=REFUSED)] * failed
    assert make_run(*bad, *[GOOD] * (sent - failed)).metrics["error_rate"].mean == failed / sent


def test_nothing_succeeded() -> None:
    """A run of failures has an error rate and a request throughput of zero, and nothing else."""
    metrics = make_run(make_trace(failure=REFUSED)).metrics
    assert {name: summary.mean for name, summary in metrics.items()} == {
        "throughput_request": 0,
        "error_rate": 1,
    }


def test_token_throughput_needs_every_count() -> None:
    """One request without counts makes token throughput unknown, not smaller."""
    silent = make_trace(chunks_at(50), output_tokens=None)
    assert "throughput_output" not in make_run(GOOD, silent).metrics
    unprompted = make_trace(chunks_at(50), prompt_tokens=None)
    metrics = make_run(GOOD, unprompted, gpus=1).metrics
    assert "throughput_output" in metrics
    assert "throughput_total" not in metrics
    assert "throughput_total_per_gpu" not in metrics


def test_cache_hit_rate() -> None:
    """Cached by prompt tokens, over those requests for which the server says both."""
    half, none = (make_trace(chunks_at(5), cached_tokens=cached) for cached in (5, 0))
    unknown = make_trace(chunks_at(5), cached_tokens=9, prompt_tokens=None)
    assert make_run(half, none, unknown, GOOD).metrics["cache_hit_rate"].mean == 0.25
    assert "cache_hit_rate" not in make_run(GOOD, unknown).metrics


def test_order_is_that_of_the_registry() -> None:
    """Reports print metrics in one order, the registry's."""
    names = list(make_run(GOOD, gpus=1).metrics)
    assert names == [name for name in METRICS if name in names]


def test_pool() -> None:
    """Runs are pooled request by request, and scalars run by run."""
    slow = make_trace(chunks_at(100))
    pooled = pool([make_run(GOOD, GOOD), make_run(slow)])
    assert pooled["ttft"].count == 3
    assert pooled["ttft"].max == pytest.approx(0.1)
    assert (pooled["throughput_request"].count, pooled["throughput_request"].mean) == (2, 1.5)


def test_window_of_no_length() -> None:
    """A window without length divides by no zero."""
    assert make_run(GOOD, seconds=0).metrics["throughput_request"].mean == 0


def test_window_of_the_run() -> None:
    """A load that cannot have been steady has the whole run for its window, and says so; a ramp does not."""
    outcome = LoadOutcome([GOOD, GOOD], START, START + 1000 * MS, 0.1)
    run = measure_run(outcome, gpus=0, concurrency=2)
    assert (run.began, run.ended) == (outcome.began, outcome.ended)
    assert run.note.startswith("the run never reached a steady state")
    assert measure_run(outcome, gpus=0, concurrency=None, steady=False).note == ""


def test_goodput() -> None:
    """Requests within their service levels are counted where there are some."""
    slow = make_trace(chunks_at(700, 710))
    outcome = LoadOutcome([GOOD, slow], START, START + 1000 * MS, 0.1)
    assert "goodput" not in measure_run(outcome, gpus=0).values
    run = measure_run(outcome, gpus=0, slos=parse_slos("ttft.p99=500ms"))
    assert list(run.values["goodput"]) == [1.0]
