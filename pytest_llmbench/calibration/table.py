"""Calibration figures as a table: for the terminal, and in Markdown for documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmbench.calibration.figures import LevelFigures

__all__ = ["HEADERS", "NOTHING", "duration", "markdown", "relative", "row", "table"]

NOTHING = "\N{EN DASH}"

HEADERS = (
    "streams",
    "chunks/s",
    "delivered",
    "error p50",
    "p99",
    "max",
    "TTFT true",
    "reported",
    "error",
    "merged",
    "outside",
    "CPU s/M",
)


def row(level: LevelFigures) -> tuple[str, ...]:
    """Write one level's cells."""
    return (
        f"{level.streams:,}",
        f"{level.chunk_rate:,.0f}",
        f"{level.delivered:.1%}",
        duration(level.error_p50),
        duration(level.error_p99),
        duration(level.error_max),
        duration(level.ttft_true),
        duration(level.ttft_reported),
        relative(level.ttft_error),
        f"{level.merged_share:.2%}",
        f"{level.outside_share:.2%}" if level.outside_share else "0",
        f"{level.cpu_per_million:.1f}" if level.cpu_per_million is not None else NOTHING,
    )


def table(levels: Iterable[LevelFigures]) -> Table:
    """Lay out levels for the terminal."""
    laid = Table(box=None, pad_edge=False, header_style="dim")
    for header in HEADERS:
        laid.add_column(header, justify="right", no_wrap=True)
    for level in levels:
        laid.add_row(*row(level))
    return laid


def markdown(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown, numbers to the right."""
    lines = [headers, ["---:"] * len(headers), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def duration(seconds: float | None) -> str:
    """Write a duration in the unit that suits it."""
    if seconds is None:
        return NOTHING
    if abs(seconds) < 1e-3:  # noqa: PLR2004 - a millisecond
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms"


def relative(share: float | None) -> str:
    """Write a relative error with its sign."""
    return NOTHING if share is None else f"{share:+.2%}"
