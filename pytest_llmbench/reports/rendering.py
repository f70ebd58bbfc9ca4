"""From tables and lines to the text of a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.text import Text

from pytest_llmbench.reports.lines import Line, fold
from pytest_llmbench.reports.tables import STYLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

__all__ = ["folded", "render"]


def folded(lines: Iterable[Line], width: int) -> list[Text]:
    """Break lines to a width, their labels in the style of their verdict."""
    folded: list[Text] = []
    for label, style, text in lines:
        told = fold(f"{label}: {text}", width) if label else fold(text, width, "  ")
        folded += [Text(line) for line in told]
        if label:
            folded[-len(told)].stylize(STYLES[style] or "bold", 0, len(label) + 1)
    return folded


def render(parts: Sequence[RenderableType], *, width: int, color: bool) -> str:
    """Render as text that ends in a newline; with `color`, ANSI styles are included."""
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
