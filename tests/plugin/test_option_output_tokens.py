from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_sets_how_many_are_generated(project: Project, engine: FakeEngine) -> None:
    """The server is asked for so many, and the cell is another than the workload's own."""
    left = project("--bench-output-tokens=7")
    assert {body["max_tokens"] for body in engine.requests} == {7}
    assert left.result["workload"]["id"] == "tiny-out0007"
    assert left.result["workload"]["output_tokens"] == 7
    assert left.result["metrics"]["output_tokens"]["p50"] == 7


@pytest.mark.parametrize("value", ["0", "-5", "long"])
def test_refuses_what_is_no_length(project: Project, value: str) -> None:
    """At least one token."""
    project(f"--bench-output-tokens={value}").usage_error("--bench-output-tokens: expected a whole number")
