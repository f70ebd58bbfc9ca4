from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_replaces_those_of_the_tests(project: Project, engine: FakeEngine) -> None:
    """Several, by commas or by repeating; each is a test and a cell, and asks for its own length."""
    left = project("--bench-workload=other,tiny", "--bench-workload=other")
    assert [result["workload"]["id"] for result in left.results] == ["other", "tiny"]
    assert [body["max_tokens"] for body in engine.requests] == [6, 6, 6, 4, 4, 4]


def test_leaves_alone_what_the_author_gives(project: Project) -> None:
    """A test that names its workload, by mark, fixture or call, measures that."""
    project.suite(
        """
        import pytest

        @pytest.mark.bench
        def test_call(bench):
            bench("other")

        @pytest.mark.bench
        @pytest.mark.parametrize(argnames="workload", argvalues=["other"])
        def test_mark(bench, workload):
            bench(workload)

        @pytest.fixture
        def workload():
            return "other"

        @pytest.mark.bench
        def test_fixture(bench, workload):
            bench(workload)
        """
    )
    left = project("--bench-workload=tiny")
    assert left.code == 0, left.out
    assert [result["workload"]["id"] for result in left.results] == ["other"] * 3


@pytest.mark.parametrize(("value", "hint"), [("tini", "did you mean 'tiny'"), ("qqqq", "known: exact, ")])
def test_names_the_nearest(project: Project, value: str, hint: str) -> None:
    """A name that does not exist is told with those that do."""
    project(f"--bench-workload={value}").usage_error(f"unknown workload '{value}'", hint)


def test_refuses_nothing(project: Project) -> None:
    """A variable that was not set must not select everything."""
    project("--bench-workload=").usage_error("--bench-workload: expected NAME, not nothing")


MISSPELT = """
    import pytest

    @pytest.mark.bench({argument})
    def test_it(bench, workload, concurrency): ...
"""


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("workloads=['ohter']", "test_suite.py:4: test_it: unknown workload 'ohter': did you mean 'other'?"),
        ("requests='few'", "test_it: the bench marker's requests: expected a whole number"),
        ("concurrency='few'", "test_it: the bench marker's concurrency: expected a whole number"),
        ("limits='ttft.p5:5%'", "test_it: limit 'ttft.p5:5%': ttft has no statistic 'p5'"),
        ("", "takes `workload`, and its marker does not say which: bench(workloads=['tiny',"),
        ("workload=['short']", "the bench marker has no argument 'workload': did you mean 'workloads'?"),
        ("'short'", "the bench marker has no argument 'short'"),
    ],
)
def test_a_mistake_in_a_marker_is_told_without_a_traceback(
    project: Project, argument: str, told: str
) -> None:
    """It is the author's: a collection error of one line, and nothing is left behind."""
    project.suite(MISSPELT.format(argument=argument))
    left = project("--no-workload")
    assert left.code == pytest.ExitCode.INTERRUPTED, left.out
    assert told in left.out
    assert "Traceback" not in left.out
    assert "During handling" not in left.out
    assert not (project.root / "results").exists()
