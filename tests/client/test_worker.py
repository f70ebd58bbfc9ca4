"""The generator's own side, without a process around it."""

from __future__ import annotations

import io
import pickle
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.client import worker
from pytest_llmbench.client.plan import LoadOutcome, Progress
from tests.client.asking import plan
from tests.client.fake_server import FakeServer, answer, content, stream

if TYPE_CHECKING:
    from pytest_llmbench.client.plan import LoadPlan

GOOD = b"".join(stream(content("a", "stop")))


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


def _answers(*plans: LoadPlan) -> list[object]:
    asked, told = io.BytesIO(b"".join(pickle.dumps(plan) for plan in plans)), io.BytesIO()
    worker.serve(asked, told)
    told.seek(0)
    answers = []
    while told.tell() < len(told.getvalue()):
        answers.append(pickle.load(told))  # noqa: S301 - our own bytes
    return answers


@pytest.mark.parametrize("uvloop", [True, False])
def test_plans_are_answered_in_turn(monkeypatch: pytest.MonkeyPatch, *, uvloop: bool) -> None:
    """Each plan is answered by progress and then its outcome, with uvloop and without."""
    if not uvloop:
        monkeypatch.setitem(sys.modules, "uvloop", None)
    elif sys.modules.get("uvloop") is None:
        pytest.importorskip("uvloop")
    with FakeServer(answer(GOOD)) as server:
        answers = _answers(plan(server.url, 2), plan(server.url, 1, concurrency=3))
    kinds = [type(found) for found in answers]
    assert kinds == [Progress, LoadOutcome, Progress, LoadOutcome]
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
        )
    assert str(unknown).startswith("http://no.such.invalid: cannot resolve")
    assert str(broken).startswith("the load generator failed:\nTraceback")
    assert isinstance(outcome, LoadOutcome)


@pytest.mark.parametrize("writes", [0, 1])
def test_parent_that_is_gone(writes: int) -> None:
    """Nobody to tell, at the first progress or at the end: the process ends, and the load with it."""
    with FakeServer(answer(GOOD)) as server, pytest.raises(SystemExit):
        worker.serve(io.BytesIO(pickle.dumps(plan(server.url, 1))), Pipe(writes))
