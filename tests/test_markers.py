"""What the markers take."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.markers import bench_marker, marker_load


def marked(*marks: pytest.MarkDecorator) -> pytest.Item:
    """Make a test with marks, the nearest first."""
    return cast("pytest.Item", SimpleNamespace(iter_markers=lambda _name: [mark.mark for mark in marks]))


def test_the_nearest_marker_wins() -> None:
    """Argument by argument: a class may say what its functions do not."""
    assert bench_marker(marked(pytest.mark.bench(runs=2), pytest.mark.bench(runs=3, timeout=9))) == {
        "runs": 2,
        "timeout": 9,
    }


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ({"request": 2}, "the bench marker has no argument 'request': did you mean 'requests' or 'runs'?"),
        ({"requests": "x"}, "the bench marker's requests: expected a whole number of at least 1, not 'x'"),
        ({"first_timeout": 0}, "the bench marker's first_timeout: expected a number above 0, not '0'"),
        (
            {"arrival": "poison"},
            "the bench marker's arrival: expected poisson, constant or gamma, not 'poison'",
        ),
    ],
)
def test_a_wrong_argument_is_told(argument: dict[str, Any], told: str) -> None:
    """With the argument, and the nearest name or what it takes."""
    with pytest.raises(UsageError) as caught:
        bench_marker(marked(pytest.mark.bench(**argument)))
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("marker", "values"),
    [({}, ()), ({"rate": 2}, (2.0,)), ({"rate": [2, 4, 2]}, (2.0, 4.0)), ({"rate": None}, ())],
)
def test_loads_are_one_or_several(marker: dict[str, Any], values: tuple[float, ...]) -> None:
    """One value needs no list, and each comes once."""
    assert marker_load(marker, "rate") == values


def test_a_load_that_is_none_is_told() -> None:
    """A text is no number of streams."""
    with pytest.raises(UsageError, match=r"^the bench marker's concurrency: expected a whole number"):
        marker_load({"concurrency": ["many"]}, "concurrency")
