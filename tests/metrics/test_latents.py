"""The parts of the rate meet closed forms within their errors, and each other exactly."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from scipy.stats import norm

from kelbo.errors import ScoreError
from kelbo.metrics.rate_parts import log_mixture, marginal_kl, rate_parts

RNG = np.random.default_rng(10)
MEANS, SCALES = RNG.normal(size=(200, 3)), np.exp(RNG.uniform(-2, 0, (200, 3)))


def rates(means, scales):
    return ((means**2 + scales**2 - 1) / 2 - np.log(scales)).sum(1)


@pytest.mark.parametrize("tighter", [1, 1e-9], ids=["expanded", "from differences"])
def test_the_mixture_is_the_sum_of_its_densities(tighter):
    points = np.concatenate([MEANS[:20] + tighter * SCALES[:20], RNG.normal(size=(20, 3)), np.full((1, 3), 60.0)])
    known = [logsumexp(norm.logpdf(z, MEANS, tighter * SCALES).sum(1)) - np.log(200) for z in points]
    assert_allclose(log_mixture(points, MEANS, tighter * SCALES), known, rtol=1e-10, atol=1e-6)


def test_the_parts_are_those_of_the_definition():
    """At the draws' own averages: only the correction for what the draws happened to be comes on top, the same in sum."""
    z = MEANS + SCALES * RNG.normal(size=MEANS.shape)
    own = norm.logpdf(z, MEANS, SCALES).sum(1)
    joint = np.array([logsumexp(norm.logpdf(row, MEANS, SCALES).sum(1)) for row in z]) - np.log(200)
    each = np.array([logsumexp(norm.logpdf(row, MEANS, SCALES), 0) for row in z]) - np.log(200)
    plain = np.array([(own - joint).mean(), (joint - each.sum(1)).mean(), (each - norm.logpdf(z)).sum(1).mean()])
    result = rate_parts(MEANS, SCALES, draws=z)
    ours = np.array([part.value for part in result[:3]])
    excess = plain.sum() - rates(MEANS, SCALES).mean()
    weights = (plain - ours) / excess
    assert weights.sum() == pytest.approx(1)
    assert (np.abs(weights) < 1.5).all()
    assert_allclose(ours, plain, atol=1.5 * abs(excess))


@pytest.mark.parametrize("examples", [None, 50])
def test_the_parts_sum_to_the_rate(examples):
    result = rate_parts(MEANS, SCALES, examples=examples)
    assert sum(part.value for part in result[:3]) == pytest.approx(result.rate, abs=1e-10)
    assert result.marginal.value == pytest.approx(result.total_correlation.value + result.dimension_wise.value)
    assert result.by_latent.sum() == pytest.approx(result.dimension_wise.value)
    if examples is None:
        assert result.rate == pytest.approx(rates(MEANS, SCALES).mean())


def test_the_parts_sum_to_the_rate_even_where_draws_follow_it():
    result = rate_parts(MEANS, np.full_like(MEANS, 1e-9), draws=(1 + 1e-9) * MEANS)
    assert sum(part.value for part in result[:3]) == pytest.approx(result.rate, abs=1e-10)
    assert abs(result.information.value - result.cap) < 1


def test_the_marginal_alone_is_the_marginal_of_the_parts():
    assert_allclose(marginal_kl(MEANS, SCALES, seed=3), rate_parts(MEANS, SCALES, seed=3).marginal, rtol=1e-9)


@pytest.mark.parametrize("spread", [0.5, 1.5])
def test_a_gaussian_aggregate_meets_its_closed_forms(spread):
    """Means from N(0, spread²) and scale ½: q(z) is N(0, spread² + ¼) but for how few the means are."""
    means = spread * np.random.default_rng(1).normal(size=(2500, 2))
    result = rate_parts(means, np.full_like(means, 0.5))
    variance = spread**2 + 0.25
    assert abs(result.information.value - np.log(variance / 0.25)) < 5 * result.information.error
    assert abs(result.marginal.value - (variance - 1 - np.log(variance))) < 5 * result.marginal.error
    assert abs(result.total_correlation.value) < 5 * result.total_correlation.error + 0.01
    assert result.information.error < 0.03


def test_errors_are_the_spread_over_tables():
    results = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        results.append(rate_parts(rng.normal(size=(200, 2)), np.full((200, 2), 0.7), seed=seed + 1000))
    for part in ("information", "marginal"):
        values, errors = np.array([getattr(result, part) for result in results]).T
        assert np.std(values, ddof=1) == pytest.approx(errors.mean(), rel=0.5)


def test_every_combination_of_means_has_no_total_correlation():
    ticks = np.linspace(-1.5, 1.5, 12)
    means = np.stack(np.meshgrid(ticks, 2 * ticks), -1).reshape(-1, 2)
    result = rate_parts(means, np.full_like(means, 0.1) + 0.05 * np.abs(means))
    assert result.total_correlation.value == pytest.approx(0, abs=1e-10)


def test_a_latent_twice_has_its_own_information_as_total_correlation():
    once = rate_parts(MEANS[:, :1], np.full((200, 1), 1e-4))
    assert once.information.value == pytest.approx(np.log(200), abs=0.01)
    twice = rate_parts(MEANS[:, [0, 0]], np.full((200, 2), 1e-4))
    assert twice.information.value == pytest.approx(np.log(200), abs=0.01)  # the index is known already
    assert twice.total_correlation.value == pytest.approx(np.log(200), abs=0.05)


def test_no_information_is_above_the_cap_and_tight_posteriors_meet_it():
    result = rate_parts(MEANS, np.full_like(MEANS, 1e-9))
    assert result.cap == pytest.approx(np.log(200))
    assert result.information.value == pytest.approx(result.cap, abs=1e-6)


def test_a_collapsed_latent_carries_nothing():
    means, scales = np.column_stack([MEANS, np.zeros(200)]), np.column_stack([SCALES, np.ones(200)])
    result = rate_parts(means, scales)
    assert result.by_latent[3] == pytest.approx(0, abs=1e-9)
    nothing = rate_parts(np.zeros((50, 2)), np.ones((50, 2)))
    assert_allclose([part.value for part in nothing[:4]], 0, atol=1e-12)


def test_the_same_posterior_for_all_is_marginal_kl_only():
    means, scales = np.full((100, 2), 0.7), np.full((100, 2), 0.5)
    result = rate_parts(means, scales)
    assert result.information.value == pytest.approx(0, abs=1e-10)
    assert result.marginal.value == pytest.approx(rates(means, scales)[0])


def test_the_order_of_latents_and_rows_does_not_matter():
    z, rows = MEANS + SCALES * RNG.normal(size=MEANS.shape), RNG.permutation(200)
    known = rate_parts(MEANS, SCALES, draws=z)
    turned = rate_parts(MEANS[rows, ::-1], SCALES[rows, ::-1], draws=z[rows, ::-1])
    assert_allclose(np.array(turned[:4]), np.array(known[:4]), rtol=1e-8)


def test_the_same_seed_gives_the_same_numbers():
    assert marginal_kl(MEANS, SCALES, seed=4) == marginal_kl(MEANS, SCALES, seed=4)
    assert marginal_kl(MEANS, SCALES, seed=4) != marginal_kl(MEANS, SCALES, seed=5)


def test_what_are_no_posteriors_is_refused():
    with pytest.raises(ScoreError, match=r"^means and scales .* got \(200, 3\) and \(200, 2\)"):
        rate_parts(MEANS, SCALES[:, :2])
    with pytest.raises(ScoreError, match="scales must be above 0 .* got -"):
        rate_parts(MEANS, np.log(SCALES))
    with pytest.raises(ScoreError, match="means has 1 values that are not finite"):
        rate_parts(np.where(np.arange(600).reshape(200, 3) == 7, np.nan, MEANS), SCALES)
    with pytest.raises(ScoreError, match="^examples must be 3 to 200.* got 201"):
        marginal_kl(MEANS, SCALES, examples=201)
    with pytest.raises(ScoreError, match="must have at least 3 rows; got 2"):
        marginal_kl(MEANS[:2], SCALES[:2])
    with pytest.raises(ScoreError, match=r"^draws .* \(200, 3\); got \(10, 3\)"):
        rate_parts(MEANS, SCALES, draws=MEANS[:10])
