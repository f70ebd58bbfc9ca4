"""Two columns at one place: by what they are compared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.baselines.comparability import Conditions
from pytest_llmbench.baselines.judge import Rules
from pytest_llmbench.baselines.limits import parse_limits
from pytest_llmbench.baselines.pairing import Pairing, Place
from tests.baselines.entries import entry

if TYPE_CHECKING:
    from pytest_llmbench.baselines.model import SessionEntry

RULES = Rules(parse_limits("ttft.p50:3%"))
PLACE = Place("glm", "", "", "tp01.gpux01", "short", "c001")
NOISE = (0.98, 1.01, 1.0, 1.02, 0.99)
DAYS = (0.6, 1.4, 0.9, 1.2, 1.0)


def starts(*values: float, day: int = 1) -> SessionEntry:
    """Make a session of starts with these TTFTs."""
    return entry(*({"ttft.p50": value} for value in values), day=day)


def paired(a: dict[str, SessionEntry], b: dict[str, SessionEntry], rules: Rules = RULES) -> Pairing:
    """Put two columns at one place."""
    return Pairing({(PLACE, "a"): a, (PLACE, "b"): b}, rules)


def test_sessions_that_measured_both_are_pairs() -> None:
    """What the days did to both cancels: half of it would hide the difference otherwise."""
    a = {f"s{n}": starts(0.5 * day, day=n) for n, day in enumerate(DAYS, 1)}
    b = {f"s{n}": starts(0.6 * day * NOISE[n - 1], day=n) for n, day in enumerate(DAYS, 1)}
    found = paired(a, b).pair(PLACE, "a", "b")
    one = found.comparisons["ttft.p50"]
    assert (found.rule, found.count, found.starts, one.rule) == ("pairs", 5, False, "pairs")
    assert one.change == pytest.approx(0.2, abs=0.01)
    assert one.low is not None
    assert one.low > 0.15


def test_starts_of_one_session_are_pairs() -> None:
    """Of the same number; two are too few, and then there is no interval."""
    a, b = {"s": starts(*(0.5 * day for day in DAYS))}, {"s": starts(*(0.6 * day for day in DAYS))}
    found = paired(a, b).pair(PLACE, "a", "b")
    assert (found.rule, found.count, found.starts) == ("pairs", 5, True)
    few = paired({"s": starts(0.5, 0.5)}, {"s": starts(0.6, 0.6)}).pair(PLACE, "a", "b")
    one = few.comparisons["ttft.p50"]
    assert (few.rule, one.low) == ("threshold", None)
    assert one.change == pytest.approx(0.2)


def test_sessions_of_either_are_held_against_each_other() -> None:
    """None measured both: the spread of each says how sure the difference is."""
    a = {f"a{n}": starts(0.5 * noise, day=n) for n, noise in enumerate(NOISE, 1)}
    b = {f"b{n}": starts(0.6 * noise, day=n) for n, noise in enumerate(NOISE, 1)}
    found = paired(a, b).pair(PLACE, "a", "b")
    one = found.comparisons["ttft.p50"]
    assert (found.rule, found.count) == ("sessions", 5)
    assert one.low is not None
    assert one.high is not None
    assert one.low < 0.2 < one.high
    assert one.low > 0.15
    # Three of one are enough to tell the noise of both.
    assert paired(a, {"b": starts(0.6)}).pair(PLACE, "a", "b").rule == "sessions"
    assert paired({"a": starts(0.5)}, {"b": starts(0.6)}).pair(PLACE, "a", "b").rule == "threshold"


def test_other_hardware_is_a_problem_that_is_told() -> None:
    """It names both columns; whoever asks for it gets the numbers."""
    there = Conditions(cpu="CPU", cpu_cores=64, protocol=1)
    a, b = {"s": starts(0.5)}, {"s": entry({"ttft.p50": 0.6}, conditions=there)}
    found = paired(a, b).pair(PLACE, "a", "b")
    assert (found.problem, found.comparisons) == ("CPU cores: 2 for a, 64 for b", {})
    assert paired(a, b, replace(RULES, allow_mismatch=True)).pair(PLACE, "a", "b").comparisons
