"""The one object that owns the live servers of a process, and what was measured on them."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.capacity import find_capacity
from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.client.plan import Timeouts
from pytest_llmbench.collection import Axis, bench_marker, place_of
from pytest_llmbench.errors import MeasurementError, ServerError, Unavailable, UsageError
from pytest_llmbench.files import locked
from pytest_llmbench.judging import Judge
from pytest_llmbench.load_settings import AskedLoad, settle_load, settle_replay
from pytest_llmbench.measuring import measure
from pytest_llmbench.metrics.slo import parse_slos, values_needed
from pytest_llmbench.planning import check_replay, read_labels, read_plan, read_slos
from pytest_llmbench.recording import record_result, record_search
from pytest_llmbench.records import GpuRecord
from pytest_llmbench.reports import junit
from pytest_llmbench.reports.environment import collect_environment
from pytest_llmbench.runtimes import RUNTIMES
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.gpus import cuda_version, driver_version, list_gpus
from pytest_llmbench.workloads.replay import read_replay
from pytest_llmbench.workloads.replay_prompts import replay_workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    import pytest

    from pytest_llmbench.capacity import Capacity
    from pytest_llmbench.collection import Place
    from pytest_llmbench.errors import Judged
    from pytest_llmbench.progress import ProgressLine
    from pytest_llmbench.records import EnvironmentRecord, ResultRecord
    from pytest_llmbench.result import BenchResult
    from pytest_llmbench.runtimes.base import RunningServer
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.settings import Settings
    from pytest_llmbench.spec.deployment import Deployment
    from pytest_llmbench.spec.workload import Workload
    from pytest_llmbench.workloads.loads import Load

__all__ = ["REPORT_ATTRIBUTE", "Session"]

REPORT_ATTRIBUTE = "llmbench"
"""Of a test report: what its test measured."""

_LONGEST_WAIT = 24 * 3600.0


def _replicate_id(deployment: Deployment, replicate: int) -> str:
    return f"{deployment.id}.r{replicate:02d}"


def _without_replicate(nodeid: str, place: Place) -> str:
    return nodeid.replace(_replicate_id(place.deployment, place.replicate), place.deployment.id)


class Session:
    """Starts servers, measures on them, judges, and stops them.

    One in each process that runs tests; under xdist each worker has its own and every deployment belongs to
    one of them. `servers_folder` is called before the first server starts and says where logs go.
    """

    def __init__(
        self, settings: Settings, rootdir: Path, *, servers_folder: Callable[[], Path], progress: ProgressLine
    ) -> None:
        self.settings = settings
        self._rootdir = rootdir
        self.plan, workloads = read_plan(settings, rootdir)
        self.axis = Axis(self.plan.deployments, workloads, settings)
        self.judge = Judge(settings, rootdir / settings.get("results"))
        self.starts = 0
        self.results: list[ResultRecord] = []
        """Of the test that is running."""
        self._labels = read_labels(settings)
        self._slos = read_slos(settings)
        check_replay(settings)
        self._servers_folder = servers_folder
        self._progress = progress
        self._generator = LoadGenerator()
        self._live: dict[Deployment, RunningServer] = {}
        self._unavailable: dict[str, str | None] = {}

    @cached_property
    def environment(self) -> EnvironmentRecord:
        """Describe the host; asks the GPU driver, so not before something is measured."""
        gpus = [
            GpuRecord(index=gpu.index, name=gpu.name, uuid=gpu.uuid, memory_bytes=gpu.memory_bytes)
            for gpu in list_gpus()
        ]
        return collect_environment(self._labels, gpus, driver_version(), cuda_version())

    def unavailable(self, place: Place) -> str | None:
        """Why the deployment cannot run here, None if it can; found out once and remembered."""
        deployment = place.deployment
        if deployment.id not in self._unavailable:
            reason = deployment.skip or RUNTIMES[deployment.runtime].unavailable(deployment)
            self._unavailable[deployment.id] = reason
        return self._unavailable[deployment.id]

    def check(self, item: pytest.Item) -> None:
        """Let a test go on only if its deployment can run here.

        Raises:
            Unavailable: it cannot.
        """
        place = place_of(item)
        reason = self.unavailable(place) if place else None
        if reason:
            raise Unavailable(reason)

    def missing(self, item: pytest.Item) -> tuple[str, ...]:
        """Cells that the compared baseline has from this test; it need not have had as many replicates."""
        baseline, place = self.judge.baseline, place_of(item)
        if baseline is None or place is None:
            return ()
        name, test = place.deployment.id, _without_replicate(item.nodeid, place)
        nodeids = {item.nodeid, test, test.replace(name, _replicate_id(place.deployment, 1))}
        return tuple(sorted({cell for nodeid in nodeids for cell in baseline.missing(nodeid)}))

    def demand(self, item: pytest.Item) -> str | None:
        """Say what a test must measure because the compared baseline has it; None if it may be skipped."""
        missing = self.missing(item)
        if not missing or self.judge.baseline is None:
            return None
        return f"missing: baseline {self.judge.baseline.name!r} has {', '.join(missing)}"

    @contextlib.contextmanager
    def serving(self, place: Place) -> Iterator[Server]:
        """Have the deployment's server up while the context lasts.

        Raises:
            Unavailable, ServerStartError: as the runtime found.
        """
        deployment = place.deployment
        context = StartContext(
            log_path=self._servers_folder() / f"{_replicate_id(deployment, place.replicate)}.log",
            on_progress=lambda text: self._progress.show(f"{deployment.id}: {text}"),
            total_timeout=self.settings.get("start-timeout"),
        )
        with self._alone(f"to start {deployment.id}"):
            running = RUNTIMES[deployment.runtime].start(deployment, context)
        self.starts += deployment.runtime != "external"
        self._live[deployment] = running
        try:
            yield running.server
        finally:
            del self._live[deployment]
            running.stop()

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
        load = settle_load(self.settings, bench_marker(item), AskedLoad(**asked))
        result = self._measure(item, server, workload, load)
        self._keep(record_result(result, item.nodeid, self.plan.redacted(server.deployment)), server)
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
        option = self.settings.get("replay")
        if option is None and path is None:
            message = "needs a trace: --bench-replay PATH"
            raise Unavailable(message)
        file = self._rootdir / (path or "") if option is None else Path(option)
        given = self.settings.get("replay-speed")
        speed = speed if given is None else given
        replay = read_replay(file, name=str(option or path), speed=1.0 if speed is None else speed)
        load = settle_replay(self.settings, bench_marker(item), replay, limit=limit)
        result = self._measure(item, server, replay_workload(replay), load)
        self._keep(record_result(result, item.nodeid, self.plan.redacted(server.deployment)), server)
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
            settled = settle_load(self.settings, bench_marker(item), asked)
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
        record = record_result(capacity.result, item.nodeid, self.plan.redacted(server.deployment))
        self._keep(record.model_copy(update={"search": record_search(capacity)}), server)
        if capacity.failure is not None:
            raise MeasurementError(capacity.failure)
        return capacity

    def _measure(
        self, item: pytest.Item, server: Server, workload: Workload | str, load: Load
    ) -> BenchResult:
        workload = self.axis.workload(workload) if isinstance(workload, str) else workload
        runs = self.settings.get("runs", bench_marker(item))
        if gone := self._live[server.deployment].exited():
            message = f"the server of {server.deployment.id} is gone: {gone}"
            raise ServerError(message)
        what = f"{server.deployment.id} {workload.id} {load.id}"
        place = place_of(item)
        with self._alone(f"to measure {what}"):
            return measure(
                server,
                workload,
                load,
                generator=self._generator,
                runs=runs,
                replicate=place.replicate if place else 1,
                slos=self._slos,
                # A server that outlives the session would answer the next one from its prefix cache.
                salt=self._id() if server.deployment.runtime == "external" else "",
                timeouts=self._timeouts(bench_marker(item)),
                on_progress=lambda run, progress: self._progress.measuring(what, run, runs, progress),
            )

    def _keep(self, record: ResultRecord, server: Server) -> None:
        """Keep a record for the report; one of a server that ended meanwhile is invalid."""
        gone = self._live[server.deployment].exited()
        if not gone:
            self.results.append(record)
            return
        message = f"the server of {server.deployment.id} ended while it was measured: {gone}"
        reasons = (*record.validity.reasons, message)
        validity = record.validity.model_copy(update={"valid": False, "reasons": reasons})
        self.results.append(record.model_copy(update={"validity": validity}))
        raise MeasurementError(message)

    def _timeouts(self, marker: Mapping[str, Any]) -> Timeouts:
        return Timeouts(
            total=self.settings.get("timeout", marker),
            first=self.settings.get("first-timeout", marker),
            gap=self.settings.get("gap-timeout", marker),
        )

    def _id(self) -> str:
        return self._servers_folder().parent.name

    @contextlib.contextmanager
    def settling(self, item: pytest.Item) -> Iterator[list[Judged]]:
        """Judge what a test measured meanwhile, however it ends, and say what it fails with.

        Ctrl-C judges nothing.
        """
        failures: list[Judged] = []
        try:
            yield failures
        except KeyboardInterrupt:
            raise
        except BaseException:
            self._settle(item)
            raise
        failures += self._settle(item)

    def _settle(self, item: pytest.Item) -> list[Judged]:
        """Judge, and tell JUnit."""
        place, test = place_of(item), item.nodeid
        if place is not None:
            test = _without_replicate(test, place)
        self.results = [self.judge.judge(result, test, self.environment) for result in self.results]
        for result in self.results:
            prefix = f"{result.workload.id}.{result.load.id}." if len(self.results) > 1 else ""
            # Of the item, not of a report: JUnit takes them from the last phase's.
            item.user_properties += [(prefix + name, value) for name, value in junit.properties(result)]
        return [failure for result in self.results if (failure := self.judge.failure(result))]

    def attach(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        """Put what a test measured onto its report, as builtins, so that it reaches xdist's controller."""
        place = place_of(item)
        if place is None:
            return
        data: dict[str, Any] = {
            "deployment": place.deployment.id,
            "starts": self.starts,
            "reason": str(call.excinfo.value) if call.excinfo else "",
            "missing": () if report.passed else self.missing(item),
        }
        self.starts = 0
        if report.when == "call":
            data["results"] = [result.model_dump(mode="json") for result in self.results]
            self.results = []
        setattr(report, REPORT_ATTRIBUTE, data)

    def close(self) -> None:
        """End the load generator, and any server that is still up."""
        self._generator.close()
        for running in self._live.values():
            running.stop()

    @contextlib.contextmanager
    def _alone(self, purpose: str) -> Iterator[None]:
        """Be the only one on this host that measures or starts a server."""
        self._progress.begin()
        self._progress.show(f"waiting {purpose}")
        # One for all users: their measurements disturb each other just the same.
        with locked(Path(tempfile.gettempdir()) / "pytest-llmbench.lock", timeout=_LONGEST_WAIT):
            self._progress.begin()
            try:
                yield
            finally:
                self._progress.clear()
