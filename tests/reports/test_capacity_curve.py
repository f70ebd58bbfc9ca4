"""What a search walked, as a picture."""

from __future__ import annotations

from pytest_llmbench.records import ProbeRecord, SearchRecord
from pytest_llmbench.reports.capacity_curve import capacity_curve
from pytest_llmbench.reports.rendering import render
from pytest_llmbench.reports.tables import NOTHING


def probe(
    load: float, ttft: float | None, rate: float = 9.0, *, met: bool = True, valid: bool = True
) -> ProbeRecord:
    """Make one load: its TTFT in seconds and its throughput."""
    metrics = {"throughput_request": rate} | ({} if ttft is None else {"ttft.p90": ttft})
    return ProbeRecord(load=load, met=met, valid=valid, metrics=metrics)


def curve(*probes: ProbeRecord, title: str = "", width: int = 80) -> list[str]:
    """Draw the curve of a search for 50 ms and 2 requests a second."""
    found = SearchRecord(
        by="concurrency",
        slos=("ttft.p90=50ms", "throughput_request=2"),
        best=4,
        stop="resolution",
        curve=probes,
    )
    parts = capacity_curve(found, title, width)
    return render(parts, width=width, color=False).splitlines() if parts else []


def test_bars_reach_the_bound_where_it_was_reached() -> None:
    """Lowest load first; each bar to one scale, cut at twice the bound, and what was not met says so."""
    assert curve(probe(4, 0.05), probe(1, 0.0125), probe(8, 0.3, met=False)) == [
        "            ttft.p90  throughput_request",
        "  streams         ms               req/s    ttft.p90=50ms",
        "        1       12.5                9.00  ████          │",
        "        4       50.0                9.00  ██████████████│",
        "        8      300                  9.00  ██████████████│██████████████ not met",
    ]


def test_the_level_that_was_nearest_its_bound_is_drawn() -> None:
    """A rate must not fall: at twice of what was asked, half of the bound is used."""
    lines = curve(probe(1, 0.001, 4.0), probe(2, 0.001, 2.5), title="m.llama short")
    assert lines[0].split() == ["ttft.p90", "throughput_request"]
    assert lines[1].endswith("throughput_request=2")
    assert lines[2] == "m.llama short"
    assert [line.count("█") for line in lines[3:]] == [14, 22]


def test_what_could_not_be_measured_has_no_bar() -> None:
    """It is told, and the value is a dash."""
    lines = curve(probe(1, 0.01), probe(2, None, met=False, valid=False))
    assert lines[-1].split() == ["2", NOTHING, "9.00", "│", "invalid"]


def test_a_narrow_terminal_has_the_numbers_alone() -> None:
    """What does not fit is left out, never broken."""
    assert all(
        len(line) <= 44 and "│" not in line for line in curve(probe(1, 0.01), probe(2, 0.02), width=44)
    )


def test_one_point_is_no_curve() -> None:
    """The sentence above says all there is."""
    assert curve(probe(1, 0.01)) == []
