"""An asyncio event loop whose hot reads do not pass through asyncio.

Connections that are being streamed to are read inside the selector; everything else (connecting, sending,
timers) is ordinary asyncio. It costs less than uvloop, and it knows what no callback can know: when the
kernel was last asked which sockets have data. A socket that was not among them then was empty.
"""

from __future__ import annotations

import asyncio
import select
import selectors
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine

__all__ = ["HotLoop", "HotSelector", "run", "running"]

_T = TypeVar("_T")
_now = time.time_ns
# A read that is late tells the arrival of its last chunk only. The others came since the kernel was asked,
# which may be a whole wait ago. So while there are few streams it is asked that often (s); many keep it busy.
_ASK_EVERY, _FEW = 0.001, 8
_READABLE = 1  # select.EPOLLIN is the same number as selectors.EVENT_READ


class _Poll(Protocol):
    """As much of `select.epoll` as is used here."""

    def register(self, fd: int, eventmask: int) -> None: ...

    def unregister(self, fd: int) -> None: ...

    def poll(self, timeout: float | None, maxevents: int) -> list[tuple[int, int]]: ...

    def close(self) -> None: ...


class _Selected(selectors.DefaultSelector):
    """The same where there is no epoll, for more CPU a chunk."""

    def poll(self, timeout: float | None, _maxevents: int) -> list[tuple[int, int]]:
        return [(key.fd, mask) for key, mask in self.select(timeout)]


def _poll() -> _Poll:
    if hasattr(select, "epoll"):
        return cast("_Poll", select.epoll())
    return cast("_Poll", _Selected())


class HotSelector(selectors.DefaultSelector):
    """A selector that reads some sockets itself and tells the event loop about the others.

    Attributes:
        asked: a moment (ns, CLOCK_REALTIME) before the kernel was asked, the last time but one, which sockets
            can be read. One that is read now and was drained before then was still empty at that moment.
        turn: set by a hot read that left something for the event loop to do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = self._asking = _now()
        self.turn = False
        self._readers: dict[int, Callable[[], None]] = {}
        # Hot sockets, and behind one descriptor all that asyncio watches.
        self._poll = _poll()
        self._poll.register(self.fileno(), _READABLE)

    def read_hot(self, sock: socket.socket, on_readable: Callable[[], None]) -> None:
        """Call `on_readable` whenever there is something to read, until `stop_hot`."""
        self._poll.register(sock.fileno(), _READABLE)
        self._readers[sock.fileno()] = on_readable

    def stop_hot(self, sock: socket.socket) -> None:
        """Leave the socket alone, if it was a hot one."""
        if self._readers.pop(sock.fileno(), None) is not None:
            self._poll.unregister(sock.fileno())

    def close(self) -> None:
        """Close both selectors."""
        self._poll.close()
        super().close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Read hot sockets until there is something for the event loop to do."""
        deadline = None if timeout is None else time.monotonic() + timeout
        self.turn = False
        cold: list[tuple[selectors.SelectorKey, int]] = []
        while True:
            self.asked, self._asking = self._asking, _now()
            wait = timeout
            if 0 < len(self._readers) <= _FEW:
                wait = _ASK_EVERY if timeout is None else min(timeout, _ASK_EVERY)
            for fd, _ in self._poll.poll(wait, len(self._readers) + 1):
                on_readable = self._readers.get(fd)  # a read may stop others
                if on_readable is not None:
                    on_readable()
                elif fd == self.fileno():
                    cold = super().select(0)
            if cold or self.turn:
                return cold
            if deadline is not None:
                timeout = deadline - time.monotonic()
                if timeout <= 0:
                    return cold


class HotLoop(asyncio.SelectorEventLoop):
    """The event loop over a `HotSelector`, which is its attribute `hot`."""

    def __init__(self) -> None:
        self.hot = HotSelector()
        super().__init__(self.hot)


def running() -> HotLoop:
    """Return the running loop, which must be of this kind."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, HotLoop):
        message = "connections are read by a HotLoop: use hot_loop.run"
        raise TypeError(message)
    return loop


def run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine in such a loop to its end."""
    with asyncio.Runner(loop_factory=HotLoop) as runner:
        return runner.run(coroutine)
