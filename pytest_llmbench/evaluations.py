"""What `evaluate` does for a test: settle how, ask the test's server, keep the record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.client.plan import Timeouts
from pytest_llmbench.collection import place_of
from pytest_llmbench.errors import MeasurementError, ServerError, UsageError, nearest
from pytest_llmbench.evals import EVALS
from pytest_llmbench.evals.asking import Sampling
from pytest_llmbench.evals.data import EvalData
from pytest_llmbench.evals.resuming import interrupted_replies, replies_path
from pytest_llmbench.evals.running import EvalPlan, evaluate
from pytest_llmbench.markers import bench_marker
from pytest_llmbench.recording import record_evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from pytest_llmbench.client.generator import LoadGenerator
    from pytest_llmbench.client.plan import Progress
    from pytest_llmbench.evals.base import Eval
    from pytest_llmbench.evals.outcome import EvalResult
    from pytest_llmbench.evals.replies import Reply
    from pytest_llmbench.progress import ProgressLine
    from pytest_llmbench.records import ResultRecord
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.servers import Servers
    from pytest_llmbench.settings import Settings
    from pytest_llmbench.spec.plan import Plan

__all__ = ["Evaluations"]

_LONG_SECONDS = 3600.0
_OURS = ("temperature", "seed")


class Evaluations:
    """Evaluates on behalf of tests; what came of it goes to `keep`."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        servers: Servers,
        *,
        generator: LoadGenerator,
        progress: ProgressLine,
        results: Path,
        keep: Callable[[ResultRecord], None],
    ) -> None:
        self._settings, self._plan, self._servers = settings, plan, servers
        self._generator, self._progress, self._results, self._keep = generator, progress, results, keep
        folder = settings.get("data-dir")
        self._data = EvalData(Path(folder) if folder else None)

    def evaluate(
        self,
        item: pytest.Item,
        server: Server,
        eval_: Eval | str,
        *,
        concurrency: int | None,
        limit: int | None,
        max_tokens: int | None,
    ) -> EvalResult:
        """Run an eval on behalf of a test, and keep the record for the report.

        Raises:
            Unavailable: the data is not here and cannot be fetched, or a package is missing.
            MeasurementError: the load could not be generated, or the server ended meanwhile.
            ServerError: the server was gone before.
            UsageError: there is no such eval, or `eval:` names a score it does not have.
        """
        chosen = _eval(eval_) if isinstance(eval_, str) else eval_
        if gone := self._servers.gone(server):
            message = f"the server of {server.deployment.id} is gone: {gone}"
            raise ServerError(message)
        plan = self._settled(item, concurrency, limit, max_tokens)
        what = f"{server.deployment.id} {chosen.name}"
        place = place_of(item)
        session = self._servers.folder().parent

        def tell(progress: Progress) -> None:
            self._servers.look_after(server)
            self._progress.measuring(what, 1, 1, progress)

        with self._servers.alone(f"evaluating {what}") as look:
            result = evaluate(
                server,
                chosen,
                plan,
                generator=self._generator,
                data=self._data,
                journal=lambda cell: replies_path(session, cell),
                earlier=self._earlier,
                replicate=place.replicate if place else 1,
                on_progress=tell,
            )
            neighbours = look()
        record = record_evaluation(
            result,
            item.nodeid,
            self._plan.redacted(server.deployment),
            floors=self._floors(result),
            folder=session,
        )
        self._keep(record.model_copy(update={"neighbours": neighbours}))
        if gone := self._servers.gone(server):
            message = f"the server of {server.deployment.id} ended while it was evaluated: {gone}"
            raise MeasurementError(message)
        return result

    def _settled(
        self, item: pytest.Item, concurrency: int | None, limit: int | None, max_tokens: int | None
    ) -> EvalPlan:
        """Settle how: options over the call over `eval:` in the configuration."""
        get, told, marker = self._settings.get, self._plan.evals, bench_marker(item)
        streams = concurrency or max(get("concurrency") or told.concurrency)
        warmup = get("warmup")
        # What a benchmark gives up on after five minutes may be a long train of thought.
        timeout, origin = self._settings.resolve("timeout", marker)
        others = {name: value for name, value in told.sampling.items() if name not in _OURS}
        return EvalPlan(
            concurrency=streams,
            warmup=streams if warmup is None else warmup,
            limit=get("eval-limit") or limit,
            max_tokens=get("output-tokens") or max_tokens or told.max_tokens,
            endpoint=told.endpoint,
            sampling=Sampling(
                temperature=float(told.sampling.get("temperature", 0.0)),
                seed=int(told.sampling.get("seed", 0)),
                others=others,
            ),
            timeouts=Timeouts(
                total=_LONG_SECONDS if origin == "default" else timeout,
                first=get("first-timeout", marker),
                gap=get("gap-timeout", marker),
            ),
        )

    def _floors(self, result: EvalResult) -> dict[str, float]:
        floors = {}
        for name, floor in self._plan.evals.floor.items():
            eval_, _, score = name.partition(".")
            if eval_ != result.eval.name:
                continue
            if score not in result.scores:
                message = f"eval.floor: {eval_} has no score {score!r}: {nearest(score, result.scores)}"
                raise UsageError(message)
            floors[score] = floor
        return floors

    def _earlier(self, digest: str) -> Sequence[Reply]:
        session = self._settings.get("eval-resume")
        if session is None:
            return ()
        return interrupted_replies(self._results, session, digest)


def _eval(name: str) -> Eval:
    if name not in EVALS:
        message = f"unknown eval {name!r}: {nearest(name, EVALS)}"
        raise UsageError(message)
    return EVALS[name]()
