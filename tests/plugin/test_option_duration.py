from __future__ import annotations

from typing import TYPE_CHECKING

from tests.plugin.test_option_arrival import OPEN

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_ends_a_closed_loop(project: Project, engine: FakeEngine) -> None:
    """As many requests as fit, and no more are sent."""
    left = project("--bench-duration=1")
    left.measured()
    load, (run,) = left.result["load"], left.result["runs"]
    assert (load["kind"], load["duration_s"]) == ("closed", 1)
    shortest = engine.first + 4 * engine.gap
    assert 1 < run["sent"] == load["requests"] <= 1 / shortest + 1


def test_ends_an_open_loop(project: Project) -> None:
    """A schedule is drawn for so long, whatever the number of requests."""
    project.suite(OPEN)
    left = project("--bench-duration=0.5", "--bench-arrival=constant")
    left.measured()
    assert left.result["load"]["requests"] == 25


def test_refuses_what_is_no_time(project: Project) -> None:
    """Nothing can be measured in no time."""
    project("--bench-duration=0").usage_error("--bench-duration: expected a number above 0, not '0'")
