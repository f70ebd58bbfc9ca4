from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


SWEEP = """
    import pytest

    @pytest.mark.bench(concurrency=[1, 2])
    def test_sweep(bench, workload, concurrency):
        bench(workload, concurrency=concurrency)
"""


def test_spreads_tests_over_streams(project: Project, mode: list[str]) -> None:
    """One test and one cell a number, in the order given, each number once."""
    project.suite(SWEEP)
    left = project("--bench-concurrency=4,1,4", *mode)
    assert left.code == 0, left.out
    assert [result["load"]["concurrency"] for result in left.results] == [4, 1]
    assert [result["cell"] for result in left.results] == [
        "fake.openai.tp01.gpux00/tiny/c004",
        "fake.openai.tp01.gpux00/tiny/c001",
    ]
    assert [result["nodeid"].rpartition("-")[2] for result in left.results] == ["c004]", "c001]"]


def test_is_the_markers_without_the_option(project: Project) -> None:
    """The author's numbers hold until somebody asks for others."""
    project.suite(SWEEP)
    left = project()
    assert [result["load"]["concurrency"] for result in left.results] == [1, 2]


def test_leaves_tests_alone_that_do_not_take_it(project: Project) -> None:
    """A test without the argument measures as its author says."""
    left = project("--bench-concurrency=3")
    assert left.result["load"]["concurrency"] == 1


def test_keeps_so_many_requests_in_flight(project: Project, engine: FakeEngine) -> None:
    """At one moment as many as there are streams, and never more."""
    project.suite(SWEEP)
    engine.together = threading.Barrier(5)  # nobody is answered before all five have asked
    left = project("--bench-concurrency=5", "--bench-requests=20", "--bench-warmup=5")
    left.measured()
    assert engine.most == 5


@pytest.mark.parametrize("value", ["0", "1,x", "1,,2", "", "1.5"])
def test_refuses_what_is_no_number_of_streams(project: Project, value: str) -> None:
    """The wrong one among several is named."""
    project(f"--bench-concurrency={value}").usage_error("--bench-concurrency: expected a whole number")
