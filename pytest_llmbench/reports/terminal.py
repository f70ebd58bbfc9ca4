"""The terminal summary: what was measured, how it compares, what was not measured and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.reports.capacity_curve import capacity_curve
from pytest_llmbench.reports.capacity_lines import capacity_lines
from pytest_llmbench.reports.comparison_table import comparison_table
from pytest_llmbench.reports.eval_lines import eval_lines
from pytest_llmbench.reports.findings import comparison_lines, names_of, problem_lines, unmeasured_lines
from pytest_llmbench.reports.lines import Line
from pytest_llmbench.reports.rendering import folded, render
from pytest_llmbench.reports.results_table import results_table
from pytest_llmbench.reports.rows import judged_cells

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from pytest_llmbench.records import ResultRecord
    from pytest_llmbench.reports.document import Document

__all__ = ["render_summary"]


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
    results, unmeasured = document.results, document.unmeasured
    names = names_of(results, unmeasured)
    judged = judged_cells(result for result in results if result.evaluation is None)
    others = [
        *problem_lines(results, names),
        *unmeasured_lines(unmeasured, {result.deployment.id for result in results}),
    ]
    if not document.session.complete:
        others.append(
            Line("incomplete", "invalid", "this session did not run to its end; shown is what had finished")
        )
    sections: list[list[RenderableType]] = [
        results_table(results, width) if results else [],
        comparison_table(judged, width),
        [*folded(comparison_lines(judged, unmeasured, names), width)],
        [*folded(capacity_lines(results, names), width), *_curves(results, width)],
        [*folded(eval_lines(results, names), width)],
        [*folded(others, width)],
    ]
    text = "\n".join(render(parts, width=width, color=color) for parts in sections if parts)
    paths = [
        f"{name + ':':<8}{path}\n"
        for name, path in (("report", report), ("junit", junit))
        if path is not None
    ]
    return text + ("\n" if text and paths else "") + "".join(paths)


def _curves(results: Sequence[ResultRecord], width: int) -> list[RenderableType]:
    """Draw what each search walked, titled where there are several."""
    searched = [result for result in results if result.search is not None]
    parts: list[RenderableType] = []
    for result in searched:
        title = f"{result.deployment.id} {result.workload.id}" if len(searched) > 1 else ""
        if result.search is not None:
            parts += capacity_curve(result.search, title, width)
    return parts
