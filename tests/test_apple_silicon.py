"""Every computation works on a device without float64, and the branches that speak of Apple's GPU do what they say."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from lightning_fabric.accelerators.cuda import CUDAAccelerator
from lightning_fabric.accelerators.mps import MPSAccelerator
from safetensors.torch import load_file

from kelbo.distributed.fabric import Fabric, best_accelerator, find_device
from kelbo.evaluation import reconstruct, sample, traverse
from kelbo.evaluation.classifier import random_network
from kelbo.evaluation.feature_network import features_of
from kelbo.evaluation.reference import evenly
from kelbo.evaluation.train_classifier import train_classifier
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.doctor import examine
from kelbo.experiments.scoring import score_run
from kelbo.machine import describe, device_of_doubles
from kelbo.models.linear import fit_linear
from kelbo.recipes import build, change, find, schema
from kelbo.runs import Run
from kelbo.training import TrainState
from kelbo.training.checkpoint import restore, save

pytestmark = pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")  # which the pretended are none

SMALL = [
    *("model.network.width=8", "model.latents=3", "training.batch_size=16", "training.steps=6", "training.clip=3"),
    *("training.checkpoint_every=3", "training.log_every=2", "training.pictures_every=3", "training.ema=0.9"),
]
LIKELIHOODS = ["optimal_gaussian", "student_t", "categorical"]
"""one whose σ is solved for, one that has weights, one of masses"""


def recipe(*settings):
    return change(find("digits"), [*SMALL, *settings])


@pytest.fixture
def pretended(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import pretended

    return pretended


@pytest.fixture
def device(pretended, monkeypatch):
    with pretended.device(monkeypatch):
        yield pretended.DEVICE


def same(one, other, step=6, share=0.0):
    """Two runs' checkpoints, tensor by tensor, up to a share of its largest value."""
    for path in one.checkpoint(step).glob("*.safetensors"):
        values, others = load_file(path), load_file(other.checkpoint(step) / path.name)
        shared = values.keys() & others.keys()  # the generators' names tell the device
        assert path.name.startswith("generators") or values.keys() == others.keys()
        for name in shared - ({"cpu"} if share else set()):  # the noise was drawn on the other device
            room = share * float(values[name].double().abs().max())
            torch.testing.assert_close(others[name], values[name], rtol=0, atol=room, msg=f"{path.name}: {name}")


def near(value):
    """Equal to what differs from it by rounding, however deep."""
    if isinstance(value, dict):
        return {name: near(part) for name, part in value.items()}
    if isinstance(value, list):
        return [near(part) for part in value]
    return pytest.approx(value, rel=1e-3, abs=1e-4) if isinstance(value, float) else value


def test_the_pretended_device_refuses_what_apples_does(device):
    x = torch.zeros(3, device=device)
    for ask in (
        x.double,
        lambda: torch.zeros(1, dtype=torch.float64, device=device),
        lambda: x.sum(dtype=torch.float64),
    ):
        with pytest.raises(TypeError, match="doesn't support float64"):
            ask()
    with pytest.raises(RuntimeError, match="is on the CPU"):
        x + torch.zeros(3)
    assert type(x.cpu().double()) is torch.Tensor


@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_a_run_on_a_device_without_float64_is_the_run_on_the_cpu(kind, tmp_path, pretended, monkeypatch):
    chosen = recipe(f"likelihood.kind={kind}")
    expected = train(chosen, tmp_path / "cpu", fabric=Fabric(accelerator="cpu", devices=1))
    record = evaluate_run(open_run(expected.path, device="cpu"), samples=2)
    with pretended.device(monkeypatch):
        run = train(chosen, tmp_path / "run", fabric=pretended.fabric())
        same(expected, run, share=1e-4)  # its layers take another way, whose sums are in another order
        experiment = open_run(run.path, device=str(pretended.DEVICE))
        found = evaluate_run(experiment, samples=2)
        assert found["settings"]["device"] == "meta"
        for name in ("elbo", "rate", "distortion", "importance_weighted", "decoder", "latents"):
            assert found[name] == near(record[name])
        scores = score_run(experiment, ["latents", "calibration"])
        assert np.isfinite(scores["calibration"]["scores"]["kolmogorov_smirnov"])


def test_a_run_resumed_on_it_is_one_that_never_stopped(device, pretended, tmp_path):
    whole = train(recipe(), tmp_path / "whole", fabric=pretended.fabric())
    train(recipe("training.steps=3"), tmp_path / "resumed", fabric=pretended.fabric())
    resumed = train(recipe(), tmp_path / "resumed", resume=True, fabric=pretended.fabric())
    same(whole, resumed)
    states = load_file(resumed.checkpoint(6) / "generators-0.safetensors")
    assert {"cpu", "meta0"} == states.keys()
    assert not torch.equal(states["cpu"], states["meta0"])  # the noise was drawn on the device


@pytest.mark.parametrize("spec", get_args(get_args(schema.LikelihoodSpec)[0]), ids=lambda spec: spec.__name__)
def test_every_likelihood_measures_and_draws_on_it(device, spec):
    chosen = change(recipe(), [f"likelihood.kind={spec.model_fields['kind'].default}"])
    likelihood = build.likelihood(chosen, 16).to(device)
    x = torch.randint(16, (3, 1, 4, 4), generator=torch.Generator().manual_seed(0)).float().div(15).to(device)
    output = torch.zeros(3, likelihood.output_channels(1), 4, 4, device=device)
    likelihood.log_prob(x, output)
    likelihood.eval()
    for value in (*likelihood.moments(output), likelihood.cdf(x, output), likelihood.sample(output)):
        assert value.shape == x.shape
        assert value.device == device
        assert torch.isfinite(value).all()


@pytest.mark.parametrize("labels", [np.arange(200) % 3, np.arange(400).reshape(200, 2) % 2])
def test_a_classifier_is_trained_on_it_and_compares_images(device, labels):
    images = evenly(build.data(recipe()).train, 200)
    trained = train_classifier(
        images, labels, images, labels, name="digits", epochs=1, width=2, features=8, device=device
    )
    assert 0 <= trained.about["accuracy"] <= 1
    features = features_of(random_network(0, images.shape, device), images)
    assert np.isfinite(features).all()


def test_pictures_and_findings_are_had_on_it(device, pretended, tmp_path):
    run = train(recipe("likelihood.kind=per_pixel_gaussian"), tmp_path / "run", fabric=pretended.fabric())
    experiment = open_run(run.path, device="meta")
    model, shown = experiment.model, experiment.pictured(3)
    assert sample(model, 4, noise=True).shape == (4, 1, 8, 8)
    assert reconstruct(model, shown).shape == (3, 1, 8, 8)
    assert traverse(model, experiment.image(0), experiment.latents_by_rate(), [-1.0, 1.0]).shape == (3, 2, 1, 8, 8)
    found = examine(model, experiment.data.train, experiment.data.test, experiment.rows(), experiment.weigh)
    assert {finding.code.partition("-")[0] for finding in found} >= {"sigma", "pixels", "prior"}


@pytest.mark.parametrize("kind", ["pca", "ica", "random"])
def test_linear_baselines_are_fitted_on_it(kind, pretended, monkeypatch):
    images = build.data(recipe()).train
    on_cpu = fit_linear(kind, images, 4, device=torch.device("cpu"))
    with pretended.device(monkeypatch):
        found = fit_linear(kind, images, 4, device=pretended.DEVICE)
        torch.testing.assert_close(found.weights, on_cpu.weights)
        np.testing.assert_allclose(
            found.encode(images, device=pretended.DEVICE), on_cpu.encode(images), rtol=1e-5, atol=1e-5
        )


def test_float64_is_computed_on_the_cpu_where_a_device_has_none(device):
    assert device_of_doubles(device) == device_of_doubles(torch.device("cpu")) == torch.device("cpu")


# ── what is called "mps" ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("mps", "cuda"), [(False, False), (True, False), (False, True), (True, True)])
def test_the_best_device_is_the_one_that_fabric_chooses(monkeypatch, mps, cuda):
    monkeypatch.setattr(MPSAccelerator, "is_available", staticmethod(lambda: mps))
    monkeypatch.setattr(CUDAAccelerator, "is_available", staticmethod(lambda: cuda))
    monkeypatch.setattr("lightning_fabric.accelerators.cuda.num_cuda_devices", lambda: 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(cuda))
    monkeypatch.setattr("lightning_fabric.accelerators.cuda.find_usable_cuda_devices", lambda *_: [0], raising=False)
    monkeypatch.setattr(
        "lightning_fabric.utilities.device_parser._get_all_available_cuda_gpus", lambda: [0], raising=False
    )
    assert find_device(None).type == best_accelerator() == Fabric(accelerator="auto", devices=1).device.type


@pytest.fixture
def generator(monkeypatch):
    """What stands for the default generator of Apple's GPU."""
    own = torch.Generator().manual_seed(7)
    monkeypatch.setattr(torch.mps, "device_count", lambda: 1)
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda _: own.get_state())
    monkeypatch.setattr(torch.mps, "set_rng_state", lambda state, _: own.set_state(state.clone()))
    return own


def test_a_checkpoint_of_a_loop_of_ones_own_holds_the_default_generator_of_apples_gpu(generator, tmp_path):
    fabric, chosen, data = Fabric(accelerator="cpu", devices=1), recipe("training.ema=none"), build.data(recipe())
    model = build.model(chosen, data)
    wrapped, optimizer = fabric.setup(model, build.optimizers(chosen, model)["model"])
    state, run = (
        TrainState(wrapped, {"model": optimizer}, build.objective(chosen).initial()),
        Run.create(tmp_path / "run", "", {}),
    )
    save(run, fabric, state)
    expected = torch.rand(3, generator=generator)
    restore(run, fabric, state)
    assert torch.equal(torch.rand(3, generator=generator), expected)


def test_apples_gpu_is_told_in_a_runs_provenance(generator):
    assert describe()["accelerators"] == ["Apple GPU (MPS)"]


def test_adagrad_is_not_fused_where_parameters_lie_on_apples_gpu(monkeypatch):
    chosen = recipe("optimizer.kind=adagrad")
    model = build.model(chosen, build.data(chosen))
    assert build.optimizers(chosen, model)["model"].defaults["fused"] is True
    monkeypatch.setattr(torch.nn.Parameter, "device", torch.device("mps"))
    assert not build.optimizers(chosen, model)["model"].defaults["fused"]
