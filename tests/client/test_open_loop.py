"""Requests that are sent when they are due, whatever becomes of the others."""

from __future__ import annotations

import itertools
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.client import load
from tests.client.asking import carry_out, plan
from tests.client.fake_server import FakeServer, Peer, answer, content, reply, stream, usage

if TYPE_CHECKING:
    from pytest_llmbench.client.plan import LoadOutcome

MS = 1_000_000
GOOD = b"".join(stream(content("a"), content("b", "stop"), usage(3, 2)))
BUSY = reply("503 Service Unavailable", b'{"error": {"message": "busy"}}')
HELD = 0.1
"""Seconds a held request takes, much longer than sending it."""


def _started(outcome: LoadOutcome) -> list[int]:
    """Starts of the measured requests, counted from the window's."""
    return [(trace.started or 0) - outcome.began for trace in outcome.traces if not trace.warmup]


@pytest.mark.parametrize("arrivals", [(0, 0, 0), (0, 5 * MS, 12 * MS, 60 * MS), (3 * MS, 3 * MS, 90 * MS)])
def test_sent_when_due_and_not_before(arrivals: tuple[int, ...]) -> None:
    """Each request is scheduled for its arrival, counted from the window's start, and starts no earlier."""
    with FakeServer(answer(GOOD)) as server:
        outcome = carry_out(plan(server.url, len(arrivals) + 2, warmup=2, concurrency=0, arrivals=arrivals))
    measured = outcome.traces[2:]
    assert [trace.index for trace in measured] == list(range(2, len(arrivals) + 2))
    assert [trace.scheduled - outcome.began for trace in measured] == list(arrivals)
    assert all(start >= due for start, due in zip(_started(outcome), arrivals, strict=True))
    assert all(trace.ok and (trace.ended or 0) <= outcome.ended for trace in measured)


def test_slow_answers_hold_nobody_back() -> None:
    """All requests are under way at once, though none has been answered: they do not wait for each other."""
    together = threading.Barrier(10)

    def script(peer: Peer) -> None:
        while peer.receive():
            together.wait(60)
            peer.send(GOOD)

    with FakeServer(script) as server:
        outcome = carry_out(plan(server.url, 10, concurrency=0, arrivals=tuple(n * MS for n in range(10))))
    assert all(trace.ok for trace in outcome.traces)


@pytest.mark.parametrize("cap", [1, 2])
def test_cap_shows_as_send_delay(cap: int) -> None:
    """What the cap on concurrency holds back is sent later, in order, and says how much later."""

    def script(peer: Peer) -> None:
        while peer.receive():
            peer.wait(HELD)
            peer.send(GOOD)

    with FakeServer(script) as server:
        outcome = carry_out(plan(server.url, 6, concurrency=cap, arrivals=(0,) * 6))
    assert len(server.peers) == cap
    delays = [(trace.started or 0) - trace.scheduled for trace in outcome.traces]
    rounds = [delays[first : first + cap] for first in range(0, 6, cap)]
    for before, after in itertools.pairwise(rounds):
        # The server answers that long after it was asked, which is after the request was sent.
        assert min(after) >= min(before) + HELD * 1e9 * 0.99
        assert max(before) <= max(after), "the first that was due is the first that is sent"


def test_idle_connection_is_used_again() -> None:
    """A request takes a connection that idles before it opens another."""
    with FakeServer(answer(GOOD)) as server:
        # One at a time: when the next one is sent, the one before has ended.
        outcome = carry_out(plan(server.url, 3, concurrency=1, arrivals=tuple(n * MS for n in range(3))))
    assert len(server.peers) == 1
    assert [trace.connect > 0 for trace in outcome.traces] == [True, False, False]


@pytest.mark.parametrize(("duration", "sent"), [(0.1, 6), (0.099, 5), (0.0, 1), (9, 9)])
def test_duration_cuts(duration: float, sent: int) -> None:
    """What is due later than the duration is not sent and absent; what is under way is finished."""
    with FakeServer(answer(GOOD)) as server:
        outcome = carry_out(
            plan(
                server.url,
                9,
                concurrency=0,
                arrivals=tuple(n * 20 * MS for n in range(9)),
                duration=duration,
            )
        )
    assert [trace.index for trace in outcome.traces] == list(range(sent))
    assert all(trace.ok for trace in outcome.traces)


def test_duration_of_a_closed_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a closed loop, too, nothing is sent after the duration, and what was sent is finished."""
    passed, asked = 0, itertools.count(1)
    clock = SimpleNamespace(time_ns=lambda: time.time_ns() + passed, process_time=time.process_time)
    monkeypatch.setattr(load, "time", clock)

    def script(peer: Peer) -> None:
        nonlocal passed
        while peer.receive():
            if next(asked) == 5:
                passed = 3600 * 1000 * MS  # an hour goes by while the fifth is under way
            peer.send(GOOD)

    with FakeServer(script) as server:
        outcome = carry_out(plan(server.url, 1000, warmup=1, concurrency=2, duration=60))
    # The other stream may have begun its next before the clock was set.
    assert len(outcome.traces) in {5, 6}
    assert all(trace.ok for trace in outcome.traces)
    assert not outcome.ran_out


@pytest.mark.parametrize(("duration", "ran_out"), [(3600, True), (None, False)])
def test_too_few_requests_for_the_duration(duration: float | None, ran_out: bool) -> None:  # noqa: FBT001
    """A closed loop that had nothing left to send before its time says so."""
    with FakeServer(answer(GOOD)) as server:
        outcome = carry_out(plan(server.url, 5, warmup=1, concurrency=2, duration=duration))
    assert len(outcome.traces) == 5
    assert outcome.ran_out is ran_out


def test_failures_stop_nobody() -> None:
    """Requests that are refused, cut off or never connected are failures of their own."""

    def script(peer: Peer) -> None:
        while request := peer.receive():
            if request.body == b'{"n": 1}':
                peer.send(BUSY)
            elif request.body == b'{"n": 2}':
                peer.send(GOOD[:150])
                return
            else:
                peer.send(GOOD)

    with FakeServer(script) as server:
        outcome = carry_out(plan(server.url, 5, concurrency=0, arrivals=tuple(n * 30 * MS for n in range(5))))
        url = server.url
    kinds = [trace.failure and trace.failure.kind for trace in outcome.traces]
    assert kinds == [None, "http_status", "truncated", None, None]
    nobody = carry_out(plan(url, 3, concurrency=0, arrivals=(0, MS, 2 * MS)))
    assert [trace.failure and trace.failure.kind for trace in nobody.traces] == ["connect"] * 3


def test_nothing_measured() -> None:
    """A plan of warm-up alone ends."""
    with FakeServer(answer(GOOD)) as server:
        outcome = carry_out(plan(server.url, 2, warmup=2, concurrency=1, arrivals=()))
    assert [trace.warmup for trace in outcome.traces] == [True, True]
