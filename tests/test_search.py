"""The search: it finds the limit of servers whose limit is known, and says what it saw on the way."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.errors import UsageError
from pytest_llmbench.search import Outcome, SearchResult, search

if TYPE_CHECKING:
    from collections.abc import Callable


def _server(limit: float) -> Callable[[float], Outcome]:
    """Make a server that meets its SLOs up to a load, and says why it does not above."""
    return lambda load: Outcome(
        load <= limit, {"load": load}, () if load <= limit else (f"{load:g} is a lot",)
    )


def _queue(capacity: float, bound: float) -> Callable[[float], Outcome]:
    """Make an M/M/1 queue: the 99th percentile of the time in it is ln 100 / (capacity - rate)."""

    def measure(rate: float) -> Outcome:
        p99 = math.log(100) / (capacity - rate) if rate < capacity else 1e9
        return Outcome(p99 <= bound, {"e2e.p99": p99}, () if p99 <= bound else ("e2e.p99 is too high",))

    return measure


def _loads(result: SearchResult[int]) -> list[int]:
    return [probe.load for probe in result.curve]


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(0, 6000))
def test_the_limit_of_a_server_is_found(low: int, extra: int, limit: int) -> None:
    """Whatever the range and the limit, the best load is within the resolution, and the curve proves it."""
    high = low + extra
    result = search(_server(limit), low, high, max_probes=60)
    assert len(set(_loads(result))) == len(result.curve)
    assert all(low <= load <= high for load in _loads(result))
    if limit < low:
        assert (result.best, result.stop) == (None, "none")
    elif limit >= high:
        assert (result.best, result.ceiling, result.stop) == (high, None, "high")
    else:
        assert result.stop == "resolution"
        assert result.best is not None
        assert result.ceiling is not None
        assert result.best <= limit < result.ceiling <= max(result.best + 1, result.best * 1.05)


@given(st.floats(0.5, 500), st.floats(0.01, 10), st.sampled_from([0.01, 0.05, 0.3]))
def test_the_rate_a_queue_carries(capacity: float, bound: float, resolution: float) -> None:
    """The highest rate at which an M/M/1 queue keeps its p99 is found to within the resolution."""
    true = capacity - math.log(100) / bound
    result = search(_queue(capacity, bound), 0.01, 1000.0, resolution=resolution, max_probes=60)
    if true < 0.01:
        assert result.best is None
    else:
        assert result.best is not None
        assert result.best <= true * (1 + 1e-9)
        assert result.best >= true / (1 + resolution) * (1 - 1e-9)


@given(st.lists(st.booleans(), min_size=64, max_size=64), st.integers(1, 20))
def test_any_server_is_survived(met: list[bool], probes: int) -> None:
    """Even a server that answers at random gets a result that its curve supports, in no more probes."""
    result = search(lambda load: Outcome(met[load - 1]), 1, 64, max_probes=probes)
    assert 1 <= len(result.curve) <= probes
    assert result.best == max((load for load in _loads(result) if met[load - 1]), default=None)
    assert all(probe.load < (result.best or 0) for probe in result.dips)
    assert result.ceiling is None or result.ceiling > (result.best or 0)
    assert result.notes or (result.stop == "resolution" and not result.dips)


def test_the_way() -> None:
    """It doubles until it fails, looks one doubling ahead, and then halves in ratios."""
    result = search(_server(11), 1, 1000)
    assert _loads(result) == [1, 2, 4, 8, 16, 32, 11, 13, 12]
    assert [probe.load for probe in result.by_load] == sorted(_loads(result))
    assert (result.best, result.ceiling, result.notes) == (11, 12, ())
    assert result.curve[4].outcome == Outcome(False, {"load": 16}, ("16 is a lot",))  # noqa: FBT003


def test_the_highest_load_is_tried_even_if_no_doubling_hits_it() -> None:
    """Growth ends at the end of the range."""
    result = search(_server(99), 3, 20)
    assert _loads(result) == [3, 6, 12, 20]
    assert result.notes == (
        "20 met the SLOs and is the highest load that was allowed: the limit may lie above",
    )
    assert _loads(search(_server(99), 7, 7)) == [7]


def test_a_disturbance_at_low_load_does_not_end_the_search() -> None:
    """A failure that the next doubling does not confirm is reported, and the search goes on."""

    def measure(load: int) -> Outcome:
        return Outcome(load not in {1, 4} and load <= 40, reasons=("cold",))

    result = search(measure, 1, 512)
    assert result.best == 40
    assert [probe.load for probe in result.dips] == [1, 4]
    assert result.notes[0] == "more load was not always worse: 40 met the SLOs, 1 did not: cold"


def test_nothing_meets_the_slos() -> None:
    """Where neither the lowest load nor its double is good enough, that is the answer, with the reason."""
    result = search(_server(0), 4, 512)
    assert (_loads(result), result.best, result.stop, result.ceiling) == ([4, 8], None, "none", 4)
    assert result.notes == ("no load met the SLOs; 4, the lowest, did not: 4 is a lot",)
    assert result.dips == ()


def test_the_cap_on_probes() -> None:
    """A search that used up its probes says how far it came."""
    result = search(_server(100), 1, 512, max_probes=9)
    assert (result.stop, len(result.curve), result.best, result.ceiling) == ("probes", 9, 64, 90 + 38)
    assert result.notes == (
        "9 probes were used up before the limit was found, and 128 did not meet the SLOs",
    )
    result = search(_server(100), 1, 512, max_probes=2)
    assert result.notes == ("2 probes were used up before the limit was found",)


def test_an_invalid_measurement_is_no_proof_against_the_server() -> None:
    """A load that the client could not carry ends the search, and is told apart from a server's limit."""

    def measure(load: int) -> Outcome:
        return Outcome(met=True, valid=load <= 8, reasons=() if load <= 8 else ("the client was late",))

    result = search(measure, 1, 512)
    assert (result.best, result.ceiling) == (8, 9)
    assert result.notes == (
        "the measurement at 9 is invalid, so the server's limit may lie above: the client was late",
    )


@pytest.mark.parametrize(
    ("low", "high", "more", "message"),
    [
        (0, 4, {}, "must be above 0 and not empty, not 0 to 4"),
        (5, 4, {}, "must be above 0 and not empty, not 5 to 4"),
        (1.0, math.inf, {}, "not 1 to inf"),
        (math.nan, 1.0, {}, "not nan to 1"),
        (1, 4, {"resolution": 0}, "as in 0.05 for 5 %, not 0"),
        (1, 4, {"resolution": 5}, "as in 0.05 for 5 %, not 5"),
        (1, 4, {"max_probes": 0}, "at least 1 probe, not 0"),
    ],
)
def test_impossible_searches(low: float, high: float, more: dict[str, int], message: str) -> None:
    """A range, resolution or cap that makes no sense is refused before anything is measured."""
    with pytest.raises(UsageError, match=re.escape(message)):
        search(_server(1), low, high, **more)
