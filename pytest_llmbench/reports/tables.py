"""Tables below a common header, one group of rows a deployment: numbers keep their digits, names fold."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

__all__ = ["NOTHING", "STYLES", "Cell", "Column", "Group", "decimals", "fits", "grouped"]

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
"""How a verdict looks."""

_NARROWEST_NAME = 8
_INDENT = 2
_FEW, _MANY = 10, 100


class Cell(NamedTuple):
    """A text and how it looks."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Column:
    """Two lines of header, the second often a unit, above the cells of all groups."""

    head: tuple[str, str]
    cells: Sequence[Cell]
    left: bool = False

    @property
    def width(self) -> int:
        """What its widest text needs."""
        return max(cell_len(text) for text in (*self.head, *(cell.text for cell in self.cells)))

    def text(self, cell: Cell) -> Text:
        """Place a cell; not left to rich, which strips the blanks that align points."""
        return Text(cell.text if self.left else cell.text.rjust(self.width), cell.style)


class Group(NamedTuple):
    """A heading over the next `size` rows; none if it has no title."""

    title: str
    facts: str
    size: int


def decimals(values: Sequence[float | None], style: str = "") -> list[Cell]:
    """Write a column of numbers with three digits each, point below point."""
    texts = [NOTHING if value is None else f"{value:.{_places(value)}f}" for value in values]
    tails = [len(text) - len(text.partition(".")[0]) for text in texts]
    return [
        Cell(text + " " * (max(tails) - tail), "dim" if text in {NOTHING, "0"} else style)
        for text, tail in zip(texts, tails, strict=True)
    ]


def _places(value: float) -> int:
    return 2 if 0 < abs(value) < _FEW else int(0 < abs(value) < _MANY)


def fits(columns: Sequence[Column], width: int) -> bool:
    """Whether nothing but the first column, which folds, would have to be cut."""
    return sum(column.width for column in columns[1:]) + len(columns) - 1 + _NARROWEST_NAME + _INDENT <= width


def grouped(columns: Sequence[Column], groups: Sequence[Group], width: int) -> list[RenderableType]:
    """Lay out a header, then each group below its heading; the first column folds into what is left."""
    widths = [column.width for column in columns]
    rest = width - _INDENT
    space = 2 if sum(widths) + 2 * (len(widths) - 1) <= rest else 1
    rest -= sum(widths[1:]) + space * (len(widths) - 1)
    widths[0] = max(min(widths[0], rest), _NARROWEST_NAME)

    def table(rows: Sequence[Sequence[Cell]]) -> Padding:
        table = Table(box=None, show_header=False, padding=(0, space, 0, 0), pad_edge=False)
        for wide in widths:
            table.add_column(width=wide, overflow="fold")
        for row in rows:
            table.add_row(*(column.text(cell) for column, cell in zip(columns, row, strict=True)))
        return Padding(table, (0, 0, 0, _INDENT))

    parts: list[RenderableType] = [
        table([[Cell(column.head[line], "dim") for column in columns] for line in (0, 1)])
    ]
    rows = list(zip(*(column.cells for column in columns), strict=True))
    ends = [sum(group.size for group in groups[:n]) for n in range(len(groups) + 1)]
    for group, (start, end) in zip(groups, pairwise(ends), strict=True):
        parts += [*_heading(group, width), table(rows[start:end])]
    return parts


def _heading(group: Group, width: int) -> list[Text]:
    if not group.title:
        return []
    if not group.facts:
        return [Text(group.title, "bold")]
    if cell_len(f"{group.title}  {group.facts}") <= width:
        return [Text.assemble((group.title, "bold"), "  ", (group.facts, "dim"))]
    return [Text(group.title, "bold"), Text(group.facts, "dim")]
