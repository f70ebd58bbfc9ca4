"""Carrying out a plan: warm-up, then the measured requests, while nothing else happens in this process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections import deque
from typing import TYPE_CHECKING

from pytest_llmbench.client import hot_loop
from pytest_llmbench.client.address import Address
from pytest_llmbench.client.alarm import Alarm
from pytest_llmbench.client.connection import Connection
from pytest_llmbench.client.decode import decode
from pytest_llmbench.client.descriptors import demand_descriptors
from pytest_llmbench.client.dialects import DIALECTS
from pytest_llmbench.client.parts import Packer, Spool
from pytest_llmbench.client.plan import LoadOutcome, LoadPlan, Progress, Replies
from pytest_llmbench.client.priority import own_cores, real_time
from pytest_llmbench.client.stamps import prime
from pytest_llmbench.client.watch import ClockWatch, report_progress, tell_replies, watch_silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_llmbench.client.response import Response
    from pytest_llmbench.client.trace import RequestTrace
    from pytest_llmbench.client.transport import Transport

__all__ = ["run"]

# A request of an open loop is made ready so long (ns) before it is due: connecting is not its server's delay.
_LEAD = 20_000_000
_HTTP_ERRORS = 400


def run(plan: LoadPlan, tell: Callable[[Progress | Replies], None], meet: Callable[[], int]) -> LoadOutcome:
    """Carry out a plan: warm-up in a closed loop, on the streams that will be measured, then its requests.

    `meet` is called in between; it returns the moment (ns) at which the window begins, for whoever shares
    the load, and may block until that is known. No garbage is collected between the window's bounds, and
    nothing is decoded but what `keep_text` wants told as it comes.

    Raises:
        MeasurementError: the server's name has no address, or the system permits too few connections.
    """
    demand_descriptors(plan.concurrency)
    with contextlib.closing(Spool()) as spool:
        return hot_loop.run(_run(plan, tell, meet, spool))


async def _run(
    plan: LoadPlan, tell: Callable[[Progress | Replies], None], meet: Callable[[], int], spool: Spool
) -> LoadOutcome:
    load, clock = _Load(plan, spool), ClockWatch()
    primed = prime()
    attendants = [
        asyncio.create_task(report_progress(load.progress, tell)),
        asyncio.create_task(watch_silence(load.streams, plan.timeouts)),
        asyncio.create_task(clock.watch()),
    ]
    if plan.keep_text:
        attendants.append(asyncio.create_task(tell_replies(load.ended, tell)))
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        with real_time() as urgent, own_cores(plan.cores, plan.process if urgent else None) as cores:
            await asyncio.sleep(0)  # attendants begin: the clock is noted before the window
            await load.closed_loop(0, plan.warmup, None)
            began = meet()
            with Alarm() as alarm:
                if plan.arrivals is None:
                    await alarm.wait_until(began)
                    cpu = time.process_time()
                    deadline = None if plan.duration is None else began + int(plan.duration * 1e9)
                    await load.closed_loop(plan.warmup, len(plan.bodies), deadline)
                else:
                    await alarm.wait_until(began - _LEAD)
                    cpu = time.process_time()
                    await load.open_loop(began, plan.arrivals, alarm)
            cpu, ended = time.process_time() - cpu, time.time_ns()
    finally:
        gc.enable()
        gc.unfreeze()
        for attendant in attendants:
            attendant.cancel()
        load.close()
        if primed is not None:
            primed.close()
    share = cpu / max(1e-9, (ended - began) / 1e9)
    step = clock.largest_step(began, ended)
    return LoadOutcome(list(load.traces()), began, ended, share, step, urgent, cores, load.ran_out)


class _Load:
    """The streams, and what came back on them."""

    def __init__(self, plan: LoadPlan, spool: Spool) -> None:
        self._plan = plan
        self._dialect = DIALECTS[plan.dialect]
        self._address = None if plan.proxy else Address.resolve(plan.base_url)
        self._loop = hot_loop.running()
        self._idle: list[Transport] = []
        self.streams: list[Transport] = []
        self._responses: dict[int, Response] = {}
        self._packer = Packer(self._loop, spool)
        self._untold: deque[int] = deque()
        self._failed = 0
        self.ran_out = False

    def progress(self) -> Progress:
        """How far it is."""
        return Progress(len(self._responses), self._failed, len(self._plan.bodies))

    async def closed_loop(self, first: int, after: int, deadline: int | None) -> None:
        """Send the requests `first` up to `after`, on as many streams as the plan says.

        None is sent after the deadline (ns); `ran_out` says that there were too few until then.
        """
        todo = iter(range(first, after))
        streams = min(self._plan.concurrency or 1, after - first)
        await asyncio.gather(*(self._one_by_one(self._stream(), todo, deadline) for _ in range(streams)))

    async def _one_by_one(self, stream: Transport, todo: Iterator[int], deadline: int | None) -> None:
        previous = None
        for index in todo:
            if deadline is not None and time.time_ns() >= deadline:
                break
            response = await self._send(stream, index, previous)
            # The next request was due the moment this one ended; a new connection delays that moment.
            previous = response.ended if stream.is_open else None
        else:
            self.ran_out |= deadline is not None and time.time_ns() < deadline
        self._idle.append(stream)

    async def open_loop(self, began: int, arrivals: tuple[int, ...], alarm: Alarm) -> None:
        """Send every measured request when it is due, counted in ns from `began`."""
        limit = asyncio.Semaphore(self._plan.concurrency) if self._plan.concurrency else None
        async with asyncio.TaskGroup() as requests:
            for index, offset in enumerate(arrivals, start=self._plan.warmup):
                await alarm.wait_until(began + offset - _LEAD)
                if self._plan.duration is not None and offset > self._plan.duration * 1e9:
                    break
                requests.create_task(self._one_when_due(index, began + offset, alarm, limit))

    async def _one_when_due(
        self, index: int, due: int, alarm: Alarm, limit: asyncio.Semaphore | None
    ) -> None:
        async with limit or contextlib.nullcontext():
            stream = self._stream()
            await stream.prepare()
            await alarm.wait_until(due)
            await self._send(stream, index, due)
            self._idle.append(stream)

    def _stream(self) -> Transport:
        """Return a stream that idles, or a new one."""
        if not self._idle:
            self._idle.append(self._new_stream())
            self.streams.append(self._idle[-1])
        return self._idle.pop()

    def _new_stream(self) -> Transport:
        plan = self._plan
        if self._address is None:
            # httpx takes as long to import as all the rest.
            from pytest_llmbench.client.proxied import ProxiedConnection  # noqa: PLC0415

            return ProxiedConnection(plan.base_url, plan.proxy or "", plan.headers, plan.timeouts)
        return Connection(self._loop, self._address, plan.headers, plan.timeouts)

    async def _send(self, stream: Transport, index: int, scheduled: int | None) -> Response:
        response = await stream.request(self._dialect.path, self._plan.bodies[index], scheduled)
        self._responses[index] = response
        self._untold.append(index)
        self._packer.pack_soon(response.parts)
        self._failed += response.failure is not None or response.status >= _HTTP_ERRORS
        return response

    def ended(self) -> RequestTrace | None:
        """Decode a response of which nobody was told yet; None if there is none."""
        return self._trace(self._untold.popleft()) if self._untold else None

    def traces(self) -> Iterator[RequestTrace]:
        """Decode what came back, and let go of it on the way."""
        for index in sorted(self._responses):
            yield self._trace(index)
            del self._responses[index]

    def _trace(self, index: int) -> RequestTrace:
        plan, response = self._plan, self._responses[index]
        return decode(response, self._dialect, index, warmup=index < plan.warmup, keep_text=plan.keep_text)

    def close(self) -> None:
        """Close all connections."""
        for stream in self.streams:
            stream.close()
