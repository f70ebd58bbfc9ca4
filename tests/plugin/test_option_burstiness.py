from __future__ import annotations

from typing import TYPE_CHECKING

from tests.plugin.test_option_arrival import OPEN

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_makes_arrivals_gamma(project: Project) -> None:
    """Who says how bursty it is means gamma arrivals."""
    project.suite(OPEN)
    left = project("--bench-burstiness=0.5")
    left.measured()
    arrivals = left.result["load"]["arrivals"]
    assert (arrivals["kind"], left.result["load"]["id"]) == ("gamma", "gamma.b0.5.r0050")


def test_refuses_what_is_no_shape(project: Project) -> None:
    """A shape is more than nothing."""
    project("--bench-burstiness=0").usage_error("--bench-burstiness: expected a number above 0, not '0'")
