"""What the summary says in sentences: a label and a text, cells that have the same to say in one line."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmbench.counting import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pytest_llmbench.records import VerdictName

__all__ = ["Line", "Names", "capped", "first_line", "fold", "shared"]

_MOST_LINES = 24
_MOST_NAMES = 5
_GLUE = "\N{NO-BREAK SPACE}"
_GLUED = re.compile(
    r"""(?<=\d)\ (?=(?:%|m?s|µs|tok/s|req/s|points?|not)(?!\w))  # a number and its unit
    | \ (?=\d[\d.]*\ (?:%|point))                              # and what it is of
    | (?<=[s%])\ (?=->\ \d) | (?<=->)\ (?=\d[\d.]*\ \S*[s%])        # what it was and what it is
    | (?<=not)\ (?=compared) | (?<=limit)\ (?=[+-]\d)
    | \ (?=c\d+\b)                                            # a workload and its load
    | (?<=pytest)\ (?=-m) | (?<=-m)\ (?=\w)                    # a command, which is there to be copied
    | (?<=-m\ bench)\ (?=--bench) | (?<=-m\ eval)\ (?=--bench)
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")


class Line(NamedTuple):
    """`label: text`, the label in the style of a verdict; without a label it continues the one above."""

    label: str
    style: VerdictName
    text: str


class Names:
    """Writes cells for a person: `short c001`, below their deployment where there are several."""

    def __init__(self, cells: Iterable[str]) -> None:
        """Know all cells that can be named."""
        self.all = set(cells)
        self.several = len({self.deployment(cell) for cell in self.all}) > 1

    @staticmethod
    def deployment(cell: str) -> str:
        """Take the first part."""
        return cell.rsplit("/", 2)[0]

    @staticmethod
    def short(cell: str) -> str:
        """Take workload and load."""
        return " ".join(cell.rsplit("/", 2)[1:]) or cell

    def some(self, cells: Collection[str]) -> str:
        """Name a few cells and count the others; `all 6 cells` where none is left out."""
        cells = list(dict.fromkeys(cells))
        if len(cells) == len(self.all) > 1:
            return f"all {len(cells)} cells"
        groups: dict[str, list[str]] = {}
        for cell in cells[:_MOST_NAMES]:
            groups.setdefault(self.deployment(cell), []).append(self.short(cell))
        told = "; ".join(
            (f"{deployment} " if self.several else "") + ", ".join(names)
            for deployment, names in groups.items()
        )
        rest = len(cells) - _MOST_NAMES
        return f"{told} and {rest} more" if rest > 0 else told

    def counted(self, cells: Collection[str]) -> str:
        """Count cells and name a few: `2 cells (short c001, long c001)`."""
        named = self.some(cells)
        return named if named.startswith("all ") else f"{counted(len(cells), 'cell')} ({named})"


def shared(told: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Gather (text, cell) by text; texts that differ in their numbers only become one with their range."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for text, cell in told:
        groups.setdefault(_NUMBER.sub("0", text), []).append((text, cell))
    return [(_range([text for text, _ in group]), [cell for _, cell in group]) for group in groups.values()]


def _range(texts: Sequence[str]) -> str:
    parts = []
    for pieces in zip(*map(_NUMBER.split, texts), strict=True):
        several = sorted(set(pieces), key=lambda piece: float(piece) if _NUMBER.fullmatch(piece) else 0)
        parts.append(several[0] if len(several) == 1 else f"{several[0]}-{several[-1]}")
    return "".join(parts)


def capped(lines: list[Line], noun: str) -> list[Line]:
    """Cut off what nobody would read; a single line would be replaced by one that says so."""
    rest = len(lines) - _MOST_LINES
    if rest <= 1:
        return lines
    return [*lines[:_MOST_LINES], Line("", "none", f"and {rest} more {noun}: see the report")]


def first_line(text: str) -> str:
    """Take of a message what fits a summary."""
    return text.strip().partition("\n")[0] or "no reason given"


def fold(text: str, width: int, indent: str = "") -> list[str]:
    """Break into lines, those after the first indented by two more."""
    folded = textwrap.wrap(
        _GLUED.sub(_GLUE, text),
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
    )
    return [line.replace(_GLUE, " ") for line in folded]
