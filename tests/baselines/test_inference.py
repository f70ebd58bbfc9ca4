"""Spreads, estimates, and many tests at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_llmbench.baselines.inference import (
    NOTHING_KNOWN,
    Spread,
    discoveries,
    fit_prior,
    pairs,
    sessions,
    spread,
)


def test_a_spread_is_pooled_within_groups() -> None:
    """How fast a treatment is says nothing about noise; single sessions say nothing at all."""
    found = spread([[1.0, 2.0, 3.0], [101.0, 103.0], [7.0]])
    assert found.variance == pytest.approx((2 + 2) / 3)
    assert found.df == 3
    assert spread([[1.0]]) == NOTHING_KNOWN


def test_a_prior_knows_the_common_variance_of_equal_cells() -> None:
    """And is nearly as sure as all of them together, but never surer."""
    rng = np.random.default_rng(0)
    cells = [spread([list(rng.normal(0, 0.02, 10))]) for _ in range(60)]
    prior = fit_prior(cells)
    assert prior.variance == pytest.approx(0.02**2, rel=0.1)
    assert 100 < prior.df <= 59 * 9


def test_cells_that_differ_give_a_weak_prior() -> None:
    """Variances that are drawn with 8 degrees of freedom are found to have been."""
    rng = np.random.default_rng(1)
    variances = 0.0004 * 8 / rng.chisquare(8, 400)
    cells = [spread([list(rng.normal(0, np.sqrt(variance), 10))]) for variance in variances]
    assert 6 < fit_prior(cells).df < 16
    assert fit_prior(cells).variance == pytest.approx(0.0004, rel=0.15)


def test_few_cells_know_nothing_of_another() -> None:
    """Nor do cells without noise."""
    assert fit_prior([Spread(1.0, 9)] * 2) == NOTHING_KNOWN
    assert fit_prior([Spread(0.0, 9)] * 9) == NOTHING_KNOWN
    assert Spread(2.0, 4).moderated(NOTHING_KNOWN) == Spread(2.0, 4)
    assert Spread(2.0, 4).moderated(Spread(1.0, 12)) == Spread(1.25, 16)


def test_pairs_are_a_paired_t_test() -> None:
    """Without a prior, scipy's."""
    a, b = np.array([0.1, 0.5, 0.2, 0.9]), np.array([0.15, 0.53, 0.29, 0.97])
    differences = list(b - a)
    found = pairs(differences, spread([differences]))
    assert found.p_above() == pytest.approx(stats.ttest_rel(b, a, alternative="greater").pvalue)
    assert found.p_below() == pytest.approx(1 - found.p_above())


def test_several_sessions_on_both_sides_are_a_pooled_t_test() -> None:
    """As when two baselines are compared."""
    a, b = [0.1, 0.5, 0.2, 0.9], [0.6, 0.8, 0.7]
    found = sessions(a, b, spread([a, b]))
    assert found.p_above() == pytest.approx(stats.ttest_ind(b, a, alternative="greater").pvalue)


def test_equal_values_do_not_prove_that_there_is_no_noise() -> None:
    """No division by zero, and no certainty about nothing."""
    found = sessions([1.0] * 3, [1.0], spread([[1.0] * 3]))
    assert found.p_above() == pytest.approx(0.5)


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    """The largest rank whose p is small enough takes all before it along."""
    p_values = {"a": 0.001, "b": 0.024, "c": 0.025, "d": 0.9}
    assert discoveries(p_values, 0.05) == ("a", "b", "c")
    assert discoveries({"a": 0.5}) == discoveries({}) == ()
