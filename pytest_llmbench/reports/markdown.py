"""A session in Markdown, for a job's summary or a comment: verdicts first, then what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.baselines.wording import format_value
from pytest_llmbench.counting import counted
from pytest_llmbench.reports.comparison_markdown import (
    ICONS,
    difference_lines,
    plain,
    remarks,
    verdict_rows,
)
from pytest_llmbench.reports.comparison_table import heading
from pytest_llmbench.reports.lines import first_line
from pytest_llmbench.reports.rows import judged_cells, last_replicates, verdict_of
from pytest_llmbench.reports.tables import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmbench.records import ResultRecord
    from pytest_llmbench.reports.document import Document
    from pytest_llmbench.reports.rows import JudgedCell

__all__ = ["render_markdown"]

_HEADLINES = (("ttft", "p50"), ("ttft", "p99"), ("tpot", "p50"), ("throughput_output", "mean"))


def render_markdown(document: Document) -> str:
    """Render a session as GitHub and GitLab show it; ends in a newline."""
    told = [result for result in last_replicates(document.results) if result.deployment.side != "a"]
    compared = [one for one in judged_cells(document.results) if one.verdict.baseline is not None]
    lines = [f"## {_title(document, told, compared)}", ""]
    if not document.session.complete:
        lines += ["This session did not run to its end; shown is what had finished.", ""]
    missing = [(cell, record) for record in document.unmeasured for cell in record.missing]
    if compared or missing:
        lines += verdict_rows(compared)
        lines += [
            f"| {ICONS['missing']} missing | `{cell}` | | {plain(first_line(record.reason))} | | |"
            for cell, record in missing
        ]
        lines += ["", *difference_lines(compared)]
        lines += remarks(compared)
    lines += ["", "<details><summary>What was measured</summary>", "", *_numbers(told), "", "</details>", ""]
    lines.append(f"<sub>session {document.session.id} on {plain(document.environment.cpu)}</sub>")
    return "\n".join(lines) + "\n"


def _title(document: Document, told: Sequence[ResultRecord], compared: Sequence[JudgedCell]) -> str:
    if compared:
        return heading(compared)
    invalid = sum(verdict_of(result) == "invalid" for result in told)
    failed = sum(record.outcome != "skipped" for record in document.unmeasured)
    text = f"{counted(len(told), 'cell')} measured"
    text += f", {invalid} invalid" if invalid else ""
    return text + (f", {failed} failed" if failed else "")


def _numbers(results: Iterable[ResultRecord]) -> list[str]:
    lines = [
        "| cell | " + " | ".join(f"{name} {stat}" for name, stat in _HEADLINES) + " | |",
        "|---" * (len(_HEADLINES) + 2) + "|",
    ]
    for result in results:
        cells = []
        for name, stat in _HEADLINES:
            record = result.metrics.get(name)
            value: float | None = getattr(record, stat) if record is not None else None
            cells.append(NOTHING if value is None or record is None else format_value(value, record.unit))
        reasons = "; ".join(result.validity.reasons)
        lines.append(f"| `{result.cell}` | {' | '.join(cells)} | {plain(reasons)} |")
    return lines
