"""A calibrated decoder in Lightning: its check before training, its validation and its checkpoints."""

import runpy
import sys
import warnings
from pathlib import Path

import pytest
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Lightning's own
    pytest.importorskip("lightning", reason="lightning is not installed (pip install lightning)")

    PATH = Path(__file__).parents[2] / "examples" / "drop_in_lightning.py"
    EXAMPLE = runpy.run_path(str(PATH))

from kelbo.errors import RunError
from kelbo.likelihoods import OptimalGaussian, PerImageGaussian, SharedGaussian

pytestmark = pytest.mark.filterwarnings("ignore")
SEEN, UNSEEN = (part[:256] for part in EXAMPLE["load"](None))


def trained(likelihood, epochs=2, **settings):
    return EXAMPLE["train"](likelihood, SEEN, UNSEEN, epochs, accelerator="cpu", **settings)


@pytest.mark.parametrize("make", [OptimalGaussian, PerImageGaussian, SharedGaussian])
def test_the_check_before_training_passes_and_leaves_no_trace_in_sigma(make):
    (checked, _), (unchecked, _) = (trained(make(), num_sanity_val_steps=steps) for steps in (2, 0))
    for name, value in checked.likelihood.state_dict().items():
        torch.testing.assert_close(value, unchecked.likelihood.state_dict()[name])


def test_without_skipping_the_check_a_sigma_that_nobody_has_seen_is_refused():
    class Unskipped(EXAMPLE["VAE"]):
        def validation_step(self, x, _):
            self(x)

    train = EXAMPLE["train"]
    before, train.__globals__["VAE"] = train.__globals__["VAE"], Unskipped
    try:
        with pytest.raises(RunError, match="0 batches in training mode"):
            trained(OptimalGaussian())
    finally:
        train.__globals__["VAE"] = before


def test_sigma_is_validated_as_it_was_in_training():
    model, measured = trained(OptimalGaussian(), epochs=20)
    assert measured["σ"] == pytest.approx(float(model.likelihood.running_variance.sqrt()))
    assert measured["σ"] == pytest.approx(measured["RMSE"], rel=0.5)  # a running estimate, while the error still fell


def test_sigma_is_in_the_checkpoint(tmp_path):
    model, measured = trained(OptimalGaussian())
    model.trainer.save_checkpoint(tmp_path / "last.ckpt")
    made = {"pixels": SEEN.shape[1], "likelihood": OptimalGaussian()}
    loaded = EXAMPLE["VAE"].load_from_checkpoint(tmp_path / "last.ckpt", **made).eval()
    assert float(loaded.likelihood.running_variance.sqrt()) == pytest.approx(measured["σ"])


def test_it_runs_and_a_sigma_that_is_solved_for_wins(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [PATH.name, "--epochs", "10"])
    runpy.run_path(str(PATH), run_name="__main__")
    rows = [row for row in capsys.readouterr().out.splitlines() if "equivalent β" in row]
    theirs, ours = (float(row.partition("ELBO ")[2].partition(",")[0]) for row in rows)
    assert ours > theirs + 10
