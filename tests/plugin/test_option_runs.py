from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_measures_again_on_the_same_server(project: Project, engine: FakeEngine) -> None:
    """One result holds all runs; their values are pooled, and no two prompts are the same."""
    left = project("--bench-runs=3", "--bench-requests=2", "--bench-warmup=0")
    assert [run["sent"] for run in left.result["runs"]] == [2, 2, 2]
    assert left.result["metrics"]["ttft"]["count"] == 6
    assert left.result["metrics"]["throughput_output"]["count"] == 3
    prompts = [str(body["messages"]) for body in engine.requests]
    assert len(set(prompts)) == len(prompts)


@pytest.mark.parametrize("value", ["0", "many"])
def test_refuses_what_is_no_number(project: Project, value: str) -> None:
    """At least once."""
    project(f"--bench-runs={value}").usage_error("--bench-runs: expected a whole number of at least 1")
