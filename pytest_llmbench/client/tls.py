"""TLS over stamped reads, through memory buffers: the socket stays the client's own to read."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    import socket

__all__ = ["Tls"]

_RECORD_HEADER = 5  # type, version, length
_READ_SIZE = 16 * 1024  # the longest record


class Tls:
    """One session."""

    def __init__(self, context: ssl.SSLContext, server_name: str | None) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._record = b""
        self.ended = False
        """The server said that nothing more will come."""

    async def handshake(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        """Agree with the server, over a socket that nobody else reads yet."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await loop.sock_sendall(sock, self._outgoing.read())
                data = await loop.sock_recv(sock, _READ_SIZE)
                if not data:
                    message = "the connection closed during the TLS handshake"
                    raise ConnectionResetError(message) from None
                self._receive(data)
            else:
                await loop.sock_sendall(sock, self._outgoing.read())
                return

    def encrypt(self, data: bytes) -> bytes:
        """Return what to send for the data."""
        self._tls.write(data)
        return self._outgoing.read()

    def decrypt(self, data: bytes) -> tuple[bytes, bool]:
        """Return what the bytes complete, and whether that is all: no record is left in part."""
        self._receive(data)
        plain = []
        with contextlib.suppress(ssl.SSLWantReadError):
            while piece := self._tls.read(_READ_SIZE):
                plain.append(piece)
            self.ended = True  # only the end reads as nothing
        return b"".join(plain), not self._record and not self.ended

    def _receive(self, data: bytes) -> None:
        self._incoming.write(data)
        rest = self._record + data
        while len(rest) >= _RECORD_HEADER:
            size = _RECORD_HEADER + int.from_bytes(rest[3:_RECORD_HEADER])
            if len(rest) < size:
                break
            rest = rest[size:]
        self._record = rest
