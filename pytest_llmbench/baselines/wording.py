"""Numbers and verdicts in words: what a person reads of a comparison."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from pytest_llmbench.counting import counted
from pytest_llmbench.metrics.registry import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.records import MetricComparison, ResultRecord, VerdictRecord

__all__ = [
    "PLAIN_THRESHOLD",
    "change_text",
    "comparison_text",
    "format_p",
    "format_value",
    "interval_text",
    "judged_message",
    "one_start_text",
    "percent",
    "rule_text",
]

PLAIN_THRESHOLD = "plain threshold, not a statistical test"
"""How too few sessions are judged; said wherever such a verdict is shown."""

_MOST_TREATMENTS = 3
_OF_COMPARISONS = ("--bench-compare-fail", "--bench-inconclusive", "--bench-allow-mismatch")
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
    rounded = abs(float(f"{value:.2e}"))  # 99.97 has the decimals of 100
    decimals = max(0, 2 - math.floor(math.log10(rounded)))
    return f"{value:.{min(decimals, 6)}f}"


def comparison_text(comparison: MetricComparison) -> str:
    """Say one metric: `ttft.p50 +15 % (12.1 ms -> 13.9 ms, +9.1 to +21 %, p 0.0003)`."""
    known = METRICS.get(comparison.metric.partition(".")[0])
    unit = known.unit if known else ""
    before, now = format_value(comparison.baseline, unit), format_value(comparison.candidate, unit)
    if comparison.p is not None:
        sure = f"{interval_text(comparison)}, {format_p(comparison.p)}"
    else:
        sign = "-" if known and known.direction == "higher" else "+"
        sure = f"limit {sign}{comparison.limit * 100:.3g}{'' if unit == 'ratio' else ' %'}"
    return f"{comparison.metric} {change_text(comparison)} ({before} -> {now}, {sure})"


def one_start_text(comparison: MetricComparison) -> str:
    """Say that one start alone was so slow: `ttft.p50 +18 %, the median start +1.2 %`; else nothing."""
    if comparison.median is None or comparison.verdict != "inconclusive" or comparison.advisory:
        return ""
    what = "pair" if comparison.rule == "pairs" else "start"
    return f"{comparison.metric} {change_text(comparison)}, the median {what} {percent(comparison.median)}"


def interval_text(comparison: MetricComparison) -> str:
    """Say between which changes the true one lies: `+9.1 to +21 %`; empty without statistics."""
    if comparison.low is None or comparison.high is None:
        return ""
    return f"{percent(comparison.low).removesuffix(' %')} to {percent(comparison.high)}"


def percent(change: float) -> str:
    """Write a fraction with a sign: `+9.1 %`, `-23 %`."""
    return f"{change * 100:+.1f} %" if abs(change * 100) < _PERCENT_DIGITS else f"{change * 100:+.0f} %"


def format_p(p: float) -> str:
    """Write a p-value with the two digits that mean something: `p 0.013`, `p < 1e-6`."""
    return "p < 1e-6" if p < 1e-6 else f"p {p:.2g}"  # noqa: PLR2004 - beyond it nobody asks


def rule_text(verdict: VerdictRecord) -> str:
    """Say how it was decided, in half a line."""
    comparison = next((c for c in verdict.comparisons if c.rule != "threshold"), None)
    if comparison is None or comparison.alpha is None:
        return PLAIN_THRESHOLD
    if verdict.rule == "pairs":
        return f"paired t test, alpha {comparison.alpha:.2g}"
    judged = "one session" if verdict.sessions == 1 else f"{verdict.sessions} sessions"
    against = counted(verdict.baseline_sessions, "session")
    return f"t test of {judged} against {against}, alpha {comparison.alpha:.2g}"


def change_text(comparison: MetricComparison) -> str:
    """Say how far it moved: `+212 %`, `-1.3 %`, `+4.2 points` for a ratio, `up from zero`."""
    known = METRICS.get(comparison.metric.partition(".")[0])
    if known and known.unit == "ratio":
        return f"{(comparison.candidate - comparison.baseline) * 100:+.3g} points"
    if comparison.change is None:
        return "up from zero" if comparison.candidate else "still zero"
    return percent(comparison.change)


def judged_message(result: ResultRecord, verdict: VerdictRecord, again: Sequence[str] = ()) -> str:
    """Explain a failed comparison in at most ten lines, the metrics in the first.

    It says against what, how it was decided and how sure that is, what else was compared, what differs in
    treatment and what to do next; `again` are the options with which the same is measured again.
    """
    told = [c for c in verdict.comparisons if c.verdict == verdict.verdict and not c.advisory]
    others = [c for c in verdict.comparisons if c not in told]
    against = _against(verdict)
    lines = [
        "; ".join(comparison_text(c) for c in told) or verdict.message,
        f"{result.cell}: {verdict.verdict} against {against}",
    ]
    if verdict.comparisons:
        lines.append(f"decided by a {rule_text(verdict)}" + _seen(told or verdict.comparisons))
        if verdict.rule == "threshold":
            lines[-1] += ": one noisy run can cross it"
    notes = [f"set aside {text}" for text in verdict.set_aside]
    notes += [
        f"one start decides nothing: {text}" for c in verdict.comparisons if (text := one_start_text(c))
    ]
    if told and verdict.message not in {"", PLAIN_THRESHOLD}:
        notes.insert(0, verdict.message)
    if notes:
        lines.append("; ".join(notes))
    if others:
        lines.append(
            "also compared: "
            + ", ".join(
                f"{c.metric} {change_text(c)} ({'advisory' if c.advisory else c.verdict})" for c in others
            )
        )
    if verdict.rule == "pairs" and not verdict.comparisons:
        return "\n".join(lines)
    lines += _suspects(verdict)
    if verdict.rule == "pairs":
        return "\n".join([*lines, "next: run it again, or with more pairs: --bench-replicates=10"])
    rerun = shlex.join(
        ["pytest", "-m", "bench", result.nodeid, *again, f"--bench-compare={verdict.baseline}"]
    )
    return "\n".join([*lines, f"next: run it again: {rerun}", _accept(verdict, again)])


def _against(verdict: VerdictRecord) -> str:
    if verdict.rule == "pairs":
        return f"side A of this session ({verdict.baseline})"
    return f"baseline {verdict.baseline!r} ({counted(verdict.baseline_sessions, 'session')})"


def _seen(comparisons: Sequence[MetricComparison]) -> str:
    found = [f"{c.metric} {c.detectable * 100:.1f} %" for c in comparisons if c.detectable is not None]
    return f"; it sees changes from {', '.join(found)} on" if found else ""


def _suspects(verdict: VerdictRecord) -> list[str]:
    if not verdict.treatment:
        return ["nothing recorded differs: same version, image, arguments and environment variables"]
    shown = verdict.treatment[:_MOST_TREATMENTS]
    rest = len(verdict.treatment) - len(shown)
    lines = [f"differs: {text}" for text in shown]
    if rest:
        lines[-1] += f" (and {rest} more)"
    return lines


def _accept(verdict: VerdictRecord, again: Sequence[str]) -> str:
    # Sessions of one treatment are averaged, so one more of it would only move the baseline part of the
    # way; and a report's path is not a name to save under.
    if verdict.treatment and verdict.baseline and "/" not in verdict.baseline:
        measured = [word for word in again if not word.startswith(_OF_COMPARISONS)]
        save = shlex.join(["pytest", "-m", "bench", *measured, f"--bench-save={verdict.baseline}"])
        return f"if it is meant to be so, accept it: {save}"
    return "if the machine has changed, record it under a new name: pytest -m bench --bench-save=NAME"
