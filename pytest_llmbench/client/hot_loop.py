"""An asyncio event loop whose hot reads do not pass through asyncio.

Connections that are being streamed to are read inside the selector; everything else (connecting, sending,
timers) is ordinary asyncio. It costs what uvloop costs, and it knows what no callback can know: when the
kernel was last asked which sockets have data. A socket that was not among them then was empty.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine

__all__ = ["HotLoop", "HotSelector", "run", "running"]

_T = TypeVar("_T")
_now = time.time_ns


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

    def read_hot(self, sock: socket.socket, on_readable: Callable[[], None]) -> None:
        """Call `on_readable` whenever there is something to read, until `stop_hot`."""
        self.register(sock, selectors.EVENT_READ, on_readable)

    def stop_hot(self, sock: socket.socket) -> None:
        """Leave the socket alone; one that asyncio watches stays asyncio's."""
        key = self.get_map().get(sock)
        if key is not None and not isinstance(key.data, tuple):
            self.unregister(sock)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Read hot sockets until there is something for the event loop to do."""
        deadline = None if timeout is None else time.monotonic() + timeout
        self.turn = False
        cold: list[tuple[selectors.SelectorKey, int]] = []
        while True:
            self.asked, self._asking = self._asking, _now()
            for ready in super().select(timeout):
                on_readable = ready[0].data
                if isinstance(on_readable, tuple):  # asyncio's own: a reader and a writer
                    cold.append(ready)
                elif ready[0].fileobj.fileno() >= 0:  # type: ignore[union-attr] # a read may close others
                    on_readable()
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
