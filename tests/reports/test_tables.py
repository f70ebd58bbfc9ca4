"""The layout of tables."""

from __future__ import annotations

import pytest

from pytest_llmbench.reports.rendering import render
from pytest_llmbench.reports.tables import NOTHING, Cell, Column, Group, decimals, fits, grouped


def test_points_stand_below_points() -> None:
    """Three digits each, so that a column shows which is larger before it is read."""
    cells = decimals([1234.5, 124.4, 12.34, 1.234, 0.0123, 0, None])
    assert [cell.text for cell in cells] == [
        "1234   ",
        "124   ",
        "12.3 ",
        "1.23",
        "0.01",
        "0   ",
        f"{NOTHING}   ",
    ]
    assert [cell.style for cell in cells] == [""] * 5 + ["dim"] * 2


@pytest.mark.parametrize("width", [18, 22, 40])
def test_names_fold_and_numbers_do_not(width: int) -> None:
    """Whatever the width, a number is whole in its line."""
    columns = [
        Column(("", "name"), [Cell("a-name-that-is-long"), Cell("b")], left=True),
        Column(("time", "ms"), [Cell("123456"), Cell("1")]),
    ]
    assert fits(columns, width)
    lines = render(
        grouped(columns, [Group("", "", 1), Group("next", "", 1)], width), width=width, color=False
    )
    assert max(map(len, lines.splitlines())) <= width
    assert any("123456" in line.split() for line in lines.splitlines())
    assert not fits(columns, 16)
