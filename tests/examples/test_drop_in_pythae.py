"""A calibrated decoder in pythae: its trainer trains σ, its folders keep it, and evaluation uses it frozen."""

import runpy
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("pythae", reason="pythae is not installed (pip install pythae)")
from pythae.data.datasets import DatasetOutput

PATH = Path(__file__).parents[2] / "examples" / "drop_in_pythae.py"
EXAMPLE = runpy.run_path(str(PATH))
IMAGES = EXAMPLE["load"]()[0][:512]


def trained(family, epochs, folder):
    torch.manual_seed(0)
    return EXAMPLE["train"](EXAMPLE[family], IMAGES, epochs, folder)


def test_its_trainer_trains_the_shared_sigma_and_its_folder_keeps_it(tmp_path):
    model = trained("SharedSigmaVAE", 5, tmp_path)
    saved = torch.load(next(tmp_path.glob("*/final_model/model.pt")), weights_only=True)["model_state_dict"]
    assert saved["likelihood.log_sigma"] == model.likelihood.log_sigma != -1.5


def test_the_solved_sigma_is_kept_and_is_the_error_that_it_makes(tmp_path):
    model = trained("SigmaVAE", 20, tmp_path)
    assert model.likelihood.batches > 20
    measured = EXAMPLE["measure"](model, IMAGES)
    assert measured["σ"] == pytest.approx(measured["RMSE"], rel=0.2)


@pytest.mark.parametrize("family", ["SigmaVAE", "SharedSigmaVAE"])
def test_in_evaluation_an_image_is_scored_alike_whatever_its_batch(tmp_path, family):
    model = trained(family, 1, tmp_path)
    assert not model.training
    recon = torch.rand_like(IMAGES)
    together = model.likelihood.log_prob(IMAGES, recon)
    torch.testing.assert_close(model.likelihood.log_prob(IMAGES[:3], recon[:3]), together[:3])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model(DatasetOutput(data=IMAGES))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_its_own_term_is_a_gaussian_of_unit_sigma_without_the_constant(tmp_path):
    measured = EXAMPLE["measure"](trained("VAE", 1, tmp_path), IMAGES)
    assert measured["ELBO"] < -58.8  # half of 64 ln 2π, at the best
    assert measured["equivalent β"] == 1


def test_it_runs(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [PATH.name, "--epochs", "1"])
    runpy.run_path(str(PATH), run_name="__main__")
    rows = [row for row in capsys.readouterr().out.splitlines() if "ELBO" in row]
    assert [row.split()[0] for row in rows] == ["VAE", "SigmaVAE", "SharedSigmaVAE"]
    assert all(word in row for row in rows for word in ("σ", "RMSE", "equivalent β"))
