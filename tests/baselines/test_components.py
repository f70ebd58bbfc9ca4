"""Variance components, held to noise that was made up."""

from __future__ import annotations

import math
import random

import pytest

from pytest_llmbench.baselines.components import components

SESSION, START = 0.03, 0.02


def made(sessions: int, starts: int, seed: int, session: float = SESSION) -> list[list[float]]:
    """Make logarithms of starts: each session has luck of its own, and so has each start."""
    rng = random.Random(seed)  # noqa: S311 - for figures, not for secrets
    lucks = [rng.gauss(0, session) for _ in range(sessions)]
    return [[luck + rng.gauss(0, START) for _ in range(starts)] for luck in lucks]


def test_with_many_sessions_the_truth_is_found() -> None:
    """Of starts, of sessions, and of a session's value."""
    found = components(made(4000, 3, seed=1))
    assert found.replicate is not None
    assert found.session is not None
    assert found.replicate.cv == pytest.approx(START, rel=0.05)
    assert found.session.cv == pytest.approx(SESSION, rel=0.05)
    assert found.value.cv == pytest.approx(math.hypot(SESSION, START / math.sqrt(3)), rel=0.05)


@pytest.mark.parametrize("session", [0.0, SESSION])
def test_intervals_hold_the_truth_as_often_as_they_say(session: float) -> None:
    """Nine times in ten, of six sessions of three starts; also where sessions have no luck of their own."""
    count = 300
    held = {"replicate": 0, "session": 0, "value": 0}
    truth = {"replicate": START, "session": session, "value": math.hypot(session, START / math.sqrt(3))}
    for seed in range(count):
        found = components(made(6, 3, seed, session=session))
        for name, true in truth.items():
            part = getattr(found, name)
            held[name] += part.low <= true * (1 + 1e-3) and true <= part.high * (1 + 1e-3)
    # 90 %, give or take four standard errors; a bound at zero holds a truth of zero more often.
    assert all(times >= count * 0.83 for times in held.values()), held
    assert all(times <= count * 0.97 for name, times in held.items() if name != "session" or session), held


def test_what_requests_explain_is_no_luck_of_starts() -> None:
    """Their variance is taken off, down to nothing."""
    sessions = made(2000, 3, seed=2)
    found = components(sessions, requests=START**2 / 2)
    assert found.replicate is not None
    assert found.replicate.cv == pytest.approx(START / math.sqrt(2), rel=0.05)
    none = components(sessions, requests=1.0)
    assert none.replicate is not None
    assert (none.replicate.cv, none.replicate.low, none.replicate.high) == (0, 0, 0)


def test_with_one_start_a_session_nobody_can_tell_them_apart() -> None:
    """Their sum is known all the same."""
    found = components(made(2000, 1, seed=3))
    assert (found.replicate, found.session) == (None, None)
    assert found.value.cv == pytest.approx(math.hypot(SESSION, START), rel=0.05)
    assert found.value.low < found.value.cv < found.value.high


def test_equal_values_have_no_noise() -> None:
    """And are no error."""
    found = components([[1.0, 1.0], [1.0, 1.0]])
    assert (found.value.cv, found.value.high, found.between.variance) == (0, 0, 0)
