"""A pivot for programs, and for a job's summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmbench.baselines.wording import format_value
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.reports.comparison_markdown import plain
from pytest_llmbench.reports.pivot_table import metric_head, told_metrics
from pytest_llmbench.reports.pivot_wording import ahead, alone_texts, answer, basis_texts, ratio_text
from pytest_llmbench.reports.tables import NOTHING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.baselines.pivot import Pivot

__all__ = ["pivot_document", "pivot_markdown"]


def pivot_markdown(pivot: Pivot, metrics: Sequence[str]) -> str:
    """Render as GitHub and GitLab show it; ends in a newline."""
    metrics = told_metrics(pivot, metrics)
    lines = [f"## {pivot.axis}: {plain(' or '.join(pivot.columns))}?", ""]
    for key in metrics:
        for series in pivot.lines(key):
            pair = f"{series.a} or {series.b}, " if len(pivot.columns) > 2 else ""  # noqa: PLR2004 - one pair
            where = " ".join(part for part in (series.group, series.workload) if part)
            lines.append(f"- {plain(f'{where}: {pair}{key}: {answer(series)}')}")
    for key in metrics:
        lines += ["", f"### {metric_head(key)}", "", *_table(pivot, key)]
    lines += ["", *(f"- basis: {text}" for text in basis_texts(pivot.pairs))]
    problems = dict.fromkeys(f"{pair.a} and {pair.b}: {pair.problem}" for pair in pivot.pairs if pair.problem)
    lines += [f"- not compared: {plain(text)}" for text in problems]
    lines += [f"- {plain(text)}" for text in alone_texts(pivot)]
    return "\n".join(lines) + "\n"


def _table(pivot: Pivot, key: str) -> list[str]:
    unit = METRICS[key.partition(".")[0]].unit
    lines = ["| | a | b | b / a | 90 % interval | better |", "|---|---|---|---|---|---|"]
    for pair in pivot.pairs:
        if (one := pair.comparisons.get(key)) is None:
            continue
        place = pair.place
        name = " ".join(part for part in (place.group, place.workload, place.load) if part)
        values = [
            f"{column}: {format_value(value, unit)}"
            for column, value in ((pair.a, one.baseline), (pair.b, one.candidate))
        ]
        ratio = NOTHING if one.change is None else ratio_text(1 + one.change)
        known = one.low is not None and one.high is not None
        span = f"{ratio_text(1 + (one.low or 0))} to {ratio_text(1 + (one.high or 0))}" if known else NOTHING
        cells = [name, *values, ratio, span, ahead(one, pair.a, pair.b)[0]]
        lines.append(f"| {' | '.join(map(plain, cells))} |")
    return lines


def pivot_document(pivot: Pivot, metrics: Sequence[str]) -> dict[str, Any]:
    """Tell programs all of it; durations in seconds, ratios of B to A as `change` + 1."""
    return {
        "schema_version": "1.0",
        "axis": pivot.axis,
        "columns": list(pivot.columns),
        "cells": [
            {
                **place._asdict(),
                "concurrency": pivot.concurrency[place],
                "values": {
                    column: {key: values[key] for key in metrics if key in values}
                    for column in pivot.columns
                    if (values := pivot.values.get((place, column))) is not None
                },
            }
            for place in pivot.places
        ],
        "pairs": [
            {
                **pair.place._asdict(),
                "a": pair.a,
                "b": pair.b,
                "rule": pair.rule,
                "count": pair.count,
                "problem": pair.problem or None,
                "comparisons": [one.model_dump(mode="json") for one in pair.comparisons.values()],
            }
            for pair in pivot.pairs
        ],
        "crossings": [
            {
                "group": series.group,
                "workload": series.workload,
                "a": series.a,
                "b": series.b,
                "metric": series.metric,
                "below": one.below,
                "above": one.above,
                "sure": one.sure,
                "at": one.at,
                "low": one.low,
                "high": one.high,
                "first": answer(series).partition(" ")[0],
            }
            for key in metrics
            for series in pivot.lines(key)
            for one in series.crossings
        ],
        "unknown": list(pivot.unknown),
    }
