"""The markers `bench` and `eval`: what they take, and what a test's says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.settings import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest

__all__ = ["ARGUMENTS", "MARKERS", "bench_marker", "marker_load", "several"]

MARKERS = (
    (
        "bench(**options): a serving benchmark, run with `-m bench`; the test's arguments `workload`,"
        " `concurrency` and `rate` run through `workloads=[...]`, `concurrency=[...]` and `rate=[...]`;"
        " `requests`, `warmup`, `runs`, `duration`, `arrival`, `burstiness`, `timeout`, `first_timeout` and"
        " `gap_timeout` win over the options of these names; `limits='ttft.p50:5%'` says what --bench-compare"
        " gates, `delta='5%'` from which change on."
    ),
    (
        "eval: an evaluation of what a model answers, run with `-m eval`; of a test that takes `evaluate`,"
        " `eval:` in the configuration says which deployments and which `concurrency` it runs on."
    ),
)

_OVER_OPTIONS = (
    "requests",
    "warmup",
    "runs",
    "duration",
    "arrival",
    "burstiness",
    "timeout",
    "first_timeout",
    "gap_timeout",
)
ARGUMENTS = ("workloads", "concurrency", "rate", *_OVER_OPTIONS, "limits", "delta")
"""Of `bench`."""


def bench_marker(node: pytest.Item) -> dict[str, Any]:
    """Return the arguments of a test's `bench` markers; the nearest one wins.

    Raises:
        UsageError: there is no argument of that name, or one is not what its option takes.
    """
    arguments: dict[str, Any] = {}
    for marker in node.iter_markers("bench"):
        arguments = dict(marker.kwargs) | arguments
        for name in (*marker.args, *marker.kwargs):
            if name not in ARGUMENTS:
                message = f"the bench marker has no argument {name!r}: {nearest(str(name), ARGUMENTS)}"
                raise UsageError(message)
    for name in _OVER_OPTIONS:
        if arguments.get(name) is not None:
            parse(name.replace("_", "-"), arguments[name], f"the bench marker's {name}")
    for name in ("concurrency", "rate"):
        marker_load(arguments, name)
    return arguments


def marker_load(marker: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    """Return the values of the marker's `concurrency` or `rate`, each once; none if it says none.

    Raises:
        UsageError: one is not what the option takes.
    """
    if marker.get(name) is None:
        return ()
    values: tuple[Any, ...] = parse(name, several(marker[name]), f"the bench marker's {name}")
    return values


def several(value: Any) -> Sequence[Any]:  # noqa: ANN401 - what an author wrote: one, or several
    """Return what may be one value or several as several."""
    return value if isinstance(value, (list, tuple)) else (value,)
