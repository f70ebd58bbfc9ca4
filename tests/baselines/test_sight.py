"""What a gate would see, held to what the judge then does see."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.baselines.judge import ALPHA, Rules, judge_sessions
from pytest_llmbench.baselines.limits import parse_limits
from pytest_llmbench.baselines.noise import noise_of
from pytest_llmbench.baselines.reference import Reference
from pytest_llmbench.baselines.sight import PAIRS, SESSIONS, sight_of
from tests.baselines.entries import baseline_of, entry, parts

if TYPE_CHECKING:
    from pytest_llmbench.baselines.model import Baseline

(LIMIT,) = parse_limits("ttft.p50:3%")
CELLS = 6
CV = 0.03


def baseline(sessions: int, seed: int, cv: float = CV, starts: int = 1) -> Baseline:
    """Make sessions of cells that are equally noisy."""
    rng = random.Random(seed)  # noqa: S311 - for figures, not for secrets
    return baseline_of(
        [
            (
                parts(concurrency=cell + 1),
                {
                    f"s{day}": entry(
                        *({"ttft.p50": 0.5 * math.exp(rng.gauss(0, cv))} for _ in range(starts)), day=day
                    )
                    for day in range(1, sessions + 1)
                },
            )
            for cell in range(CELLS)
        ]
    )


def test_more_sessions_see_more() -> None:
    """And pairs of starts, where sessions had several; δ is one that clean sessions stay below."""
    alpha = ALPHA / CELLS
    sight = sight_of(LIMIT, noise_of(baseline(10, seed=1, starts=3), [LIMIT]), alpha)
    seen = [sight.by_sessions[count] for count in SESSIONS]
    assert seen == sorted(seen, reverse=True)
    assert sight.by_pairs[PAIRS[1]] < sight.by_pairs[PAIRS[0]]
    assert sight.noise == pytest.approx(CV / math.sqrt(3), rel=0.3)
    assert sight.delta >= LIMIT.allowed
    assert sight_of(LIMIT, noise_of(baseline(10, seed=1), [LIMIT]), alpha).by_pairs == {}


def test_it_is_found_four_times_in_five() -> None:
    """The judge finds a slowdown of what the table says, about so often, and passes what is unchanged."""
    count = 150
    rng = random.Random(7)  # noqa: S311 - for figures, not for secrets
    sight = sight_of(LIMIT, noise_of(baseline(30, seed=2), [LIMIT]), ALPHA / CELLS)
    rules = Rules([replace(LIMIT, allowed=0.03)], alpha=ALPHA / CELLS)
    wide = Rules([replace(LIMIT, allowed=sight.delta)], alpha=ALPHA / CELLS)
    found = passed = 0
    for seed in range(count):
        reference = Reference(baseline(10, seed=100 + seed))
        entries = next(iter(reference.baseline.cells.values())).values()
        clean = 0.5 * math.exp(rng.gauss(0, CV))
        slow = clean * (1 + sight.by_sessions[10])
        by_age = list(entries)
        late = judge_sessions(by_age, [{"1": ({"ttft.p50": slow},)}], reference, rules)
        same = judge_sessions(by_age, [{"1": ({"ttft.p50": clean},)}], reference, wide)
        found += late.verdict == "regressed"
        passed += same.verdict == "pass"
    # Four in five, give or take three standard errors and what 30 sessions leave open of the noise.
    assert 0.65 * count <= found <= 0.93 * count
    assert 0.65 * count <= passed


def test_few_cells_have_only_their_own_sessions() -> None:
    """So the same noise hides more."""
    alpha = ALPHA
    all_cells = noise_of(baseline(5, seed=3), [LIMIT])
    many = sight_of(LIMIT, all_cells, alpha).by_sessions[3]
    few = sight_of(LIMIT, all_cells[:2], alpha).by_sessions[3]
    assert few > many


def test_a_throughput_falls_by_less_than_a_time_rises() -> None:
    """The same noise, in the direction that is worse: no throughput falls by more than all of it."""
    (limit,) = parse_limits("throughput_output:3%")
    loud = baseline_of(
        [(parts(), {f"s{day}": entry({"throughput_output": 100.0 * 3**day}, day=day) for day in (1, 2, 3)})]
    )
    sight = sight_of(limit, noise_of(loud, [limit]), ALPHA)
    assert sight.by_sessions[3] < 1
    assert parse_limits(f"throughput_output:{sight.delta * 100:.0f}%")
