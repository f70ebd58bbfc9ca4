"""The one object of a process that runs tests: its plan, its servers, what was measured, the verdicts."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.collection import Axis, is_eval, place_of
from pytest_llmbench.errors import Unavailable
from pytest_llmbench.evaluations import Evaluations
from pytest_llmbench.judging import Judge
from pytest_llmbench.markers import bench_marker
from pytest_llmbench.measurements import Measurements
from pytest_llmbench.planning import (
    check_paths,
    check_replay,
    known_facts,
    model_folders,
    read_labels,
    read_plan,
)
from pytest_llmbench.records import GpuRecord
from pytest_llmbench.reports import junit
from pytest_llmbench.reports.environment import collect_environment
from pytest_llmbench.runtimes.gpus import cuda_version, driver_version, list_gpus
from pytest_llmbench.servers import Servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    import pytest

    from pytest_llmbench.collection import Place
    from pytest_llmbench.errors import Judged
    from pytest_llmbench.progress import ProgressLine
    from pytest_llmbench.records import EnvironmentRecord, ResultRecord
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.settings import Settings
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["REPORT_ATTRIBUTE", "Session"]

REPORT_ATTRIBUTE = "llmbench"
"""Of a test report: what its test measured."""


def _replicate_id(deployment: Deployment, replicate: int) -> str:
    return f"{deployment.id}.r{replicate:02d}"


def _without_replicate(nodeid: str, place: Place) -> str:
    """`nodeid` of the test in any replicate and on either side of an A/B."""
    deployment = place.deployment
    whole = nodeid.replace(_replicate_id(deployment, place.replicate), deployment.id)
    return whole.replace(deployment.id, deployment.cell)


def _test(item: pytest.Item) -> str:
    place = place_of(item)
    return item.nodeid if place is None else _without_replicate(item.nodeid, place)


_NEEDLESS = "not needed: the verdict is in"


class Session:
    """Has servers up for tests, has them measured, judges, and reports.

    One in each process that runs tests; under xdist each worker has its own and every deployment belongs to
    one of them (`is_worker`). `servers_folder` is called before the first server starts and says where logs
    go.
    """

    def __init__(
        self,
        settings: Settings,
        rootdir: Path,
        *,
        servers_folder: Callable[[], Path],
        progress: ProgressLine,
        is_worker: bool = False,
    ) -> None:
        self.settings = settings
        self._is_worker = is_worker
        plan, workloads = read_plan(settings, rootdir)
        self.plan = plan.require_some()
        self.judge = Judge(settings, rootdir / settings.get("results"))
        self.axis = Axis(
            self.plan.deployments,
            workloads,
            settings,
            self.plan.evals,
            reruns=self.judge.reruns,
            check_marker=self.judge.check,
        )
        self.results: list[ResultRecord] = []
        """Of the test that is running."""
        folders = model_folders(settings)
        self.servers = Servers(
            servers_folder,
            progress,
            start_timeout=settings.get("start-timeout"),
            wait_timeout=settings.get("wait-timeout"),
            keep=bool(settings.get("keep")),
            rebuild=bool(settings.get("rebuild")),
            overlap=bool(settings.get("overlap")),
            gpu_rules=self.plan.gpu_rules,
            facts_of=lambda source: known_facts(source, folders),
            model_folders=folders,
        )
        generator = LoadGenerator()
        self.measurements = Measurements(
            settings,
            self.plan,
            self.axis,
            self.servers,
            progress=progress,
            rootdir=rootdir,
            generator=generator,
            keep=self.results.append,
        )
        self.evaluations = Evaluations(
            settings,
            self.plan,
            self.servers,
            generator=generator,
            progress=progress,
            results=rootdir / settings.get("results"),
            keep=self.results.append,
        )
        self._generator = generator
        self._labels = read_labels(settings)
        check_replay(settings)
        check_paths(settings)

    @cached_property
    def environment(self) -> EnvironmentRecord:
        """Describe the host; asks the GPU driver, so not before something is measured."""
        gpus = [
            GpuRecord(**{name: getattr(gpu, name) for name in GpuRecord.model_fields}) for gpu in list_gpus()
        ]
        return collect_environment(self._labels, gpus, driver_version(), cuda_version())

    def unavailable(self, place: Place) -> str | None:
        """Why a test of this place cannot run here, None if it can."""
        return self.servers.unavailable(place.deployment)

    def prepare(self, items: list[pytest.Item]) -> None:
        """Order the tests that are to run, and look for what their servers will need.

        Raises:
            UsageError: a secret is not set.
        """
        self.axis.sort(items, self.unavailable, largest_first=self._is_worker)
        self.judge.evals = max(1, sum(is_eval(item) and not self._lacks(item) for item in items))
        self.judge.expect({_test(item) for item in items if self._is_gated(item)})
        places = [place for item in items if (place := place_of(item))]
        self.servers.require({place.deployment: None for place in places})

    def _lacks(self, item: pytest.Item) -> str | None:
        """Why a test cannot run here, None if it can."""
        place = place_of(item)
        return self.unavailable(place) if place else None

    def check(self, item: pytest.Item) -> None:
        """Let a test go on only if its deployment can run here.

        Raises:
            Unavailable: it cannot.
        """
        if reason := self._lacks(item):
            raise Unavailable(reason)
        if self._needless(item):
            raise Unavailable(_NEEDLESS)

    def _is_gated(self, item: pytest.Item) -> bool:
        """Whether a test's cells can be judged, as far as can be known before they are measured."""
        if item.get_closest_marker("bench") is None or place_of(item) is None:
            return False
        return self.judge.has_sides or bool(self.missing(item))

    def _needless(self, item: pytest.Item) -> bool:
        """Whether a rerun has nothing more to decide."""
        place = place_of(item)
        if place is None or place.replicate <= self.judge.replicates:
            return False
        return self.judge.settled(_test(item))

    def missing(self, item: pytest.Item) -> tuple[str, ...]:
        """Cells that the compared baseline has from this test; it need not have had as many replicates."""
        baseline, place = self.judge.baseline, place_of(item)
        if baseline is None or place is None or self._needless(item):
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
        """Have the server of a place up while the context lasts; as `Servers.serving`."""
        name = _replicate_id(place.deployment, place.replicate)
        with self.servers.serving(place.deployment, name) as server:
            yield server

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
        place = place_of(item)
        side = place.deployment.side if place else ""
        if self.results:
            self.results[:] = self.judge.judge(
                self.results, _test(item), self.environment, bench_marker(item), side
            )
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
            "reason": str(call.excinfo.value) if call.excinfo else "",
            "missing": () if report.passed else self.missing(item),
            "needless": self._needless(item),
        }
        if report.when == "call":
            data["results"] = [result.model_dump(mode="json") for result in self.results]
            self.results.clear()
        setattr(report, REPORT_ATTRIBUTE, data)

    def sweep(self) -> None:
        """End what workers left that crashed, or were killed because they did not end in time."""
        if any(deployment.runtime in {"docker", "process"} for deployment in self.plan.deployments):
            self.servers.sweep()

    def close(self) -> None:
        """End the load generator, and any server that is still up."""
        self._generator.close()
        self.servers.close()
