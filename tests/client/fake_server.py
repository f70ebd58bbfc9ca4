"""A server that sends exactly the bytes a test scripts, when and split as it scripts, and notes when.

For the faults that real engines do not produce on demand. A script is a function of one connection:

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(HEAD)
        peer.send(chunked(sse(content("Hi"))))

It runs in a thread of its own; when it returns, the connection is closed.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DONE",
    "HEAD",
    "LAST_CHUNK",
    "FakeServer",
    "Peer",
    "Request",
    "Sent",
    "answer",
    "answer_until",
    "chunked",
    "content",
    "reply",
    "role",
    "sse",
    "stream",
    "usage",
]

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Request:
    """What the client sent."""

    head: bytes
    body: bytes


@dataclass(frozen=True)
class Sent:
    """Bytes that were handed to the kernel between two moments (ns, CLOCK_REALTIME)."""

    data: bytes
    before: int
    after: int


class Peer:
    """One connection, from the server's side."""

    def __init__(self, sock: socket.socket, index: int, stopping: threading.Event) -> None:
        self._sock = sock
        self._stopping = stopping
        self._rest = b""
        self.index = index
        self.sent: list[Sent] = []

    def receive(self) -> Request | None:
        """Read one request; None if the client closed the connection instead."""
        data = self._rest
        while b"\r\n\r\n" not in data:
            piece = self._sock.recv(65536)
            if not piece:
                return None
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        pieces, missing = [body], length - len(body)
        while missing > 0:
            piece = self._sock.recv(1 << 20)
            if not piece:
                return None
            pieces.append(piece)
            missing -= len(piece)
        whole = b"".join(pieces)
        self._rest = whole[length:]
        return Request(head, whole[:length])

    def send(self, data: bytes, *, then_wait: float = 0.0) -> None:
        """Send bytes in one call, note when, and wait (s)."""
        before = time.time_ns()
        self._sock.sendall(data)
        self.sent.append(Sent(data, before, time.time_ns()))
        time.sleep(then_wait)

    def wait(self, seconds: float = 60.0) -> None:
        """Do nothing, at most until the server stops."""
        self._stopping.wait(seconds)

    def wait_until_read(self) -> None:
        """Return when the client has taken all that was sent from its socket, or is gone (on Linux)."""
        theirs, ours = (
            f":{address[1]:04X}" for address in (self._sock.getpeername(), self._sock.getsockname())
        )
        while not self._stopping.is_set():
            queues = dict.fromkeys((theirs, ours), "0:0")
            for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
                _, local, remote, _, queued, *_ = line.split()
                if {local[-5:], remote[-5:]} == {theirs, ours}:
                    queues[local[-5:]] = queued
            to_send, unread = queues[ours].partition(":")[0], queues[theirs].partition(":")[2]
            if int(to_send, 16) == int(unread, 16) == 0:
                return
            time.sleep(0.001)

    def wait_for_close(self) -> None:
        """Return when the client has closed the connection."""
        while self._sock.recv(65536):
            pass

    def end_tls(self) -> None:
        """Say that nothing more will come, and wait for the client to say so or to leave."""
        assert isinstance(self._sock, ssl.SSLSocket)
        self._sock.unwrap()

    def reset(self) -> None:
        """End the connection with a TCP reset, as a server that was killed does."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()


class FakeServer:
    """Runs a script for every connection, between `with` and its end."""

    def __init__(
        self,
        script: Callable[[Peer], object],
        *,
        address: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._script, self._tls = script, tls
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family, backlog=512)
        host = f"[{address}]" if family == socket.AF_INET6 else address
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"
        self.peers: list[Peer] = []
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.errors: list[Exception] = []

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock, len(self._threads)))
            self._sockets.append(sock)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, index: int) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                self._sockets.append(sock)
                sock.do_handshake()
            peer = Peer(sock, index, self._stopping)
            self.peers.append(peer)
            self._script(peer)
        except OSError:
            pass  # the client went away, which many scripts are about
        except Exception as error:  # noqa: BLE001 - raised where the test sees it
            self.errors.append(error)
        finally:
            sock.close()

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        _shut_down(self._listener)
        self._accepting.join()  # from here on there is nobody new
        for sock in self._sockets:
            _shut_down(sock)
        for thread in self._threads:
            thread.join()
        for sock in (self._listener, *self._sockets):
            sock.close()
        if self.errors:
            raise self.errors[0]

    @property
    def sent(self) -> list[Sent]:
        """What was sent on all connections."""
        return [sent for peer in self.peers for sent in peer.sent]


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def answer(*pieces: bytes, then_wait: float = 0.0) -> Callable[[Peer], None]:
    """Make a script that answers every request with the same pieces, one send each."""

    def script(peer: Peer) -> None:
        while peer.receive():
            for piece in pieces:
                peer.send(piece, then_wait=then_wait)

    return script


def answer_until(told: threading.Event, *replies: bytes) -> Callable[[Peer], None]:
    """Make a script that gives each request its reply, the last one not before something was `told`."""

    def script(peer: Peer) -> None:
        for number, one in enumerate(replies, 1):
            peer.receive()
            if number == len(replies):
                told.wait(60)
            peer.send(one)

    return script


def reply(status: str, body: bytes, kind: str = "application/json") -> bytes:
    """Make a whole answer with a length."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def chunked(data: bytes) -> bytes:
    """Frame bytes as one HTTP chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def sse(document: dict[str, Any]) -> bytes:
    """Make an event of a document."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def content(text: str | None, finish: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Make a chat chunk; `more` joins its delta."""
    delta = {"content": text, **more}
    return {"model": "fake", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def role(text: str | None = "") -> dict[str, Any]:
    """Make the first chunk that many servers send before there is any output."""
    return content(text, role="assistant")


def usage(prompt: int, output: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Make the chunk that ends a stream with counts."""
    counts = {"prompt_tokens": prompt, "completion_tokens": output, **more}
    return {"model": "fake", "choices": [], "usage": counts}


def stream(*documents: dict[str, Any], done: bool = True) -> list[bytes]:
    """Make the sends of a whole answer: the head, one HTTP chunk an event, the end marks."""
    events = [chunked(sse(document)) for document in documents]
    return [HEAD, *events, *([chunked(DONE)] if done else []), LAST_CHUNK]
