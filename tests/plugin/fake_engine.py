"""An engine that answers at a steady pace, or badly in a way that is chosen, and notes what it was asked.

It takes at least as long as it says, however busy the machine is; how much longer, nobody can tell.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["FIRST", "GAP", "Behaviour", "FakeEngine"]

Behaviour = Literal["well", "refuse", "fail", "cut", "reset", "error", "nothing", "hang", "every other fails"]

FIRST, GAP = 0.01, 0.004
"""Seconds before the first chunk and between chunks, unless a test says otherwise."""

_PROMPT_TOKENS = 10
_PATIENCE = 60.0


class FakeEngine:
    """Serves one or more models at `url` between `with` and its end; not owned by any engine we know.

    Attributes:
        behaviour: how completions are answered.
        requests: bodies of the completions that were asked for.
        headers: their headers, each a mapping with lower-case names.
        first, gap: seconds before the first chunk and between chunks.
        say: makes a reply of a prompt; without it, a reply is as many words as were asked for.
        together: nobody is answered before so many have asked.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.forget()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.engine = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def forget(self) -> None:
        """Be as new."""
        self.behaviour: Behaviour = "well"
        self.models = ["fake-model"]
        self.key: str | None = None
        self.first, self.gap = FIRST, GAP
        self.say: Callable[[str], str] | None = None
        self.together = threading.Barrier(1)
        self._count = _Count()
        self.requests.clear()
        self.headers.clear()

    @property
    def most(self) -> int:
        """How many were under way at one moment."""
        return self._count.most

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        """Count one more while it is answered; what an earlier test left behind counts with that."""
        count = self._count
        with count.lock:
            count.now += 1
            count.most = max(count.most, count.now)
        try:
            self.together.wait(_PATIENCE)
            yield
        finally:
            with count.lock:
                count.now -= 1


@dataclass
class _Count:
    lock: threading.Lock = field(default_factory=threading.Lock)
    now: int = 0
    most: int = 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512  # of the usual five the sixth that comes at once waits a second
    block_on_close = False
    engine: FakeEngine


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client went away
            super().handle()

    def do_GET(self) -> None:
        engine = self.server.engine
        if engine.key is not None and self.headers.get("Authorization") != f"Bearer {engine.key}":
            self._reply(401, {"error": {"message": "wrong key"}})
        elif self.path == "/v1/models":
            self._reply(200, {"data": [{"id": name, "object": "model"} for name in engine.models]})
        else:
            self._reply(404, {"error": {"message": "no such page"}})

    def do_POST(self) -> None:
        engine = self.server.engine
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.path.endswith("/completions"):
            self._reply(404, {"error": {"message": "no such page"}})
            return
        engine.headers.append({name.lower(): value for name, value in self.headers.items()})
        engine.requests.append(body)
        behaviour = engine.behaviour
        if behaviour == "every other fails":
            behaviour = "fail" if len(engine.requests) % 2 else "well"
        match behaviour:
            case "refuse":
                self._reply(400, {"error": {"message": "prompt too long for this model"}})
            case "fail":
                self._reply(503, {"error": {"message": "out of memory"}})
            case "hang":
                time.sleep(30)
            case _:
                with engine.under_way():
                    words, finish = self._words(body)
                    self._stream(words, finish, behaviour)

    def _words(self, body: Mapping[str, Any]) -> tuple[list[str], str]:
        """Say what is answered, a word a chunk, and why it ends."""
        limit, say = body["max_tokens"], self.server.engine.say
        if say is None:
            return ["word "] * limit, "length"
        words = re.findall(r"\S+\s*|\s+", say(body["messages"][-1]["content"]))
        return words[:limit], "length" if len(words) > limit else "stop"

    def _stream(self, words: list[str], finish: str, behaviour: Behaviour) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        time.sleep(self.server.engine.first)
        output = [] if behaviour == "nothing" else words
        for index, word in enumerate(output):
            self._event({"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]})
            if index == 1 and behaviour in {"cut", "reset"}:
                self._break_off(behaviour)
                return
            if index == 1 and behaviour == "error":
                self._event({"error": {"message": "engine core died", "type": "internal"}})
                break
            time.sleep(self.server.engine.gap)
        else:
            self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
            counts = {"prompt_tokens": _PROMPT_TOKENS, "completion_tokens": len(output)}
            self._event({"choices": [], "usage": {**counts, "total_tokens": _PROMPT_TOKENS + len(output)}})
            self._send(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _break_off(self, behaviour: Behaviour) -> None:
        if behaviour == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def _event(self, document: Mapping[str, Any]) -> None:
        self._send(b"data: " + json.dumps({"model": "fake-model", **document}).encode() + b"\n\n")

    def _send(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _reply(self, status: int, document: Mapping[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
