from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

SWEEP = """
    import pytest

    @pytest.mark.bench(rate=[20, 30], requests=4, warmup=1)
    def test_sweep(bench, workload, rate):
        bench(workload, rate=rate)
"""


def test_spreads_tests_over_rates(project: Project) -> None:
    """One open loop and one cell a rate, in the order given."""
    project.suite(SWEEP)
    left = project("--bench-rate=40,25.5")
    left.measured()
    assert [result["load"]["arrivals"]["rate"] for result in left.results] == [40, 25.5]
    assert {result["load"]["kind"] for result in left.results} == {"open"}
    assert [result["cell"].rpartition("/")[2] for result in left.results] == [
        "poisson.r0040",
        "poisson.r0025.5",
    ]
    assert [result["nodeid"].rpartition("-")[2] for result in left.results] == ["r0040]", "r0025.5]"]
    assert "poisson.r0025.5" in left.out


def test_is_the_markers_without_the_option(project: Project) -> None:
    """The author's rates hold until somebody asks for others."""
    project.suite(SWEEP)
    left = project()
    assert [result["load"]["arrivals"]["rate"] for result in left.results] == [20, 30]
    assert all(result["validity"]["send_delay_p99_s"] is not None for result in left.results)


@pytest.mark.parametrize("value", ["0", "1,x", "-2", "inf", ""])
def test_refuses_what_is_no_rate(project: Project, value: str) -> None:
    """Requests that never come, or all at once, are no rate."""
    project(f"--bench-rate={value}").usage_error("--bench-rate: expected a number above 0")
