"""JUnit properties: scalars, in documented units, never null."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.records import ResultRecord, VerdictRecord
from pytest_llmbench.reports.junit import HEADLINES, properties

if TYPE_CHECKING:
    from collections.abc import Callable


def test_headline_numbers_are_in_the_registrys_units(make_result: Callable[..., ResultRecord]) -> None:
    """Seconds stay seconds; scalars go by their bare name; p99 is there once the sample carries it."""
    found = dict(properties(make_result(count=200)))
    assert found["ttft.p50"] == pytest.approx(0.0121)
    assert found["ttft.p99"] == pytest.approx(0.0121 * 1.5)
    assert found["throughput_output"] == pytest.approx(701.2)
    assert found["error_rate"] == 0.0
    assert (found["valid"], found["verdict"], found["workload"]) == ("true", "none", "short")
    assert found["cell"] == "tiny-glm.llama.tp01.gpux00/short/c001"


def test_what_the_sample_cannot_carry_has_no_property(make_result: Callable[..., ResultRecord]) -> None:
    """Every value is a string or a number: a null would break whoever reads the XML."""
    found = properties(make_result(count=32))
    assert "ttft.p99" not in dict(found)
    assert all(type(value) in {str, int, float} for _, value in found)
    assert len(dict(found)) == len(found)


def test_an_invalid_result_says_why(make_result: Callable[..., ResultRecord]) -> None:
    """A CI system that reads nothing else still learns that the numbers are not to be used."""
    result = make_result(verdict=VerdictRecord(verdict="invalid", baseline="main"))
    validity = result.validity.model_copy(update={"valid": False, "reasons": ("late", "throttled")})
    found = dict(properties(result.model_copy(update={"validity": validity})))
    assert (found["valid"], found["invalid_because"]) == ("false", "late; throttled")
    assert (found["verdict"], found["baseline"]) == ("invalid", "main")


def test_headlines_are_metrics_of_the_registry() -> None:
    """A renamed metric must not silently lose its property."""
    assert set(HEADLINES) <= set(METRICS)
    assert all(bool(stats) == (METRICS[name].kind == "distribution") for name, stats in HEADLINES.items())
