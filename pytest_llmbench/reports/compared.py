"""One baseline or report against another: the terminal's table, Markdown and a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmbench.reports.comparison_markdown import (
    difference_lines,
    plain,
    remarks,
    verdict_rows,
)
from pytest_llmbench.reports.comparison_table import comparison_table, heading
from pytest_llmbench.reports.findings import comparison_lines
from pytest_llmbench.reports.lines import Line, Names
from pytest_llmbench.reports.rendering import folded, render
from pytest_llmbench.reports.rows import JudgedCell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from pytest_llmbench.baselines.comparing import Compared
    from pytest_llmbench.baselines.model import Baseline
    from pytest_llmbench.records import VerdictRecord

__all__ = ["compared_document", "compared_markdown", "render_compared"]


def _cells(compared: Compared, b: Baseline) -> list[JudgedCell]:
    found = []
    for cell, verdict in compared.verdicts.items():
        parts = b.parts.get(cell)
        deployment, _, rest = cell.partition("/")
        workload, _, load = rest.rpartition("/")
        found.append(
            JudgedCell(
                cell=cell,
                deployment=deployment,
                workload=parts.workload if parts else workload or rest,
                load=parts.load if parts else load,
                concurrency=parts.concurrency if parts else None,
                verdict=verdict,
            )
        )
    return found


def _others(compared: Compared, a: str, b: str) -> list[tuple[str, str]]:
    """Say which cells are not in the table, and why: (label, text)."""
    names = Names([*compared.verdicts, *compared.only_a, *compared.only_b, *compared.left_out])
    told = [("only in A", f"{names.counted(compared.only_a)}: not in {b}")] if compared.only_a else []
    told += [("only in B", f"{names.counted(compared.only_b)}: not in {a}")] if compared.only_b else []
    told += [("in both", f"session {session}: not compared with itself") for session in compared.shared]
    why: dict[str, list[str]] = {}
    for cell, reason in compared.left_out.items():
        why.setdefault(reason, []).append(cell)
    return told + [("left out", f"{names.counted(cells)}: {reason}") for reason, cells in why.items()]


def render_compared(
    compared: Compared,
    a: Baseline,
    b: Baseline,
    evals: Mapping[str, VerdictRecord],
    *,
    width: int = 80,
    color: bool = False,
) -> str:
    """Render as text that ends in a newline: the verdicts as after a session of tests."""
    cells = _cells(compared, b)
    names = Names(compared.verdicts)
    others = [
        Line("invalid", "invalid", f"{names.short(cell)}: {verdict.message.removeprefix('invalid: ')}")
        for cell, verdict in compared.verdicts.items()
        if verdict.verdict == "invalid"
    ]
    others += [Line(label, "none", text) for label, text in _others(compared, a.name, b.name)]
    sections: list[list[RenderableType]] = [
        comparison_table(cells, width),
        [*folded(comparison_lines(cells, (), names), width)],
        [*folded(_eval_lines(evals, a.name), width)],
        [*folded(others, width)],
    ]
    return "\n".join(render(parts, width=width, color=color) for parts in sections if parts)


def _eval_lines(evals: Mapping[str, VerdictRecord], against: str) -> list[Line]:
    names = Names(evals)
    lines = [Line("", "none", f"evals against baseline {against!r}, prompt by prompt:")] if evals else []
    for cell, verdict in evals.items():
        label = "not compared" if verdict.verdict == "none" else verdict.verdict
        text = "; ".join([verdict.message, *(f"differs: {change}" for change in verdict.treatment)])
        lines.append(Line(label, verdict.verdict, f"{names.some([cell])}: {text}"))
    return lines


def compared_markdown(
    compared: Compared, a: Baseline, b: Baseline, evals: Mapping[str, VerdictRecord]
) -> str:
    """Render for a job's summary or a comment; ends in a newline."""
    cells = _cells(compared, b)
    lines = [f"## {b.name} against {a.name}", ""]
    if cells:
        lines = [f"## {b.name} {heading(cells)}", "", *verdict_rows(cells), "", *difference_lines(cells)]
    lines += remarks(cells)
    lines += [f"- {label}: {plain(text)}" for label, _, text in _eval_lines(evals, a.name) if label]
    lines += [f"- {label}: {plain(text)}" for label, text in _others(compared, a.name, b.name)]
    return "\n".join(lines) + "\n"


def compared_document(
    compared: Compared, a: Baseline, b: Baseline, evals: Mapping[str, VerdictRecord]
) -> dict[str, Any]:
    """Tell programs the same."""
    return {
        "schema_version": "1.0",
        "a": {"name": a.name, "sessions": list(a.sessions)},
        "b": {"name": b.name, "sessions": list(b.sessions)},
        "cells": [
            {"cell": cell, **verdict.model_dump(mode="json")}
            for cell, verdict in {**compared.verdicts, **evals}.items()
        ],
        "only_a": list(compared.only_a),
        "only_b": list(compared.only_b),
        "left_out": dict(compared.left_out),
        "shared": list(compared.shared),
    }
