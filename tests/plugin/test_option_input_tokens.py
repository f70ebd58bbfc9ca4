from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_sets_the_exact_length(project: Project, real_url: str) -> None:
    """The server counts what was asked for, and the cell is named after it."""
    left = project("--bench-input-tokens=40", "--bench-output-tokens=3", f"--bench-url=real={real_url}")
    left.measured()
    assert left.result["workload"]["id"] == "in0040-out0003"
    assert left.result["workload"]["input_tokens"] == 40
    assert left.result["metrics"]["prompt_tokens"]["p50"] == 40
    assert left.result["cell"].endswith("/in0040-out0003/c001")


def test_makes_one_of_workloads_that_become_the_same(project: Project, real_url: str) -> None:
    """With the length replaced, two workloads are one: it is measured once."""
    left = project(
        "--bench-input-tokens=32", "--bench-output-tokens=2", "--bench-workload=tiny,other",
        f"--bench-url=real={real_url}",
    )  # fmt: skip
    assert left.result["workload"]["id"] == "in0032-out0002"


@pytest.mark.parametrize("value", ["0", "long"])
def test_refuses_what_is_no_length(project: Project, value: str) -> None:
    """At least one token."""
    project(f"--bench-input-tokens={value}").usage_error("--bench-input-tokens: expected a whole number")
