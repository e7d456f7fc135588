"""σ solved for, in whole models and whole runs (Rybkin et al., 2021, section 4)."""

import math

import pytest
import torch
from safetensors.torch import load_file

from kelbo.bound import Batch
from kelbo.data.digits import digits
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import build, change, find

BOTH = pytest.mark.parametrize("kind", ["optimal_gaussian", "per_image_gaussian"])


@pytest.fixture(scope="module")
def images():
    return digits(size=8)


def recipe(*settings):
    return change(
        find("digits"),
        ["model.network.width=16", "model.latents=4", "objective.warmup=0", "optimizer.kind=adam", *settings],
    )


def model_of(chosen, images):
    torch.manual_seed(0)
    return build.model(chosen, images)


def trained(chosen, images, steps=1):
    """Loss gradients of the last step and the weights after so many, with the same noise whatever the recipe."""
    model = model_of(chosen, images)
    optimizer, objective = build.optimizers(chosen, model)["model"], build.objective(chosen)
    state, batch = objective.initial(), Batch(images.train.spread(64)).as_intensities(images.levels)
    for step in range(steps):
        torch.manual_seed(step)
        loss, state = objective(model(batch), state)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
    return gradient, torch.cat([p.detach().flatten() for p in model.parameters()])


@BOTH
def test_a_whole_model_has_the_same_gradients_whether_or_not_they_pass_through_sigma(kind, images):
    flowing, stopped = (
        trained(recipe(f"likelihood.kind={kind}", f"likelihood.detach={detach}"), images)[0]
        for detach in ("false", "true")
    )
    assert flowing.norm() > 0
    assert (flowing - stopped).norm() < 1e-4 * flowing.norm()


@BOTH
def test_and_so_it_takes_the_same_steps(kind, images):
    start = torch.cat([p.detach().flatten() for p in model_of(recipe(), images).parameters()])
    flowing, stopped = (
        trained(recipe(f"likelihood.kind={kind}", f"likelihood.detach={detach}"), images, steps=20)[1]
        for detach in ("false", "true")
    )
    assert (flowing - stopped).norm() < 0.01 * (flowing - start).norm()


def test_under_the_released_soft_clip_it_matters(images):
    """Even far from the floor, where it makes σ only a little too large."""
    told = {}
    for detach in ("false", "true"):
        settings = [f"likelihood.detach={detach}", "likelihood.as_published=true"]
        told[detach] = trained(recipe(*settings), images)[0]
    assert (told["false"] - told["true"]).norm() > 1e-3 * told["true"].norm()


@BOTH
def test_evaluation_measures_with_the_error_of_training_images_under_the_weights_that_are_kept(kind, tmp_path):
    """Not with the error of the very images that it measures, which would be flattery, nor with that of earlier weights."""
    settings = [f"likelihood.kind={kind}", "training.steps=30", "training.log_every=30", "training.pictures_every=100"]
    run = train(recipe(*settings, "training.batch_size=32"), tmp_path / "run")
    kept = load_file(run.checkpoint(30) / "weights.safetensors")
    assert kept["likelihood.batches"] == 30
    experiment = open_run(run.path)
    sigma = math.sqrt(run.sigma(30)["last step"]["variance"])
    assert sigma < 0.98 * math.sqrt(kept["likelihood.running_variance"])
    for split in ("test", "train"):
        record = evaluate_run(experiment, split)
        assert record["decoder"]["normalized"]
        assert record["decoder"]["sigma"] == pytest.approx(sigma, rel=1e-5)
        assert record["settings"]["sigma_images"] == len(experiment.data.train)
        assert abs(record["decoder"]["sigma"] / record["decoder"]["rmse"] - 1) > 0.001
