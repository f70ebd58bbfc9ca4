"""The noise of cells, and of the judge."""

from __future__ import annotations

import math
import random

import pytest

from pytest_llmbench.baselines.judge import Rules
from pytest_llmbench.baselines.limits import parse_limits
from pytest_llmbench.baselines.noise import alike, false_alarms, noise_of
from pytest_llmbench.records import EvalRecord
from tests.baselines.entries import baseline_of, entry, parts

LIMITS = parse_limits("ttft.p50:3%,throughput_output:3%,error_rate:1%")


def run(ttft: float, requests: float = 0.1, count: int = 100) -> dict[str, float]:
    """Make a run of `count` requests whose TTFT has this CV."""
    return {
        "ttft.p50": ttft,
        "ttft.p90": ttft * math.exp(1.2815515655446004 * requests),
        "ttft.count": count,
        "throughput_output": 100 / ttft,
        "error_rate": 0.0,
    }


def test_each_metric_of_each_cell_has_its_noise() -> None:
    """A ratio has none, and the noise of requests is known of times only."""
    sessions = {
        f"s{day}": entry(run(0.5 * luck), run(0.51 * luck), day=day)
        for day, luck in enumerate((1, 1.05, 0.98), 1)
    }
    cells = noise_of(baseline_of([(parts(), sessions)]), LIMITS)
    assert [(one.metric, one.sessions, one.replicates) for one in cells] == [
        ("ttft.p50", 3, 2),
        ("throughput_output", 3, 2),
    ]
    ttft, output = cells
    assert ttft.requests == pytest.approx(math.sqrt(math.expm1(0.01)))
    assert output.requests is None
    assert ttft.value == pytest.approx(0.5 * math.sqrt(1.02) * (1.05 * 0.98) ** (1 / 3))
    assert ttft.parts.value.cv == pytest.approx(output.parts.value.cv)


def test_the_noise_of_a_median_of_requests_is_taken_off() -> None:
    """Made of requests alone, starts have next to no luck of their own; a throughput keeps all of it."""
    rng = random.Random(1)  # noqa: S311 - for figures, not for secrets
    sessions = {}
    for day in range(1, 26):
        starts = []
        for _ in range(4):
            draws = sorted(rng.gauss(0, 0.2) for _ in range(101))
            starts.append({**run(0.5 * math.exp(draws[50]), requests=0.2, count=101)})
        sessions[f"s{day}"] = entry(*starts, day=day)
    ttft, output = noise_of(baseline_of([(parts(), sessions)]), LIMITS)
    assert ttft.parts.replicate is not None
    assert output.parts.replicate is not None
    assert output.parts.replicate.cv == pytest.approx(0.2 * math.sqrt(math.pi / 2 / 101), rel=0.25)
    assert ttft.parts.replicate.cv < output.parts.replicate.cv / 2


def test_one_session_says_nothing() -> None:
    """Nor does a metric that is zero."""
    assert noise_of(baseline_of([(parts(), {"s": entry(run(0.5), run(0.6))})]), LIMITS) == ()
    zero = {f"s{day}": entry({"throughput_output": 0.0}, day=day) for day in (1, 2)}
    assert noise_of(baseline_of([(parts(), zero)]), LIMITS) == ()


def test_only_sessions_of_the_same_are_compared() -> None:
    """Of an older version nothing is known, and evals are no matter of speed."""
    old, new = entry(run(0.5)), entry(run(0.6), day=2, version="b2")
    evaluation = EvalRecord(
        name="x", scorer="x", dataset="", prompts=1, asked=1, scores={}, marked=(), marks={}, max_tokens=1
    )
    scored = new.model_copy(update={"evaluation": evaluation})
    kept = alike(baseline_of([(parts(), {"a": old, "b": new}), (parts(concurrency=4), {"b": scored})]))
    (entries,) = kept.cells.values()
    assert list(entries) == ["b"]


def test_each_session_is_judged_against_the_others() -> None:
    """One that is far off is named, and makes the others no alarm."""
    rules = Rules(LIMITS[:1])
    values = [0.5, 0.501, 0.499, 0.5, 0.502]
    quiet = {f"s{day}": entry(run(value), day=day) for day, value in enumerate(values, 1)}
    found = false_alarms(baseline_of([(parts(), quiet)]), rules)
    assert found is not None
    assert (found.sessions, found.failed, found.cells, found.regressed) == (5, (), 5, 0)
    found = false_alarms(baseline_of([(parts(), {**quiet, "odd": entry(run(0.9), day=6)})]), rules)
    assert found is not None
    assert (found.failed, found.regressed) == (("odd",), 1)


def test_three_sessions_are_too_few_to_judge_one_by_the_others() -> None:
    """A threshold is no test."""
    sessions = {f"s{day}": entry(run(0.5), day=day) for day in (1, 2, 3)}
    assert false_alarms(baseline_of([(parts(), sessions)]), Rules(LIMITS)) is None
