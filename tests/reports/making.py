"""What befalls made-up results: comparisons, verdicts, notes, failures; and tests that were skipped."""

from __future__ import annotations

from typing import Any

from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.records import (
    FailureCount,
    MetricComparison,
    ResultRecord,
    UnmeasuredRecord,
    VerdictName,
    VerdictRecord,
)
from tests.records import summary

__all__ = ["compared", "judged", "noted", "skipped", "with_failures"]


def compared(metric: str, before: float, now: float, verdict: VerdictName = "pass") -> MetricComparison:
    """Compare with a limit of 10 %, or of one point."""
    known = METRICS[metric.partition(".")[0]]
    return MetricComparison(
        metric=metric,
        baseline=before,
        candidate=now,
        change=now / before - 1 if before else None,
        limit=0.01 if known.unit == "ratio" else 0.1,
        verdict=verdict,
    )


def judged(verdict: VerdictName, *comparisons: MetricComparison, **changes: object) -> VerdictRecord:
    """Judge against one session of `main`."""
    fields: dict[str, Any] = {
        "verdict": verdict,
        "rule": "threshold",
        "baseline": "main",
        "baseline_sessions": 1,
        "comparisons": comparisons,
    }
    return VerdictRecord(**{**fields, **changes})


def noted(result: ResultRecord, *notes: str, invalid: str = "") -> ResultRecord:
    """Add notes, or a reason not to trust it."""
    changes = {"notes": notes, "valid": not invalid, "reasons": (invalid,) if invalid else ()}
    return result.model_copy(update={"validity": result.validity.model_copy(update=changes)})


def with_failures(result: ResultRecord, *failures: tuple[str, str, int]) -> ResultRecord:
    """Let requests of the result's run fail."""
    counts = tuple(FailureCount(kind=kind, message=message, count=n) for kind, message, n in failures)
    failed = sum(f[2] for f in failures)
    run = result.runs[0].model_copy(update={"failed": failed, "failures": counts})
    rate = summary("error_rate", failed / run.sent)
    return result.model_copy(update={"runs": (run,), "metrics": {**result.metrics, "error_rate": rate}})


def skipped(deployment: str, reason: str, test: str = "t", **changes: object) -> UnmeasuredRecord:
    """Skip one test of a deployment."""
    fields: dict[str, Any] = {"nodeid": f"{test}[{deployment}]", "deployment": deployment, "reason": reason}
    return UnmeasuredRecord(**{"outcome": "skipped", **fields, **changes})
