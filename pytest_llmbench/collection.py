"""The deployment axis: which tests get which deployment, in which order, under which ids."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.markers import bench_marker, marker_load, several

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_llmbench.settings import Settings
    from pytest_llmbench.spec.deployment import Deployment
    from pytest_llmbench.spec.evals import EvalSettings
    from pytest_llmbench.spec.workload import Workload

__all__ = ["Axis", "Place", "is_eval", "not_asked", "place_of"]

AXIS_FIXTURE = "llm_server"
EVAL_FIXTURE = "evaluate"
_FIXTURES = "pytest_llmbench.fixtures"
DEFAULT_WORKLOAD = "short"
DEFAULT_CONCURRENCY = (1,)
DEFAULT_RATE = (1.0,)


@dataclass(frozen=True, slots=True)
class Place:
    """One value of the session-scoped axis: a deployment, and which fresh start of it."""

    deployment: Deployment
    replicate: int


def _is_ours(node: pytest.Item) -> bool:
    """Whether a test's `llm_server` is, or is made from, our fixture: other projects may have one, too."""
    info = getattr(node, "_fixtureinfo", None)
    definitions = info.name2fixturedefs.get(AXIS_FIXTURE, ()) if info else ()
    for definition in reversed(definitions):
        if definition.func.__module__ == _FIXTURES:
            return True
        if AXIS_FIXTURE not in definition.argnames:
            return False
    return False


def not_asked(items: Iterable[pytest.Item]) -> None:
    """Skip tests that need a server when nobody asked for benchmarks."""
    for item in items:
        if _is_ours(item):
            item.add_marker(pytest.mark.skip(reason="benchmarks run when asked for: pytest -m bench"))


class Axis:
    """Spreads tests over deployments, workloads and concurrencies, and puts them in order."""

    def __init__(
        self,
        deployments: Sequence[Deployment],
        workloads: Mapping[str, Workload],
        settings: Settings,
        evals: EvalSettings,
        *,
        reruns: int = 0,
        check_marker: Callable[[Mapping[str, Any]], None] = lambda _marker: None,
    ) -> None:
        """Take what is to be spread over; `reruns` replicates more may become needed.

        `check_marker` raises a UsageError if what a test's marker says of limits is wrong.

        Raises:
            UsageError: there is nothing to measure, or `--bench-workload` names what does not exist.
        """
        if not deployments:
            message = (
                "the configuration names no model, so there is nothing to measure; config/models.yaml does"
            )
            raise UsageError(message)
        self._settings, self._evals, self._check_marker = settings, evals, check_marker
        self._workloads = workloads
        last = settings.get("replicates")
        replicates = last + reruns
        # Replicate-major: what drifts over the session hits every deployment alike.
        self._places = [
            Place(deployment, replicate)
            for replicate in range(1, replicates + 1)
            for deployment in _in_turn(deployments, swapped=(last - replicate) % 2 == 1)
        ]
        self._ids = [
            place.deployment.id + (f".r{place.replicate:02d}" if replicates > 1 else "")
            for place in self._places
        ]
        self._deployment_of = {
            name: place.deployment.cell for name, place in zip(self._ids, self._places, strict=True)
        }
        from pytest_llmbench.evals.policy import chosen_deployments  # noqa: PLC0415 - see `_streams`

        self._evaluated = set(chosen_deployments(evals.policy, deployments))
        self._order = {place: position for position, place in enumerate(self._places)}
        self._asked_workloads = [self.workload(name) for name in settings.get("workload") or ()]

    def workload(self, name: str) -> Workload:
        """Return a configured workload, lengths overridden by the options.

        Raises:
            UsageError: there is none of that name.
        """
        if name not in self._workloads:
            message = f"unknown workload {name!r}: {nearest(name, self._workloads)}"
            raise UsageError(message)
        return self.adapt(self._workloads[name])

    def adapt(self, workload: Workload) -> Workload:
        """Return a workload with `--bench-input-tokens` and `--bench-output-tokens` applied."""
        wanted_in, wanted_out = self._settings.get("input-tokens"), self._settings.get("output-tokens")
        if wanted_in is None and wanted_out is None:
            return workload
        out = wanted_out or workload.output_tokens
        if wanted_in is None:
            return workload.model_copy(update={"id": f"{workload.id}-out{out:04d}", "output_tokens": out})
        return workload.model_copy(
            update={
                "id": f"in{wanted_in:04d}-out{out:04d}",
                "prompts": (),
                "input_tokens": wanted_in,
                "output_tokens": out,
            }
        )

    def generate(self, metafunc: pytest.Metafunc) -> None:
        """Parametrize one test function: the axis for the session, the rest for the function.

        Raises:
            UsageError: the test's marker asks for what does not exist.
        """
        if not _is_ours(metafunc.definition):
            return
        try:
            self._spread(metafunc, bench_marker(metafunc.definition))
        except UsageError as error:
            file, line, name = metafunc.definition.location
            message = f"{file}:{(line or 0) + 1}: {name}: {error}"
            raise UsageError(message) from None

    def _spread(self, metafunc: pytest.Metafunc, marker: Mapping[str, Any]) -> None:
        self._check_marker(marker)
        evaluates = EVAL_FIXTURE in metafunc.fixturenames
        chosen = [
            (place, name)
            for place, name in zip(self._places, self._ids, strict=True)
            if not evaluates or place.deployment in self._evaluated
        ]
        places, ids = [place for place, _ in chosen], [name for _, name in chosen]
        metafunc.parametrize(AXIS_FIXTURE, places, ids=ids, indirect=True, scope="session")
        if _is_open(metafunc, "workload"):
            asked = self._asked_workloads or [self.workload(name) for name in self._workload_names(marker)]
            workloads = list({workload.id: workload for workload in asked}.values())
            metafunc.parametrize("workload", workloads, ids=[workload.id for workload in workloads])
        if _is_open(metafunc, "concurrency"):
            streams = self._streams(marker, evaluates=evaluates)
            metafunc.parametrize("concurrency", streams, ids=[f"c{count:03d}" for count in streams])
        if _is_open(metafunc, "rate"):
            from pytest_llmbench.workloads.loads import rate_id  # noqa: PLC0415 - heavier than a start allows

            rates = self._settings.get("rate") or marker_load(marker, "rate") or DEFAULT_RATE
            metafunc.parametrize("rate", rates, ids=[rate_id(rate) for rate in rates])

    def _workload_names(self, marker: Mapping[str, Any]) -> Sequence[str]:
        """Settle which workloads a test runs through that `--bench-workload` does not choose."""
        if "workloads" in marker:
            return several(marker["workloads"])
        if DEFAULT_WORKLOAD not in self._workloads:
            names = ", ".join(map(repr, self._workloads))
            message = f"takes `workload`, and its marker does not say which: bench(workloads=[{names}])"
            raise UsageError(message)
        return (DEFAULT_WORKLOAD,)

    def _streams(self, marker: Mapping[str, Any], *, evaluates: bool) -> tuple[int, ...]:
        """Settle the numbers of streams: options over the marker over what is usual."""
        from pytest_llmbench.evals.policy import chosen_concurrency  # noqa: PLC0415 - not at every start

        usual = tuple(self._evals.concurrency) if evaluates else DEFAULT_CONCURRENCY
        streams = self._settings.get("concurrency") or marker_load(marker, "concurrency") or usual
        return chosen_concurrency(self._evals.policy, streams) if evaluates else streams

    def sort(
        self,
        items: list[pytest.Item],
        unavailable: Callable[[Place], str | None],
        *,
        largest_first: bool = False,
    ) -> None:
        """Put tests of one place together, so that each replicate starts its server once.

        Stable, and in the order of the configuration. pytest before 9.2 groups session-scoped parameters by
        their index in each function's own list, which need not be the same place. What is `unavailable` here
        comes last, file by file: pytest prints a line whenever the file changes. With `largest_first`, places
        that want most GPUs do: among several workers, what comes last should not keep the others idle.
        """
        files = {path: number for number, path in enumerate(dict.fromkeys(item.path for item in items))}

        def position(item: pytest.Item) -> tuple[int, int, int]:
            place = place_of(item)
            if place is None:
                return -1, 0, 0
            if unavailable(place):
                return 1, files[item.path], 0
            return 0, -place.deployment.gpus if largest_first else 0, self._order[place]

        items.sort(key=position)

    def scope(self, nodeid: str) -> str:
        """Return the deployment a node id belongs to, or its file: what must stay on one worker."""
        # Not always first among the parameters: a conftest's are made before ours.
        parts = nodeid.partition("::")[2].partition("[")[2].removesuffix("]").split("-")
        runs = ("-".join(parts[a:b]) for a, b in combinations(range(len(parts) + 1), 2))
        found = max((name for name in runs if name in self._deployment_of), key=len, default=None)
        return nodeid.partition("::")[0] if found is None else self._deployment_of[found]


def _in_turn(deployments: Sequence[Deployment], *, swapped: bool) -> list[Deployment]:
    """Order a replicate's deployments; sides of an A/B, which stand in pairs, can change places.

    They do so from pair to pair (A1 B1 B2 A2 A3 B3): what drifts then favours each side in its turn. In the
    last pair B comes last, because its test carries the verdict.
    """
    ordered = list(deployments)
    if swapped and any(deployment.side for deployment in deployments):
        ordered[::2], ordered[1::2] = ordered[1::2], ordered[::2]
    return ordered


def _is_open(metafunc: pytest.Metafunc, name: str) -> bool:
    """Whether a test takes this argument and leaves it to us: no mark and no fixture gives it."""
    if name not in metafunc.fixturenames or name in metafunc.definition._fixtureinfo.name2fixturedefs:  # noqa: SLF001
        return False
    given = [
        mark.args[0] if mark.args else mark.kwargs["argnames"]
        for mark in metafunc.definition.iter_markers("parametrize")
    ]
    names = [part for names in given for part in (names.split(",") if isinstance(names, str) else names)]
    return name not in [part.strip() for part in names]


def is_eval(item: pytest.Item) -> bool:
    """Whether a test evaluates."""
    return EVAL_FIXTURE in getattr(item, "fixturenames", ())


def place_of(item: pytest.Item) -> Place | None:
    """Return the place of a test, None if it needs no server."""
    callspec = getattr(item, "callspec", None)
    place = callspec.params.get(AXIS_FIXTURE) if callspec is not None else None
    return place if isinstance(place, Place) else None
