"""The table of how results compare with the baseline: a column a limited metric, a row a judged cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from pytest_llmbench.baselines.wording import PLAIN_THRESHOLD, change_text
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.reports.lines import fold
from pytest_llmbench.reports.results_table import name_columns
from pytest_llmbench.reports.rows import by_deployment, last_replicates, verdict_of
from pytest_llmbench.reports.tables import NOTHING, STYLES, Cell, Column, Group, fits, grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from pytest_llmbench.records import MetricComparison, ResultRecord

__all__ = ["comparison_table"]

_SHORT = {
    "throughput_output": "output",
    "throughput_total": "total",
    "throughput_request": "requests",
    "error_rate": "failed",
}
_BRIEF = {"up from zero": "from 0", "still zero": "0", "+0.0 %": "0.0 %", "-0.0 %": "0.0 %", "+0": "0"}
_ORDER = ("regressed", "missing", "invalid", "inconclusive", "improved", "pass", "none")


def comparison_table(results: Sequence[ResultRecord], width: int) -> list[RenderableType]:
    """Lay out what was judged; nothing when no comparison was asked for.

    Replicates are judged together, with the last of them, so a cell has one row. Where the columns do not
    fit, those in which nothing happened are left out, and the heading says how many.
    """
    if all(result.verdict.baseline is None for result in results):
        return []
    told = last_replicates(results)
    groups = by_deployment(result for result in told if verdict_of(result) != "none")
    rows = [result for group in groups.values() for result in group]
    metrics = _metrics(rows)
    verdicts = [Cell(verdict_of(result), STYLES[verdict_of(result)]) for result in rows]
    names, ends = name_columns(rows)[:2], Column(("", "verdict"), verdicts, left=True)

    def columns() -> list[Column]:
        return [*names, *(_column(rows, metric) for metric in metrics), ends]

    quiet = [metric for metric in metrics if _calm(rows, metric)]
    hidden = 0
    while rows and not fits(columns(), width) and len(metrics) > 1:
        metrics.remove(quiet.pop() if quiet else metrics[-1])
        hidden += 1
    heading = _heading(told, rows, hidden, width)
    if not rows:
        return heading
    return [*heading, *grouped(columns(), [Group(name, "", len(g)) for name, g in groups.items()], width)]


def _heading(
    told: Sequence[ResultRecord], rows: Sequence[ResultRecord], hidden: int, width: int
) -> list[RenderableType]:
    names = ", ".join(sorted({f"{r.verdict.baseline!r}" for r in told if r.verdict.baseline is not None}))
    counts = sorted({result.verdict.baseline_sessions for result in rows if result.verdict.baseline_sessions})
    sessions = ""
    if counts:
        span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        sessions = f" ({span} session{'s' * (counts[-1] != 1)})"
    found = [verdict_of(result) for result in told]
    outcome = ", ".join(
        f"{found.count(verdict)} {'not compared' if verdict == 'none' else verdict}"
        for verdict in _ORDER
        if verdict in found
    )
    heading = [Text(line, "bold") for line in fold(f"against baseline {names}{sessions}: {outcome}", width)]
    limits = {c.metric: _limit(c) for result in rows for c in result.verdict.comparisons}
    if limits:
        rule = f"{PLAIN_THRESHOLD}; limit{'s' * (len(limits) != 1)} " + ", ".join(
            f"{key} {text}" for key, text in limits.items()
        )
        if hidden:
            rule += f"; {hidden} column{'s' * (hidden != 1)} left out: see the report"
        heading += [Text(line, "dim") for line in fold(rule, width)]
    return list(heading)


def _limit(comparison: MetricComparison) -> str:
    percent = f"{comparison.limit * 100:.3g}"
    if not _ratio(comparison.metric):
        return f"{percent} %"
    return f"{percent} point{'s' * (percent != '1')}"


def _metrics(rows: Sequence[ResultRecord]) -> list[str]:
    """List the limited metrics; a ratio (of failures, mostly) only where it is not zero throughout."""
    found = dict.fromkeys(c.metric for result in rows for c in result.verdict.comparisons)
    return [
        metric
        for metric in found
        if not _ratio(metric) or any(c.baseline or c.candidate for c in _of(rows, metric) if c is not None)
    ]


def _column(rows: Sequence[ResultRecord], metric: str) -> Column:
    name, _, stat = metric.partition(".")
    head = (_SHORT.get(name, name if "_" in name else name.upper()), "points" if _ratio(metric) else stat)
    return Column(head, [_change(comparison) for comparison in _of(rows, metric)])


def _change(comparison: MetricComparison | None) -> Cell:
    if comparison is None:
        return Cell(NOTHING, "dim")
    text = change_text(comparison).removesuffix(" points")
    text = _BRIEF.get(text, text)
    return Cell(text, "" if comparison.verdict == "pass" else STYLES[comparison.verdict])


def _of(rows: Sequence[ResultRecord], metric: str) -> list[MetricComparison | None]:
    """Take one metric's comparison of every row, None where there is none."""
    return [next((c for c in r.verdict.comparisons if c.metric == metric), None) for r in rows]


def _calm(rows: Sequence[ResultRecord], metric: str) -> bool:
    return all(comparison is None or comparison.verdict == "pass" for comparison in _of(rows, metric))


def _ratio(metric: str) -> bool:
    known = METRICS.get(metric.partition(".")[0])
    return known is not None and known.unit == "ratio"
