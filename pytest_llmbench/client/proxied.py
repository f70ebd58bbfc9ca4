"""Requests through a proxy, by httpx.

The times are those at which a read returned, so a late client makes a late chunk; the result says so.
Connecting, to the proxy and through it, is part of a stream's first request.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx

from pytest_llmbench.client.response import Response
from pytest_llmbench.client.trace import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.plan import Timeouts

__all__ = ["ProxiedConnection"]

_now = time.time_ns


class ProxiedConnection:
    """A stream that goes through a proxy."""

    def __init__(self, base_url: str, proxy: str, headers: Mapping[str, str], timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={**headers, "Content-Type": "application/json", "Accept": "text/event-stream"},
            proxy=proxy,
            timeout=httpx.Timeout(None, connect=timeouts.connect),
            trust_env=True,  # for certificates: the proxy is given
        )
        self._heard_at = 0
        self._response = Response()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """The next request needs no new connection: httpx keeps it, and does not say."""
        return True

    async def prepare(self) -> bool:
        """Do nothing: httpx connects when it sends."""
        return True

    async def request(self, path: str, body: bytes, scheduled: int | None) -> Response:
        """POST `body` and collect the answer; never raises for what server, proxy or network did."""
        response = self._response = Response(kernel=False)
        response.started = self._heard_at = _now()
        response.scheduled = response.started if scheduled is None else scheduled
        self._task = asyncio.ensure_future(self._exchange(path, body, response))
        try:
            async with asyncio.timeout(self._timeouts.total):
                await self._task
        except TimeoutError:
            response.failure = Failure("timeout", f"not finished within {self._timeouts.total:g} s")
        except asyncio.CancelledError:
            if response.failure is None:  # else it was given up for its silence
                raise
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            response.failure = Failure("connect", f"through the proxy: {error or type(error).__name__}")
        except httpx.HTTPError as error:
            response.failure = Failure("truncated", str(error) or type(error).__name__)
        response.ended = self._heard_at
        return response

    async def _exchange(self, path: str, body: bytes, response: Response) -> None:
        async with self._client.stream("POST", path, content=body) as answer:
            response.status = answer.status_code
            response.stream = answer.headers.get("content-type", "").lower().startswith("text/event-stream")
            async for data in answer.aiter_raw():
                at = _now()
                response.parts.add(at, self._heard_at, data, True)  # noqa: FBT003
                self._heard_at = at
        response.complete = True
        self._heard_at = _now()

    def give_up_if_silent(self, now: int) -> None:
        """Fail the request under way if nothing has come for longer than its timeouts allow."""
        if self._task is None or self._task.done():
            return
        broken = self._timeouts.broken_by(now - self._heard_at, heard=len(self._response.parts) > 0)
        if broken is not None:
            self._response.failure = broken
            self._task.cancel()

    def close(self) -> None:
        """End the request under way; httpx's sockets go with the process."""
        if self._task is not None:
            self._task.cancel()
