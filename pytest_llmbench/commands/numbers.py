"""Numbers that commands take, as types for argparse."""

from __future__ import annotations

import argparse

__all__ = ["count", "positive"]


def count(text: str) -> int:
    """Read a whole number above zero."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        message = f"{text!r} is no whole number above zero"
        raise argparse.ArgumentTypeError(message)
    return number


def positive(text: str) -> float:
    """Read a finite number above zero."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        message = f"{text!r} is no number above zero"
        raise argparse.ArgumentTypeError(message)
    return number
