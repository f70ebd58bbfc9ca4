"""The table of what was measured: a row a result, below its deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.reports.rows import by_deployment
from pytest_llmbench.reports.tables import STYLES, Cell, Column, Group, decimals, grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from pytest_llmbench.records import ResultRecord

__all__ = ["load_column", "results_table"]

_FACTS = {
    "threads": "{} threads",
    "context_length": "context {}",
    "quantization": "{}",
    "attention_backend": "{} attention",
}


def results_table(results: Sequence[ResultRecord], width: int) -> list[RenderableType]:
    """Lay out results in the order first measured, replicates of a cell side by side."""
    groups = by_deployment(results)
    rows = [result for group in groups.values() for result in group]
    gap = "itl" if all("tpot" not in result.metrics for result in rows) else "tpot"
    columns = [
        *_names(rows),
        _milliseconds(rows, "ttft", "p50"),
        _milliseconds(rows, "ttft", _tail(rows)),
        _milliseconds(rows, gap, "p50"),
        _milliseconds(rows, "e2e", "p50"),
        Column(
            ("output", "tok/s"), decimals([_value(result, "throughput_output", "mean") for result in rows])
        ),
    ]
    errors = [_value(result, "error_rate", "mean") for result in rows]
    if any(errors):
        percent = [None if rate is None else rate * 100 for rate in errors]
        columns.append(Column(("failed", "%"), decimals(percent, STYLES["regressed"])))
    if not all(result.validity.valid for result in rows):
        verdicts = ["" if result.validity.valid else "invalid" for result in rows]
        columns.append(
            Column(("", "verdict"), [Cell(text, STYLES["invalid"]) for text in verdicts], left=True)
        )
    return grouped(columns, [Group(name, _facts(g[0]), len(g)) for name, g in groups.items()], width)


def _names(rows: Sequence[ResultRecord]) -> list[Column]:
    """Say which cell a row is of, and which replicate where there are several."""
    loads = [result.load for result in rows]
    columns = [
        Column(("", "workload"), [Cell(result.workload.id) for result in rows], left=True),
        load_column(
            [load.id for load in loads],
            [load.concurrency if load.kind == "closed" else None for load in loads],
        ),
    ]
    if any(result.replicate > 1 for result in rows):
        columns.append(Column(("", "rep"), [Cell(str(result.replicate)) for result in rows]))
    return columns


def load_column(names: Sequence[str], streams: Sequence[int | None]) -> Column:
    """Say how many streams there were; where some loads are open, what each load is called."""
    if None not in streams:
        return Column(("", "conc"), [Cell(str(number)) for number in streams])
    return Column(("", "load"), [Cell(name) for name in names], left=True)


def _milliseconds(rows: Sequence[ResultRecord], metric: str, stat: str) -> Column:
    values = (_value(result, metric, stat) for result in rows)
    numbers = decimals([None if value is None else value * 1000 for value in values])
    return Column((metric.upper(), f"{stat} ms"), numbers)


def _tail(rows: Sequence[ResultRecord]) -> str:
    """Return the highest percentile that half of the samples carry and more: p99 takes 100 requests."""
    carried = {
        stat: sum(_value(row, "ttft", stat) is not None for row in rows) for stat in ("p99", "p95", "p90")
    }
    return next((stat for stat, count in carried.items() if count * 2 >= len(rows)), "p99")


def _value(result: ResultRecord, metric: str, stat: str) -> float | None:
    record = result.metrics.get(metric)
    value: float | None = getattr(record, stat) if record is not None else None
    return value


def _facts(result: ResultRecord) -> str:
    """Say what ran, as far as the server told: `xllamacpp 2026.10 · 1 thread · context 16384`."""
    known = result.server.facts
    version = str(known.get("version") or result.deployment.version or "")
    # The embedded engine's version names the wheel, the others' are bare.
    told = [version if " " in version else f"{result.deployment.backend} {version}"] if version else []
    told += [form.format(known[name]) for name, form in _FACTS.items() if known.get(name) is not None]
    return " · ".join("1 thread" if text == "1 threads" else text for text in told)
