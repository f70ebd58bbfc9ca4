from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

SEARCH = """
    import pytest

    @pytest.mark.bench(requests=2, warmup=0)
    def test_capacity(bench, workload):
        found = bench.search(workload, high=4)
        assert found.best == 4
        assert found.result.load.concurrency == 4
"""


def test_adds_goodput(project: Project) -> None:
    """Every result says how many requests a second met the service levels."""
    left = project("--bench-slo=ttft.p50=10s,e2e.p50=20s")
    assert left.code == 0, left.out
    metrics = left.result["metrics"]
    assert metrics["goodput"]["mean"] == metrics["throughput_request"]["mean"]


def test_is_what_a_search_looks_for(project: Project) -> None:
    """The highest load that meets it is found, with the curve in the report."""
    project.suite(SEARCH)
    left = project("--bench-slo=ttft.p50=10s")
    assert left.code == 0, left.out
    search = left.result["search"]
    assert (search["by"], search["slos"], search["best"], search["stop"]) == (
        "concurrency",
        ["ttft.p50=10s"],
        4,
        "high",
    )
    assert [probe["load"] for probe in search["curve"]] == [1, 2, 4]
    assert all(probe["met"] and probe["metrics"]["ttft.p50"] > 0 for probe in search["curve"])
    assert left.result["load"]["concurrency"] == 4


def test_no_load_meets_it(project: Project) -> None:
    """Then the test fails with the reason, and what was measured is kept."""
    project.suite(SEARCH)
    left = project("--bench-slo=ttft.p50=1us")
    assert left.code == 1, left.out
    assert "no concurrency from 1 on meets ttft.p50=1us: ttft.p50 was" in left.out
    assert left.result["search"]["best"] is None


def test_a_search_without_it_is_skipped(project: Project) -> None:
    """Nobody said what is good enough."""
    project.suite(SEARCH)
    left = project("-rs")
    assert left.code == 0, left.out
    assert "needs service levels: --bench-slo ttft.p99=500ms" in " ".join(left.out.split())


def test_refuses_what_is_no_service_level(project: Project) -> None:
    """The wrong part and the nearest metric are named."""
    project("--bench-slo=tfft.p99=500ms").usage_error("unknown metric 'tfft': did you mean 'ttft'")
    project("--bench-slo=ttft.p99").usage_error("expected METRIC.STATISTIC=TIME")
