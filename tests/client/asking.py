"""Ask a server through the measuring client, in this process."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from pytest_llmbench.client import hot_loop, load
from pytest_llmbench.client.address import Address
from pytest_llmbench.client.connection import Connection
from pytest_llmbench.client.decode import decode
from pytest_llmbench.client.dialects import DIALECTS
from pytest_llmbench.client.plan import LoadPlan, Timeouts
from pytest_llmbench.client.stamps import prime
from tests.client.fake_server import FakeServer, Peer, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_llmbench.client.plan import LoadOutcome
    from pytest_llmbench.client.response import Response
    from pytest_llmbench.client.trace import RequestTrace

__all__ = ["QUICK", "ask", "carry_out", "plan", "responses", "trace_of"]

CHAT = "openai-chat"
QUICK = Timeouts(connect=60, total=60)
"""So that a test that would hang fails, and one on a busy machine does not."""


def responses(
    url: str,
    *bodies: bytes,
    timeouts: Timeouts = QUICK,
    headers: Mapping[str, str] | None = None,
    pause: float = 0.0,
) -> list[Response]:
    """Send requests one after the other on one connection, with a pause (s) between them.

    The `timeouts` are those of the first; the others have all the time a test has.
    """

    async def exchange() -> list[Response]:
        primed = prime()
        connection = Connection(hot_loop.running(), Address.resolve(url), headers or {}, timeouts)
        answers = []
        try:
            for body in bodies or (b"{}",):
                answers.append(await connection.request("/v1/chat/completions", body, None))
                connection._timeouts = QUICK
                await asyncio.sleep(pause)
        finally:
            connection.close()
            if primed is not None:
                primed.close()
        return answers

    return hot_loop.run(exchange())


def ask(
    script: Callable[[Peer], object] | list[bytes], *, dialect: str = CHAT, timeouts: Timeouts = QUICK
) -> RequestTrace:
    """Serve a script, or the same pieces always, to one request, and return its trace with its text."""
    with FakeServer(answer(*script) if isinstance(script, list) else script) as server:
        return trace_of(responses(server.url, timeouts=timeouts)[0], dialect=dialect)


def trace_of(response: Response, *, dialect: str = CHAT) -> RequestTrace:
    """Decode a response, its text included."""
    return decode(response, DIALECTS[dialect], 0, keep_text=True)


def plan(url: str, requests: int, **changes: object) -> LoadPlan:
    """Make a plan of requests that know their number."""
    whole: dict[str, object] = {
        "base_url": url,
        "dialect": CHAT,
        "bodies": tuple(json.dumps({"n": number}).encode() for number in range(requests)),
        "concurrency": 1,
        "timeouts": QUICK,
        **changes,
    }
    return LoadPlan(**whole)  # type: ignore[arg-type]


def carry_out(whole: LoadPlan) -> LoadOutcome:
    """Carry out a plan in this process, its window from the end of the warm-up on."""
    return load.run(whole, lambda _: None, lambda: time.time_ns() + 30_000_000)
