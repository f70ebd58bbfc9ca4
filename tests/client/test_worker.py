"""The generator's own side, without a process around it."""

from __future__ import annotations

import io
import pickle
import time
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.client import worker
from pytest_llmbench.client.plan import Go, LoadOutcome, Progress, Ready
from tests.client.asking import plan
from tests.client.fake_server import FakeServer, answer, content, stream

if TYPE_CHECKING:
    from pytest_llmbench.client.plan import LoadPlan

GOOD = b"".join(stream(content("a", "stop")))
GO = Go(0)
"""Begin at once: that moment is long over."""


class Pipe(io.BytesIO):
    """Whose reader is gone after some writes."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self._left = writes

    def write(self, data: object, /) -> int:
        """Take data while somebody listens."""
        self._left -= 1
        if self._left < 0:
            raise BrokenPipeError
        return super().write(data)  # type: ignore[arg-type]


def _answers(*messages: LoadPlan | Go) -> list[object]:
    asked, told = io.BytesIO(b"".join(map(pickle.dumps, messages))), io.BytesIO()
    worker.serve(asked, told)
    told.seek(0)
    answers = []
    while told.tell() < len(told.getvalue()):
        answers.append(pickle.load(told))  # noqa: S301 - our own bytes
    return answers


def test_plans_are_answered_in_turn() -> None:
    """Each plan is answered by progress, by being ready, and then by its outcome."""
    with FakeServer(answer(GOOD)) as server:
        answers = _answers(plan(server.url, 2), GO, plan(server.url, 1, concurrency=3), GO)
    kinds = [type(found) for found in answers]
    assert kinds == [Progress, Ready, LoadOutcome] * 2
    outcomes = [found for found in answers if isinstance(found, LoadOutcome)]
    assert [len(outcome.traces) for outcome in outcomes] == [2, 1]
    assert all(trace.ok for outcome in outcomes for trace in outcome.traces)


def test_errors_are_texts_and_do_not_end_it() -> None:
    """What stops a plan is answered as text, and the next plan is carried out."""
    with FakeServer(answer(GOOD)) as server:
        unknown, broken, *_, outcome = _answers(
            plan("http://no.such.invalid", 1),
            plan(server.url, 1, dialect="latin"),
            plan(server.url, 1),
            GO,
        )
    assert str(unknown).startswith("http://no.such.invalid: cannot resolve")
    assert str(broken).startswith("the load generator failed:\nTraceback")
    assert isinstance(outcome, LoadOutcome)


def test_window_begins_when_told() -> None:
    """The window begins at the moment the parent names, and no request that is measured before it."""
    at = time.time_ns() + 200_000_000
    with FakeServer(answer(GOOD)) as server:
        *_, outcome = _answers(plan(server.url, 4, warmup=2), Go(at))
    assert isinstance(outcome, LoadOutcome)
    assert outcome.began == at
    assert [trace.warmup for trace in outcome.traces] == [True, True, False, False]
    assert all((trace.started or 0) >= at for trace in outcome.traces if not trace.warmup)


def test_parent_that_is_gone_before_the_window() -> None:
    """Nobody who says when to begin: the process ends."""
    with FakeServer(answer(GOOD)) as server, pytest.raises(SystemExit):
        _answers(plan(server.url, 1))


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_parent_that_is_gone(writes: int) -> None:
    """Nobody to tell, at first, when ready or at the end: the process ends, and the load with it."""
    with FakeServer(answer(GOOD)) as server, pytest.raises(SystemExit):
        worker.serve(io.BytesIO(pickle.dumps(plan(server.url, 1)) + pickle.dumps(GO)), Pipe(writes))
