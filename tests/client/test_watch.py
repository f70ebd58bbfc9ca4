"""Clocks that are set, and streams that fall silent."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.client import connection, watch
from pytest_llmbench.client.plan import Timeouts
from pytest_llmbench.client.watch import ClockWatch
from tests.client.asking import carry_out, plan
from tests.client.fake_server import HEAD, FakeServer, Peer, chunked, content, sse, stream, usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SECOND = 1_000_000_000
GOOD = b"".join(stream(content("a"), content("b", "stop"), usage(3, 2)))


def _watched(monkeypatch: pytest.MonkeyPatch, samples: Iterable[tuple[int, int]]) -> ClockWatch:
    """Make a watch that has taken all samples (moment, offset) but the last, which it takes when asked."""
    *taken, last = samples
    clock = ClockWatch()
    clock._samples = taken
    monkeypatch.setattr(watch, "_offset", lambda: last)
    return clock


@pytest.mark.parametrize(
    ("offsets", "step"),
    [
        ([0, 0, 0, 0], 0),
        ([0, 0, 7, 7], 7),
        ([0, 0, -7, -7], 7),
        ([0, 3, -4, 0], 7),
        ([0, 1, 2, 3], 1),
    ],
)
def test_largest_step(monkeypatch: pytest.MonkeyPatch, offsets: list[int], step: int) -> None:
    """A step is what the offset changed by between neighbours, in either direction; drift is none."""
    clock = _watched(monkeypatch, [(n * SECOND, offset * SECOND) for n, offset in enumerate(offsets)])
    assert clock.largest_step(0, 3 * SECOND) == step


def test_steps_outside_of_the_window_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock set during the warm-up or after the window harms nobody; one that may be inside counts."""
    samples = [(n * SECOND, 5 * n // 4 * SECOND) for n in range(9)]  # it steps between 3 and 4, 7 and 8
    assert _watched(monkeypatch, samples).largest_step(int(4.5 * SECOND), int(6.5 * SECOND)) == 1.0
    samples = [(n * SECOND, (n >= 4) * SECOND) for n in range(9)]
    assert _watched(monkeypatch, samples).largest_step(int(4.5 * SECOND), 6 * SECOND) == 0
    assert _watched(monkeypatch, samples).largest_step(int(3.5 * SECOND), 6 * SECOND) == 1.0


def test_lost_core_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the process loses its core between the two clocks, they are read again."""
    real = iter(range(0, 100 * SECOND, SECOND // 100))
    jumps = iter([0, 50_000_000, 50_000_000, 50_001_000])  # 50 ms between the readings, then 1 us
    monkeypatch.setattr(time, "time_ns", lambda: next(real))
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(jumps))
    now, offset = watch._offset()
    assert (now, offset) == (SECOND // 100, SECOND // 100 - 50_000_500)


def test_clock_of_this_host() -> None:
    """The host's own clock is read again and again, and what adjusts it is no step."""

    async def run() -> float:
        clock = ClockWatch()
        watching = asyncio.create_task(clock.watch())
        await asyncio.sleep(0)
        watching.cancel()
        return clock.largest_step(0, 2 * time.time_ns())

    assert asyncio.run(run()) < 0.002


@pytest.fixture
def leap(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Give what lets so many seconds go by at once, for the client and for whoever watches it."""
    gone_by = 0

    def now() -> int:
        return time.time_ns() + gone_by

    def leap(seconds: float) -> None:
        nonlocal gone_by
        gone_by += round(seconds * SECOND)

    monkeypatch.setattr(connection, "_now", now)
    monkeypatch.setattr(watch, "time", SimpleNamespace(time_ns=now, monotonic_ns=time.monotonic_ns))
    return leap


def _fails(script: Callable[[Peer], object], timeouts: Timeouts, requests: int = 3) -> list[str]:
    with FakeServer(script) as server:
        outcome = carry_out(plan(server.url, requests, concurrency=requests, timeouts=timeouts))
    return [trace.failure.message if trace.failure else "" for trace in outcome.traces]


def _silent_for_the_second(pieces: list[bytes], leap: Callable[[float], None]) -> Callable[[Peer], object]:
    """Make a script that answers the others, and then lets a minute go by without a word to the second."""
    answered = threading.Barrier(3)

    def script(peer: Peer) -> None:
        request = peer.receive()
        silent = request and request.body == b'{"n": 1}'
        for piece in pieces if silent else [GOOD]:
            peer.send(piece)
        peer.wait_until_read()
        answered.wait(60)
        if silent:
            leap(60)
        peer.wait_for_close()

    return script


@pytest.mark.parametrize("pieces", [[], [HEAD]], ids=["nothing", "head"])
def test_no_answer(pieces: list[bytes], leap: Callable[[float], None]) -> None:
    """A request without a first byte of its answer in time fails, head or not, and the others do not."""
    failures = _fails(_silent_for_the_second(pieces, leap), Timeouts(total=60, first=50))
    assert failures == ["", "no answer within 50 s", ""]


def test_silence_in_mid_stream(leap: Callable[[float], None]) -> None:
    """A stream that falls silent fails after the gap it is allowed."""
    pieces = [HEAD, chunked(sse(content("a")))]
    failures = _fails(_silent_for_the_second(pieces, leap), Timeouts(total=60, first=900, gap=50))
    assert failures == ["", "silent for 50 s in mid-stream", ""]


def test_a_stream_that_began_has_answered(leap: Callable[[float], None]) -> None:
    """After its first bytes a stream may be silent for as long as the whole request may take."""

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(HEAD + chunked(sse(content("a"))))
        peer.wait_until_read()
        leap(60)
        peer.wait_for_close()

    assert _fails(script, Timeouts(total=0.5, first=50), 1) == ["not finished within 0.5 s"]


def test_slow_but_not_silent(leap: Callable[[float], None]) -> None:
    """A stream that takes longer than the gap in all is not silent."""

    def script(peer: Peer) -> None:
        peer.receive()
        for piece in stream(*(content(str(n)) for n in range(4)), content("", "stop")):
            peer.send(piece)
            peer.wait_until_read()
            leap(40)
            peer.wait(0.15)  # in which somebody looks

    assert _fails(script, Timeouts(total=60, gap=50), 1) == [""]
