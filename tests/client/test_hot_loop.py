"""Reads inside the selector: they happen, hold nobody else up, and know when the kernel was last asked."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import select
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.client import hot_loop
from pytest_llmbench.client.hot_loop import HotLoop, HotSelector

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator


@pytest.fixture
def pairs() -> Iterator[Callable[[], tuple[socket.socket, socket.socket]]]:
    """Give a maker of connected sockets that do not block."""
    with contextlib.ExitStack() as stack:

        def make() -> tuple[socket.socket, socket.socket]:
            both = socket.socketpair()
            for sock in both:
                sock.setblocking(False)  # noqa: FBT003
                stack.enter_context(sock)
            return both

        yield make


def _endless(loop: HotLoop, near: socket.socket, far: socket.socket) -> list[int]:
    """Keep a socket readable for ever: each read sends itself the next byte. Return the count of reads."""
    reads = [0]

    def read() -> None:
        near.recv(1)
        reads[0] += 1
        far.send(b"x")

    loop.hot.read_hot(near, read)
    far.send(b"x")
    return reads


Maker = Any


def test_reads_happen(pairs: Maker) -> None:
    """What arrives on a hot socket is read, again and again, though asyncio hears of none of it."""
    near, far = pairs()
    read: list[bytes] = []

    async def run() -> None:
        loop = hot_loop.running()
        done = loop.create_future()

        def on_readable() -> None:
            read.append(near.recv(1))
            if len(read) < 5:
                far.send(b"%d" % len(read))
            else:
                done.set_result(None)
                loop.hot.turn = True

        loop.hot.read_hot(near, on_readable)
        far.send(b"0")
        await done

    hot_loop.run(run())
    assert read == [b"0", b"1", b"2", b"3", b"4"]


def test_stopped_socket_is_left_alone(pairs: Maker) -> None:
    """After `stop_hot` nothing is read, and asyncio may read instead; what it reads is not stopped."""
    near, far = pairs()

    async def run() -> bytes:
        loop = hot_loop.running()
        loop.hot.read_hot(near, pytest.fail)
        loop.hot.stop_hot(near)
        loop.hot.stop_hot(near)
        far.send(b"cold")
        reading = asyncio.ensure_future(loop.sock_recv(near, 9))
        await asyncio.sleep(0)
        loop.hot.stop_hot(near)
        return await reading

    assert hot_loop.run(run()) == b"cold"


@pytest.mark.parametrize(
    "wait",
    [
        lambda _near, _far: asyncio.sleep(0.01),
        lambda _near, _far: asyncio.to_thread(time.sleep, 0.01),
        lambda near, far: asyncio.gather(
            asyncio.get_running_loop().sock_recv(near, 1), asyncio.to_thread(far.send, b"?")
        ),
    ],
    ids=["timer", "thread", "socket"],
)
def test_cold_events_are_served_while_hot_ones_flow(
    pairs: Maker, wait: Callable[[socket.socket, socket.socket], Coroutine[Any, Any, object]]
) -> None:
    """Timers, other threads and other sockets get their turn though a hot socket never runs dry."""
    hot, cold = pairs(), pairs()

    async def run() -> None:
        reads = _endless(hot_loop.running(), *hot)
        while reads[0] < 2:
            await wait(*cold)

    hot_loop.run(run())


def test_busy_sockets_share(pairs: Maker) -> None:
    """Of many sockets that never run dry each is read as often as the others."""
    hot = [pairs() for _ in range(20)]

    async def run() -> list[int]:
        reads = [_endless(hot_loop.running(), *pair) for pair in hot]
        await asyncio.sleep(0.05)
        return [count for (count,) in reads]

    counts = hot_loop.run(run())
    assert min(counts) > 0
    assert max(counts) - min(counts) <= 1


def test_read_that_closes_another(pairs: Maker) -> None:
    """A socket that is closed by another's read is not read, though it was ready, too."""
    both = [pairs(), pairs()]
    read: list[int] = []

    async def run() -> None:
        loop = hot_loop.running()

        def on_readable(number: int) -> None:
            read.append(number)
            for near, _ in both:
                loop.hot.stop_hot(near)
                near.close()
            loop.hot.turn = True

        for number, (near, far) in enumerate(both):
            far.send(b"x")
            loop.hot.read_hot(near, lambda number=number: on_readable(number))  # type: ignore[misc]
        await asyncio.sleep(0.01)

    hot_loop.run(run())
    assert len(read) == 1


def test_exception_in_a_read(pairs: Maker) -> None:
    """A fault in a read ends the loop and is raised where it was run, instead of being lost."""
    near, far = pairs()

    async def run() -> None:
        def fault() -> None:
            near.recv(1)
            message = "a fault"
            raise ValueError(message)

        hot_loop.running().hot.read_hot(near, fault)
        far.send(b"x")
        await asyncio.sleep(60)

    with pytest.raises(ValueError, match="a fault"):
        hot_loop.run(run())


def test_other_loops_are_refused() -> None:
    """Connections say what they need instead of never being read."""

    async def run() -> None:
        hot_loop.running()

    with pytest.raises(TypeError, match=r"use hot_loop\.run"):
        asyncio.run(run())


class Kernel:
    """A simulated kernel, in which packets arrive, polls look and reads drain, each at moments of its own."""

    def __init__(self, arrivals: list[tuple[int, int]], delays: list[int]) -> None:
        self.now = 0
        self.coming = sorted((at, number) for number, at in arrivals)
        self.unread: dict[int, list[int]] = {number: [] for number in range(4)}
        self.numbers: dict[int, int] = {}
        self._delays = itertools.cycle(delays)

    def pass_time(self) -> None:
        """Let some time pass, and packets arrive."""
        self.now += next(self._delays)
        while self.coming and self.coming[0][0] <= self.now:
            at, number = self.coming.pop(0)
            self.unread[number].append(at)

    def poll(self, timeout: float | None, _maxevents: int) -> list[tuple[int, int]]:
        """Look some time after being asked, and answer some time after that, when more has arrived."""
        assert timeout is not None
        self.pass_time()
        until = self.now + round(timeout * 1e9)
        while self.coming and self.now < until and not any(self.unread.values()):
            self.now = max(self.now, min(until, self.coming[0][0]))  # it sleeps until there is something
            self.pass_time()
        ready = [(fd, 1) for fd, number in self.numbers.items() if self.unread[number]]
        self.pass_time()
        return ready

    def register(self, fd: int, _events: int) -> None:
        """Number sockets as they come."""
        self.numbers[fd] = len(self.numbers)

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Kernel], HotSelector]]:
    """Give a maker of selectors that ask a simulated kernel by its own clock."""
    with contextlib.ExitStack() as stack:

        def make(kernel: Kernel) -> HotSelector:
            monkeypatch.setattr(hot_loop, "_now", lambda: kernel.now)
            hot = stack.enter_context(HotSelector())
            hot._poll.close()
            hot._poll = kernel  # type: ignore[assignment]
            return hot

        yield make


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="simulates epoll")
def test_the_kernel_is_asked_while_nothing_comes(
    simulated: Callable[[Kernel], HotSelector], pairs: Maker
) -> None:
    """After a long silence it is known that a chunk has not been there for long, even if it is read late."""
    kernel = Kernel([(0, 500_000_000)], [1000])
    hot, (near, _) = simulated(kernel), pairs()
    asked: list[int] = []

    def on_readable() -> None:
        kernel.unread[0].clear()
        asked.append(hot.asked)
        hot.turn = True

    hot.read_hot(near, on_readable)
    hot.select(None)
    (last_but_one,) = asked
    assert 500_000_000 - 3_000_000 < last_but_one < 500_000_000


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="simulates epoll")
@given(
    arrivals=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300)), min_size=1, max_size=40),
    delays=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    turns=st.lists(st.booleans(), min_size=1, max_size=20),
)
def test_asked_is_never_later_than_the_truth(
    arrivals: list[tuple[int, int]], delays: list[int], turns: list[bool]
) -> None:
    """However long anything takes: what is read now from a socket that was drained arrived after `asked`."""
    kernel, turn = Kernel(arrivals, delays), itertools.cycle(turns)
    drained_at = dict.fromkeys(range(4), 0)
    read: list[int] = []

    def on_readable(number: int) -> None:
        kernel.pass_time()
        if drained_at[number] <= hot.asked:
            assert min(kernel.unread[number]) >= hot.asked
        read.extend(kernel.unread[number])
        kernel.unread[number] = []
        drained_at[number] = kernel.now
        hot.turn = not kernel.coming or next(turn)
        kernel.pass_time()

    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack, HotSelector() as hot:
        hot._poll.close()
        hot._poll = kernel  # type: ignore[assignment]
        patch.setattr(hot_loop, "_now", lambda: kernel.now)
        patch.setattr(hot_loop, "_ASK_EVERY", 30e-9)
        hot.asked = hot._asking = 0
        for number in range(4):
            hot.read_hot(stack.enter_context(socket.socket()), partial(on_readable, number))
        while kernel.coming or any(kernel.unread.values()):
            hot.select(None)
            kernel.pass_time()
    assert len(read) == len(arrivals)
