"""Several processes that share a load, and what becomes of them."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.errors import MeasurementError
from tests.client.asking import plan
from tests.client.fake_server import FakeServer, Peer, answer, answer_until, content, stream, usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.client.plan import Progress

GOOD = b"".join(stream(content("a"), content("b", "stop"), usage(3, 2)))


@pytest.fixture
def pair() -> Iterator[LoadGenerator]:
    """Give a generator of two processes that is closed after the test."""
    generator = LoadGenerator(processes=2)
    yield generator
    generator.close()


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_two_are_as_one(pair: LoadGenerator) -> None:
    """Concurrency is kept in sum, every request is answered once, and traces are in the plan's order."""
    lock, together = threading.Lock(), threading.Barrier(5)
    asked: list[bytes] = []
    flying = most = 0

    def script(peer: Peer) -> None:
        nonlocal flying, most
        while request := peer.receive():
            with lock:
                asked.append(request.body)
                flying += 1
                most = max(most, flying)
                first = 5 < len(asked) <= 10
            if first:
                together.wait(60)  # nobody is answered before all five streams of both have asked
            with lock:
                flying -= 1
            peer.send(GOOD)

    whole = plan("", 30, warmup=5, concurrency=5)
    with FakeServer(script) as server:
        outcome = pair.run(plan(server.url, 30, warmup=5, concurrency=5))
    assert sorted(asked) == sorted(whole.bodies)
    assert most == 5
    assert [trace.index for trace in outcome.traces] == list(range(30))
    assert [trace.warmup for trace in outcome.traces] == [True] * 5 + [False] * 25
    assert all(trace.ok for trace in outcome.traces)
    assert len(pair._children) == 2


def test_nobody_begins_before_all_are_warm(pair: LoadGenerator) -> None:
    """The window begins for both when the slower has done its warm-up."""
    slow_is_warm = threading.Event()

    def script(peer: Peer) -> None:
        while request := peer.receive():
            if request.body == b'{"n": 1}':  # the second process's only warm-up request
                peer.wait(0.3)
                slow_is_warm.set()
            elif request.body != b'{"n": 0}':
                assert slow_is_warm.is_set()
            peer.send(GOOD)

    with FakeServer(script) as server:
        outcome = pair.run(plan(server.url, 6, warmup=2, concurrency=2))
    assert all(trace.ok for trace in outcome.traces)
    warm = max(trace.ended or 0 for trace in outcome.traces[:2])
    assert all(warm <= outcome.began <= (trace.started or 0) for trace in outcome.traces[2:])


def test_open_loop_in_two_processes(pair: LoadGenerator) -> None:
    """Arrivals are counted from one moment, whichever process sends them."""
    arrivals = tuple(n * 5_000_000 for n in range(20))
    with FakeServer(answer(GOOD)) as server:
        outcome = pair.run(plan(server.url, 22, warmup=2, concurrency=0, arrivals=arrivals))
    assert [trace.scheduled - outcome.began for trace in outcome.traces[2:]] == list(arrivals)
    assert all((trace.started or 0) >= trace.scheduled for trace in outcome.traces[2:])


def test_progress_is_that_of_both(pair: LoadGenerator) -> None:
    """Progress adds up what both have done, of the whole plan."""
    heard: list[Progress] = []
    told = threading.Event()

    def hear(progress: Progress) -> None:
        heard.append(progress)
        if progress.finished == 4:
            told.set()

    with FakeServer(answer_until(told, *[GOOD] * 3)) as server:
        pair.run(plan(server.url, 6, concurrency=2), hear)
    assert {one.total for one in heard} == {6}
    assert max(one.finished for one in heard) == 4, "more than either of them has in sum"
    assert [one.finished for one in heard] == sorted(one.finished for one in heard)


@pytest.mark.parametrize("victim", [0, 1])
def test_one_that_dies_ends_the_others(pair: LoadGenerator, victim: int) -> None:
    """When one process is killed the plan fails, all are gone, and the next plan starts others."""
    pids: list[int] = []

    def kill(_: Progress) -> None:
        pids[:] = pids or [child.pid for child in pair._children]
        os.kill(pids[victim], signal.SIGKILL)

    def endless(peer: Peer) -> None:
        peer.receive()
        peer.wait_for_close()

    with FakeServer(endless) as server, pytest.raises(MeasurementError, match="was killed by SIGKILL"):
        pair.run(plan(server.url, 2, concurrency=2), kill)
    assert len(pids) == 2
    assert all(map(_is_gone, pids))
    with FakeServer(answer(GOOD)) as server:
        assert all(trace.ok for trace in pair.run(plan(server.url, 2, concurrency=2)).traces)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_exception_leaves_no_process(pair: LoadGenerator, error: type[BaseException]) -> None:
    """Ctrl-C, or an exception of the parent's own, ends both processes in the middle of their streams."""
    pids: list[int] = []
    together, both = threading.Barrier(2), threading.Event()

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(GOOD[:200])
        together.wait(60)
        both.set()
        peer.wait_for_close()

    def fail(_: Progress) -> None:
        if both.is_set():
            pids[:] = [child.pid for child in pair._children]
            raise error

    with FakeServer(script) as server:
        with pytest.raises(error):
            pair.run(plan(server.url, 2, concurrency=2), fail)
        assert len(pids) == 2
        assert all(map(_is_gone, pids))


def test_no_more_processes_than_streams(pair: LoadGenerator) -> None:
    """One stream needs one process, however many are permitted."""
    with FakeServer(answer(GOOD)) as server:
        outcome = pair.run(plan(server.url, 3, concurrency=1))
    assert [trace.index for trace in outcome.traces] == [0, 1, 2]
    assert len(pair._children) == 1
