"""The language of limits."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.baselines.limits import (
    DEFAULT_LIMITS,
    STATS,
    Limit,
    parse_delta,
    parse_limits,
    with_delta,
)
from pytest_llmbench.errors import UsageError
from pytest_llmbench.metrics.registry import METRICS

LIMITABLE = [m for m in METRICS.values() if m.direction != "none"]
LIMITS = st.builds(
    lambda metric, stat, hundredths: Limit(
        metric.name, stat if metric.kind == "distribution" else None, hundredths / 100 / 100
    ),
    st.sampled_from(LIMITABLE),
    st.sampled_from(STATS),
    st.integers(0, 9999),
)


@given(st.lists(LIMITS, min_size=1, max_size=6, unique_by=lambda limit: limit.key))
def test_what_is_written_is_read_back(limits: list[Limit]) -> None:
    """Every limit survives its own text, alone and among others."""
    read = parse_limits(", ".join(map(str, limits)))
    assert [limit.key for limit in read] == [limit.key for limit in limits]
    assert [limit.allowed for limit in read] == pytest.approx([limit.allowed for limit in limits])
    assert parse_limits(",".join(map(str, read))) == read


@given(st.text(alphabet=st.sampled_from("tfp50.:,% 1-eTPo_x\n"), max_size=30))
def test_nonsense_is_a_usage_error_and_never_anything_else(text: str) -> None:
    """No text makes the parser fail in a way the user cannot read."""
    try:
        limits = parse_limits(text)
    except UsageError as error:
        assert str(error)  # noqa: PT017 - either outcome is right, an unreadable one is not
    else:
        assert all(limit.allowed >= 0 for limit in limits)


def test_a_limit_knows_what_it_limits() -> None:
    """Fractions for latencies and throughputs, a difference for ratios."""
    ttft, output, errors = parse_limits(" ttft.p50 : 10 % ,throughput_output:5%,error_rate:.5%")
    assert (ttft.key, ttft.allowed, ttft.absolute) == ("ttft.p50", 0.1, False)
    assert (output.key, output.stat, output.allowed) == ("throughput_output", None, 0.05)
    assert (errors.allowed, errors.absolute) == (0.005, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected METRIC.STATISTIC:PERCENT%, as in ttft.p50:10%"),
        ("ttft.p50", "limit 'ttft.p50': expected METRIC.STATISTIC:PERCENT%"),
        ("e2e.p50:5%,,", "limit '' in 'e2e.p50:5%,,'"),
        ("tftt.p50:10%", "unknown metric 'tftt': did you mean 'ttft'"),
        ("ttft:10%", "ttft needs a statistic, as in ttft.p50:10%; known: mean, p50"),
        ("ttft.p55:10%", "ttft has no statistic 'p55': did you mean 'p"),
        ("throughput_output.p50:5%", "write throughput_output:5%"),
        ("output_tokens.p50:5%", "neither better nor worse"),
        ("ttft.p50:10", "'10' is not a percentage; did you mean 10%?"),
        ("ttft.p50:-10%", "'-10%' is not a percentage"),
        ("ttft.p50:nan%", "'nan%' is not a percentage"),
        (f"ttft.p50:{'9' * 400}%", "too large to mean anything"),
        ("throughput_output:100%", "throughput_output can never get worse by 100%"),
        ("error_rate:120%", "error_rate can never get worse by 120%"),
        ("ttft.p50:5%,ttft.p50:6%", "ttft.p50 is limited twice"),
    ],
)
def test_a_mistake_is_named_with_what_was_expected(text: str, message: str) -> None:
    """The message names the part, and the nearest name or the form."""
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_limits(text)


def test_the_default_limits_cover_latency_throughput_and_errors() -> None:
    """What is compared when the user does not say."""
    assert ",".join(map(str, DEFAULT_LIMITS)) == (
        "ttft.p50:3%,tpot.p50:3%,throughput_output:3%,error_rate:1%"
    )
    assert [limit.threshold for limit in DEFAULT_LIMITS] == [0.1, 0.1, 0.1, 0.01]


@pytest.mark.parametrize(("given", "delta"), [("5%", 0.05), (" 2.5 % ", 0.025), (0.1, 0.1), (0, 0.0)])
def test_one_delta_for_all_metrics(given: object, delta: float) -> None:
    """Written as a percentage or a fraction; ratios keep theirs, which is a difference."""
    limits = with_delta(DEFAULT_LIMITS, parse_delta(given))
    assert [limit.allowed for limit in limits] == [delta, delta, delta, 0.01]
    assert all(limit.threshold >= limit.allowed for limit in limits)


@pytest.mark.parametrize("given", ["5", "much", 1.5, -0.1, True, None])
def test_what_is_no_delta_is_a_usage_error(given: object) -> None:
    """Told with what is."""
    with pytest.raises(UsageError, match="expected a percentage or a fraction"):
        parse_delta(given)
