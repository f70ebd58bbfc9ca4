"""Loads and arrival processes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.workloads.loads import ArrivalProcess, Load, rate_id
from pytest_llmbench.workloads.replay import Replay, ReplayRequest

REPLAY = Replay("traces/a b.jsonl", "llmbench", 1.0, (ReplayRequest(0, 5, 5), ReplayRequest(7, 5, 5)))


@pytest.mark.parametrize(
    ("rate", "name"), [(1, "r0001"), (16, "r0016"), (0.5, "r0000.5"), (2.25, "r0002.25"), (12000, "r12000")]
)
def test_rate_id(rate: float, name: str) -> None:
    """A rate is zero-padded, so that one is not the beginning of another."""
    assert rate_id(rate) == name


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (Load(8, 16, 0), "c008"),
        (Load(0, 16, 0, ArrivalProcess("poisson", 8)), "poisson.r0008"),
        (Load(4, 16, 0, ArrivalProcess("constant", 0.5)), "constant.r0000.5.c004"),
        (Load(0, 16, 0, ArrivalProcess("gamma", 8, 0.25)), "gamma.b0.25.r0008"),
        (Load(0, 16, 0, ArrivalProcess("ramp", 1, rate_to=9)), "ramp.r0001-r0009"),
        (Load(0, 2, 0, REPLAY), "replay.a-b"),
        (Load(0, 2, 0, replace(REPLAY, speed=2.5)), "replay.a-b.x2.5"),
    ],
)
def test_load_id(load: Load, name: str) -> None:
    """Every load shape has a name of its own."""
    assert load.id == name


@pytest.mark.parametrize("kind", ["poisson", "constant", "gamma"])
def test_draw(kind: str) -> None:
    """A schedule has as many arrivals as asked for, or lasts as long; the same seed draws the same."""
    process = ArrivalProcess(kind, 100.0)
    drawn = process.draw(seed="s", count=50, duration=None)
    assert len(drawn) == 50
    assert drawn == process.draw(seed="s", count=50, duration=None)
    assert process.draw(seed="s", count=50, duration=2.0).span <= 2.0


def test_draw_ramp() -> None:
    """A ramp has more arrivals in its second half, and needs to know how long it is."""
    ramp = ArrivalProcess("ramp", 0, rate_to=100)
    offsets = ramp.draw(seed=0, count=0, duration=2.0).offsets
    assert sum(offset > 1e9 for offset in offsets) > sum(offset <= 1e9 for offset in offsets)
    with pytest.raises(UsageError, match="a ramp needs a duration: duration=SECONDS, or --bench-duration"):
        ramp.draw(seed=0, count=16, duration=None)


def test_unknown_process() -> None:
    """A misspelt process is told with the nearest one."""
    with pytest.raises(UsageError, match="unknown arrival process 'poison': did you mean 'poisson'"):
        ArrivalProcess("poison", 1)


@pytest.mark.parametrize(("kind", "rate_to"), [("ramp", None), ("poisson", 5.0)])
def test_only_ramps_end_elsewhere(kind: str, rate_to: float | None) -> None:
    """A ramp has two rates, everything else one."""
    with pytest.raises(UsageError, match="a ramp, and only a ramp, needs the rate it ends at"):
        ArrivalProcess(kind, 1, rate_to=rate_to)


def test_replays_are_drawn_as_recorded() -> None:
    """Nothing of it is left to a seed."""
    assert REPLAY.draw(seed=1, count=9, duration=None).offsets == (0, 7)


@pytest.mark.parametrize(
    ("arrivals", "steady"),
    [
        (None, True),
        (ArrivalProcess("poisson", 1), True),
        (ArrivalProcess("ramp", 1, rate_to=9), False),
        (REPLAY, False),
    ],
)
def test_steady(arrivals: ArrivalProcess | Replay | None, *, steady: bool) -> None:
    """Of a ramp and a replay no part is like the rest."""
    assert Load(0, 16, 0, arrivals).is_steady is steady
