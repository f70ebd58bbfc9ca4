from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_chooses_among_several(project: Project, engine: FakeEngine) -> None:
    """The server is asked for this one."""
    engine.models = ["one", "two"]
    left = project("--bench-served-model=two")
    assert left.code == 0, left.out
    assert left.result["server"]["served_model"] == "two"
    assert {body["model"] for body in engine.requests} == {"two"}


def test_is_needed_where_there_are_several(project: Project, engine: FakeEngine) -> None:
    """Without it nobody can tell which is meant, and both are named."""
    engine.models = ["one", "two"]
    left = project()
    assert left.code == 1
    assert "serves one, two" in left.out


@pytest.mark.parametrize("value", ["fake-mode", "fake-modell"])
def test_names_the_nearest(project: Project, value: str) -> None:
    """What the server does not serve is told with what it does."""
    left = project(f"--bench-served-model={value}")
    assert left.code == 1
    assert f"does not serve '{value}': did you mean 'fake-model'" in left.out
    assert "Traceback" not in left.out
