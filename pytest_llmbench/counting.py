"""Numbers of things in words."""

from __future__ import annotations

__all__ = ["counted"]


def counted(count: int, noun: str, nouns: str = "") -> str:
    """Say how many: `1 cell`, `2 cells`, `0 cells`. `nouns` are several of them, where an s is not enough."""
    return f"{count} {noun if count == 1 else nouns or f'{noun}s'}"
