"""The statistics of latents are measured as training ends, kept with the run, and applied once."""

import pytest
import torch
from tests.toys.made import pictures, recipe as toy

from kelbo.data.batches import batch_at
from kelbo.errors import ScoreError
from kelbo.evaluation.latent_statistics import latent_statistics
from kelbo.experiments import open_run, train
from kelbo.experiments.latent_scale import NAME, ScaledLatents, statistics_of
from kelbo.experiments.parts import Parts
from kelbo.recipes import build, change, find
from kelbo.recipes.build import Outline
from kelbo.seeds import seeded

SPATIAL = ["model.kind=spatial", "model.widths=[4,8]", "model.blocks=1", "model.groups=2", "model.latents=2"]
LOSS = ["likelihood.kind=laplace", "likelihood.scale=0.5", "training.steps=2"]
PARTS = Parts(data=pictures)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(toy("spatial", *SPATIAL, *LOSS), tmp_path_factory.mktemp("runs") / "run", parts=PARTS)


def test_they_are_those_of_draws_of_the_posterior(run):
    experiment = open_run(run.path, device="cpu", parts=PARTS)
    train_images = experiment.data.train
    batch = batch_at(train_images, torch.arange(len(train_images)), torch.device("cpu")).as_intensities(256)
    found = latent_statistics(experiment.model, train_images, batch_size=7)
    with torch.no_grad(), seeded(0, "latents"):
        draws = torch.stack([experiment.model.read(batch).latents[0] for _ in range(60)]).double()
    by_channel = draws.movedim(2, 0).flatten(1)
    torch.testing.assert_close(torch.tensor(found.mean), by_channel.mean(1).float(), rtol=0.03, atol=0.03)
    torch.testing.assert_close(torch.tensor(found.deviation), by_channel.std(1).float(), rtol=0.03, atol=0.03)
    assert found.factor == pytest.approx(1 / float(draws.std()), rel=0.03)
    assert found.images == len(train_images)


def test_a_trained_run_keeps_them_for_the_weights_that_it_is_opened_with(run):
    (kept,) = run.measurements.all(NAME)
    experiment = open_run(run.path, device="cpu", parts=PARTS)
    assert kept.weights == experiment.checkpoint.opened
    assert statistics_of(experiment).factor == kept.value["factor"]


@pytest.mark.parametrize("tile", [None, 2])
def test_the_factor_is_applied_once_on_the_way_in_and_once_on_the_way_out(run, tile):
    experiment = open_run(run.path, device="cpu", parts=PARTS)
    codec, x = ScaledLatents(experiment, tile=tile), experiment.pictured(6).x
    z = codec.encode(x, draw=False)
    with torch.no_grad():
        plain = experiment.model.posterior(experiment.pictured(6)).mean
    if tile is None:
        torch.testing.assert_close(z, codec.statistics.factor * plain)
        torch.testing.assert_close(codec.decode(z), experiment.model.mean(experiment.model.decode((plain,))).detach())
    assert codec.decode(z).shape == x.shape
    drawn = codec.encode(x)
    assert torch.equal(drawn, codec.encode(x))
    assert not torch.equal(drawn, codec.encode(x, seed=1))
    assert 0.5 < float(drawn.std()) < 2


def test_a_flat_vector_of_latents_has_none():
    model = build.model(change(find("digits"), ["model.network.width=8"]), Outline("noise", (1, 8, 8), 17))
    with pytest.raises(ScoreError, match="layout"):
        latent_statistics(model, pictures(None).train)
