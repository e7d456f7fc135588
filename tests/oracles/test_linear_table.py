"""A table whose evidence is known: rows of a linear-Gaussian factor model, each column in a unit of its own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import nn

from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages
from kelbo.evaluation import evaluate, per_example
from kelbo.experiments import open_run, train
from kelbo.likelihoods import Columnwise, FixedGaussian
from kelbo.metrics import importance_weighted_bound
from kelbo.models import VAE
from kelbo.networks import Standardise
from kelbo.recipes import change, find

DIMS, LATENTS, SIGMA = 5, 2, 0.4
MEAN, SCALE = np.array([170.0, 0.2, -40.0, 3.0, 1000.0]), np.array([10.0, 0.05, 7.0, 1.0, 300.0])
ANGLES = 2 * np.pi * np.arange(DIMS) / DIMS
LOADINGS = 0.9 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)
"""of standardised columns: orthogonal, so that the posterior is a diagonal Gaussian, and as large for each column"""


def rows(count: int, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    standard = draw.normal(size=(count, LATENTS)) @ LOADINGS.T + SIGMA * draw.normal(size=(count, DIMS))
    return MEAN + SCALE * standard


def evidence(x: np.ndarray) -> np.ndarray:
    """log p(x) of each row, nats, in the columns' own units."""
    covariance = LOADINGS @ LOADINGS.T + SIGMA**2 * np.eye(DIMS)
    return multivariate_normal(MEAN, covariance * np.outer(SCALE, SCALE)).logpdf(x)


def exact() -> VAE:
    """The factor model as a VAE whose posterior is the true one."""
    precision = (LOADINGS**2).sum(0) / SIGMA**2 + 1
    encoder, decoder = nn.Linear(DIMS, 2 * LATENTS), nn.Linear(LATENTS, DIMS)
    with torch.no_grad():
        encoder.weight[:LATENTS] = torch.tensor(LOADINGS.T / SIGMA**2 / precision[:, None])
        encoder.weight[LATENTS:] = 0
        encoder.bias[:LATENTS] = 0
        encoder.bias[LATENTS:] = torch.tensor(-np.log(precision))
        decoder.weight[:] = torch.tensor(LOADINGS)
        decoder.bias[:] = 0
    units = torch.tensor(MEAN), torch.tensor(SCALE)
    likelihood = Columnwise(FixedGaussian(SIGMA), *units, (False,) * DIMS)
    return VAE(nn.Sequential(Standardise(*units), encoder), decoder, likelihood, (DIMS,), LATENTS)


def test_at_the_true_posterior_every_draws_weight_is_the_evidence():
    x = rows(50).astype(np.float32)
    scores = per_example(exact(), ArrayImages(x, None), batch_size=20, samples=3, dequantized=False, seed=0)
    known = evidence(x)
    assert np.abs(scores.log_weights - known[:, None]).max() < 1e-4
    assert np.abs(importance_weighted_bound(scores.log_weights) - known).max() < 1e-4


def test_the_elbo_at_the_true_posterior_meets_the_evidence_within_its_error():
    x = rows(4000).astype(np.float32)
    record = evaluate(exact(), ArrayImages(x, None), samples=1)
    assert record["elbo"]["unit"] == "nats per row"
    gap = record["elbo"]["mean"] - evidence(x).mean()
    assert abs(gap) < 5 * record["elbo"]["standard_error"]
    assert record["importance_weighted"]["mean"] == pytest.approx(evidence(x).mean(), abs=1e-4)


@pytest.mark.slow
def test_a_trained_vae_meets_the_evidence_and_is_never_above_it(tmp_path):
    test = rows(2000, seed=2).astype(np.float32)
    np.savez(tmp_path / "t.npz", train=rows(10_000, seed=1), test=test)
    settings = [
        f'data.root="{tmp_path / "t.npz"}"',
        "model.latents=2",
        "model.network.width=32",
        "training.steps=2500",
        "training.batch_size=128",
    ]
    settings += ["optimizer.weight_decay=0.0", "schedule.kind=cosine", "training.checkpoint_every=2500"]
    train(change(find("table-sigma"), settings), tmp_path / "run")
    experiment = open_run(tmp_path / "run")
    data: ImageSet = experiment.data
    how = {"batch_size": 500, "samples": 200, "dequantized": False, "seed": 0}
    scores = per_example(experiment.model, data.test, **how)
    known = evidence(test)
    for bound in (importance_weighted_bound(scores.log_weights), -(scores.distortion + scores.rate)):
        gap = bound - known
        error = gap.std() / math.sqrt(len(gap))
        assert gap.mean() < 4 * error
    gap = importance_weighted_bound(scores.log_weights) - known
    assert gap.mean() > -0.05 - 4 * gap.std() / math.sqrt(len(gap))
