from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_ends_requests_that_take_longer(project: Project, engine: FakeEngine) -> None:
    """A request that hangs is a failure with its reason, and a run of nothing else fails."""
    engine.behaviour = "hang"
    left = project("--bench-timeout=1", "--bench-warmup=0", "--bench-concurrency=2")
    assert left.code == 1, left.out
    (failure,) = left.result["runs"][0]["failures"]
    assert failure["count"] == 2
    assert "1 s" in failure["message"] or "timeout" in failure["kind"]
    assert "no request of 2 succeeded" in left.out


@pytest.mark.parametrize("value", ["0", "soon", "nan", "inf"])
def test_refuses_what_is_no_time(project: Project, value: str) -> None:
    """Neither endless nor nothing."""
    project(f"--bench-timeout={value}").usage_error(
        f"--bench-timeout: expected a number of at least 1, not '{value}'"
    )
