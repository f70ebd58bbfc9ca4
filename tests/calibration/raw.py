"""Ask a truth server over a plain socket, so that what it sends is seen as it is."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

__all__ = ["Answer", "Wire", "ask"]

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
_SECONDS = 30.0


@dataclass
class Answer:
    """One response: `reads` are its HTTP chunks; not `complete` if the connection closed early."""

    status: int
    body: bytes
    reads: list[bytes] = field(default_factory=list)
    complete: bool = True

    @property
    def events(self) -> list[Any]:
        """What the stream said, each event parsed; the end mark as it is."""
        data = [event.removeprefix(b"data: ") for event in self.body.split(b"\n\n") if event]
        return [event.decode() if event == b"[DONE]" else json.loads(event) for event in data]

    @property
    def output(self) -> list[Any]:
        """The events that carry tokens."""
        return [event for event in self.events if "sent_ns" in event]

    @property
    def usage(self) -> list[tuple[int, int, int] | None]:
        """Token counts of each event: prompt, completion, total."""
        names = ("prompt_tokens", "completion_tokens", "total_tokens")
        found = [event.get("usage") for event in self.events if isinstance(event, dict)]
        return [
            None if usage is None else (usage[names[0]], usage[names[1]], usage[names[2]]) for usage in found
        ]


class Wire:
    """One connection."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=_SECONDS)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def post(self, path: str = CHAT, **body: object) -> Answer:
        """Ask and read the whole answer."""
        self.send(request(path, **body))
        return self.answer()

    def get(self, path: str) -> Answer:
        """Ask for a document."""
        self.send(f"GET {path} HTTP/1.1\r\nHost: truth\r\n\r\n".encode())
        return self.answer()

    def answer(self) -> Answer:
        """Read one answer, whichever way its length is given."""
        status = int(self._file.readline().split()[1])
        length = None
        while (line := self._file.readline().strip().lower()) != b"":
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if length is not None:
            return Answer(status, self._file.read(length))
        reads: list[bytes] = []
        while size := self._file.readline().strip():
            chunk = self._file.read(int(size, 16))
            self._file.readline()
            if not chunk:
                return Answer(status, b"".join(reads), reads)
            reads.append(chunk)
        return Answer(status, b"".join(reads), reads, complete=False)


def request(path: str = CHAT, **body: object) -> bytes:
    """Make a request for a stream."""
    content = json.dumps({"stream": True, **body}).encode()
    return f"POST {path} HTTP/1.1\r\nHost: truth\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


def ask(base_url: str, path: str = CHAT, **body: object) -> Answer:
    """Ask once, on a connection of its own."""
    with Wire(base_url) as wire:
        return wire.post(path, **body)
