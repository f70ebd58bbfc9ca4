from __future__ import annotations

import contextlib
import io

from pytest_llmbench.client.plan import Progress
from pytest_llmbench.progress import ProgressLine


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        """Read it."""
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_a_log_gets_a_line_every_ten_seconds() -> None:
    """Enough to see that something is going on, and what; nothing before."""
    clock, stream = Clock(), io.StringIO()
    line = ProgressLine(stream=stream, clock=clock)
    for _ in range(25):
        clock.now += 1
        line.show("starting")
    assert stream.getvalue() == "\n  starting · 10 s\n\n  starting · 20 s\n"
    line.clear()
    assert stream.getvalue().endswith("· 20 s\n")


def test_a_terminal_gets_one_line_that_is_written_over() -> None:
    """Five times a second; the cursor goes back to where pytest left it, and in the end it is gone."""
    clock, stream = Clock(), Terminal()
    line = ProgressLine(stream=stream, clock=clock)
    line.show("too early")
    clock.now += 0.3
    line.show("a")
    clock.now += 0.1
    line.show("too soon")
    text = stream.getvalue()
    assert "  a · 0 s" in text
    assert "too" not in text
    assert text.endswith("\x1b8")
    line.clear()
    assert len(stream.getvalue()) > len(text)
    length = len(stream.getvalue())
    line.clear()
    assert len(stream.getvalue()) == length


def test_a_long_line_does_not_wrap() -> None:
    """A line that wraps could not be written over."""
    clock, stream = Clock(), Terminal()
    line = ProgressLine(stream=stream, clock=clock)
    clock.now += 1
    line.show("x" * 500)
    assert stream.getvalue().count("x") <= 110


def test_a_measurement_says_how_far_it_is_and_when_it_is_over() -> None:
    """Over all runs, by the pace so far; failures are counted."""
    clock, stream = Clock(), io.StringIO()
    line = ProgressLine(stream=stream, clock=clock)
    line.begin()
    clock.now += 12
    line.measuring("glm short c001", 2, 3, Progress(finished=5, failed=2, total=10))
    assert stream.getvalue() == "\n  glm short c001: 15/30 requests · 2 failed · 12 s left · 12 s\n"


def test_nothing_done_is_no_estimate() -> None:
    """And no division by zero."""
    clock, stream = Clock(), io.StringIO()
    line = ProgressLine(stream=stream, clock=clock)
    clock.now += 12
    line.measuring("x", 1, 1, Progress(finished=0, failed=0, total=10))
    assert stream.getvalue() == "\n  x: 0/10 requests · 12 s\n"


def test_what_is_waited_for_comes_with_a_way_out() -> None:
    """Whoever waits for others can end that, or bound it."""
    clock, stream = Clock(), io.StringIO()
    line = ProgressLine(stream=stream, clock=clock)
    clock.now += 60
    line.waiting("waiting for b")
    assert stream.getvalue() == (
        "\n  waiting for b · 60 s (Ctrl-C ends it, --bench-wait-timeout bounds it)\n"
    )


def test_a_worker_tells_what_it_waits_for() -> None:
    """One line every ten seconds with its name, on a terminal too; how far it is would be one too many."""
    clock, stream = Clock(), Terminal()
    line = ProgressLine(stream=stream, clock=clock, worker="gw1")
    clock.now += 60
    line.show("x")
    line.measuring("x", 1, 1, Progress(finished=0, failed=0, total=10))
    line.clear()
    assert stream.getvalue() == ""
    for _ in range(15):
        clock.now += 1
        line.waiting("waiting for b")
    assert stream.getvalue().startswith("\n  [gw1] waiting for b · 61 s (")
    assert stream.getvalue().count("waiting") == 2


def test_it_writes_outside_pytests_capturing() -> None:
    """Each write is inside the context that gives the terminal back."""
    entered = []

    @contextlib.contextmanager
    def uncaptured():  # type: ignore[no-untyped-def]  # noqa: ANN202
        entered.append(True)
        yield

    clock = Clock()
    line = ProgressLine(uncaptured, io.StringIO(), clock)
    clock.now += 60
    line.show("x")
    assert entered == [True]
