from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_ends_requests_that_are_not_answered(project: Project, engine: FakeEngine) -> None:
    """A server that does not begin to answer is given up early, with the reason."""
    engine.behaviour = "hang"
    left = project("--bench-first-timeout=0.3", "--bench-warmup=0", "--bench-requests=2")
    assert left.code == 1, left.out
    (failure,) = left.result["runs"][0]["failures"]
    assert (failure["kind"], failure["message"]) == ("timeout", "no answer within 0.3 s")


def test_refuses_what_is_no_time(project: Project) -> None:
    """No time is none."""
    project("--bench-first-timeout=0").usage_error(
        "--bench-first-timeout: expected a number above 0, not '0'"
    )
