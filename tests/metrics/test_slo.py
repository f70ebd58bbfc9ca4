"""Service levels: how they are written, and what they mean for a run and for a request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.errors import UsageError
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.metrics.slo import (
    SLO_STATS,
    Slo,
    goodput,
    meets,
    parse_slos,
    request_meets,
    values_needed,
)
from pytest_llmbench.metrics.steady import Window
from tests.metrics.traces import MS, REFUSED, START, chunks_at, make_run, make_trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.metrics.run import Run

POSSIBLE = [
    m
    for m in METRICS.values()
    if m.name != "goodput" and (m.direction == "lower" or (m.direction == "higher" and m.kind == "scalar"))
]
SLOS = st.builds(
    lambda metric, stat, bound: Slo(
        metric.name,
        stat if metric.kind == "distribution" else None,
        bound / 1e4 if metric.unit == "ratio" else bound,
    ),
    st.sampled_from(POSSIBLE),
    st.sampled_from(SLO_STATS),
    st.floats(1e-6, 9e3),
)


def _goodput(run: Run, slos: Sequence[Slo]) -> float | None:
    return goodput(run.traces, Window(run.began, run.ended, reached=True), slos)


@given(st.lists(SLOS, min_size=1, max_size=6, unique_by=lambda slo: slo.key))
def test_what_is_written_is_read_back(slos: list[Slo]) -> None:
    """Every SLO survives its own text to the last bit, alone and among others."""
    assert parse_slos(", ".join(map(str, slos))) == tuple(slos)


@given(st.text(alphabet=st.sampled_from("tfp509.=,% mus1-eTPo_x\n٣"), max_size=30))
def test_nonsense_is_a_usage_error_and_never_anything_else(text: str) -> None:
    """No text makes the parser fail in a way the user cannot read."""
    try:
        slos = parse_slos(text)
    except UsageError as error:
        assert str(error)  # noqa: PT017 - either outcome is right, an unreadable one is not
    else:
        assert all(slo.bound >= 0 for slo in slos)


def test_units() -> None:
    """Times are written in s, ms or us, ratios in percent, throughputs as they are."""
    slos = parse_slos(
        "ttft.p99=500ms, itl.p95 = 50 ms,e2e.mean=2.5s,tpot.p50=900us,error_rate=1%,throughput_output=100"
    )
    assert [slo.bound for slo in slos] == [0.5, 0.05, 2.5, 0.0009, 0.01, 100]
    assert [str(slo) for slo in slos] == [
        "ttft.p99=500ms",
        "itl.p95=50ms",
        "e2e.mean=2.5s",
        "tpot.p50=900us",
        "error_rate=1%",
        "throughput_output=100",
    ]
    assert parse_slos("throughput_output=100 tok/s")[0].bound == 100
    assert [slo.per_request for slo in slos] == [True] * 4 + [False] * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "SLO '': expected METRIC.STATISTIC=TIME, as in ttft.p99=500ms"),
        ("ttft.p99", "SLO 'ttft.p99': expected METRIC.STATISTIC=TIME"),
        ("e2e.p50=5s,,", "SLO '' in 'e2e.p50=5s,,'"),
        ("tftt.p50=1s", "unknown metric 'tftt': did you mean 'ttft'"),
        ("ttft=500ms", "ttft needs a statistic, as in ttft.p99=500ms; known: mean, p50"),
        ("ttft.p98=500ms", "ttft has no statistic 'p98': did you mean 'p9"),
        ("error_rate.p99=1%", "error_rate is one number a run and has no statistics; write error_rate=1%"),
        ("throughput_output.p50=5", "write throughput_output=100"),
        ("output_tokens.p50=5", "neither better nor worse"),
        ("interactivity.p99=50", "its p99 is the best case; bound tpot, its inverse, instead"),
        ("goodput=5", "goodput is counted with the SLOs"),
        ("ttft.p99=500", "'500' is not a time in s, ms, us; it needs a unit; expected"),
        ("ttft.p99=500msec", "'500msec' is not a time in s, ms, us; did you mean 'ms'"),
        ("ttft.p99=5%", "'5%' is not a time in s, ms, us"),
        ("ttft.p99=-5ms", "'-5ms' is not a time"),
        ("ttft.p99=0ms", "'0ms' is too small to mean anything"),
        (f"ttft.p99={'9' * 400}s", "too large to mean anything"),
        ("error_rate=0.01", "'0.01' is not a percentage in %; it needs a unit"),
        ("error_rate=100%", "error_rate never is above 100%"),
        ("throughput_output=5%", "'5%' is not a number in tok/s"),
        ("ttft.p50=5ms,ttft.p50=6ms", "ttft.p50 is given twice"),
    ],
)
def test_a_mistake_is_named_with_what_was_expected(text: str, message: str) -> None:
    """The message names the part, and the nearest name or the form."""
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_slos(text)


def test_a_run_that_meets_them_all() -> None:
    """A value at its bound is good enough, for upper and for lower bounds."""
    metrics = make_run(*[make_trace(chunks_at(50, 60, 70))] * 10).metrics
    slos = parse_slos("ttft.p90=50ms,itl.p90=10ms,e2e.mean=70ms,error_rate=0%,throughput_request=10")
    assert meets(metrics, slos) == (True, ())
    assert meets(metrics, ()) == (True, ())


def test_every_reason_is_told() -> None:
    """What is not met, cannot be told from so few, or was not measured, is named with its figures."""
    run = make_run(make_trace(chunks_at(50.123456, 60), output_tokens=None), make_trace(failure=REFUSED))
    slos = parse_slos(
        "ttft.p50=49ms,e2e.p99=1s,tpot.p50=1ms,error_rate=10%,throughput_request=2.5,e2e.p50=1s"
    )
    assert meets(run.metrics, slos) == (
        False,
        (
            "ttft.p50 was 50.12ms, above 49ms",
            "e2e.p99 needs 100 values, there were 1",
            "tpot.p50 was not measured",
            "error_rate was 50%, above 10%",
            "throughput_request was 1, below 2.5",
        ),
    )


def test_values_needed() -> None:
    """The most demanding percentile says how many requests are worth sending."""
    assert values_needed(parse_slos("ttft.p50=1s,itl.p95=1s,error_rate=1%")) == 20
    assert values_needed(parse_slos("ttft.p99=1s,e2e.mean=1s")) == 100
    assert values_needed(()) == 1


def test_goodput_counts_requests_that_met_every_slo() -> None:
    """Finished requests by the window, failures and late ones left out."""
    good, late = make_trace(chunks_at(50, 60, 70)), make_trace(chunks_at(80, 90, 100))
    slow = make_trace(chunks_at(50, 60, 150))
    failed = make_trace(chunks_at(50, 60), failure=REFUSED)
    run = make_run(good, good, late, slow, failed, seconds=2)
    assert _goodput(run, parse_slos("ttft.p99=60ms,tpot.p99=10ms")) == 1
    assert _goodput(run, parse_slos("ttft.p99=60ms")) == 1.5
    assert _goodput(run, parse_slos("error_rate=1%")) == _goodput(run, ()) == 2


def test_goodput_counts_only_what_finished_in_the_window() -> None:
    """A request that was over after the window is not in it."""
    after = make_trace(chunks_at(1500), scheduled=START, started=START)
    assert _goodput(make_run(make_trace(chunks_at(50)), after), ()) == 1


@given(
    st.lists(st.floats(1, 900), min_size=1, max_size=30),
    st.integers(0, 5),
    st.floats(1, 900),
    st.sampled_from(SLO_STATS),
)
def test_goodput_lies_between_nothing_and_everything(
    ends: list[float], failed: int, bound: float, stat: str
) -> None:
    """Goodput is the throughput of those within the bound: never above it, and rising with the bound."""
    traces = [make_trace(chunks_at(end)) for end in ends]
    run = make_run(*traces, *[make_trace(failure=REFUSED)] * failed, seconds=1)
    slo = Slo("ttft", stat, bound / 1e3)
    within = sum(round(end * MS) * 1e-9 <= slo.bound for end in ends)
    assert _goodput(run, [slo]) == within
    more = _goodput(run, [Slo("ttft", stat, 2 * bound / 1e3)])
    assert more is not None
    assert within <= more <= run.metrics["throughput_request"].mean


def test_gaps_are_judged_within_a_request() -> None:
    """Of many gaps in a request the statistic is taken: a single long one is allowed by p50, not by mean."""
    trace = make_trace(chunks_at(10, 20, 30, 40, 140))
    assert request_meets(trace, parse_slos("itl.p50=10ms,chunk_gap.p50=10ms"))
    assert request_meets(trace, parse_slos("itl.mean=30ms")) is False
    assert request_meets(trace, parse_slos("itl.p99=20ms")) is False


def test_what_a_request_without_gaps_meets() -> None:
    """One token has no gaps to be late; reasoning without an answer never answered."""
    single = make_trace(chunks_at(10))
    assert request_meets(single, parse_slos("tpot.p50=1ms,itl.p50=1ms,chunk_gap.p50=1ms"))
    at_once = make_trace(chunks_at(10, 10, tokens=[1, 1]))
    assert request_meets(at_once, parse_slos("tpot.p50=1ms"))
    thinking = make_trace([type(single.chunks[0])(START + MS, answer=False)])
    assert request_meets(thinking, parse_slos("ttft_answer.p50=1s")) is False


def test_what_cannot_be_told() -> None:
    """Without counts of tokens a request meets no SLO of them, and goodput is unknown, not zero."""
    silent = make_trace(chunks_at(10, 20), output_tokens=None)
    for text in ("tpot.p50=1s", "itl.p50=1s", "ttft.p50=1s,tpot.p50=1s"):
        assert request_meets(silent, parse_slos(text)) is None
        assert _goodput(make_run(make_trace(chunks_at(10, 20)), silent), parse_slos(text)) is None
    assert request_meets(silent, parse_slos("ttft.p50=1ms,tpot.p50=1s")) is False
    assert request_meets(make_trace(failure=REFUSED), ()) is False
