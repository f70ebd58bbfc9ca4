"""Sentences: how they fold, how they name cells, and which of them become one."""

from __future__ import annotations

import pytest

from pytest_llmbench.reports.lines import Line, Names, capped, fold, shared


def test_folded_lines_are_indented_and_fit() -> None:
    """Continuing lines stand back, so that the labels can be found."""
    lines = fold("note: " + "some words " * 20, 40)
    assert len(lines) > 3
    assert all(len(line) <= 40 for line in lines)
    assert all(line.startswith(("  some", "  words")) for line in lines[1:])


@pytest.mark.parametrize(
    "together",
    [
        "ttft.p50 10 %",
        "12.1 ms -> 37.8 ms",
        "701 tok/s -> 539 tok/s",
        "701 tok/s",
        "error_rate 1 point",
        "limit +10 %",
        "short c001",
        "1 not compared",
        "pytest -m bench --bench-save=main",
    ],
)
def test_what_belongs_together_stays_together(together: str) -> None:
    """No line ends between a number and its unit, nor inside a command."""
    for width in range(45, 75):
        lines = fold(f"{'x' * 30} and then {together}, and so on and on", width)
        assert any(together in line for line in lines), width


def test_a_word_longer_than_the_line_is_cut() -> None:
    """Nothing is wider than the terminal."""
    assert max(map(len, fold("x" * 100, 30))) == 30


def test_cells_are_named_below_their_deployment_where_there_are_several() -> None:
    """With one deployment its name would be noise."""
    one = Names(["a/short/c001", "a/long/c001", "a/long/c008"])
    assert one.some(["a/short/c001", "a/long/c008"]) == "short c001, long c008"
    two = Names(["a/short/c001", "a/long/c001", "b/long/c001"])
    assert two.some(["a/short/c001", "b/long/c001"]) == "a short c001; b long c001"
    assert two.counted(["a/short/c001"]) == "1 cell (a short c001)"


def test_many_cells_are_counted() -> None:
    """At most five names; none where all are meant."""
    cells = [f"a/w{n}/c001" for n in range(9)]
    names = Names(cells)
    assert names.some(cells[:7]) == "w0 c001, w1 c001, w2 c001, w3 c001, w4 c001 and 2 more"
    assert names.some(cells) == names.counted(cells) == "all 9 cells"


def test_a_cell_of_another_form_is_named_as_it_is() -> None:
    """A baseline may hold what an older version named."""
    assert Names(["odd"]).some(["odd"]) == "odd"


def test_texts_that_differ_in_numbers_only_become_one() -> None:
    """The same note about six cells is one line with a range."""
    told = [("37% of 10 tokens", "a"), ("other", "b"), ("9% of 10 tokens", "c"), ("41.5% of 10 tokens", "d")]
    assert shared(told) == [("9-41.5% of 10 tokens", ["a", "c", "d"]), ("other", ["b"])]


def test_more_lines_than_anybody_reads_are_counted() -> None:
    """A hundred cells are not a hundred lines."""
    lines = [Line("a", "none", "b")] * 24
    assert capped(lines, "things") == lines
    assert capped([*lines, lines[0]], "things")[-1] == lines[0]
    assert capped(lines * 2, "things")[-1].text == "and 24 more things: see the report"


def test_an_option_stays_whole_behind_a_long_name() -> None:
    """What is glued to a name that fills the line would be broken anywhere."""
    lines = fold(f"failed: {'x' * 70}: --bench-data-dir: /nope has none", 80)
    assert any("--bench-data-dir:" in line for line in lines), lines
