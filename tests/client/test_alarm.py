"""Waking up at a moment."""

from __future__ import annotations

import asyncio
import ctypes
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.client import hot_loop
from pytest_llmbench.client.alarm import Alarm

if TYPE_CHECKING:
    from collections.abc import Sequence

MS = 1_000_000
SOON = 100 * MS


def _wake(offsets: Sequence[int], lead: int = 0) -> list[int]:
    """Wait for all these moments at once; return their numbers in the order of waking, none too early.

    On a host that is so busy with other things that the first moment has come before all have been asked for,
    ask again for later ones.
    """
    woken: list[int] = []
    late = False

    async def wait(alarm: Alarm, number: int, moment: int) -> None:
        nonlocal late
        before, left = time.monotonic_ns(), moment - time.time_ns()
        late = late or (left <= 0 < offsets[number])
        await alarm.wait_until(moment)
        assert time.monotonic_ns() - before >= left - 10_000, "both clocks count in steps"
        woken.append(number)

    async def run() -> None:
        now = time.time_ns()
        with Alarm() as alarm:
            moments = [now + at + (lead if at > 0 else 0) for at in offsets]
            await asyncio.gather(*(wait(alarm, number, moment) for number, moment in enumerate(moments)))

    hot_loop.run(run())
    return _wake(offsets, 2 * lead + SOON) if late else woken


@pytest.fixture(params=[True, False], ids=["timerfd", "polled"])
def _timers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run with a timer that is a file, where there is one, and without."""
    if not request.param:
        monkeypatch.setattr(sys, "platform", "elsewhere")
    elif sys.platform != "linux":
        pytest.skip("Linux has timerfd")


@pytest.mark.usefixtures("_timers")
def test_in_order() -> None:
    """Moments come one after the other, however they were asked for, and never early."""
    assert _wake([SOON + 30 * MS, SOON + 10 * MS, SOON + 20 * MS, SOON + 40 * MS]) == [1, 2, 0, 3]


@pytest.mark.usefixtures("_timers")
def test_past_moments_do_not_wait() -> None:
    """What has passed returns at once, before what is to come."""
    assert _wake([SOON, -5 * MS, 0])[-1] == 0


@pytest.mark.usefixtures("_timers")
def test_many_at_once() -> None:
    """Hundreds of waiters, many for the same moment, are all woken."""
    offsets = [SOON + random.Random(number).randrange(5) * 4 * MS for number in range(500)]  # noqa: S311
    woken = _wake(offsets)
    assert sorted(woken) == list(range(500))
    assert [offsets[number] for number in woken] == sorted(offsets)


@pytest.mark.usefixtures("_timers")
def test_waiter_that_gave_up() -> None:
    """A waiter that was cancelled does not disturb the others."""

    async def run(lead: int) -> bool:
        with Alarm() as alarm:
            now = time.time_ns()
            first = asyncio.create_task(alarm.wait_until(now + lead))
            second = asyncio.create_task(alarm.wait_until(now + lead + 10 * MS))
            await asyncio.sleep(0)
            first.cancel()
            await second
            return first.cancelled()

    # On a busy host the first may be over before it gives up.
    assert any(hot_loop.run(run(lead * MS)) for lead in (10, 100, 1000, 10_000))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has timerfd")
def test_kernel_without_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that refuses timerfd gets the polled way."""

    class Refusing:
        def __init__(self, *_: object, **__: object) -> None: ...

        def timerfd_create(self, *_: object) -> int:
            return -1

    monkeypatch.setattr(ctypes, "CDLL", Refusing)
    assert _wake([SOON + 5 * MS, SOON]) == [1, 0]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc shows descriptors")
def test_descriptor_is_closed() -> None:
    """An alarm leaves no descriptor behind."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    _wake([MS])
    assert len(list(Path("/proc/self/fd").iterdir())) == before
