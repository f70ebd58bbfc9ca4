"""Made-up records, complete and valid, of which a test says only what it is about."""

from __future__ import annotations

from typing import Any

from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.records import (
    DeploymentRecord,
    LoadRecord,
    MetricRecord,
    ResultRecord,
    RunRecord,
    ServerRecord,
    ValidityRecord,
    VerdictRecord,
    WorkloadRecord,
)

__all__ = ["result_of", "summary"]


def summary(name: str, value: float, count: int = 32) -> MetricRecord:
    """Summarize a made-up sample around `value`; its p99 is carried from 100 values on."""
    known = METRICS[name]
    scalar = known.kind == "scalar"
    return MetricRecord(
        unit=known.unit,
        direction=known.direction,
        count=1 if scalar else count,
        mean=value,
        std=None if scalar else value / 10,
        min=value * 0.8,
        p50=value,
        p90=None if scalar else value * 1.2,
        p95=None if scalar else value * 1.3,
        p99=value * 1.5 if count >= 100 and not scalar else None,
        max=value * 1.6,
    )


def result_of(
    *,
    deployment: str = "tiny-glm.llama.tp01.gpux00",
    workload: str = "short",
    concurrency: int = 1,
    values: dict[str, float] | None = None,
    count: int = 32,
    **changes: object,
) -> ResultRecord:
    """Make a result of one run."""
    numbers = {"ttft": 0.0121, "tpot": 0.0013, "e2e": 0.14, "throughput_output": 701.2, "error_rate": 0.0}
    metrics = {name: summary(name, value, count) for name, value in (values or numbers).items()}
    run = RunRecord(started_at="2026-01-02T03:04:05Z", window_s=2.0, sent=count, failed=0, metrics=metrics)
    fields: dict[str, Any] = {
        "nodeid": f"bench_suites/test_latency.py::test_latency[{deployment}-{workload}]",
        "cell": f"{deployment}/{workload}/c{concurrency:03d}",
        "deployment": DeploymentRecord(
            id=deployment,
            model="tiny-glm",
            source="builtin:tiny-glm",
            backend="llama",
            version="b1",
            runtime="embedded",
            tp=1,
            pp=1,
            dp=1,
            ep=1,
            gpus=0,
            args={"ctx-size": 8192},
        ),
        "server": ServerRecord(served_model="m", ready_s=0.5, facts={"context_length": 8192}),
        "workload": WorkloadRecord(
            id=workload, input_tokens=None, output_tokens=100, endpoint="chat", temperature=0.0, seed=0
        ),
        "load": LoadRecord(
            kind="closed", id=f"c{concurrency:03d}", concurrency=concurrency, requests=count, warmup=2
        ),
        "metrics": metrics,
        "runs": (run,),
        "validity": ValidityRecord(
            valid=True,
            clock="kernel",
            merged_share=0.0,
            uncertainty_p99_s=1e-5,
            send_delay_p99_s=None,
            client_cpu_share=0.1,
        ),
        "verdict": VerdictRecord(verdict="none"),
    }
    return ResultRecord(**{**fields, **changes})
