"""A pivot at the terminal."""

from __future__ import annotations

from pytest_llmbench.baselines.judge import Rules
from pytest_llmbench.baselines.limits import parse_limits
from pytest_llmbench.baselines.pivot import Pivot, pivot
from pytest_llmbench.reports.pivot_table import metric_head, render_pivot, told_metrics
from tests.baselines.entries import baseline_of, entry, parts

METRICS = ("ttft.p50", "error_rate")
RULES = Rules(parse_limits("ttft.p50:3%,itl.p50:3%,error_rate:1%"))


def three(*names: str) -> Pivot:
    """Put three engines side by side, each half as fast as the one before; the third lacks a load."""
    cells = []
    for number, name in enumerate(names):
        for streams in (1, 4):
            if (number, streams) != (2, 4):
                values = [{"ttft.p50": 0.12 * 2**number * n, "error_rate": 0.0} for n in (0.99, 1.0, 1.01)]
                cells.append((parts(name, streams), {"s": entry(*values)}))
    return pivot([baseline_of(cells)], "backend", RULES)


def lines(found: Pivot, width: int = 80) -> list[str]:
    """Render without colour."""
    told = render_pivot(found, METRICS, width=width).splitlines()
    assert all(len(line) <= width for line in told)
    return told


def test_three_stand_side_by_side_in_pairs() -> None:
    """A table of values, and below it a row for each pair; what one lacks is named."""
    told = lines(three("llama", "vllm", "sglang"))
    assert told[0] == "glm tp01.gpux01: llama or vllm or sglang?"
    assert "    llama or sglang, ttft.p50: llama at 1 stream, 4.00 times" in told
    start = told.index("ttft.p50, ms (lower is better)")
    assert [line.split() for line in told[start + 2 : start + 6]] == [
        ["workload", "conc", "llama", "vllm", "sglang"],
        ["glm", "tp01.gpux01"],
        ["short", "1", "120", "240", "480"],
        ["short", "4", "120", "240", "\N{EN DASH}"],
    ]
    rows = [" ".join(line.split()) for line in told[start + 6 :]]
    assert "short 1 vllm / llama 2.00 2.00 to 2.00 llama" in rows
    assert "short 1 sglang / vllm 2.00 2.00 to 2.00 vllm" in rows
    assert sum(" / " in row and row.startswith("short") for row in rows) == 2 * 4
    assert "alone: only llama, vllm: short c004" in rows


def test_long_names_become_letters() -> None:
    """Numbers keep their places, whatever an engine calls its version."""
    names = ["an engine of somebody's own, built today", "the same, of yesterday", "b1"]
    told = lines(three(*names))
    start = told.index("ttft.p50, ms (lower is better)")
    legend = [f"  {letter}: {name}" for letter, name in zip("ABC", names, strict=True)]
    assert told[start + 1 : start + 4] == legend
    assert any("B / A" in line for line in told)


def test_a_metric_that_no_pair_has_is_left_out() -> None:
    """As ITL of a server that does not count its tokens; a rate of zero has no ratio."""
    found = three("llama", "vllm", "sglang")
    assert told_metrics(found, ("itl.p50", "ttft.p50")) == ["ttft.p50"]
    told = lines(found)
    start = told.index("error_rate, % (lower is better)")
    assert any(line.split()[-2:] == ["\N{EN DASH}", "\N{EN DASH}"] for line in told[start:])


def test_a_unit_is_one_for_people() -> None:
    """Milliseconds and percent; a metric that is neither good nor bad says nothing of it."""
    assert metric_head("throughput_output") == "throughput_output, tok/s (higher is better)"
    assert metric_head("power") == "power, W"
