"""Where a server is: resolved once, before anything is timed."""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_llmbench.errors import MeasurementError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Address"]

_PROBE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect, resolved once so that no request waits for a name server."""

    host: str
    """As written in the URL, with the port when it is not the scheme's own: the Host header."""
    prefix: str
    sockaddr: Any
    family: int
    server_name: str | None
    """Name to verify the certificate against; None without TLS."""
    tls: ssl.SSLContext | None = None

    @classmethod
    def resolve(cls, base_url: str) -> Address:
        """Resolve an http(s) URL.

        Raises:
            MeasurementError: the name has no address.
        """
        url = urlsplit(base_url)
        secure = url.scheme == "https"
        port = url.port or (443 if secure else 80)
        host = url.hostname or ""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            message = f"{base_url}: cannot resolve {host!r}: {error.strerror or error}"
            raise MeasurementError(message) from error
        family, sockaddr = _answering([(entry[0], entry[4]) for entry in found])
        return cls(
            host=url.netloc.rpartition("@")[2],
            prefix=url.path.rstrip("/"),
            sockaddr=sockaddr,
            family=family,
            server_name=host if secure else None,
            # Once, for it reads every certificate the system trusts.
            tls=ssl.create_default_context() if secure else None,
        )


def _answering(addresses: Sequence[tuple[int, Any]]) -> tuple[int, Any]:
    """Return the first address that takes connections: localhost is often ::1 too, where nobody listens."""
    for family, sockaddr in addresses if len(addresses) > 1 else ():
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(_PROBE_SECONDS)
            sock.connect(sockaddr)
            return family, sockaddr
    return addresses[0]
