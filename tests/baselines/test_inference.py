"""Spreads, estimates, and many tests at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_llmbench.baselines.inference import (
    NOTHING_KNOWN,
    Estimate,
    Spread,
    discoveries,
    fit_prior,
    fraction,
    outliers,
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
    found = sessions(a, [[value] for value in b], spread([a, b]))
    assert found.p_above() == pytest.approx(stats.ttest_ind(b, a, alternative="greater").pvalue)


def test_equal_values_do_not_prove_that_there_is_no_noise() -> None:
    """No division by zero, and no certainty about nothing."""
    found = sessions([1.0] * 3, [[1.0]], spread([[1.0] * 3]))
    assert found.p_above() == pytest.approx(0.5)


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    """The largest rank whose p is small enough takes all before it along."""
    p_values = {"a": 0.001, "b": 0.024, "c": 0.025, "d": 0.9}
    assert discoveries(p_values, 0.05) == ("a", "b", "c")
    assert discoveries({"a": 0.5}) == discoveries({}) == ()


def test_outliers_are_those_of_rosner() -> None:
    """His example of 54 values has three (Rosner 1983; NIST handbook 1.3.5.17.3); the second hides none."""
    values = [
        *(-0.25, 0.68, 0.94, 1.15, 1.20, 1.26, 1.26, 1.34, 1.38, 1.43, 1.49, 1.49, 1.55, 1.56, 1.58, 1.65),
        *(1.69, 1.70, 1.76, 1.77, 1.81, 1.91, 1.94, 1.96, 1.99, 2.06, 2.09, 2.10, 2.14, 2.15, 2.23, 2.24),
        *(2.26, 2.35, 2.37, 2.40, 2.47, 2.54, 2.62, 2.64, 2.90, 2.92, 2.92, 2.93, 3.21, 3.26, 3.30, 3.59),
        *(3.68, 4.30, 4.64, 5.34, 5.42, 6.01),
    ]
    named = {str(place): value for place, value in enumerate(values)}
    assert {named[name] for name in outliers(named, 10, level=0.05)} == {6.01, 5.42, 5.34}


def test_equal_values_have_no_outliers() -> None:
    """Nor do none that may be named."""
    assert outliers({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0, "e": 1.0}, 1) == ()
    assert outliers({"a": 1.0, "b": 1.0, "c": 9.0}, 0) == ()


def test_normal_values_have_outliers_as_often_as_was_said() -> None:
    """About one set of ten in a hundred."""
    rng = np.random.default_rng(2)
    sets = [{str(n): value for n, value in enumerate(rng.normal(size=10))} for _ in range(2000)]
    share = sum(bool(outliers(one, 2)) for one in sets) / len(sets)
    assert 0.003 < share < 0.025


def test_no_noise_is_too_wild_for_a_number() -> None:
    """Two degrees of freedom and a share of alpha see from e to the hundreds on; that is no error."""
    seen = Estimate(0.0, 2.0, 2.0, 0.0).detectable(1e-6, 0.03)
    assert 1e40 < fraction(seen) < 1e50
    assert fraction(0.05) == pytest.approx(np.expm1(0.05))
    assert fraction(-1e6) == -1


def test_variances_add_up() -> None:
    """Welch's test: what scipy says of samples with variances of their own."""
    a, b = np.array([0.1, 0.5, 0.2, 0.9, 0.4]), np.array([0.6, 1.8, 1.2])
    both = Spread(a.var(ddof=1) / 5, 4).plus(Spread(b.var(ddof=1) / 3, 2))
    welch = stats.ttest_ind(b, a, equal_var=False)
    assert both.df == pytest.approx(welch.df)
    assert (b.mean() - a.mean()) / np.sqrt(both.variance) == pytest.approx(welch.statistic)
    assert both.plus(NOTHING_KNOWN) == both
