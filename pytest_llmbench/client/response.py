"""What came back for one request, undecoded, and the HTTP/1.1 framing that it was taken out of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httptools

from pytest_llmbench.client.parts import Parts

if TYPE_CHECKING:
    from pytest_llmbench.client.trace import Failure

__all__ = ["Framing", "Response"]

_FIRST_FINAL_STATUS = 200


@dataclass(slots=True)
class Response:
    """What came back, undecoded."""

    scheduled: int = 0
    started: int | None = None
    connect: int = 0
    status: int = 0
    stream: bool = False
    """The body is an event stream, as its content type says."""
    parts: Parts = field(default_factory=Parts)
    ended: int | None = None
    complete: bool = False
    kernel: bool = True
    failure: Failure | None = None


class Framing:
    """Takes the answers of one connection out of its bytes, one after the other.

    `httptools` calls what begins with `on_`. A body is not put into the response: only the connection knows
    when its bytes arrived.

    Attributes:
        bodies: pieces of the body that were fed and not taken yet.
        keep_alive: the connection may be used for another request.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.on_body = self.bodies.append
        self.keep_alive = False
        self._response = Response()
        self._parser: Any = None

    def begin(self, response: Response) -> None:
        """Expect the answer to a request; what is fed from now on goes to `response`."""
        self._response = response
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take bytes.

        Raises:
            httptools.HttpParserError, httptools.HttpParserUpgrade: they are no answer.
        """
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """Hear that an answer begins: at most one does, after interim ones."""
        if self._response.complete:
            message = "a second answer to one request"
            raise ValueError(message)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; only the content type matters."""
        if name.lower() == b"content-type":
            self._response.stream = value.lower().startswith(b"text/event-stream")

    def on_headers_complete(self) -> None:
        """Take the status, unless the answer is an interim one (100, 103)."""
        status = self._parser.get_status_code()
        if status >= _FIRST_FINAL_STATUS:
            self._response.status = status

    def on_message_complete(self) -> None:
        """Hear that the body is whole."""
        if self._response.status:
            self.keep_alive = self._parser.should_keep_alive()
            self._response.complete = True
