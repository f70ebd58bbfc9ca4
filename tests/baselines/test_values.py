"""The value of a session."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.baselines.values import average, replicates_of, run_values, session_values, start_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.records import ResultRecord

POSITIVE = st.floats(1e-6, 1e6)


def test_a_run_stores_what_a_limit_can_name(make_result: Callable[..., ResultRecord]) -> None:
    """Scalars by their bare name, distributions with their count, no value that is not there."""
    values = run_values(make_result().runs[0])
    assert values["ttft.p50"] == 0.0121
    assert values["throughput_output"] == 701.2
    assert values["ttft.count"] == 32
    assert "ttft.p99" not in values
    assert "throughput_output.p50" not in values


def test_replicates_are_kept_apart_and_runs_together(make_result: Callable[..., ResultRecord]) -> None:
    """A cell measured twice on one server has two runs, on two servers two replicates."""
    gathered = replicates_of([make_result(), make_result(), make_result(replicate=2)])
    assert {name: len(runs) for name, runs in gathered.items()} == {"1": 2, "2": 1}


def test_runs_are_averaged_before_replicates() -> None:
    """Nine runs on one server weigh as much as one on another: they share that server's luck."""
    values = session_values({"1": [{"ttft.p50": 1.0}] * 9, "2": [{"ttft.p50": 4.0}]})
    assert values["ttft.p50"] == pytest.approx(2.0)


def test_what_can_be_zero_is_averaged_plainly() -> None:
    """No logarithm of zero; a ratio is averaged plainly even where it is not zero."""
    values = session_values(
        {"1": [{"error_rate": 0.0, "itl.p50": 0.0}], "2": [{"error_rate": 0.2, "itl.p50": 2.0}]}
    )
    assert values == {"error_rate": pytest.approx(0.1), "itl.p50": pytest.approx(1.0)}
    assert average("error_rate", [0.1, 0.4]) == pytest.approx(0.25)


def test_a_value_some_runs_lack_comes_from_the_others() -> None:
    """A p99 that one run could not carry is the other runs'; counts add up."""
    values = session_values(
        {"1": [{"ttft.p99": 2.0, "ttft.count": 100.0}, {"ttft.count": 50.0}], "2": [{"ttft.count": 60.0}]}
    )
    assert values == {"ttft.p99": 2.0, "ttft.count": 210.0}
    assert session_values({}) == {}


@given(st.lists(POSITIVE, min_size=1, max_size=8), st.floats(0.01, 100))
def test_a_server_slower_by_a_factor_has_a_value_larger_by_it(values: list[float], factor: float) -> None:
    """The mean in logarithms scales, lies within its values, and equals them when they are equal."""
    mean = average("ttft.p50", values)
    assert min(values) <= mean <= max(values)
    assert average("ttft.p50", [v * factor for v in values]) == pytest.approx(mean * factor)
    assert average("ttft.p50", [values[0]] * 7) == values[0]
    assert math.log(mean) == pytest.approx(math.fsum(map(math.log, values)) / len(values), abs=1e-9)


def test_starts_have_values_of_their_own() -> None:
    """The mean of their runs; what has none is left out, and counts add up."""
    replicates: dict[str, list[dict[str, float]]] = {
        "1": [{"ttft.p50": 1.0, "ttft.count": 9.0}, {"ttft.p50": 3.0, "ttft.count": 1.0}],
        "2": [{}],
    }
    assert start_values(replicates, "ttft.p50") == {"1": 2.0}
    assert start_values(replicates, "ttft.count") == {"1": 10.0}
