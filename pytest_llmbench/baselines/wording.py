"""Numbers and verdicts in words: what a person reads of a comparison."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from pytest_llmbench.metrics.registry import METRICS

if TYPE_CHECKING:
    from pytest_llmbench.records import MetricComparison, ResultRecord, VerdictRecord

__all__ = ["PLAIN_THRESHOLD", "change_text", "comparison_text", "format_value", "regression_message"]

PLAIN_THRESHOLD = "plain threshold, not a statistical test"
"""How the first version decides; said wherever a verdict is shown."""

_MOST_TREATMENTS = 3
_PERCENT_DIGITS = 10
_TIME_UNITS = ((1.0, "s"), (1e3, "ms"), (1e6, "µs"))


def format_value(value: float, unit: str) -> str:
    """Write a value of a registry unit for a person: `12.1 ms`, `1.23 s`, `701 tok/s`, `2.5 %`."""
    if unit == "ratio":
        return f"{_digits(value * 100)} %"
    if unit == "s":
        scale, unit = next((x for x in _TIME_UNITS if abs(value) >= 1 / x[0]), (1e3, "ms"))
        value *= scale
    return f"{_digits(value)} {unit}".rstrip()


def _digits(value: float) -> str:
    """Three significant digits, never an exponent."""
    if not value:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(decimals, 6)}f}"


def comparison_text(comparison: MetricComparison) -> str:
    """Say one metric: `ttft.p50 +212 % (12.1 ms -> 37.8 ms, limit +10 %)`."""
    known = METRICS.get(comparison.metric.partition(".")[0])
    unit = known.unit if known else ""
    sign = "-" if known and known.direction == "higher" else "+"
    before, now = format_value(comparison.baseline, unit), format_value(comparison.candidate, unit)
    allowed = f"limit {sign}{comparison.limit * 100:.3g}{'' if unit == 'ratio' else ' %'}"
    return f"{comparison.metric} {change_text(comparison)} ({before} -> {now}, {allowed})"


def change_text(comparison: MetricComparison) -> str:
    """Say how far it moved: `+212 %`, `-1.3 %`, `+4.2 points` for a ratio, `up from zero`."""
    known = METRICS.get(comparison.metric.partition(".")[0])
    if known and known.unit == "ratio":
        return f"{(comparison.candidate - comparison.baseline) * 100:+.3g} points"
    if comparison.change is None:
        return "up from zero" if comparison.candidate else "still zero"
    percent = comparison.change * 100
    return f"{percent:+.1f} %" if abs(percent) < _PERCENT_DIGITS else f"{percent:+.0f} %"


def regression_message(result: ResultRecord, verdict: VerdictRecord) -> str:
    """Explain a failed comparison in at most ten lines, the metrics in the first.

    It says against what, how it was decided, what else was compared, what differs in treatment and what
    to do next.
    """
    worse = [c for c in verdict.comparisons if c.verdict == "regressed"]
    others = [c for c in verdict.comparisons if c.verdict != "regressed"]
    count = verdict.baseline_sessions
    sessions = "1 session" if count == 1 else f"{count} sessions"
    rerun = f"pytest -m bench {shlex.quote(result.nodeid)} --bench-compare={verdict.baseline}"
    lines = [
        "; ".join(comparison_text(c) for c in worse) or verdict.message,
        f"{result.cell}: {verdict.verdict} against baseline {verdict.baseline!r} ({sessions})",
        f"decided by a {PLAIN_THRESHOLD}: one noisy run can cross it",
    ]
    if worse and verdict.message not in {"", PLAIN_THRESHOLD}:
        lines.append(verdict.message)
    if others:
        lines.append(
            "also compared: " + ", ".join(f"{c.metric} {change_text(c)} ({c.verdict})" for c in others)
        )
    lines += _suspects(verdict)
    lines += [f"next: run it again: {rerun}", _accept(verdict)]
    return "\n".join(lines)


def _suspects(verdict: VerdictRecord) -> list[str]:
    if not verdict.treatment:
        return ["nothing recorded differs: same version, image, arguments and environment variables"]
    shown = verdict.treatment[:_MOST_TREATMENTS]
    rest = len(verdict.treatment) - len(shown)
    lines = [f"differs: {text}" for text in shown]
    if rest:
        lines[-1] += f" (and {rest} more)"
    return lines


def _accept(verdict: VerdictRecord) -> str:
    # Sessions of one treatment are averaged, so one more of it would only move the baseline part of the
    # way; and a report's path is not a name to save under.
    if verdict.treatment and verdict.baseline and "/" not in verdict.baseline:
        return f"if it is meant to be so, accept it: pytest -m bench --bench-save={verdict.baseline}"
    return "if the machine has changed, record it under a new name: pytest -m bench --bench-save=NAME"
