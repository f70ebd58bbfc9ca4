"""A pivot at the terminal: the answer, then a table a metric."""

from __future__ import annotations

from string import ascii_uppercase
from typing import TYPE_CHECKING

from rich.text import Text

from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.reports.lines import Line, fold
from pytest_llmbench.reports.pivot_wording import ahead, alone_texts, answer, basis_texts, ratio_text
from pytest_llmbench.reports.rendering import folded, render
from pytest_llmbench.reports.results_table import load_column
from pytest_llmbench.reports.tables import NOTHING, STYLES, Cell, Column, Group, decimals, fits, grouped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from pytest_llmbench.baselines.pairing import Pair, Place
    from pytest_llmbench.baselines.pivot import Pivot

__all__ = ["metric_head", "metric_scale", "render_pivot", "told_metrics"]

_TWO = 2


def told_metrics(pivot: Pivot, metrics: Sequence[str]) -> list[str]:
    """Leave out the metrics that no pair has."""
    return [key for key in metrics if any(key in pair.comparisons for pair in pivot.pairs)]


def metric_scale(key: str) -> tuple[float, str]:
    """Say by what to multiply a metric's values, and the unit they are in then."""
    unit = METRICS[key.partition(".")[0]].unit
    return (1e3, "ms") if unit == "s" else (100, "%") if unit == "ratio" else (1, unit)


def metric_head(key: str) -> str:
    """Title of a metric's table: `ttft.p50, ms (lower is better)`."""
    direction = METRICS[key.partition(".")[0]].direction
    return f"{key}, {metric_scale(key)[1]}{f' ({direction} is better)' * (direction != 'none')}"


def render_pivot(pivot: Pivot, metrics: Sequence[str], *, width: int = 80, color: bool = False) -> str:
    """Render as text that ends in a newline: the answer first."""
    metrics = told_metrics(pivot, metrics)
    sections: list[list[RenderableType]] = [_answers(pivot, metrics, width)]
    sections += [_tables(pivot, key, width) for key in metrics]
    notes = [Line("basis", "none", text) for text in basis_texts(pivot.pairs)]
    problems = dict.fromkeys(f"{pair.a} and {pair.b}: {pair.problem}" for pair in pivot.pairs if pair.problem)
    notes += [Line("not compared", "none", text) for text in problems]
    notes += [Line("alone", "none", text) for text in alone_texts(pivot)]
    if pivot.unknown:
        text = f"recorded by an earlier version, measure them once more: {', '.join(pivot.unknown)}"
        notes.append(Line("unknown", "none", text))
    sections.append([*folded(notes, width)])
    return "\n".join(render(parts, width=width, color=color) for parts in sections if parts)


def _answers(pivot: Pivot, metrics: Sequence[str], width: int) -> list[RenderableType]:
    lines: list[RenderableType] = []
    several = len(pivot.columns) > _TWO
    told: dict[str, dict[str, list[str]]] = {}
    for key in metrics:
        for series in pivot.lines(key):
            of = told.setdefault(series.group, {}).setdefault(series.workload, [])
            pair = f"{series.a} or {series.b}, " if several else ""
            of.append(f"{pair}{key}: {answer(series)}")
    for group, workloads in told.items():
        lines.append(Text(f"{group or pivot.axis}: {' or '.join(pivot.columns)}?", "bold"))
        for workload, texts in workloads.items():
            lines.append(Text(f"  {workload}"))
            lines += [Text(line) for text in texts for line in fold(text, width, "    ")]
    return lines


def _tables(pivot: Pivot, key: str, width: int) -> list[RenderableType]:
    pairs = [pair for pair in pivot.pairs if key in pair.comparisons]
    places = list(dict.fromkeys(pair.place for pair in pairs))
    names = dict(zip(pivot.columns, pivot.columns, strict=True))
    legend: list[Text] = []
    if not all(fits(columns, width) for columns in _layouts(pivot, key, places, pairs, names)):
        names = dict(zip(pivot.columns, ascii_uppercase, strict=False))
        legend = [Text(f"  {letter}: {column}", "dim") for column, letter in names.items()]
    lines: list[RenderableType] = [Text(metric_head(key), "bold"), *legend]
    for columns, rows in zip(
        _layouts(pivot, key, places, pairs, names), (places, [pair.place for pair in pairs]), strict=False
    ):
        sizes: dict[str, int] = {}
        for place in rows:
            sizes[place.group] = sizes.get(place.group, 0) + 1
        lines += grouped(columns, [Group(group, "", size) for group, size in sizes.items()], width)
    return lines


def _layouts(
    pivot: Pivot, key: str, places: Sequence[Place], pairs: Sequence[Pair], names: Mapping[str, str]
) -> list[list[Column]]:
    """One table where there is one pair, else one of values and one of pairs."""
    values = _values(pivot, key, places, names)
    if len(pivot.columns) == _TWO:
        return [[*_names(pivot, places), *values, *_ratios(pairs, key, names)]]
    couples = [Cell(f"{names[pair.b]} / {names[pair.a]}") for pair in pairs]
    return [
        [*_names(pivot, places), *values],
        [
            *_names(pivot, [pair.place for pair in pairs]),
            Column(("", "pair"), couples, left=True),
            *_ratios(pairs, key, names),
        ],
    ]


def _names(pivot: Pivot, places: Sequence[Place]) -> list[Column]:
    streams = [pivot.concurrency[place] for place in places]
    return [
        Column(("", "workload"), [Cell(place.workload) for place in places], left=True),
        load_column([place.load for place in places], streams),
    ]


def _values(pivot: Pivot, key: str, places: Sequence[Place], names: Mapping[str, str]) -> list[Column]:
    scale, _ = metric_scale(key)
    columns = []
    for column in pivot.columns:
        found = [pivot.values.get((place, column), {}).get(key) for place in places]
        numbers = decimals([None if value is None else value * scale for value in found])
        columns.append(Column(("", names[column]), numbers))
    return columns


def _ratios(pairs: Sequence[Pair], key: str, names: Mapping[str, str]) -> list[Column]:
    found = [pair.comparisons[key] for pair in pairs]
    ratios = [NOTHING if one.change is None else ratio_text(1 + one.change) for one in found]
    spans = [
        NOTHING
        if one.low is None or one.high is None
        else f"{ratio_text(1 + one.low)} to {ratio_text(1 + one.high)}"
        for one in found
    ]
    told = [ahead(pair.comparisons[key], names[pair.a], names[pair.b]) for pair in pairs]
    couples = {f"{names[pair.b]} / {names[pair.a]}" for pair in pairs}
    return [
        Column(("", couples.pop() if len(couples) == 1 else "ratio"), [Cell(text) for text in ratios]),
        Column(("90 % sure it", "lies within"), [Cell(text) for text in spans]),
        Column(
            ("", "better"),
            [Cell(name, STYLES["improved"] if sure else "dim") for name, sure in told],
            left=True,
        ),
    ]
