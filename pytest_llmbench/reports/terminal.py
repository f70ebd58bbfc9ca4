"""The terminal summary: what was measured, how it compares, what was not measured and why."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.text import Text

from pytest_llmbench.reports.capacity_lines import capacity_lines
from pytest_llmbench.reports.comparison_table import comparison_table
from pytest_llmbench.reports.eval_lines import eval_lines
from pytest_llmbench.reports.findings import comparison_lines, names_of, problem_lines, unmeasured_lines
from pytest_llmbench.reports.lines import Line, fold
from pytest_llmbench.reports.results_table import results_table
from pytest_llmbench.reports.tables import STYLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rich.console import RenderableType

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
    speeds = [result for result in results if result.evaluation is None]
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
        comparison_table(speeds, width),
        [*_folded(comparison_lines(speeds, unmeasured, names), width)],
        [*_folded(capacity_lines(results, names), width)],
        [*_folded(eval_lines(results, names), width)],
        [*_folded(others, width)],
    ]
    text = "\n".join(_render(parts, width=width, color=color) for parts in sections if parts)
    paths = [
        f"{name + ':':<8}{path}\n"
        for name, path in (("report", report), ("junit", junit))
        if path is not None
    ]
    return text + ("\n" if text and paths else "") + "".join(paths)


def _folded(lines: Iterable[Line], width: int) -> list[Text]:
    folded: list[Text] = []
    for label, style, text in lines:
        told = fold(f"{label}: {text}", width) if label else fold(text, width, "  ")
        folded += [Text(line) for line in told]
        if label:
            folded[-len(told)].stylize(STYLES[style] or "bold", 0, len(label) + 1)
    return folded


def _render(parts: Sequence[RenderableType], *, width: int, color: bool) -> str:
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
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())
