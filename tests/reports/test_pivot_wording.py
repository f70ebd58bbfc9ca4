"""What is said of who is ahead."""

from __future__ import annotations

import math

import pytest

from pytest_llmbench.baselines.crossover import Level, crossings
from pytest_llmbench.baselines.pivot import Series
from pytest_llmbench.reports.pivot_wording import ahead, answer, ratio_text
from tests.reports.making import compared


def series(*levels: tuple[int, float, float | None], metric: str = "ttft.p50") -> Series:
    """Follow B / A over loads: (streams, ratio, how far the interval reaches to either side)."""
    found = [
        Level(streams, math.log(ratio))
        if half is None
        else Level(streams, math.log(ratio), math.log(ratio) - half, math.log(ratio) + half)
        for streams, ratio, half in levels
    ]
    return Series("glm", "short", "llama", "vllm", metric, tuple(found), crossings(found))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (series((1, 0.5, 0.1), (8, 0.8, 0.1)), "vllm at every load (1 to 8), 1.25 to 2.00 times"),
        (
            series((1, 0.5, 0.1), (8, 0.8, 0.1), metric="throughput_output"),
            "llama at every load (1 to 8), 1.25 to 2.00 times",
        ),
        (series((4, 2.0, 0.1)), "llama at 4 streams, 2.00 times"),
        (
            series((1, 2.0, 0.1), (8, 1.05, 0.1)),
            "llama at 1 stream, 2.00 times; not sure at the other loads",
        ),
        (
            series((1, 2.0, None), (8, 3.0, None)),
            "llama at every load (1 to 8), 2.00 to 3.00 times; measured once, so not sure",
        ),
        (series((1, 1.01, 0.01), (8, 0.99, 0.01)), "alike at every load (1 to 8), within 3 %"),
        (series((1, 1.05, 0.2)), "no difference that is sure at 1 stream"),
        (
            series((1, 2.0, 0.05), (4, 0.5, 0.05)),
            "llama up to 2.0 streams (1.9 to 2.1), vllm above",
        ),
        (
            series((16, 0.5, 0.05), (64, 2.0, 0.05)),
            "vllm up to 32 streams (30 to 34), llama above",
        ),
        (
            series((1, 2.0, 0.05), (4, 1.01, 0.1), (8, 0.5, 0.05)),
            "llama up to 1 stream, vllm from 8 on; not sure between them",
        ),
        (
            series((1, 2.0, 0.05), (4, 0.9, 0.2), (8, 1.1, 0.2)),
            (
                "llama at 1 stream, 2.00 times; not sure at the other loads: they may change places"
                " between 1 and 4 or 4 and 8"
            ),
        ),
        (
            series((1, 1.1, 0.2), (4, 0.9, 0.2)),
            "llama, then vllm: they change places between 1 and 4, not sure",
        ),
    ],
)
def test_the_answer_claims_no_more_than_the_intervals(told: Series, said: str) -> None:
    """Of a time less is better, of a throughput more."""
    assert answer(told) == said


@pytest.mark.parametrize(
    ("ratio", "said"), [(0.0653, "0.065"), (0.1, "0.10"), (1.364, "1.36"), (12.34, "12.3")]
)
def test_a_ratio_has_the_digits_that_mean_something(ratio: float, said: str) -> None:
    """Two or three."""
    assert ratio_text(ratio) == said


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [
        (0.1, 0.3, "a"),
        (-0.3, -0.1, "b"),
        (-0.3, 0.1, "not sure"),
        (-0.01, 0.02, "alike"),
        (0.001, 0.02, "alike"),
        (None, None, "a?"),
    ],
)
def test_one_load_says_what_its_interval_says(low: float | None, high: float | None, name: str) -> None:
    """Without one there is a question mark."""
    middle = 0.2 if low is None or high is None else (low + high) / 2
    one = compared("ttft.p50", 0.1, 0.1 * (1 + middle)).model_copy(update={"low": low, "high": high})
    assert ahead(one, "a", "b") == (name, name in {"a", "b", "alike"})


def test_from_zero_there_is_no_ratio() -> None:
    """Nobody is ahead."""
    assert ahead(compared("error_rate", 0.0, 0.1), "a", "b") == ("", False)
