from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_says_how_many_are_measured(project: Project, engine: FakeEngine) -> None:
    """So many requests are sent and counted, beside those of the warm-up."""
    left = project("--bench-requests=5")
    assert left.code == 0, left.out
    assert left.result["load"]["requests"] == 5
    assert left.result["runs"][0]["sent"] == 5
    assert left.result["metrics"]["ttft"]["count"] == 5
    assert len(engine.requests) == 5 + 1


def test_wins_over_the_test_and_loses_to_its_marker(project: Project) -> None:
    """What the author's call says is a default; what the marker says is meant."""
    project.suite(
        """
        import pytest

        @pytest.mark.bench
        def test_call(bench, workload):
            bench(workload, requests=7)

        @pytest.mark.bench(requests=4)
        def test_marker(bench, workload):
            bench(workload, requests=7)
        """
    )
    left = project("--bench-requests=3")
    assert [result["load"]["requests"] for result in left.results] == [3, 4]


@pytest.mark.parametrize("value", ["0", "-1", "two", "2.5", ""])
def test_refuses_what_is_no_number_of_requests(project: Project, value: str) -> None:
    """A value that cannot be is told before anything starts."""
    project(f"--bench-requests={value}").usage_error(
        f"--bench-requests: expected a whole number of at least 1, not '{value}'"
    )
