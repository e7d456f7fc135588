"""Runs that train on features of a trained network beside pixels."""

import pytest
import torch
from tests.toys.made import pictures, recipe as toy

from kelbo.bound import Batch
from kelbo.distributed.fabric import Fabric
from kelbo.errors import DataCorrupt, DataMissing, RecipeError
from kelbo.evaluation.classifier import ImageClassifier, TrainedClassifier, save_classifier
from kelbo.evaluation.perceptual import open_perceptual
from kelbo.experiments import open_run, train
from kelbo.experiments.parts import Parts
from kelbo.experiments.running import beginning
from kelbo.recipes import build
from kelbo.recipes.build import Outline
from kelbo.seeds import seeded

SPATIAL = ["model.kind=spatial", "model.widths=[4,8]", "model.blocks=1", "model.groups=2", "model.latents=2"]
LOSS = ["likelihood.kind=laplace", "likelihood.scale=0.5", "objective.beta=1e-6", "distance.kind=perceptual"]
PARTS = Parts(data=pictures)


@pytest.fixture
def features(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "blobs.safetensors"
    save_classifier(path, TrainedClassifier(ImageClassifier((1, 8, 8), 3, width=4), {"set": "blobs"}))
    return path


def recipe(features, *more):
    return toy("small", *SPATIAL, *LOSS, f'distance.features="{features}"', "training.steps=1", *more)


def test_the_loss_is_pixels_and_the_distance_times_the_numbers_of_a_picture(features):
    asked = recipe(features, "distance.weight=2")
    data, fabric = pictures(asked), Fabric(accelerator="cpu", devices=1)
    with seeded(0, "init"):
        state, update = beginning(asked, data, fabric)
    batch, model = Batch(data.train.spread(8)).as_intensities(256), state.network
    with seeded(3, "latents"):
        reading = model.read(batch)
    distance = open_perceptual(str(features), (1, 8, 8), torch.device("cpu"))
    both = reading.bound.distortion + 2 * 64 * distance(batch.x, model.mean(reading.output))
    loss = both.mean() + 1e-6 * reading.bound.rate.mean()
    with seeded(3, "latents"):
        found, said, _ = update.gradients(state, batch, None)
    torch.testing.assert_close(said["loss"], loss.detach())
    torch.testing.assert_close(said["distortion"], reading.bound.distortion.mean().detach())
    torch.testing.assert_close(said["distance"], both.mean().detach())
    for player, moved in model.players().items():
        for gradient, expected in zip(found[player], torch.autograd.grad(loss, moved, retain_graph=True), strict=True):
            torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-4)


def test_the_run_keeps_the_files_hash_and_is_opened_without_the_file(features, tmp_path):
    run = train(recipe(features), tmp_path / "run", parts=PARTS)
    digest = open_perceptual(str(features), (1, 8, 8), torch.device("cpu")).weights
    features.unlink()
    experiment = open_run(run.path, device="cpu", parts=PARTS)
    assert experiment.recipe.distance.sha256 == digest
    assert experiment.objective is not None


def test_another_file_or_none_is_refused_before_there_is_a_run(features, tmp_path):
    with pytest.raises(DataCorrupt, match="sha256"):
        train(recipe(features, f'distance.sha256="{"0" * 64}"'), tmp_path / "run", parts=PARTS)
    features.unlink()
    with pytest.raises(DataMissing):
        train(recipe(features), tmp_path / "run", parts=PARTS)
    assert not (tmp_path / "run").exists()


def test_a_fingerprint_is_of_the_file_and_not_of_its_place(features):
    known = f'distance.sha256="{"1" * 64}"'
    assert recipe(features, known).fingerprint == recipe("/elsewhere.pth", known).fingerprint
    assert recipe(features).fingerprint != recipe("/elsewhere.pth").fingerprint


def test_it_is_for_spatial_latents(features):
    asked = toy("flat", *LOSS, f'distance.features="{features}"')
    with pytest.raises(RecipeError, match=r"distance\.kind"):
        build.model(asked, Outline("noise", (1, 8, 8), 256))
