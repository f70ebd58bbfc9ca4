"""From a result to its record."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pytest_llmbench.metrics.validity import check_validity
from pytest_llmbench.recording import record_result
from pytest_llmbench.records import ResultRecord
from pytest_llmbench.result import BenchResult
from pytest_llmbench.runtimes.server import Secret, Server
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.workload import Workload
from pytest_llmbench.workloads.loads import ArrivalProcess, Load
from tests.metrics.traces import REFUSED, chunks_at, make_run, make_trace

RUNS = (
    make_run(
        *[make_trace(chunks_at(50, 60, 70, uncertainty=1))] * 12,
        make_trace(failure=REFUSED),
        seconds=2,
        gpus=2,
    ),
    make_run(make_trace(chunks_at(50, 60, 70)), gpus=2),
)


@pytest.fixture
def result() -> BenchResult:
    """Give a result of two runs on two GPUs."""
    deployment = Deployment.model_validate(
        {
            "model": "m",
            "source": "builtin:m",
            "backend": "llama",
            "runtime": "embedded",
            "args": (("ctx-size", 4096),),
            "env": (("HF_TOKEN", "hf_secret"),),
        }
    )
    server = Server(
        deployment,
        "http://host",
        "m-1",
        facts={"slots": 4},
        api_key=Secret("sk-secret"),
        ready_seconds=1.5,
        log=Path("/somewhere/servers/one.log"),
    )
    return BenchResult(
        server=server,
        workload=Workload.model_validate({"id": "short", "in": 10, "out": 3, "temperature": 0.5, "seed": 7}),
        load=Load(concurrency=8, requests=13, warmup=2),
        runs=RUNS,
        validity=check_validity(RUNS, asked_prompt_tokens=10),
        replicate=3,
        started_at=("2026-01-02T03:04:05.000+00:00", "2026-01-02T03:04:06.000+00:00"),
    )


@pytest.fixture
def record(result: BenchResult) -> ResultRecord:
    """Give its record."""
    return record_result(result, "test_a.py::test_b", result.server.deployment)


def test_what_was_asked(record: ResultRecord, result: BenchResult) -> None:
    """Deployment, workload and load are those of the result."""
    assert (record.nodeid, record.cell, record.replicate) == ("test_a.py::test_b", result.cell, 3)
    assert record.deployment.id == result.server.deployment.id
    assert (record.deployment.args, record.deployment.env) == ({"ctx-size": 4096}, ("HF_TOKEN",))
    assert record.workload.model_dump() == {
        "id": "short",
        "input_tokens": 10,
        "output_tokens": 3,
        "endpoint": "chat",
        "temperature": 0.5,
        "seed": 7,
    }
    assert record.load.model_dump(exclude_none=True) == {
        "kind": "closed",
        "id": "c008",
        "concurrency": 8,
        "requests": 13,
        "warmup": 2,
    }


def test_open_loop(result: BenchResult) -> None:
    """The schedule's process and parameters are there; the number of requests is what was sent."""
    process = ArrivalProcess("poisson", 50.0)
    schedule = process.draw(seed="s", count=0, duration=1.0)
    load = Load(0, 16, 2, process, 1.0)
    opened = dataclasses.replace(result, load=load, arrivals=(schedule, schedule))
    record = record_result(opened, "test_a.py::test_b", result.server.deployment).load
    assert (record.kind, record.id, record.concurrency, record.duration_s) == (
        "open",
        "poisson.r0050",
        0,
        1.0,
    )
    assert record.arrivals == {"kind": "poisson", "rate": 50.0, "seed": "s", "duration": 1.0}
    assert record.requests == max(len(run.traces) for run in RUNS)


def test_what_ran(record: ResultRecord) -> None:
    """The server is there with its facts, its log relative to the session's folder."""
    assert record.server.model_dump() == {
        "served_model": "m-1",
        "ready_s": 1.5,
        "facts": {"slots": 4},
        "log": "servers/one.log",
    }


def test_metrics(record: ResultRecord, result: BenchResult) -> None:
    """Each summary becomes a record; what the sample cannot carry is null."""
    assert list(record.metrics) == list(result.metrics)
    ttft = record.metrics["ttft"]
    assert (ttft.unit, ttft.direction, ttft.count) == ("s", "lower", 13)
    assert ttft.p90 == result.ttft.p90
    assert (ttft.p95, ttft.p99) == (None, None)
    per_run = record.metrics["throughput_output_per_gpu"]
    assert per_run.count == 2
    assert per_run.mean == pytest.approx((36 / 2 / 2 + 3 / 1 / 2) / 2)


def test_runs(record: ResultRecord) -> None:
    """Each run has its own window, counts, failures and metrics."""
    first, second = record.runs
    assert (first.started_at, first.window_s) == ("2026-01-02T03:04:05.000+00:00", 2)
    assert (first.sent, first.failed) == (13, 1)
    assert [failure.model_dump() for failure in first.failures] == [
        {"kind": "http_status", "message": "HTTP 503: busy", "count": 1}
    ]
    assert first.metrics["ttft"].count == 12
    assert (second.failed, second.failures) == (0, ())


def test_validity(record: ResultRecord, result: BenchResult) -> None:
    """The evidence is the result's, whole."""
    evidence, kept = result.validity, record.validity
    assert kept.merged_share == evidence.merged_share == 24 / 26
    assert (kept.valid, kept.reasons, kept.notes) == (evidence.valid, evidence.reasons, evidence.notes)
    assert kept.uncertainty_p99_s == evidence.uncertainty_p99 == pytest.approx(0.001)
    assert (kept.send_delay_p99_s, kept.client_cpu_share, kept.clock) == (0, 0.1, "kernel")
    assert (kept.clock_step_s, kept.client_real_time, kept.client_cores) == (0, False, ())


def test_secrets_stay_out(record: ResultRecord) -> None:
    """No key and no value of the environment is in the record, which survives a round trip."""
    text = record.model_dump_json()
    assert "secret" not in text
    assert ResultRecord.model_validate_json(text) == record


def test_not_judged(record: ResultRecord) -> None:
    """A new record has no verdict."""
    assert record.verdict.verdict == "none"
