"""The closed loop: a fixed number of streams, each asking again when its last answer is over."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING

from pytest_llmbench.client import hot_loop
from pytest_llmbench.client.address import Address
from pytest_llmbench.client.connection import Connection, Response
from pytest_llmbench.client.decode import decode
from pytest_llmbench.client.dialects import DIALECTS
from pytest_llmbench.client.plan import LoadOutcome, LoadPlan, Progress
from pytest_llmbench.client.priority import real_time
from pytest_llmbench.client.stamps import prime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["run"]

_PROGRESS_EVERY = 0.5


def run(plan: LoadPlan, on_progress: Callable[[Progress], None]) -> LoadOutcome:
    """Carry out a plan: warm-up on the streams that will be measured, then the measured requests.

    Nothing is decoded, and no garbage is collected, between the window's bounds.
    """
    return hot_loop.run(_run(plan, on_progress))


async def _run(plan: LoadPlan, on_progress: Callable[[Progress], None]) -> LoadOutcome:
    loop = _ClosedLoop(plan)
    primed = prime()
    reporter = asyncio.create_task(loop.report(on_progress))
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        with real_time():
            await loop.drive(0, plan.warmup)
            cpu, began = time.process_time(), time.time_ns()
            await loop.drive(plan.warmup, len(plan.bodies))
            cpu, ended = time.process_time() - cpu, time.time_ns()
    finally:
        gc.enable()
        gc.unfreeze()
        reporter.cancel()
        loop.close()
        if primed is not None:
            primed.close()
    dialect = DIALECTS[plan.dialect]
    traces = [
        decode(response, dialect, index, warmup=index < plan.warmup, keep_text=plan.keep_text)
        for index, response in enumerate(loop.responses)
    ]
    return LoadOutcome(traces, began, ended, cpu / max(1e-9, (ended - began) / 1e9))


class _ClosedLoop:
    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._path = DIALECTS[plan.dialect].path
        address = Address.resolve(plan.base_url)
        loop = hot_loop.running()
        self._streams = [
            Connection(loop, address, plan.headers, plan.timeouts) for _ in range(plan.concurrency)
        ]
        self.responses: list[Response] = [Response()] * len(plan.bodies)
        self._finished = self._failed = 0

    async def drive(self, first: int, after: int) -> None:
        """Send the requests `first` up to `after`, and return when the last has been answered."""
        todo = iter(range(first, after))
        await asyncio.gather(*(self._drive_stream(stream, todo) for stream in self._streams))

    async def _drive_stream(self, stream: Connection, todo: Iterator[int]) -> None:
        plan, previous = self._plan, None
        for index in todo:
            response = await stream.request(self._path, plan.bodies[index], previous)
            self.responses[index] = response
            self._finished += 1
            self._failed += response.failure is not None or response.status >= 400  # noqa: PLR2004
            # The next request was due the moment this one ended; a new connection delays that moment.
            previous = response.ended if stream.is_open else None

    async def report(self, on_progress: Callable[[Progress], None]) -> None:
        """Tell how far it is, again and again, until cancelled."""
        while True:
            on_progress(Progress(self._finished, self._failed, len(self._plan.bodies)))
            await asyncio.sleep(_PROGRESS_EVERY)

    def close(self) -> None:
        """Close all connections."""
        for stream in self._streams:
            stream.close()
