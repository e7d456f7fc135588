"""A linear VAE at its exact posterior: likelihood, KL, sampling and sign in one number that is known in closed form."""

import math

import pytest
import torch
from torch import nn

from kelbo.bound import Batch
from kelbo.likelihoods import FixedGaussian
from kelbo.metrics import importance_weighted_bound
from kelbo.models import VAE

DIMS, LATENTS, NOISE, DRAWS = 6, 2, 0.3, 1000


class Constant(nn.Module):
    """An encoder that gives the exact posterior of a linear model: the mean is linear, the covariance constant."""

    def __init__(self, weight, log_variance):
        super().__init__()
        self.weight, self.log_variance = weight, log_variance

    def forward(self, x):
        mean = x.flatten(1) @ self.weight.T
        return torch.cat([mean, self.log_variance.expand_as(mean)], 1)


class Linear(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, z):
        return (z @ self.weight.T)[:, None, None]


def probabilistic_pca():
    """A VAE, data and the evidence log N(x; 0, WWᵀ + σ²I) of each example (Tipping & Bishop, 1999).

    W has orthogonal columns, so the posterior N(M⁻¹Wᵀx, σ²M⁻¹), M = WᵀW + σ²I, has a diagonal covariance.
    """
    torch.manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(DIMS, LATENTS, dtype=torch.float64))
    weight = basis * torch.tensor([1.5, 0.5], dtype=torch.float64)
    precision = torch.diagonal(weight.T @ weight) + NOISE**2
    covariance = weight @ weight.T + NOISE**2 * torch.eye(DIMS, dtype=torch.float64)
    law = torch.distributions.MultivariateNormal(torch.zeros(DIMS, dtype=torch.float64), covariance)
    x = law.sample((5,))
    encoder = Constant((weight.T / precision[:, None]).float(), torch.log(NOISE**2 / precision).float())
    vae = VAE(encoder, Linear(weight.float()), FixedGaussian(NOISE), (1, 1, DIMS), LATENTS)
    return vae, x.float()[:, None, None], law.log_prob(x)


def test_a_linear_vae_at_the_exact_posterior_meets_the_evidence():
    vae, x, evidence = probabilistic_pca()
    draws = torch.stack([vae(Batch(x)).elbo for _ in range(DRAWS)]).double()
    standard_error = draws.std(0) / DRAWS**0.5
    assert ((draws.mean(0) - evidence).abs() < 5 * standard_error).all()


def test_any_other_posterior_falls_short_of_the_evidence():
    vae, x, evidence = probabilistic_pca()
    vae.encoder.log_variance = vae.encoder.log_variance + 1.0
    draws = torch.stack([vae(Batch(x)).elbo for _ in range(DRAWS)]).double()
    # the gap is the KL from the exact posterior: per dimension ½ (e - 1 - 1)
    expected = evidence - LATENTS * 0.5 * (math.e - 2)
    assert ((draws.mean(0) - expected).abs() < 5 * draws.std(0) / DRAWS**0.5).all()
    assert (expected < evidence).all()


def test_at_the_exact_posterior_every_importance_weight_is_the_evidence():
    vae, x, evidence = probabilistic_pca()
    weights = vae.log_weights(Batch(x), samples=7)
    torch.testing.assert_close(weights.double(), evidence[:, None].expand(-1, 7), rtol=1e-4, atol=1e-4)


def test_importance_weighting_closes_the_gap_of_a_wrong_posterior():
    vae, x, evidence = probabilistic_pca()
    vae.encoder.log_variance = vae.encoder.log_variance + 1.0
    gaps = []
    for samples in (1, 10, 1000):
        weights = torch.cat([vae.log_weights(Batch(x), samples) for _ in range(10)])
        bound = importance_weighted_bound(weights.numpy()).reshape(10, 5).mean(0)
        gaps.append(float((evidence.numpy() - bound).mean()))
    assert gaps[0] > gaps[1] > gaps[2] > -0.01
    assert gaps[2] == pytest.approx(0, abs=0.02)
