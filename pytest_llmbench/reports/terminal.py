"""The terminal summary: what was measured, how it compares, what was not measured and why."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from pytest_llmbench.reports.lines import comparison_lines, problem_lines, unmeasured_lines, verdict_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from pytest_llmbench.records import ResultRecord
    from pytest_llmbench.reports.document import Document

__all__ = ["render_summary"]

NOTHING = "\N{EN DASH}"
"""Stands for a number there is not: absent, or a percentile the sample cannot carry."""

STYLES = {
    "pass": "green",
    "improved": "bold green",
    "regressed": "bold red",
    "missing": "bold red",
    "invalid": "bold yellow",
    "inconclusive": "yellow",
    "none": "",
}
_NARROWEST_WORKLOAD = 8
_FEW, _MANY = 10, 100


def render_summary(
    document: Document,
    *,
    width: int = 80,
    color: bool = False,
    report: Path | None = None,
    junit: Path | None = None,
) -> str:
    """Render as text ending in a newline; empty when there is nothing to tell.

    Lines fit `width` columns (80 shows everything), except for the paths of `report` and `junit`, which
    are where these were written and are never folded. With `color`, ANSI styles are included.
    """
    lines = [
        *problem_lines(document.results),
        *comparison_lines(document.results, document.unmeasured),
        *unmeasured_lines(document.unmeasured, {r.deployment.id for r in document.results}),
    ]
    if not document.session.complete:
        lines.append(("invalid", "this session did not run to its end: shown is what had finished"))
    parts: list[RenderableType] = _tables(document.results, width) if document.results else []
    if parts and lines:
        parts.append(Text())
    parts += [Text(text, STYLES[style]) for style, text in lines]
    paths = [
        f"{name + ':':<8}{path}" for name, path in (("report", report), ("junit", junit)) if path is not None
    ]
    return _render(parts, width=width, color=color) + "".join(f"{line}\n" for line in paths)


def _render(parts: Sequence[RenderableType], *, width: int, color: bool) -> str:
    if not parts:
        return ""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
        emoji=False,
        markup=False,
        # COLUMNS and NO_COLOR may say otherwise; the caller has looked at them already.
        _environ={},
    )
    console.print(Group(*parts))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


class _Row(NamedTuple):
    cells: tuple[str, ...]
    verdict: str


def _tables(results: Sequence[ResultRecord], width: int) -> list[RenderableType]:
    """A header, then the rows of each deployment below its id, in the order first measured."""
    gap = "itl" if all("tpot" not in result.metrics for result in results) else "tpot"
    header = (
        ("", "workload"),
        ("", "conc"),
        ("TTFT p50", "ms"),
        ("p99", "ms"),
        (f"{gap.upper()} p50", "ms"),
        ("E2E p50", "ms"),
        ("output", "tok/s"),
        ("failed", "%"),
        ("", "verdict"),
    )
    replicated = any(result.replicate > 1 for result in results)
    groups: dict[str, list[_Row]] = {}
    for result in results:
        groups.setdefault(result.deployment.id, []).append(_row(result, gap, replicated=replicated))
    every = [row.cells for rows in groups.values() for row in rows]
    widths = [max(len(text) for text in (*head, *(row[n] for row in every))) for n, head in enumerate(header)]
    # The numbers get what they need; the workload's name is folded into what is left.
    space = 2 if sum(widths) + 2 * (len(widths) - 1) <= width else 1
    rest = width - sum(widths[1:]) - space * (len(widths) - 1)
    widths[0] = max(min(widths[0], rest), _NARROWEST_WORKLOAD)
    head = [_Row(tuple(pair[line] for pair in header), "none") for line in (0, 1)]
    parts: list[RenderableType] = [_columns(head, widths, space, header=True)]
    for deployment, rows in groups.items():
        parts += [Text(deployment, "bold"), _columns(rows, widths, space)]
    return parts


def _columns(rows: Sequence[_Row], widths: Sequence[int], space: int, *, header: bool = False) -> Table:
    table = Table(box=None, show_header=False, padding=(0, space, 0, 0), pad_edge=False)
    last = len(widths) - 1
    for number, column in enumerate(widths):
        left = number in {0, last}
        table.add_column(width=column, justify="left" if left else "right", overflow="fold")
    for row in rows:
        *numbers, verdict = row.cells
        table.add_row(*numbers, Text(verdict, STYLES[row.verdict]), style="dim" if header else None)
    return table


def _row(result: ResultRecord, gap: str, *, replicated: bool) -> _Row:
    verdict = verdict_of(result)
    workload = f"{result.workload.id} r{result.replicate}" if replicated else result.workload.id
    errors = result.metrics.get("error_rate")
    return _Row(
        (
            workload,
            str(result.load.concurrency),
            _number(result, "ttft", "p50", 1000),
            _number(result, "ttft", "p99", 1000),
            _number(result, gap, "p50", 1000),
            _number(result, "e2e", "p50", 1000),
            _number(result, "throughput_output", "mean"),
            NOTHING if errors is None else f"{errors.mean * 100:.3g}",
            NOTHING if verdict == "none" else verdict,
        ),
        verdict,
    )


def _number(result: ResultRecord, metric: str, stat: str, scale: float = 1) -> str:
    record = result.metrics.get(metric)
    value: float | None = getattr(record, stat) if record is not None else None
    if value is None:
        return NOTHING
    value *= scale
    if abs(value) < _FEW:
        return f"{value:.2f}"
    return f"{value:.1f}" if abs(value) < _MANY else f"{value:.0f}"
