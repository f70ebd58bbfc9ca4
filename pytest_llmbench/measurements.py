"""What `bench` does for a test: settle the load, measure it on the test's server, keep the record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.capacity import find_capacity
from pytest_llmbench.client.plan import Timeouts
from pytest_llmbench.collection import place_of
from pytest_llmbench.errors import MeasurementError, ServerError, Unavailable, UsageError
from pytest_llmbench.load_settings import AskedLoad, asked_load, settle_load, settle_replay
from pytest_llmbench.markers import bench_marker
from pytest_llmbench.measuring import measure
from pytest_llmbench.metrics.slo import parse_slos, values_needed
from pytest_llmbench.planning import read_slos
from pytest_llmbench.recording import record_result, record_search
from pytest_llmbench.workloads.replay_file import read_replay
from pytest_llmbench.workloads.replay_prompts import replay_workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    import pytest

    from pytest_llmbench.capacity import Capacity
    from pytest_llmbench.client.generator import LoadGenerator
    from pytest_llmbench.client.plan import Progress
    from pytest_llmbench.collection import Axis
    from pytest_llmbench.progress import ProgressLine
    from pytest_llmbench.records import ResultRecord
    from pytest_llmbench.result import BenchResult
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.servers import Servers
    from pytest_llmbench.settings import Settings
    from pytest_llmbench.spec.plan import Plan
    from pytest_llmbench.spec.workload import Workload
    from pytest_llmbench.workloads.loads import Load

__all__ = ["Measurements"]


class Measurements:
    """Measures on behalf of tests; what was measured goes to `keep`.

    Raises:
        UsageError: a service level cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        axis: Axis,
        servers: Servers,
        *,
        generator: LoadGenerator,
        progress: ProgressLine,
        rootdir: Path,
        keep: Callable[[ResultRecord], None],
    ) -> None:
        self._settings, self._plan, self._axis, self._servers = settings, plan, axis, servers
        self._progress, self._rootdir, self._record = progress, rootdir, keep
        self._slos = read_slos(settings)
        self._generator = generator
        self._neighbours: tuple[str, ...] | None = None
        """Seen since a record was kept."""

    def bench(
        self, item: pytest.Item, server: Server, workload: Workload | str, asked: Mapping[str, Any]
    ) -> BenchResult:
        """Measure on behalf of a test, and keep the record for the report.

        `asked` are the arguments of the call, those of `AskedLoad`.

        Raises:
            MeasurementError: the load could not be generated, or the server ended meanwhile.
            ServerError: the server was gone before.
            UsageError: there is no such workload, or it cannot be made for this model.
        """
        load = settle_load(self._settings, bench_marker(item), asked_load(asked))
        result = self._measure(item, server, workload, load)
        self._keep(record_result(result, item.nodeid, self._plan.redacted(server.deployment)), server)
        return result

    def replay(
        self,
        item: pytest.Item,
        server: Server,
        path: str | Path | None,
        *,
        speed: float | None,
        limit: int | None,
    ) -> BenchResult:
        """Send what a file recorded, that of `--bench-replay` rather than `path`, and keep the record.

        Raises:
            Unavailable: there is neither.
            StorageError, UsageError: it is no trace; and as `bench`.
        """
        option = self._settings.get("replay")
        if option is None and path is None:
            message = "needs a trace: --bench-replay PATH"
            raise Unavailable(message)
        file = self._rootdir / (path or "") if option is None else Path(option)
        given = self._settings.get("replay-speed")
        speed = speed if given is None else given
        replay = read_replay(file, name=str(option or path), speed=1.0 if speed is None else speed)
        load = settle_replay(self._settings, bench_marker(item), replay, limit=limit)
        result = self._measure(item, server, replay_workload(replay), load)
        self._keep(record_result(result, item.nodeid, self._plan.redacted(server.deployment)), server)
        return result

    def search(
        self,
        item: pytest.Item,
        server: Server,
        workload: Workload | str,
        *,
        slo: str | None,
        by: str,
        low: float,
        high: float,
    ) -> Capacity[int] | Capacity[float]:
        """Find the highest load that meets the service levels, and keep the record of the best.

        Raises:
            Unavailable: nobody said what the service levels are.
            MeasurementError: no load meets them; the lowest that was tried is recorded.
        """
        slos = parse_slos(slo) if slo else self._slos
        if not slos:
            message = "needs service levels: --bench-slo ttft.p99=500ms,itl.p95=50ms"
            raise Unavailable(message)

        def measured(load: float) -> BenchResult:
            asked = AskedLoad(concurrency=int(load)) if by == "concurrency" else AskedLoad(rate=load)
            settled = settle_load(self._settings, bench_marker(item), asked)
            if settled.duration is None:
                settled = replace(settled, requests=max(settled.requests, values_needed(slos)))
            return self._measure(item, server, workload, settled)

        capacity: Capacity[int] | Capacity[float]
        if by == "concurrency":
            capacity = find_capacity(measured, slos, by=by, low=int(low), high=int(high))
        elif by == "rate":
            capacity = find_capacity(measured, slos, by=by, low=float(low), high=float(high))
        else:
            message = f"a search is by concurrency or by rate, not by {by!r}"
            raise UsageError(message)
        record = record_result(capacity.result, item.nodeid, self._plan.redacted(server.deployment))
        self._keep(record.model_copy(update={"search": record_search(capacity)}), server)
        if capacity.failure is not None:
            raise MeasurementError(capacity.failure)
        return capacity

    def _measure(
        self, item: pytest.Item, server: Server, workload: Workload | str, load: Load
    ) -> BenchResult:
        workload = self._axis.workload(workload) if isinstance(workload, str) else workload
        runs = self._settings.get("runs", bench_marker(item))
        if gone := self._servers.gone(server):
            message = f"the server of {server.deployment.id} is gone: {gone}"
            raise ServerError(message)
        what = f"{server.deployment.id} {workload.id} {load.id}"
        place = place_of(item)
        with self._servers.alone(f"measuring {what}") as look:

            def tell(run: int, progress: Progress) -> None:
                look()
                self._servers.look_after(server)
                self._progress.measuring(what, run, runs, progress)

            unsettled = self._servers.settle(server)
            result = measure(
                server,
                workload,
                load,
                generator=self._generator,
                runs=runs,
                replicate=place.replicate if place else 1,
                slos=self._slos,
                # A server that outlives the session would answer the next one from its prefix cache.
                salt=self._id() if server.outlives else "",
                timeouts=self._timeouts(bench_marker(item)),
                on_progress=tell,
                watch=self._servers.watch(server),
            )
            seen = look()
        if unsettled:
            notes = (*result.validity.notes, f"the GPUs were not settled before it: {unsettled}")
            result = replace(result, validity=replace(result.validity, notes=notes))
        if seen is not None:
            self._neighbours = tuple(dict.fromkeys((*(self._neighbours or ()), *seen)))
        return result

    def _keep(self, record: ResultRecord, server: Server) -> None:
        """Keep a record for the report; one of a server that ended meanwhile is invalid."""
        record, self._neighbours = _beside(record, self._neighbours), None
        gone = self._servers.gone(server)
        if not gone:
            self._record(record)
            return
        message = f"the server of {server.deployment.id} ended while it was measured: {gone}"
        reasons = (*record.validity.reasons, message)
        validity = record.validity.model_copy(update={"valid": False, "reasons": reasons})
        self._record(record.model_copy(update={"validity": validity}))
        raise MeasurementError(message)

    def _timeouts(self, marker: Mapping[str, Any]) -> Timeouts:
        return Timeouts(
            total=self._settings.get("timeout", marker),
            first=self._settings.get("first-timeout", marker),
            gap=self._settings.get("gap-timeout", marker),
        )

    def _id(self) -> str:
        return self._servers.folder().parent.name


def _beside(record: ResultRecord, neighbours: tuple[str, ...] | None) -> ResultRecord:
    """Add who else was at work; None if nobody could be."""
    if neighbours is None:
        return record
    note = f"measured beside {', '.join(neighbours)}" if neighbours else "measured with --bench-overlap"
    validity = record.validity.model_copy(update={"notes": (*record.validity.notes, note)})
    return record.model_copy(update={"neighbours": neighbours, "validity": validity})
