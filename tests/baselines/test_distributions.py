"""Held to scipy."""

from __future__ import annotations

import pytest
from scipy import special, stats

from pytest_llmbench.baselines.distributions import (
    digamma,
    t_quantile,
    t_tail,
    trigamma,
    trigamma_inverse,
)


@pytest.mark.parametrize("df", [1, 2, 4.5, 9, 40, 549.0, 1e5, 1e9])
@pytest.mark.parametrize("t", [-8.0, -1.0, 0.0, 0.5, 2.0, 5.0, 12.0])
def test_tails_are_scipys(t: float, df: float) -> None:
    """On both sides, far out, and for degrees of freedom that are not whole."""
    assert t_tail(t, df) == pytest.approx(stats.t.sf(t, df), rel=2e-5 if df > 1e6 else 1e-9)


@pytest.mark.parametrize("df", [2, 9, 63.2, 549.0])
@pytest.mark.parametrize("tail", [1e-6, 0.05 / 60, 0.05, 0.5, 0.8])
def test_quantiles_are_scipys(tail: float, df: float) -> None:
    """They undo the tails."""
    assert t_quantile(tail, df) == pytest.approx(stats.t.isf(tail, df), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("x", [0.1, 0.5, 1.0, 4.5, 30.0, 1e4])
def test_derivatives_of_log_gamma_are_scipys(x: float) -> None:
    """Below and above where their series begin."""
    assert digamma(x) == pytest.approx(special.digamma(x), rel=1e-11)
    assert trigamma(x) == pytest.approx(special.polygamma(1, x), rel=1e-11)
    assert trigamma_inverse(trigamma(x)) == pytest.approx(x, rel=1e-9)
