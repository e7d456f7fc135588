import pickle

import numpy as np
import pytest
import torch
from torch import nn

from kelbo import evaluation
from kelbo.bound import Batch
from kelbo.errors import RunError
from kelbo.experiments import open_run, train
from kelbo.experiments.published_vdvae import import_vdvae, published_name
from kelbo.recipes import build, change
from kelbo.recipes.build import Outline
from kelbo.recipes.very_deep import released
from kelbo.seeds import seeded

SMALL = ("model.width=8", "model.latents=2", "model.encoder=8x1,8d2,4d4,1x1", "model.decoder=1x1,4m1,8m4")
SHORT = ("training.steps=2", "training.batch_size=4", "training.pictures_every=9")


@pytest.fixture
def recipe(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "images.npz"
    np.savez(
        path, train=rng.integers(0, 256, (12, 8, 8, 3), np.uint8), test=rng.integers(0, 256, (6, 8, 8, 3), np.uint8)
    )
    return change(released("cifar10"), ["data.kind=array", f"data.root={path}", *SMALL, *SHORT])


@pytest.fixture
def model(recipe):
    with seeded(3, "init"):
        made = build.model(recipe, Outline("noise", (3, 8, 8), 256))
        nn.init.normal_(made.layers[1].prior.c4.weight, std=0.1)
    return made.eval()


@pytest.fixture
def weights(model, tmp_path):
    named = {published_name(name): value for name, value in model.state_dict().items()}
    named = {f"module.{name}": value[None] if value.ndim == 3 else value for name, value in named.items()}
    torch.save(named, tmp_path / "weights.th")
    return tmp_path / "weights.th"


def test_released_weights_become_a_run_that_is_measured_and_trained_on(recipe, model, weights, tmp_path):
    run = import_vdvae(recipe, weights, tmp_path / "run")
    experiment = open_run(run.path, device="cpu")
    assert experiment.step == 0
    batch = experiment.pictured(4)
    with torch.no_grad():
        wanted, found = (one.read(batch, draw=False).bound for one in (model, experiment.model))
    assert torch.equal(wanted.rate, found.rate)
    assert torch.equal(wanted.distortion, found.distortion)
    assert evaluation.sample(experiment.model, 2).shape == (2, 3, 8, 8)
    train(change(recipe, []), run.path, resume=True)
    assert open_run(run.path, device="cpu").step == 2


def test_the_moving_average_may_be_another_file(recipe, model, weights, tmp_path):
    other = {name: 2 * value for name, value in torch.load(weights, weights_only=True).items()}
    torch.save(other, tmp_path / "average.th")
    run = import_vdvae(recipe, weights, tmp_path / "run", average=tmp_path / "average.th")
    last, average = (open_run(run.path, device="cpu", average=kept).model for kept in (False, True))
    assert torch.equal(2 * last.exit.gain, average.exit.gain)
    assert torch.equal(last.exit.gain, model.exit.gain)


@pytest.mark.parametrize(
    ("change_", "named"),
    [
        (lambda w: w.pop("module.decoder.gain"), "decoder.gain"),
        (lambda w: w.update({"module.extra": torch.zeros(1)}), "extra"),
        (
            lambda w: w.update({"module.encoder.enc_blocks.1.c1.weight": torch.zeros(2, 9, 1, 1)}),
            r"enc_blocks\.1\.c1.*9",
        ),
    ],
)
def test_the_first_weight_that_does_not_fit_is_named_and_nothing_is_written(recipe, weights, tmp_path, change_, named):
    kept = torch.load(weights, weights_only=True)
    change_(kept)
    torch.save(kept, weights)
    with pytest.raises(RunError, match=named):
        import_vdvae(recipe, weights, tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Payload:
    def __reduce__(self):
        return (open, ("/tmp/kelbo-imported", "w"))


def test_code_in_a_file_of_weights_is_not_run(recipe, tmp_path):
    from pathlib import Path

    torch.save({"weight": Payload()}, tmp_path / "a.th")
    (tmp_path / "b.th").write_bytes(pickle.dumps(Payload()))
    (tmp_path / "c.th").write_bytes(b"no weights")
    torch.save({"step": 3}, tmp_path / "d.th")
    (tmp_path / "e.th").write_bytes((tmp_path / "d.th").read_bytes()[:300])
    (tmp_path / "f.th").mkdir()
    torch.save(torch.zeros(2), tmp_path / "g.th")
    why = {"a": "code", "b": "code", "c": "cut short", "d": "'step' is of type int", "e": "cut short", "f": "directory"}
    for name, reason in {**why, "g": "one Tensor", "absent": "No such file"}.items():
        with pytest.raises(RunError, match=rf"{name}\.th .*{reason}"):
            import_vdvae(recipe, tmp_path / f"{name}.th", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert not Path("/tmp/kelbo-imported").exists()


def test_a_hierarchy_reads_what_its_run_kept(recipe, weights, tmp_path):
    run = import_vdvae(recipe, weights, tmp_path / "run")
    experiment = open_run(run.path, device="cpu", read_data=False)
    assert experiment.model.resolutions == [1, 4, 8]
    assert len(experiment.model.read(Batch(torch.rand(2, 3, 8, 8))).latents) == 3
