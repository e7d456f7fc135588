"""The changed VAE of PyTorch's examples: the same loss as theirs where it should be, and any likelihood in its place."""

import runpy
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from kelbo.likelihoods import Bernoulli, ContinuousBernoulli, DiscretizedLogistic, Laplace, PerImageGaussian, StudentT

PATH = Path(__file__).parents[2] / "examples" / "drop_in_pytorch.py"
EXAMPLE = runpy.run_path(str(PATH))
OTHERS = [
    ContinuousBernoulli(),
    DiscretizedLogistic(bits=4),
    Laplace(mean_activation="sigmoid"),
    PerImageGaussian(mean_activation="sigmoid"),
    StudentT(mean_activation="sigmoid"),
]
DECODERS = [*(make() for make in EXAMPLE["DECODERS"].values()), *OTHERS]


def trained(likelihood, epochs):
    torch.manual_seed(0)
    seen, unseen = EXAMPLE["load"](None)
    model = EXAMPLE["train"](EXAMPLE["VAE"](seen.shape[1], likelihood), seen, epochs)
    return model, EXAMPLE["measure"](model, seen, unseen)


def test_the_first_decoder_has_the_loss_that_the_commented_lines_have():
    logits, x, mu, logvar = torch.randn(5, 64), torch.rand(5, 64), torch.randn(5, 20), torch.randn(5, 20)
    rate = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    theirs = F.binary_cross_entropy(torch.sigmoid(logits), x, reduction="sum") + rate
    torch.testing.assert_close(EXAMPLE["loss_function"](Bernoulli(), logits, x, mu, logvar), theirs)
    assert next(iter(EXAMPLE["DECODERS"].values())) is Bernoulli


@pytest.mark.parametrize("likelihood", DECODERS, ids=lambda likelihood: type(likelihood).__name__)
def test_every_decoder_learns(likelihood):
    before, after = (trained(likelihood, epochs)[1] for epochs in (1, 5))
    assert after["ELBO"] > before["ELBO"] + 1
    assert after["RMSE"] < before["RMSE"]


def test_a_sigma_that_is_solved_for_wins_in_both_and_says_the_error_that_it_makes():
    first_two = list(EXAMPLE["DECODERS"].items())[:2]
    (_, theirs), (_, ours) = (trained(make(), 30) for _, make in first_two)
    assert ours["ELBO"] > theirs["ELBO"] + 10
    assert ours["RMSE"] < 0.7 * theirs["RMSE"]
    assert ours["σ"] == pytest.approx(ours["RMSE"], rel=0.3)  # a running estimate, while the error still fell
    assert ours["equivalent β"] == pytest.approx(ours["σ"] ** 2)


def test_it_runs(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [PATH.name, "--epochs", "1"])
    runpy.run_path(str(PATH), run_name="__main__")
    rows = capsys.readouterr().out.splitlines()
    assert [row.partition("  ")[0] for row in rows] == list(EXAMPLE["DECODERS"])
    assert all(word in row for row in rows for word in ("ELBO", "σ", "RMSE", "equivalent β"))
