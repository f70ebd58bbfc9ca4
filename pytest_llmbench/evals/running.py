"""Run an eval on one server; a library function, with no pytest in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_llmbench.backends import backend_of
from pytest_llmbench.client.dialects import DIALECTS
from pytest_llmbench.client.plan import LoadPlan, Timeouts
from pytest_llmbench.errors import MeasurementError
from pytest_llmbench.evals.asking import Sampling, bodies, choose, digest_of_prompts, prompts_of
from pytest_llmbench.evals.base import digest_of, settings_of
from pytest_llmbench.evals.checks import check_template
from pytest_llmbench.evals.conversation import Conversation
from pytest_llmbench.evals.outcome import EvalResult
from pytest_llmbench.evals.replies import RepliesHead, ReplyWriter
from pytest_llmbench.metrics.run import measure_run
from pytest_llmbench.metrics.validity import check_validity
from pytest_llmbench.result import BenchResult
from pytest_llmbench.runtimes.connect import proxy_for
from pytest_llmbench.spec.plan import is_secret
from pytest_llmbench.spec.workload import Workload
from pytest_llmbench.workloads.loads import Load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_llmbench.client.generator import LoadGenerator
    from pytest_llmbench.client.plan import LoadOutcome, Progress
    from pytest_llmbench.evals.asking import Prompt
    from pytest_llmbench.evals.base import Eval
    from pytest_llmbench.evals.data import EvalData
    from pytest_llmbench.evals.replies import Reply
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["EvalPlan", "evaluate"]


@dataclass(frozen=True, slots=True)
class EvalPlan:
    """How an eval is run.

    Attributes:
        limit: ask only so many prompts, drawn with `sampling.seed`.
        max_tokens: of a reply; None is the eval's own.
    """

    concurrency: int
    warmup: int
    limit: int | None = None
    max_tokens: int | None = None
    endpoint: Endpoint = "chat"
    sampling: Sampling = field(default_factory=Sampling)
    timeouts: Timeouts = field(default_factory=Timeouts)


def evaluate(
    server: Server,
    eval_: Eval,
    plan: EvalPlan,
    *,
    generator: LoadGenerator,
    data: EvalData,
    journal: Callable[[str], Path],
    earlier: Callable[[str], Sequence[Reply]] = lambda _digest: (),
    replicate: int = 1,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> EvalResult:
    """Ask every prompt, write replies to a file as they come, and score them.

    `journal` names that file for a cell. `earlier` finds the replies of an interrupted session by the digest
    of all that a reply depends on; what it has is not asked again.

    Raises:
        Unavailable, UsageError, StorageError: the data cannot be had, or the file not be written.
        MeasurementError: the load could not be generated, or there is nothing to ask.
    """
    everything = prompts_of(eval_, data)
    prompts = choose(everything, plan.limit, plan.sampling.seed)
    if not prompts:
        message = f"{eval_.name} has no prompts"
        raise MeasurementError(message)
    asking = _Asking(server, eval_, plan, prompts)
    cell = f"{server.deployment.id}/{eval_.name}/{Load(plan.concurrency, 1, 0).id}"
    path, digest = journal(cell), asking.digest()
    began = datetime.now(UTC).isoformat(timespec="milliseconds")
    with ReplyWriter(path, _head(eval_, cell, digest, len(prompts))) as writer:
        conversation = Conversation(prompts, writer, asking.plan_of, generator, on_progress)
        conversation.resume(earlier(digest))
        outcome = conversation.ask(plan.warmup, repeat=plan.sampling.greedy)
    replies = conversation.in_order
    return EvalResult(
        speed=_speed(server, outcome, asking, (began, replicate)),
        eval=eval_,
        dataset=digest_of_prompts(everything),
        prompts=len(everything),
        asked=len(prompts),
        replies=replies,
        sampling=plan.sampling,
        max_tokens=asking.max_tokens,
        subset_seed=plan.sampling.seed if len(prompts) < len(everything) else None,
        failures=tuple(conversation.failures.values()),
        retried=conversation.retried,
        repeated=conversation.repeated,
        same=conversation.same,
        template=check_template(server, replies, templated=asking.templated),
        journal=path,
    )


def _head(eval_: Eval, cell: str, digest: str, prompts: int) -> RepliesHead:
    kind = type(eval_)
    return RepliesHead(
        name=eval_.name,
        eval=f"{kind.__module__}:{kind.__qualname__}",
        settings=settings_of(eval_),
        scorer=eval_.scorer,
        cell=cell,
        digest=digest,
        prompts=prompts,
    )


def _speed(server: Server, outcome: LoadOutcome, asking: _Asking, when: tuple[str, int]) -> BenchResult:
    """Measure as a benchmark would; that the client was late makes times worthless, but no answer wrong."""
    measured = [trace for trace in outcome.traces if not trace.warmup]
    plan, (began, replicate) = asking.plan, when
    load = Load(plan.concurrency, len(measured), len(outcome.traces) - len(measured))
    run = measure_run(outcome, gpus=server.deployment.gpus, concurrency=plan.concurrency)
    validity = check_validity([run], asked_prompt_tokens=None)
    known = run.without(validity.dropped)
    return BenchResult(server, asking.workload, load, (known,), validity, replicate, (began,))


class _Asking:
    """An eval in the words of one server's API."""

    def __init__(self, server: Server, eval_: Eval, plan: EvalPlan, prompts: Sequence[Prompt]) -> None:
        self.plan = plan
        self.max_tokens = plan.max_tokens or eval_.max_tokens
        self._server, self._eval, self._prompts = server, eval_, prompts
        self._api = backend_of(server).api(plan.endpoint, server.facts)
        self.templated = DIALECTS[self._api.dialect].templated

    @property
    def workload(self) -> Workload:
        """Describe it as a workload."""
        return Workload(
            id=self._eval.name,
            prompts=(self._prompts[0].text,),
            out=self.max_tokens,
            endpoint=self.plan.endpoint,
            temperature=self.plan.sampling.temperature,
            seed=self.plan.sampling.seed,
        )

    def digest(self) -> str:
        """Return the digest of all that a reply depends on."""
        # Without what may hold secrets, of which not even a digest is to be stored.
        deployment = self._server.deployment.model_dump(mode="json", exclude={"args", "env", "api_key_env"})
        args = [(name, value) for name, value in self._server.deployment.args if not is_secret(name)]
        sampling = [self.plan.sampling.record, self.max_tokens, self.plan.endpoint, self._eval.stop]
        asked = [self._eval.name, digest_of_prompts(self._prompts), sampling]
        return digest_of([deployment, args, self._server.facts.get("version"), asked])

    def plan_of(self, prompts: Sequence[Prompt], warmup: int) -> LoadPlan:
        """Say what the load generator is to send; the first `warmup` prompts once more before the others."""
        server, dialect = self._server, DIALECTS[self._api.dialect]
        texts = [prompt.text for prompt in (*prompts[:warmup], *prompts)]
        return LoadPlan(
            base_url=server.base_url,
            proxy=proxy_for(server.base_url),
            headers=server.headers | dialect.headers(server.api_key),
            dialect=dialect.name,
            bodies=bodies(
                texts,
                self._api,
                model=server.served_model,
                max_tokens=self.max_tokens,
                sampling=self.plan.sampling,
                stop=self._eval.stop,
            ),
            concurrency=self.plan.concurrency,
            warmup=len(texts) - len(prompts),
            timeouts=self.plan.timeouts,
            keep_text=True,
            cores=server.client_cores,
        )
