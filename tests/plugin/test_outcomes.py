"""What becomes of a test when things go wrong, as the table of outcomes in the documentation has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import Behaviour, FakeEngine


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("refuse", "prompt too long for this model"),
        ("fail", "out of memory"),
        ("cut", ""),
        ("reset", ""),
        ("error", "engine core died"),
        ("nothing", ""),
    ],
)
def test_requests_that_fail_are_counted_with_their_reason(
    project: Project, engine: FakeEngine, behaviour: Behaviour, reason: str
) -> None:
    """Whatever a server does instead of answering: a failure each, and a run of nothing else fails."""
    engine.behaviour = behaviour
    left = project("--bench-requests=3")
    assert left.code == 1, left.out
    assert "no request of 3 succeeded" in left.out
    assert "Traceback" not in left.out
    result = left.result
    assert result["metrics"]["error_rate"]["mean"] == 1
    assert result["runs"][0]["failed"] == 3
    (failure,) = result["runs"][0]["failures"]
    assert failure["count"] == 3
    assert reason in failure["message"]
    assert f"3 requests failed: {failure['message']}" in left.out
    assert not result["validity"]["valid"]
    properties = {item.attrib["name"]: item.attrib["value"] for item in left.junit.iter("property")}
    assert properties["error_rate"] == "1.0"
    assert properties["valid"] == "false"


def test_some_failures_are_shown_and_left_to_the_author(project: Project, engine: FakeEngine) -> None:
    """The result stands on what succeeded, says so, and passes unless the author has a limit."""
    engine.behaviour = "every other fails"
    left = project("--bench-requests=4", "--bench-warmup=0")
    assert left.code == 0, left.out
    assert left.result["metrics"]["error_rate"]["mean"] == 0.5
    assert left.result["validity"]["notes"] == ["2 of 4 requests failed"]
    project.suite(
        """
        import pytest

        @pytest.mark.bench
        def test_it(bench, workload):
            result = bench(workload)
            assert result.error_rate.mean == 0
        """
    )
    left = project("--bench-requests=4", "--bench-warmup=0")
    assert left.code == 1


def test_the_authors_assert_keeps_its_traceback(project: Project) -> None:
    """The line and the values are shown, and the numbers are in the report all the same."""
    project.suite(
        """
        import pytest

        @pytest.mark.bench
        def test_it(bench, workload):
            result = bench(workload)
            assert result.ttft.p50 < 0.0001, "too slow"
        """
    )
    left = project()
    assert left.code == 1
    assert ">       assert result.ttft.p50 < 0.0001" in left.out
    assert "test_suite.py:7: AssertionError" in left.out
    assert "= <result of fake.openai.tp01.gpux00/tiny/c001>.ttft" in left.out
    assert left.result["metrics"]["ttft"]["count"] == 2


def test_a_statistic_that_cannot_be_had_points_at_the_line(project: Project) -> None:
    """p99 of two requests: how many it needs, and where the author asked for it."""
    project.suite(
        """
        import pytest

        @pytest.mark.bench
        def test_it(bench, workload):
            result = bench(workload)
            assert result.ttft.p99 < 1
        """
    )
    left = project()
    assert left.code == 1
    assert ">       assert result.ttft.p99 < 1" in left.out
    assert "ttft.p99 needs 100 values, this sample has 2: raise --bench-requests" in left.out
    assert "test_suite.py:7: StatisticsError" in left.out
    assert "pytest_llmbench/metrics" not in left.out
    assert left.result["metrics"]["ttft"]["p99"] is None


def test_a_metric_that_does_not_exist_names_the_nearest(project: Project) -> None:
    """As an attribute error, with the line."""
    project.suite(
        """
        import pytest

        @pytest.mark.bench
        def test_it(bench, workload):
            bench(workload).ttfd
        """
    )
    left = project()
    assert left.code == 1
    assert "a result has no metric 'ttfd': did you mean 'ttft'" in left.out


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("bench('tinny')", "unknown workload 'tinny': did you mean 'tiny'?"),
        ("bench(workload, concurrency=0)", "bench(concurrency=0): expected a whole number of at least 1"),
        ("bench(workload, requests='few')", "bench(requests='few'): expected a whole number of at least 1"),
        ("bench(workload, concurency=2)", "no argument 'concurency': did you mean 'concurrency'?"),
    ],
)
def test_a_call_that_cannot_be_fails_its_test_plainly(project: Project, call: str, told: str) -> None:
    """One line, no traceback of ours, and nothing measured."""
    project.suite(
        f"""
        import pytest

        @pytest.mark.bench
        def test_it(bench, workload):
            {call}
        """
    )
    left = project()
    assert left.code == 1
    assert told in left.out
    assert "Traceback" not in left.out
    assert left.results == []
    assert left.unmeasured[0]["outcome"] == "failed"


def test_two_measurements_in_one_test_are_two_results(project: Project) -> None:
    """Each has its own properties in JUnit, told apart by workload and load."""
    project.suite(
        """
        import pytest

        @pytest.mark.bench
        def test_it(bench):
            bench("tiny", concurrency=1)
            bench("tiny", concurrency=2)
        """
    )
    left = project()
    assert left.code == 0, left.out
    assert [result["load"]["concurrency"] for result in left.results] == [1, 2]
    names = [item.attrib["name"] for item in left.junit.iter("property")]
    assert len(names) == len(set(names))
    assert {"tiny.c001.ttft.p50", "tiny.c002.ttft.p50"} <= set(names)


def test_numbers_are_in_junit(project: Project, mode: list[str]) -> None:
    """As plain scalars, in the session's file and in the one that was asked for."""
    left = project("--junitxml=mine.xml", *mode)
    assert left.code == 0, left.out
    expected = left.result["metrics"]["ttft"]["p50"]
    for root in (left.junit, left.read_junit(left.root / "mine.xml")):
        found = {item.attrib["name"]: item.attrib["value"] for item in root.iter("property")}
        assert float(found["ttft.p50"]) == expected
        assert found["cell"] == left.result["cell"]
        assert found["verdict"] == "none"


def test_a_server_that_ends_while_it_is_measured(project: Project) -> None:
    """The result is invalid and says why; the tests that follow fail at once."""
    project.suite(
        """
        import os, signal, threading, time, urllib.request
        from pathlib import Path
        import pytest

        def server():
            for path in Path("/proc").glob("[0-9]*/stat"):
                pid, parent = int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])
                if parent == os.getpid() and b"embedded_child" in (path.parent / "cmdline").read_bytes():
                    return pid

        def kill_while_it_answers(pid, url):
            idle = "llamacpp:requests_processing 0"
            while idle in urllib.request.urlopen(url + "/metrics").read().decode():
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)

        @pytest.mark.bench
        def test_first(bench, llm_server):
            threading.Thread(target=kill_while_it_answers, args=(server(), llm_server.base_url)).start()
            bench("long")

        @pytest.mark.bench
        def test_second(bench):
            bench("tiny")
        """
    )
    (project.root / "long.yaml").write_text("workloads: {long: {out: 400, prompts: [Tell me everything]}}")
    (project.root / "models.yaml").write_text(
        "models: [{id: m, source: 'builtin:tiny-glm', run: [llama], backends: {llama: {runtime: embedded}}}]"
    )
    configuration = ("--bench-config=long.yaml", "--bench-config=models.yaml")
    left = project(
        *configuration, "--no-workload", "--bench-requests=500", "--bench-warmup=0", own_process=True
    )
    assert left.code == 1, left.out
    assert "2 failed" in left.out
    assert "Traceback" not in left.out
    assert "ended while it was measured: the server was ended by SIGKILL" in left.out
    assert "is gone: the server was ended by SIGKILL" in left.out
    assert not left.result["validity"]["valid"]
    assert "SIGKILL" in " ".join(left.result["validity"]["reasons"])


@pytest.mark.parametrize("mode", [[], ["-n2"]], ids=["alone", "n2"])
def test_nothing_selected_leaves_nothing_behind(project: Project, mode: list[str]) -> None:
    """No folder, no link."""
    left = project("-k", "nothing_like_this", *mode)
    assert left.code == pytest.ExitCode.NO_TESTS_COLLECTED
    assert not (project.root / "results").exists()


def test_collecting_starts_and_asks_nothing(project: Project, engine: FakeEngine) -> None:
    """Ids come from the configuration alone."""
    left = project("--collect-only", "-q", "--bench-replicates=2", "--bench-workload=tiny,other")
    assert left.code == 0
    assert [line for line in left.out.splitlines() if "::" in line] == [
        f"test_suite.py::test_it[fake.openai.tp01.gpux00.r{replicate}-{workload}]"
        for replicate in ("01", "02")
        for workload in ("tiny", "other")
    ]
    assert not engine.requests
    assert not (project.root / "results").exists()


def test_not_asked_for_is_skipped_with_the_reason(project: Project) -> None:
    """A plain `pytest` runs everything else and says how to run these."""
    project.suite(
        """
        import pytest

        @pytest.mark.bench
        def test_it(workload, bench, concurrency): ...

        def test_other(): ...
        """
    )
    left = project("--plain", "-rs")
    assert left.code == 0, left.out
    assert "1 passed, 1 skipped" in left.out
    assert "benchmarks run when asked for: pytest -m bench" in left.out
    assert not (project.root / "results").exists()
