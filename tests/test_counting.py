"""One is one."""

from __future__ import annotations

import pytest

from pytest_llmbench.counting import counted


@pytest.mark.parametrize(
    ("count", "nouns", "text"),
    [
        (0, "", "0 cells"),
        (1, "", "1 cell"),
        (2, "", "2 cells"),
        (1, "entries", "1 cell"),
        (3, "entries", "3 entries"),
    ],
)
def test_one_is_singular_and_all_else_plural(count: int, nouns: str, text: str) -> None:
    """Of nothing, too; a plural of its own is taken as given."""
    assert counted(count, "cell", nouns) == text
