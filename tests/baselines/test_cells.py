"""Cells as file names."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_llmbench.baselines.cells import cell_of, file_name
from pytest_llmbench.errors import UsageError

CELLS = st.text(min_size=1, max_size=60)


@given(CELLS)
def test_a_name_is_safe_and_can_be_undone(cell: str) -> None:
    """Whatever a cell is called, its file lies visibly in its folder and names it again."""
    try:
        name = file_name(cell)
    except UsageError:
        assume(False)  # noqa: FBT003 - too long a name, tested below
    assert cell_of(name) == cell
    assert "/" not in name
    assert "\0" not in name
    assert not name.startswith(".")
    assert name.isascii()
    assert len(name) < 255


@given(CELLS, CELLS)
def test_different_cells_have_different_names(one: str, other: str) -> None:
    """No two cells share a file."""
    assume(one != other and max(len(one.encode(errors="replace")), len(other.encode(errors="replace"))) < 70)
    assert file_name(one) != file_name(other)


def test_an_ordinary_cell_stays_readable() -> None:
    """A person looking into the folder sees what is what."""
    assert file_name("glm-4.7.vllm.tp02.gpux02/short/c1") == "glm-4.7.vllm.tp02.gpux02%2Fshort%2Fc1.json"


def test_a_cell_that_begins_with_a_dot_is_not_hidden() -> None:
    """Neither hidden nor the folder above."""
    assert [file_name(cell) for cell in (".a", "..")] == ["%2Ea.json", "%2E..json"]
    assert cell_of("%2E..json") == ".."


@pytest.mark.parametrize(("cell", "message"), [("", "has no name"), ("x" * 300, "more than 220 bytes")])
def test_what_cannot_be_a_file_name_is_refused(cell: str, message: str) -> None:
    """Rather than failing deep inside the filesystem."""
    with pytest.raises(UsageError, match=message):
        file_name(cell)
