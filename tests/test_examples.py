"""The plain example becomes a σ-VAE by five lines, and both run."""

import difflib
import math
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kelbo.runs import Run
from kelbo.training.checkpoint import read_tensors

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name):
    """The functions of an example, without running it."""
    return runpy.run_path(str(EXAMPLES / name))


def trained(name, epochs):
    torch.manual_seed(0)
    functions = example(name)
    images = functions["load"](None)
    model = functions["VAE"](images.shape[1])
    return functions, images, model, functions["train"](model, images, epochs)


def test_they_differ_in_five_lines():
    plain, sigma = ((EXAMPLES / name).read_text().splitlines() for name in ("plain_vae.py", "sigma_vae.py"))
    changes = [line for line in difflib.ndiff(plain, sigma) if line[0] in "+-"]
    new, gone = ([line for line in changes if line[0] == sign] for sign in "+-")
    assert 0 < len(new) <= 5
    assert len(gone) < len(new)  # each makes place for another


def test_the_plain_one_learns():
    *_, history = trained("plain_vae.py", 4)
    losses, errors = zip(*history, strict=True)
    assert losses[-1] < losses[0] - 5
    assert errors[-1] < errors[0]


def test_the_loss_of_the_sigma_vae_is_the_negative_elbo_in_nats_with_its_constants():
    functions, images, model, history = trained("sigma_vae.py", 6)
    assert history[-1][0] < history[0][0] - 5
    x = images[:100]
    with torch.no_grad():
        decoded, mean, log_variance = model(x)
        loss = functions["loss_function"](decoded, x, mean, log_variance)
    variance = float((decoded - x).square().mean())
    gaussian = x.numel() * (0.5 * math.log(2 * math.pi * variance) + 0.5)
    rate = 0.5 * float((mean.square() + log_variance.exp() - 1 - log_variance).sum())
    assert float(loss) == pytest.approx(gaussian + rate, rel=1e-4)


def test_its_sigma_is_the_error_of_a_pixel():
    functions, images, model, history = trained("sigma_vae.py", 40)
    likelihood = functions["likelihood"].eval()
    with torch.no_grad():
        sigma = float(likelihood.variance(model(images)[0]).mean()) ** 0.5
    assert sigma == pytest.approx(history[-1][1], rel=0.15)  # a running estimate: the error still falls


@pytest.mark.parametrize("name", ["plain_vae.py", "sigma_vae.py"])
def test_they_run_on_any_array_of_images(tmp_path, monkeypatch, capsys, name):
    pixels = np.random.default_rng(0).integers(0, 256, size=(40, 6, 5, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", pixels)
    monkeypatch.setattr(sys, "argv", [name, str(tmp_path / "images.npy"), "--epochs", "2"])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    assert "epoch 2: loss per image" in capsys.readouterr().out


def test_a_model_of_ones_own_is_trained_kept_evaluated_and_shown(tmp_path, capsys):
    example("own_model.py")["main"](6, tmp_path / "run")
    assert "ELBO" in capsys.readouterr().out
    weights = read_tensors(Run(tmp_path / "run").checkpoint(6) / "weights.safetensors")
    assert weights["prior.mean"].abs().max() > 0
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000
