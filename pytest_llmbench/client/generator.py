"""The parent's side of the load generator."""

from __future__ import annotations

import os
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

from pytest_llmbench.client.child import Child, Silence
from pytest_llmbench.client.plan import Go, LoadOutcome, LoadPlan, Progress, Ready, Replies
from pytest_llmbench.client.sharing import default_processes, merge, renumbered, share
from pytest_llmbench.errors import MeasurementError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_llmbench.client.trace import RequestTrace

__all__ = ["LoadGenerator"]

# The window begins so long (ns) after the last process was ready: all have heard of it by then.
_LEAD = 50_000_000


class LoadGenerator:
    """Runs plans in processes of its own, started with the first that needs them and kept for the next."""

    def __init__(self, processes: int | None = None) -> None:
        """Use that many processes for each plan; by default as many as the plan's streams want."""
        self._processes = processes
        self._children: list[Child] = []

    def run(
        self,
        plan: LoadPlan,
        on_progress: Callable[[Progress], None] = lambda _: None,
        on_replies: Callable[[Sequence[RequestTrace]], None] = lambda _: None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> LoadOutcome:
        """Carry out a plan and return its outcome; `on_progress` hears of it twice a second.

        If the plan keeps texts, so does `on_replies` of requests that have ended; of the last ones only the
        outcome tells. `on_ready` is called when the warm-up is over; the window begins once it returns.

        Raises:
            MeasurementError: the plan could not be carried out, or a process died.
        """
        try:
            return self._run(plan, on_progress, on_replies, on_ready)
        except BaseException:
            self.close()  # whatever is in the pipes belongs to the plan that was given up
            raise

    def _run(
        self,
        plan: LoadPlan,
        on_progress: Callable[[Progress], None],
        on_replies: Callable[[Sequence[RequestTrace]], None],
        on_ready: Callable[[], None],
    ) -> LoadOutcome:
        children, told = self._begin(plan)
        far = [Progress(0, 0, 0)] * len(children)
        outcomes: dict[int, LoadOutcome] = {}
        waiting = len(children)
        while len(outcomes) < len(children):
            number, message = told.get()
            if isinstance(message, Progress):
                far[number] = message
                finished, failed = (sum(getattr(one, name) for one in far) for name in ("finished", "failed"))
                on_progress(Progress(finished, failed, len(plan.bodies)))
            elif isinstance(message, Replies):
                on_replies(renumbered(message.traces, number, len(children)))
            elif isinstance(message, Ready):
                waiting -= 1
                if not waiting:
                    on_ready()
                    go = Go(time.time_ns() + _LEAD)
                    for child in children:
                        child.say(go)
            elif isinstance(message, LoadOutcome):
                outcomes[number] = message
            elif isinstance(message, Silence):
                raise children[number].lost(message.error) from message.error
            else:
                raise MeasurementError(str(message))
        return merge([outcomes[number] for number in range(len(children))])

    def _begin(self, plan: LoadPlan) -> tuple[list[Child], SimpleQueue[tuple[int, object]]]:
        """Let as many processes begin as the plan wants; what each says comes with its number."""
        wanted = self._processes or default_processes(plan.concurrency, _cores())
        # Two of them on one core read later than one does.
        shares = share(plan, min(wanted, len(plan.cores)) if plan.cores else wanted)
        while len(self._children) < len(shares):
            self._children.append(Child())
        children = self._children[: len(shares)]
        told: SimpleQueue[tuple[int, object]] = SimpleQueue()
        for number, (child, part) in enumerate(zip(children, shares, strict=True)):
            child.begin(part, lambda message, number=number: told.put((number, message)))  # type: ignore[misc]
        return children, told

    def close(self) -> None:
        """End the processes and their connections with them."""
        children, self._children = self._children, []
        for child in children:
            child.kill()
        for child in children:
            child.close()


def _cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
