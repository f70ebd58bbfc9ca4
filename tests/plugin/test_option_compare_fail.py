from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.fake_engine import FIRST

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def punctual(entry: dict[str, Any]) -> None:
    """Make a stored session one of an engine that took no longer than it meant to."""
    for runs in entry["replicates"].values():
        for run in runs:
            run["ttft.p50"] = FIRST


def test_says_what_fails_and_from_where(project: Project, engine: FakeEngine) -> None:
    """Only the named metrics are compared, each with its own limit."""
    project("--bench-save=main").edit_baseline(punctual)
    engine.first *= 5
    run = ("--bench-compare=main", "--bench-compare-fail=tpot.p50:9999999%,ttft.p50:50%")
    left = project(*run)
    assert left.code == 1, left.out
    compared = {entry["metric"]: entry for entry in left.result["verdict"]["comparisons"]}
    assert set(compared) == {"tpot.p50", "ttft.p50"}
    assert (compared["ttft.p50"]["verdict"], compared["ttft.p50"]["limit"]) == ("regressed", 0.5)
    assert compared["ttft.p50"]["change"] > 1
    assert compared["tpot.p50"]["verdict"] != "regressed"


def test_may_be_repeated(project: Project) -> None:
    """Several options are one list."""
    project("--bench-save=main")
    left = project(
        "--bench-compare=main",
        "--bench-compare-fail=e2e.p50:9999999%",
        "--bench-compare-fail=throughput_output:99.9999%",
    )
    assert left.code == 0, left.out
    assert [entry["metric"] for entry in left.result["verdict"]["comparisons"]] == [
        "e2e.p50",
        "throughput_output",
    ]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("tftt.p50:10%", "did you mean 'ttft'"),
        ("ttft.p51:10%", "did you mean 'p95' or 'p50'?"),
        ("ttft.p50:10", "did you mean 10%"),
        ("ttft.p50", "expected METRIC.STATISTIC:PERCENT%"),
        ("throughput_output.p50:5%", "throughput_output:5%"),
        ("throughput_output:100%", "can never get worse by 100%"),
        ("", "not nothing"),
    ],
)
def test_names_the_nearest(project: Project, value: str, told: str) -> None:
    """What cannot be a limit is told with what can."""
    project(f"--bench-compare-fail={value}").usage_error(told)


def test_refuses_a_metric_that_is_limited_twice(project: Project) -> None:
    """Within one option or over several."""
    project("--bench-compare-fail=ttft.p50:10%", "--bench-compare-fail=ttft.p50:20%").usage_error(
        "ttft.p50 is limited twice"
    )
