"""Asking prompts until each has its reply, or has none for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.evals.asking import reply_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_llmbench.client.generator import LoadGenerator
    from pytest_llmbench.client.plan import LoadOutcome, LoadPlan, Progress
    from pytest_llmbench.client.trace import Failure, RequestTrace
    from pytest_llmbench.evals.asking import Prompt
    from pytest_llmbench.evals.replies import Reply, ReplyWriter

__all__ = ["Conversation"]

_REPEATED = 4
_TRIES = 3
_TRANSPORT = ("connect", "send", "truncated")
"""Failures to get an answer across. Whatever a server answers, an error included, is its answer."""


class Conversation:
    """What was asked and answered so far.

    `plan_of` makes a plan of prompts, of which so many are asked once more before, as a warm-up.

    Attributes:
        replies: by key.
        failures: of prompts that have no reply, by key.
        retried: prompts that were asked again because the connection failed.
        repeated, same: prompts that were asked twice, and those of them that were answered alike.
    """

    def __init__(
        self,
        prompts: Sequence[Prompt],
        writer: ReplyWriter,
        plan_of: Callable[[Sequence[Prompt], int], LoadPlan],
        generator: LoadGenerator,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._prompts, self._writer, self._plan_of = prompts, writer, plan_of
        self._generator, self._on_progress = generator, on_progress
        self.replies: dict[str, Reply] = {}
        self.failures: dict[str, Failure] = {}
        self.retried = self.repeated = self.same = 0

    @property
    def in_order(self) -> tuple[Reply, ...]:
        """The replies in the order of the prompts."""
        return tuple(self.replies[prompt.key] for prompt in self._prompts if prompt.key in self.replies)

    def resume(self, replies: Iterable[Reply]) -> None:
        """Take over replies of an interrupted session, all but one at most: something is left to be asked."""
        keys = {prompt.key for prompt in self._prompts}
        known = [reply for reply in replies if reply.key in keys][: len(keys) - 1]
        self._take(reply.model_copy(update={"resumed": True}) for reply in known)

    def ask(self, warmup: int, *, repeat: bool) -> LoadOutcome:
        """Ask what has no reply yet, the first few twice if `repeat`, and again what the connection lost.

        Returns what came of the first try, the one with the whole load.
        """
        todo = [prompt for prompt in self._prompts if prompt.key not in self.replies]
        again = todo[:_REPEATED] if repeat else []
        outcome = self._send(todo, again, warmup)
        for _ in range(_TRIES - 1):
            lost = [key for key, failure in self.failures.items() if failure.kind in _TRANSPORT]
            if not lost:
                break
            self.retried = max(self.retried, len(lost))
            self._send([prompt for prompt in todo if prompt.key in lost], [], 0)
        return outcome

    def _send(self, prompts: Sequence[Prompt], again: Sequence[Prompt], warmup: int) -> LoadOutcome:
        plan = self._plan_of([*prompts, *again], warmup)

        def hear(traces: Iterable[RequestTrace]) -> None:
            """Take each prompt's first reply, however often it is told of."""
            for trace in traces:
                place = trace.index - plan.warmup
                if not 0 <= place < len(prompts):
                    continue
                prompt = prompts[place]
                if trace.failure is not None:
                    self.failures[prompt.key] = trace.failure
                elif prompt.key not in self.replies:
                    self.failures.pop(prompt.key, None)
                    self._take([reply_of(prompt, trace)])

        outcome = self._generator.run(plan, self._on_progress, hear)
        hear(outcome.traces)
        for prompt, trace in zip(again, outcome.traces[plan.warmup + len(prompts) :], strict=False):
            first = self.replies.get(prompt.key)
            if first is not None and trace.ok:
                second = reply_of(prompt, trace)
                self.repeated += 1
                self.same += (first.answer, first.thinking) == (second.answer, second.thinking)
        return outcome

    def _take(self, replies: Iterable[Reply]) -> None:
        for reply in replies:
            self._writer.write([reply])
            self.replies[reply.key] = reply
