"""One keep-alive HTTP/1.1 connection whose reads carry stamps.

The hot path is `_on_readable`: read, stamp, frame, store. Nothing is decoded before the window is over.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from typing import TYPE_CHECKING

import httptools

from pytest_llmbench.client.response import Framing, Response
from pytest_llmbench.client.stamps import ANCILLARY_SIZE, kernel_stamp, request_stamps
from pytest_llmbench.client.tls import Tls
from pytest_llmbench.client.trace import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.address import Address
    from pytest_llmbench.client.hot_loop import HotLoop
    from pytest_llmbench.client.plan import Timeouts

__all__ = ["Connection"]

# One read drains whatever a token stream queues, and a short read proves that the socket was empty, which
# saves the second system call that would say so. `recvmsg` allocates this much every time: 256 KiB, which
# malloc maps afresh, costs three times the CPU for each chunk.
_READ_SIZE = 16 * 1024

# Who does not read does not acknowledge, and TCP lets no more than ten packets be on their way unacknowledged
# (RFC 6928): what the server sends meanwhile waits at its end, and arrives later than it was sent. Four
# chunks in one read, three packets each, may have been held back, and so may what comes within two round
# trips of that read, or so long (ns).
_CROWDED, _SHORTEST_HOLD = 4, 2_000_000

# A server that closes an idle connection does so about when the request is sent, not long after (ns).
_IDLE_RACE = 1_000_000_000

_now = time.time_ns


class Connection:
    """Sends one request at a time; opens itself when needed and stays open while the server agrees."""

    def __init__(
        self, loop: HotLoop, address: Address, headers: Mapping[str, str], timeouts: Timeouts
    ) -> None:
        self._address = address
        self._timeouts = timeouts
        self._fixed = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._sock: socket.socket | None = None
        self._tls: Tls | None = None
        self._loop = loop
        self._prepared = self._response = Response()
        self._done: asyncio.Future[None] | None = None
        self._framing = Framing()
        self._empty_at = 0
        self._hold, self._held_until = _SHORTEST_HOLD, 0
        self._heard_at = 0
        self._drained = True

    @property
    def is_open(self) -> bool:
        """The next request needs no new connection, as far as anybody knows."""
        return self._sock is not None

    async def request(self, path: str, body: bytes, scheduled: int | None) -> Response:
        """POST `body` and collect the answer; never raises for what the server or the network did.

        `scheduled` (ns) is when the request should have started; None means as soon as the connection is
        open. A connection that the server closed while it idled is opened again, once.
        """
        reused = self._sock is not None
        response = await self._attempt(path, body, scheduled)
        if reused and _idle_race(response):
            response = await self._attempt(path, body, scheduled)
        return response

    async def _attempt(self, path: str, body: bytes, scheduled: int | None) -> Response:
        if not await self.prepare():
            return self._prepared
        response = self._response = self._prepared
        self._prepared = Response()
        head = (
            f"POST {self._address.prefix}{path} HTTP/1.1\r\nHost: {self._address.host}\r\n"
            f"Content-Type: application/json\r\nAccept: text/event-stream\r\n{self._fixed}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        payload = head.encode("latin-1") + body
        self._framing.begin(response)
        self._done = self._loop.create_future()
        try:
            async with asyncio.timeout(self._timeouts.total):
                if self._tls is not None:
                    payload = self._tls.encrypt(payload)
                self._drained = True
                response.started = self._empty_at = self._heard_at = _now()
                response.scheduled = response.started if scheduled is None else scheduled
                await self._send(payload, self._done)
                await self._done
        except TimeoutError:
            response.failure = Failure("timeout", f"not finished within {self._timeouts.total:g} s")
        except OSError as error:
            self._framing.keep_alive = False
            if self._sock is not None:
                self._on_readable()  # a server that refuses a request may answer before it closes
            if not response.status:
                response.failure = Failure("send", _reason(error))
        if response.failure or not self._framing.keep_alive:
            self.close()
        return response

    async def prepare(self) -> bool:
        """Open the connection if it is not, ahead of the next request; say whether it is open now."""
        if self._sock is not None:
            return True
        self._prepared = Response()
        try:
            self._prepared.connect = await self._open()
        except TimeoutError:
            why = f"no connection within {self._timeouts.connect:g} s"
        except (OSError, ssl.SSLError) as error:
            why = _reason(error)
        else:
            return True
        self.close()
        self._prepared.failure = Failure("connect", why)
        return False

    async def _open(self) -> int:
        """Connect, and return the nanoseconds it took, TLS handshake included."""
        before = time.monotonic_ns()
        sock = self._sock = socket.socket(self._address.family, socket.SOCK_STREAM)
        sock.setblocking(False)  # noqa: FBT003 - the name of the stdlib's own parameter is `flag`
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request_stamps(sock)
        async with asyncio.timeout(self._timeouts.connect):
            await self._loop.sock_connect(sock, self._address.sockaddr)
            if self._address.tls is not None:
                self._tls = Tls(self._address.tls, self._address.server_name)
                await self._tls.handshake(self._loop, sock)
        self._loop.hot.read_hot(sock, self._on_readable)
        took = time.monotonic_ns() - before
        self._hold, self._held_until = max(_SHORTEST_HOLD, 2 * took), 0
        return took

    async def _send(self, payload: bytes, done: asyncio.Future[None]) -> None:
        """Send it all, or as much of it as the server takes before it answers."""
        sock = self._sock
        assert sock is not None  # noqa: S101 - for the type checker: _open has run
        data = memoryview(payload)
        while data and not done.done():
            try:
                data = data[sock.send(data) :]
            except BlockingIOError:
                await self._writable(sock, done)
        if data:
            self._framing.keep_alive = False  # the server would take the rest for the next request

    async def _writable(self, sock: socket.socket, done: asyncio.Future[None]) -> None:
        """Wait until more can be sent, or the answer is there; asyncio reads the socket meanwhile."""
        writable = self._loop.create_future()
        self._loop.hot.stop_hot(sock)
        self._loop.add_reader(sock.fileno(), self._on_readable)
        self._loop.add_writer(sock.fileno(), _resolve, writable)
        try:
            await asyncio.wait({writable, done}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._sock is sock:  # else it is closed, and its number may be another's
                self._loop.remove_writer(sock.fileno())
                self._loop.remove_reader(sock.fileno())
                self._loop.hot.read_hot(sock, self._on_readable)

    def _on_readable(self) -> None:
        """Read once; if more is there, the loop calls again after the other connections had their turn."""
        sock, done = self._sock, self._done
        assert sock is not None  # noqa: S101 - the reader is removed before the socket is
        lost: OSError | None = None
        before = _now()
        try:
            data, ancillary, _, _ = sock.recvmsg(_READ_SIZE, ANCILLARY_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            data, ancillary, lost = b"", [], error
        if done is None or done.done():
            self.close()  # nothing was asked: the end, or no answer to what will be
            return
        stamp = kernel_stamp(ancillary)
        at = stamp if stamp is not None else _now()
        if lost is not None:
            self._fail(Failure("truncated", _reason(lost)), at)
        elif not data:
            self._on_end_of_file(at)
        else:
            self._heard_at = before
            if self._drained:
                # Drained, it was empty at least until the loop last asked which sockets have data.
                asked = self._loop.hot.asked
                if asked > self._empty_at and asked >= self._held_until:
                    self._empty_at = min(asked, at)
            self._drained = len(data) < _READ_SIZE
            prompt = self._drained and before >= self._held_until
            self._take(data, at, drained=prompt, kernel=stamp is not None)
            if self._drained and before >= self._held_until:
                # What comes later came after this read began to drain the socket; the clock was read
                # before the call, so this is never later than the truth.
                self._empty_at = before

    def _take(self, data: bytes, at: int, *, drained: bool, kernel: bool) -> None:
        """Frame the bytes of one read; the stamp belongs to its last byte only if that drained the socket."""
        response, failure = self._response, None
        try:
            if self._tls is not None:
                data, whole = self._tls.decrypt(data)
                drained = drained and whole
            self._framing.feed(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, ssl.SSLError) as error:
            self._framing.keep_alive = False
            if not response.complete:  # else the answer was whole, and something strange followed it
                failure = Failure("protocol", _reason(error))
        response.kernel = response.kernel and kernel
        bodies = self._framing.bodies
        if bodies:
            if len(bodies) >= _CROWDED:
                self._held_until, drained = _now() + self._hold, False
            end = bodies.pop()
            for body in bodies:
                response.parts.add(at, self._empty_at, body, False)  # noqa: FBT003
            last = drained and data.endswith((end, end + b"\r\n"))
            response.parts.add(at, self._empty_at, end, last)
            bodies.clear()
        if failure is not None:
            self._fail(failure, at)
        elif response.complete:
            self._finish(at)
        elif self._tls is not None and self._tls.ended:
            self._on_end_of_file(at)

    def give_up_if_silent(self, now: int) -> None:
        """Fail the request under way if nothing has come for longer than its timeouts allow."""
        if self._done is None or self._done.done():
            return
        broken = self._timeouts.broken_by(now - self._heard_at, heard=len(self._response.parts) > 0)
        if broken is not None:
            self._fail(broken, now)

    def _on_end_of_file(self, at: int) -> None:
        self._framing.keep_alive = False
        if self._response.status:
            # A body without a length ends with the connection; whether it is whole, its text will tell.
            self._finish(at)
        else:
            self._fail(Failure("truncated", "the connection closed before an answer"), at)

    def _fail(self, failure: Failure, at: int) -> None:
        self._response.failure = failure
        self._framing.keep_alive = False
        self._finish(at)

    def _finish(self, at: int) -> None:
        if self._done is not None and not self._done.done():
            self._response.ended = at
            self._done.set_result(None)
            self._loop.hot.turn = True
        if not self._framing.keep_alive:
            self.close()

    def close(self) -> None:
        """Close the socket; the next request opens another."""
        if self._sock is not None:
            self._loop.hot.stop_hot(self._sock)
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()
        self._sock = self._tls = None


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _idle_race(response: Response) -> bool:
    """The connection was lost before anything was heard, and so soon that the request was never looked at."""
    if response.failure is None or response.status or response.failure.kind not in {"send", "truncated"}:
        return False
    return response.ended is None or response.ended - (response.started or 0) < _IDLE_RACE


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)  # asyncio's own text repeats the address
    text = getattr(error, "strerror", None) or str(error)
    return text or type(error).__name__
