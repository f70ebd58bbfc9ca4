"""The session that a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

__all__ = ["take_session"]


def take_session(parser: argparse.ArgumentParser, also: str) -> None:
    """Take PATH: a session's folder, by default the newest one's; `also` says what else it may be."""
    parser.add_argument(
        "path",
        metavar="PATH",
        nargs="?",
        type=Path,
        default=Path("results/latest"),
        help=f"a session's folder, {also} (default: %(default)s)",
    )
