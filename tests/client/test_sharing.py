"""A plan divided and its outcomes put together."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.client.plan import LoadOutcome, LoadPlan
from pytest_llmbench.client.sharing import default_processes, merge, share
from pytest_llmbench.client.trace import RequestTrace
from tests.client.asking import plan


@pytest.mark.parametrize(
    ("streams", "cores", "processes"),
    [
        (0, 64, 1),
        (1, 64, 1),
        (1024, 64, 1),
        (1025, 64, 2),
        (1025, 7, 1),
        (1025, 8, 2),
        (4096, 2, 1),
        (4096, 8, 2),
        (4096, 64, 4),
    ],
)
def test_default_processes(streams: int, cores: int, processes: int) -> None:
    """One process for each 1,024 streams, as far as there are four cores for each."""
    assert default_processes(streams, cores) == processes


@st.composite
def plans(draw: st.DrawFn) -> LoadPlan:
    """Draw a plan whose bodies and arrivals know their number."""
    requests, warmup = draw(st.integers(1, 20)), draw(st.integers(0, 5))
    arrivals = tuple(range(warmup, warmup + requests)) if draw(st.booleans()) else None
    return plan(
        "http://host",
        warmup + requests,
        warmup=warmup,
        arrivals=arrivals,
        concurrency=draw(st.integers(0, 9)),
        keep_text=True,
    )


@given(plans(), st.integers(1, 6))
def test_shares_are_the_plan(whole: LoadPlan, processes: int) -> None:
    """Requests, warm-up, arrivals and streams are all dealt out, each once, none to a share without work."""
    shares = share(whole, processes)
    assert 1 <= len(shares) <= processes
    assert [part.process for part in shares] == list(range(len(shares)))
    for number, part in enumerate(shares):
        assert part.bodies == whole.bodies[number :: len(shares)]
        indices = range(number, len(whole.bodies), len(shares))
        assert part.warmup == sum(index < whole.warmup for index in indices)
        if whole.arrivals is not None:
            assert part.arrivals == tuple(index for index in indices if index >= whole.warmup)
        assert (part.timeouts, part.keep_text) == (whole.timeouts, True)
    if len(shares) > 1:
        assert sum(part.concurrency for part in shares) == whole.concurrency
        assert all(part.concurrency for part in shares) or whole.concurrency == 0
    else:
        assert shares == [whole]


@given(plans(), st.integers(1, 6))
def test_merged_in_the_order_of_the_plan(whole: LoadPlan, processes: int) -> None:
    """Traces of all shares are those of the plan, with its indices, in its order."""
    outcomes = [
        LoadOutcome(
            [RequestTrace(index=n, text=body.decode()) for n, body in enumerate(part.bodies)], 0, 1, 0.1
        )
        for part in share(whole, processes)
    ]
    traces = merge(outcomes).traces
    assert [trace.index for trace in traces] == list(range(len(whole.bodies)))
    assert [(trace.text or "").encode() for trace in traces] == list(whole.bodies)


def test_merged_evidence() -> None:
    """The window spans all, the worst of each kind of evidence counts, and all cores are named."""
    one = LoadOutcome([], 10, 50, 0.3, 0.001, real_time=True, cores=(7,))
    other = LoadOutcome([], 8, 40, 0.5, 0.0, real_time=False, cores=(6,))
    both = merge([one, other])
    assert both == LoadOutcome([], 8, 50, 0.5, 0.001, real_time=False, cores=(7, 6))
    assert merge([one]) is one
    assert merge([one, dataclasses.replace(other, real_time=True)]).real_time
