"""A calibrated decoder in diffusers' AutoencoderKL, on images in [-1, 1]."""

import math
import runpy
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("diffusers", reason="diffusers is not installed (pip install diffusers)")

from kelbo.likelihoods import OptimalGaussian, SharedGaussian

PATH = Path(__file__).parents[2] / "examples" / "drop_in_diffusers.py"
EXAMPLE = runpy.run_path(str(PATH))
IMAGES = EXAMPLE["load"]()[0][:256]


def trained(likelihood, epochs):
    torch.manual_seed(0)
    vae = EXAMPLE["autoencoder"]()
    EXAMPLE["train"](vae, likelihood, IMAGES, epochs)
    return vae


def test_its_kl_is_the_rate_in_nats_of_each_image():
    posterior = EXAMPLE["autoencoder"]().encode(IMAGES[:3]).latent_dist
    rate = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).flatten(1).sum(1)
    torch.testing.assert_close(posterior.kl(), rate)


def test_its_numbers_are_those_of_images_in_the_unit_interval():
    likelihood = OptimalGaussian(data_range=2.0)
    vae = trained(likelihood, 2)
    torch.manual_seed(1)
    measured = EXAMPLE["measure"](vae, likelihood, IMAGES, IMAGES[:64])
    torch.manual_seed(1)
    with torch.no_grad():
        posterior = vae.encode(IMAGES[:64]).latent_dist
        decoded = vae.decode(posterior.sample()).sample
    gaussian = torch.distributions.Normal((decoded + 1) / 2, measured["σ"])
    elbo = gaussian.log_prob((IMAGES[:64] + 1) / 2).flatten(1).sum(1) - posterior.kl()
    assert measured["ELBO"] == pytest.approx(elbo.mean().item(), rel=1e-4)
    assert measured["RMSE"] == pytest.approx((decoded - IMAGES[:64]).square().mean().sqrt().item() / 2, rel=1e-5)
    assert measured["equivalent β"] == pytest.approx(measured["σ"] ** 2)


def test_a_learned_sigma_is_trained_beside_the_weights():
    likelihood = SharedGaussian(initial_log_sigma=0.0, data_range=2.0)
    trained(likelihood, 2)
    assert likelihood.log_sigma.item() == pytest.approx(-8 * 2e-3, rel=0.2)  # as far as Adam goes in eight steps


def test_it_runs_and_its_rate_is_no_longer_for_free(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [PATH.name, "--epochs", "1"])
    runpy.run_path(str(PATH), run_name="__main__")
    theirs, ours = capsys.readouterr().out.splitlines()
    elbos = [float(row.partition("ELBO ")[2].partition(",")[0]) for row in (theirs, ours)]
    assert elbos[1] > elbos[0]
    assert all(word in theirs and word in ours for word in ("σ", "RMSE", "equivalent β"))
    assert math.isclose(float(theirs.rpartition(" ")[2]), 1.25e-7)
