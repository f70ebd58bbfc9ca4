from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.test_option_replay import DUE, SUITE, TRACE, write

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


@pytest.mark.parametrize(("speed", "due"), [("4", [0, 0.0375, 0.0375, 0.1]), ("0.5", [0, 0.3, 0.3, 0.8])])
def test_sends_so_many_times_as_fast(project: Project, speed: str, due: list[float]) -> None:
    """The last request is due after so much of the recorded 0.4 s, and the cell is another."""
    project.suite(DUE.format(due=due))
    trace = write(project.root, TRACE)
    left = project(f"--bench-replay={trace}", f"--bench-replay-speed={speed}", "--bench-requests=99")
    left.measured()
    assert left.result["load"]["arrivals"]["speed"] == float(speed)
    assert left.result["load"]["id"] == f"replay.monday.x{speed}"


def test_is_used_instead_of_the_tests(project: Project) -> None:
    """The speed of a call is that of the author's machine."""
    project.suite(SUITE.replace("replay()", "replay('monday.jsonl', speed=8)"))
    write(project.root, TRACE)
    assert project("--bench-requests=99").result["load"]["id"] == "replay.monday.x8"
    left = project("--bench-replay-speed=4", "--bench-requests=99")
    assert left.result["load"]["id"] == "replay.monday.x4"


@pytest.mark.parametrize("value", ["0", "-1", "fast", "inf"])
def test_refuses_what_is_no_speed(project: Project, value: str) -> None:
    """A replay that stands still, or runs backwards."""
    project(f"--bench-replay-speed={value}").usage_error("--bench-replay-speed: expected a number above 0")
