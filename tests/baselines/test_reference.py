"""What a baseline knows, and which of its sessions it does not believe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_llmbench.baselines.comparability import Conditions, Treatment
from pytest_llmbench.baselines.judge import Rules, judge_sessions
from pytest_llmbench.baselines.limits import parse_limits
from pytest_llmbench.baselines.model import Baseline, SessionEntry
from pytest_llmbench.baselines.reference import Reference

if TYPE_CHECKING:
    from pytest_llmbench.baselines.values import Replicates

KEY = "e2e.p50"
RULES = Rules(parse_limits(f"{KEY}:3%"), alpha=0.001)


def entry(value: float, number: int, version: str = "b1", cores: int = 2) -> SessionEntry:
    """Store a session of one run."""
    return SessionEntry(
        started_at=f"2026-01-{number + 1:02d}",
        conditions=Conditions(cpu="CPU", cpu_cores=cores, protocol=1),
        treatment=Treatment(version=version),
        replicates={"1": ({KEY: value},)},
    )


def baseline(
    cells: int = 20, sessions: int = 10, bad: tuple[int, ...] = (), by: float = 0.2, bad_cells: int = 1000
) -> Baseline:
    """Make sessions that differ by 2 %, some of which are slow in some of the cells."""
    rng = np.random.default_rng(4)
    return Baseline(
        "main",
        {
            f"c{cell}": {
                f"s{number}": entry(
                    float(np.exp(0.02 * rng.normal())) * (1 + by * (number in bad and cell < bad_cells)),
                    number,
                )
                for number in range(sessions)
            }
            for cell in range(cells)
        },
    )


def aside(found: Baseline) -> set[str]:
    """Name the sessions that are set aside in any cell."""
    reference = Reference(found)
    return {
        session
        for entries in found.cells.values()
        for session, one in entries.items()
        if reference.off(one, KEY) is not None
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (baseline(), set()),
        (baseline(bad=(3,)), {"s3"}),
        (baseline(bad=(3,), by=-0.2), {"s3"}),
        (baseline(bad=(3, 7)), {"s3", "s7"}),
        (baseline(bad=(3,), cells=1, by=0.4), {"s3"}),
        (baseline(bad=(2,), sessions=5), {"s2"}),
        # Three of ten are how this machine is; of four, nobody can tell which is the odd one.
        (baseline(bad=(1, 3, 7)), set()),
        (baseline(bad=(2,), sessions=4), set()),
        # Off in some cells only, or by what does not matter.
        (baseline(bad=(3,), bad_cells=9), set()),
        (baseline(bad=(3,), by=0.025), set()),
    ],
)
def test_a_session_that_is_off_in_most_cells_is_set_aside(found: Baseline, expected: set[str]) -> None:
    """Of five at most one, of ten at most two, whether slow or fast."""
    assert aside(found) == expected


def test_how_far_it_is_off_is_known() -> None:
    """As a fraction; None of the others."""
    found = baseline(bad=(3,))
    reference = Reference(found)
    assert reference.off(found.cells["c0"]["s3"], KEY) == pytest.approx(0.2, abs=0.02)
    assert reference.off(found.cells["c0"]["s4"], KEY) is None


def test_a_bad_session_hides_nothing_and_is_named() -> None:
    """15 % in one cell is found, against the nine others; the verdict says which was left out and why."""
    found = baseline(bad=(3,))
    entries = list(found.cells["c5"].values())
    verdict = judge_sessions(entries, [{"1": ({KEY: 1.15},)}], Reference(found), RULES)
    assert (verdict.verdict, verdict.baseline_sessions) == ("regressed", 9)
    (text,) = verdict.set_aside
    assert text.startswith("session s3: e2e.p50 +")
    assert text.endswith(" % in most cells")
    clean = judge_sessions(entries, [{"1": ({KEY: 1.0},)}], Reference(baseline()), RULES)
    assert clean.set_aside == ()


def test_sessions_of_few_cells_are_not_doubted() -> None:
    """One cell scatters more than the median of twenty."""
    found = baseline(bad=(3,), by=0.1)
    cells = {cell: dict(entries) for cell, entries in found.cells.items()}
    for cell in list(cells)[1:]:
        del cells[cell]["s3"]
    assert aside(Baseline("main", cells)) == set()


def test_machines_are_told_apart() -> None:
    """What is usual on one is no measure for another."""
    found = baseline()
    cells = {cell: dict(entries) for cell, entries in found.cells.items()}
    for entries in cells.values():
        for number in range(10, 15):
            entries[f"s{number}"] = entry(2.0 + number / 10, number, cores=64)
    assert aside(Baseline("main", cells)) == set()


def test_versions_of_another_speed_are_no_outliers() -> None:
    """Sessions are held against those of their own treatment; single ones against nothing."""
    found = baseline()
    cells = {cell: dict(entries) for cell, entries in found.cells.items()}
    for entries in cells.values():
        for number in range(10, 14):
            entries[f"s{number}"] = entry(2.0 + 0.01 * (number % 2), number, version="b2")
        entries["s14"] = entry(9.0, 14, version="b3")
    assert aside(Baseline("main", cells)) == set()


def starts(rng: np.random.Generator, count: int, requests: float = 100.0) -> Replicates:
    """Make a session of starts that differ by 2 %, and by nothing else."""
    return {str(n): ({KEY: float(np.exp(0.02 * rng.normal())), "e2e.count": requests},) for n in range(count)}


def of_starts(rng: np.random.Generator, count: int) -> Baseline:
    """Make a baseline of twenty cells, whose sessions have so many starts."""
    return Baseline(
        "main",
        {
            f"c{cell}": {
                f"s{n}": entry(1.0, n).model_copy(update={"replicates": starts(rng, count)})
                for n in range(10)
            }
            for cell in range(20)
        },
    )


def test_fewer_starts_or_requests_are_less_sure() -> None:
    """What a session has beyond those of the baseline is the noise of starts; more of them are no surer."""
    rng = np.random.default_rng(5)
    found = of_starts(rng, 3)
    reference, entries = Reference(found), list(found.cells["c0"].values())

    def beyond(count: int, requests: float = 100.0) -> float:
        fewer = reference.fewer(entries, KEY, [starts(rng, count, requests)])
        assert (fewer.df > 100) == (fewer.variance > 0)
        return fewer.variance

    assert beyond(1) == pytest.approx(0.02**2 * 2 / 3, rel=0.2)
    assert beyond(2) == pytest.approx(beyond(1) / 4)
    assert beyond(3, 50.0) == pytest.approx(beyond(1) / 2)
    assert beyond(1, 25.0) == pytest.approx(beyond(1) * 11 / 2)
    # One start in a hundred requests fewer is what failed requests are; more is no surer.
    assert beyond(3) == beyond(3, 99.0) == beyond(5) == beyond(3, 400.0) == 0
    seen = [
        judge_sessions(entries, [starts(rng, count)], reference, RULES).comparisons[0].detectable or 0.0
        for count in (1, 2, 3, 5)
    ]
    assert seen[0] > seen[1] > seen[2] == seen[3]


def test_sessions_of_one_start_tell_at_most_all_of_their_noise() -> None:
    """Half as many requests are then at most twice as noisy."""
    rng = np.random.default_rng(6)
    found = of_starts(rng, 1)
    reference, entries = Reference(found), list(found.cells["c0"].values())
    assert reference.fewer(entries, KEY, [starts(rng, 1, 50.0)]) == reference.spread(entries, KEY)
    assert reference.fewer(entries, KEY, [starts(rng, 1)]).df == 0
