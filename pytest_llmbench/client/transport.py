"""What a load sends its requests over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_llmbench.client.response import Response

__all__ = ["Transport"]


class Transport(Protocol):
    """One stream: sends one request at a time.

    `Connection` reads the socket itself and has the kernel's stamps; `ProxiedConnection` leaves the socket to
    httpx and has the times of its own reads.
    """

    @property
    def is_open(self) -> bool:
        """The next request needs no new connection, as far as anybody knows."""

    async def prepare(self) -> bool:
        """Open the connection if it is not, ahead of the next request; say whether it is open now."""

    async def request(self, path: str, body: bytes, scheduled: int | None) -> Response:
        """POST `body` and collect the answer; never raises for what the server or the network did."""

    def give_up_if_silent(self, now: int) -> None:
        """Fail the request under way if nothing has come for longer than its timeouts allow."""

    def close(self) -> None:
        """Close the connection; the next request opens another."""
