"""A result's headline numbers as JUnit properties: scalars a CI system can chart and gate on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_llmbench.records import EvalRecord, ResultRecord

__all__ = ["HEADLINES", "properties"]

HEADLINES: dict[str, tuple[str, ...]] = {
    "ttft": ("p50", "p90", "p99"),
    "ttft_answer": ("p50",),
    "tpot": ("p50", "p99"),
    "itl": ("p50", "p99"),
    "chunk_gap": ("p99",),
    "e2e": ("p50", "p99"),
    "throughput_output": (),
    "throughput_total": (),
    "throughput_request": (),
    "throughput_output_per_gpu": (),
    "error_rate": (),
}
"""Metric to the statistics that become properties; none for a scalar, whose property is its bare name."""


def properties(result: ResultRecord) -> list[tuple[str, str | float]]:
    """List (name, value), in a fixed order.

    Numbers are plain, counts whole, metrics in the units of the registry: seconds for latencies
    (`ttft.p50`), tok/s and req/s for throughputs, a ratio from 0 to 1 for `error_rate`. A statistic the
    sample cannot carry has no property, so no value is ever null. `verdict` is a verdict's word, `valid` is
    `true` or `false`, and `invalid_because` is there only for a result that is not valid.
    """
    found: list[tuple[str, str | float]] = [
        ("cell", result.cell),
        ("model", result.deployment.model),
        ("backend", result.deployment.backend),
        ("workload", result.workload.id),
        ("concurrency", result.load.concurrency),
        ("replicate", result.replicate),
        ("requests", sum(run.sent for run in result.runs)),
    ]
    for name, stats in HEADLINES.items():
        record = result.metrics.get(name)
        if record is None:
            continue
        if not stats:
            found.append((name, record.mean))
        for stat in stats:
            value: float | None = getattr(record, stat)
            if value is not None:
                found.append((f"{name}.{stat}", value))
    if result.evaluation is not None:
        found += _scores(result.evaluation)
    found.append(("valid", "true" if result.validity.valid else "false"))
    if not result.validity.valid:
        found.append(("invalid_because", "; ".join(result.validity.reasons) or "no reason given"))
    found.append(("verdict", result.verdict.verdict))
    if result.verdict.baseline is not None:
        found.append(("baseline", result.verdict.baseline))
    return found


def _scores(evaluation: EvalRecord) -> list[tuple[str, str | float]]:
    """Scores as shares from 0 to 1 (`ifeval.strict`), what was asked, and what was cut off."""
    name = evaluation.name
    scores = evaluation.scores.items()
    return [
        ("eval", name),
        ("scorer", evaluation.scorer),
        ("prompts", evaluation.asked),
        ("truncated", evaluation.truncated),
        *((f"{name}.{score}", told.mean) for score, told in scores if told.mean is not None),
    ]
