from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_is_sent_and_not_counted(project: Project, engine: FakeEngine) -> None:
    """The server gets them, the result does not."""
    left = project("--bench-warmup=3", "--bench-requests=2")
    assert left.result["load"]["warmup"] == 3
    assert left.result["runs"][0]["sent"] == 2
    assert len(engine.requests) == 5


def test_may_be_none(project: Project, engine: FakeEngine) -> None:
    """Zero is a value, and not the default."""
    left = project("--bench-warmup=0")
    assert left.result["load"]["warmup"] == 0
    assert len(engine.requests) == 2


@pytest.mark.parametrize("value", ["-1", "some"])
def test_refuses_less_than_none(project: Project, value: str) -> None:
    """What is no number is told, with its origin."""
    project(f"--bench-warmup={value}").usage_error(
        f"--bench-warmup: expected a whole number of at least 0, not '{value}'"
    )
