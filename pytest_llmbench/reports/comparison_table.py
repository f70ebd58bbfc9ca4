"""The table of how results compare with the baseline: a row a gated metric of each judged cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from pytest_llmbench.baselines.wording import change_text, interval_text, rule_text
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.reports.lines import fold
from pytest_llmbench.reports.results_table import load_column
from pytest_llmbench.reports.tables import NOTHING, STYLES, Cell, Column, Group, grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from pytest_llmbench.records import MetricComparison
    from pytest_llmbench.reports.rows import JudgedCell

__all__ = ["comparison_table", "decisive", "heading", "metric_name", "shown"]

_SHORT = {
    "throughput_output": "output",
    "throughput_total": "total",
    "throughput_request": "requests",
    "error_rate": "failed",
}
_BRIEF = {"+0.0 %": "0.0 %", "-0.0 %": "0.0 %"}
_ORDER = ("regressed", "missing", "invalid", "inconclusive", "improved", "pass", "none")
_MOST_ROWS = 40


def comparison_table(told: Sequence[JudgedCell], width: int) -> list[RenderableType]:
    """Lay out what was judged; nothing when no comparison was asked for.

    Replicates are judged together, with the last of them, so a cell has one verdict. With many cells each has
    one row, of the metric that decided.
    """
    if all(one.verdict.baseline is None for one in told):
        return []
    groups: dict[str, list[JudgedCell]] = {}
    for one in told:
        if one.verdict.verdict != "none":
            groups.setdefault(one.deployment, []).append(one)
    cells = [one for group in groups.values() for one in group]
    lines: list[RenderableType] = [Text(line, "bold") for line in fold(heading(told), width)]
    if not cells:
        return lines
    brief = sum(len(shown(one)) for one in cells) > _MOST_ROWS
    rows: list[tuple[JudgedCell, MetricComparison | None]] = []
    sizes = dict.fromkeys(groups, 0)
    for name, group in groups.items():
        for one in group:
            found = decisive(one) if brief else shown(one)
            rows += [(one, comparison) for comparison in found] or [(one, None)]
            sizes[name] += max(1, len(found))
    rules = ", ".join(sorted({rule_text(one.verdict) for one in cells if one.verdict.comparisons}))
    if rules:
        rules += "; one metric a cell is shown, that which decided" if brief else ""
        lines += [Text(line, "dim") for line in fold(rules, width)]
    return [*lines, *grouped(_columns(rows), [Group(name, "", size) for name, size in sizes.items()], width)]


def heading(told: Sequence[JudgedCell]) -> str:
    """Say against what, and how many cells came to which verdict, the worst first."""
    names = ", ".join(sorted({f"{r.verdict.baseline!r}" for r in told if r.verdict.baseline is not None}))
    counts = sorted({result.verdict.baseline_sessions for result in told if result.verdict.baseline_sessions})
    sides = any(one.side for one in told)
    sessions = ""
    if counts and not sides:
        span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        aside = len({text for result in told for text in result.verdict.set_aside})
        left_out = f", {aside} set aside" if aside else ""
        sessions = f" ({span} session{'s' * (counts[-1] != 1)}{left_out})"
    found = [one.verdict.verdict for one in told]
    outcome = ", ".join(
        f"{found.count(verdict)} {'not compared' if verdict == 'none' else verdict}"
        for verdict in _ORDER
        if verdict in found
    )
    tried = f" ({names})" if names else ""
    against = f"side B{tried} against side A" if sides else f"against baseline {names}"
    return f"{against}{sessions}: {outcome}"


def shown(judged: JudgedCell) -> list[MetricComparison]:
    """Take the comparisons of a cell that say something: a ratio that is and was zero does not."""
    found = judged.verdict.comparisons
    return [c for c in found if not _ratio(c.metric) or c.baseline or c.candidate]


def decisive(judged: JudgedCell) -> list[MetricComparison]:
    """Take the comparison that decided a cell's verdict; of several, the one with the smallest p."""
    deciding = [c for c in shown(judged) if not c.advisory]
    deciding.sort(key=lambda c: (_ORDER.index(c.verdict), 1.0 if c.p is None else c.p))
    return deciding[:1]


def _columns(rows: Sequence[tuple[JudgedCell, MetricComparison | None]]) -> list[Column]:
    names = []
    cells = [judged for judged, _ in rows]
    repeated = [bool(n) and cells[n - 1] is judged for n, judged in enumerate(cells)]
    for column in (
        Column(("", "workload"), [Cell(judged.workload) for judged in cells], left=True),
        load_column([judged.load for judged in cells], [judged.concurrency for judged in cells]),
    ):
        texts = [Cell("") if again else cell for cell, again in zip(column.cells, repeated, strict=True)]
        names.append(Column(column.head, texts, left=column.left))
    comparisons = [comparison for _, comparison in rows]
    columns = [
        *names,
        Column(("", "metric"), [_name(c) for c in comparisons], left=True),
        Column(("", "change"), [_change(c) for c in comparisons]),
    ]
    if any(c is not None and c.p is not None for c in comparisons):
        columns += [
            Column(("90 % sure it", "lies within"), [_interval(c) for c in comparisons]),
            Column(("sees", "from"), [_detectable(c) for c in comparisons]),
        ]
    else:
        columns.append(Column(("", "limit"), [_limit(c) for c in comparisons]))
    verdicts = [_verdict(judged, comparison) for judged, comparison in rows]
    return [*columns, Column(("", "verdict"), verdicts, left=True)]


def _verdict(judged: JudgedCell, comparison: MetricComparison | None) -> Cell:
    verdict = judged.verdict.verdict if comparison is None else comparison.verdict
    if comparison is not None and comparison.advisory:
        return Cell("advisory", "dim")
    return Cell(verdict, STYLES[verdict])


def _name(comparison: MetricComparison | None) -> Cell:
    if comparison is None:
        return Cell(NOTHING, "dim")
    return Cell(metric_name(comparison.metric))


def metric_name(key: str) -> str:
    """Write a metric as briefly as tables do: `TTFT p50`, `output`."""
    name, _, stat = key.partition(".")
    return f"{_SHORT.get(name, name if '_' in name else name.upper())} {stat}".rstrip()


def _change(comparison: MetricComparison | None) -> Cell:
    if comparison is None:
        return Cell(NOTHING, "dim")
    text = change_text(comparison)
    return Cell(_BRIEF.get(text, text), "" if comparison.verdict == "pass" else STYLES[comparison.verdict])


def _interval(comparison: MetricComparison | None) -> Cell:
    text = interval_text(comparison) if comparison is not None else ""
    return Cell(text or NOTHING, "" if text else "dim")


def _detectable(comparison: MetricComparison | None) -> Cell:
    if comparison is None or comparison.detectable is None:
        return Cell(NOTHING, "dim")
    return Cell(f"{comparison.detectable * 100:.1f} %")


def _limit(comparison: MetricComparison | None) -> Cell:
    if comparison is None:
        return Cell(NOTHING, "dim")
    number = f"{comparison.limit * 100:.3g}"
    return Cell(f"{number} point{'s' * (number != '1')}" if _ratio(comparison.metric) else f"{number} %")


def _ratio(metric: str) -> bool:
    known = METRICS.get(metric.partition(".")[0])
    return known is not None and known.unit == "ratio"
