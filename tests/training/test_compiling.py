"""The networks run through torch.compile in training, and only there."""

import os
import subprocess
import sys
from functools import partial

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from kelbo.bound import Batch
from kelbo.errors import RecipeError
from kelbo.experiments import open_run, train
from kelbo.networks.vdvae import Entry
from kelbo.recipes import build, change, find
from kelbo.seeds import normal_like, seeded
from kelbo.training.compiling import compile_networks, compiling_told

TINY = ["model.network.width=8", "model.latents=3", "training.batch_size=32", "training.steps=3"]
pytestmark = pytest.mark.filterwarnings("ignore")  # inside PyTorch's compiler an error made of a warning is a failure


def tiny(*settings):
    return change(find("digits"), [*TINY, *settings])


def model(recipe):
    torch.manual_seed(0)
    return build.model(recipe, build.data(recipe))


class Noisy(nn.Linear):
    def forward(self, input):
        return super().forward(input + normal_like(input))


@pytest.mark.slow
def test_a_compiled_run_is_the_eager_one_but_for_rounding(tmp_path):
    eager, compiled = (
        train(tiny(f"training.compile={on}", "training.accumulate=2"), tmp_path / on) for on in ("false", "true")
    )
    (first, second) = (load_file(run.checkpoint(3) / "weights.safetensors") for run in (eager, compiled))
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-3, atol=1e-5, msg=name)
    assert open_run(compiled.path).model.state_dict().keys() == first.keys()


def test_networks_are_compiled_in_training_only(monkeypatch):
    compiled = []

    def watched(function, **_):
        return lambda *inputs: (compiled.append(function), function(*inputs))[1]

    monkeypatch.setattr(torch, "compile", watched)
    made = model(tiny("likelihood.kind=bernoulli")).train()
    compile_networks(made)
    compiled.clear()  # of the trial
    batch = Batch(torch.rand(2, *made.event))
    with made.evaluating():
        made.read(batch)
    assert compiled == []
    made(batch)
    assert [function.__self__ for function in compiled] == [made.encoder, made.decoder]


def test_networks_in_lists_and_dicts_are_compiled_and_a_model_without_any_is_refused(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    made = model(tiny("likelihood.kind=bernoulli"))
    made.blocks = nn.ModuleDict({"coarse": nn.ModuleList([made.encoder]), "fine": made.decoder})
    del made.encoder, made.decoder
    compile_networks(made)
    assert "forward" in vars(made.blocks["coarse"][0])
    assert "forward" in vars(made.blocks["fine"])
    del made.blocks
    with pytest.raises(RecipeError, match="training.compile is true, but VAE has no networks"):
        compile_networks(made)


@pytest.mark.slow
def test_a_network_that_draws_noise_is_refused_by_name():
    made = model(tiny("likelihood.kind=bernoulli")).train()
    made.decoder = Noisy(3, 256)
    compile_networks(made)
    with pytest.raises(RecipeError, match=r"training.compile is true, but the decoder \(Noisy\) cannot be compiled"):
        made.decoder(torch.zeros(2, 3))


@pytest.mark.slow
def test_without_a_compiler_the_setting_is_named_and_no_folder_is_made(tmp_path):
    environment = {**os.environ, "CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "kelbo", "train", "digits", "--out", str(tmp_path / "run"), "--accelerator", "cpu"]
    done = subprocess.run([*command, "--set", "training.compile=true"], capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "training.compile is true, but PyTorch cannot compile on this machine" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_hierarchy_of_nine_resolutions_is_compiled_layer_by_layer(monkeypatch):
    """PyTorch's compiler stops after eight forms of one function; its translation to machine code is left out here."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    down = "8d2,4d2,2d2,1x1"
    lists = [
        f"model.encoder=256d2,128d2,64d2,32d2,16d2,{down}",
        "model.decoder=1x1,2m1,4m2,8m4,16m8,32m16,64m32,128m64,256m128",
    ]
    settings = ["model.kind=hierarchical", "model.width=2", "model.latents=1", "likelihood.kind=fixed_gaussian", *lists]
    recipe = change(find("digits"), settings)
    torch.manual_seed(0)
    made, x = build.model(recipe, build.Outline("noise", (1, 256, 256), 17)).train(), torch.rand(1, 1, 256, 256)
    with seeded(0, "latents"):
        eager = made(Batch(x))
    compile_networks(made)
    with seeded(0, "latents"):
        compiled = made(Batch(x))
    torch.testing.assert_close(compiled.rate, eager.rate)
    torch.testing.assert_close(compiled.distortion, eager.distortion)


def test_a_gradient_that_cannot_be_compiled_is_told_as_a_setting():
    with pytest.raises(RecipeError, match="training.compile is true, but the gradient"), compiling_told(True):
        raise torch._dynamo.exc.TorchDynamoException("no kernel")
    with pytest.raises(ZeroDivisionError), compiling_told(True):
        raise ZeroDivisionError


@pytest.mark.slow
@pytest.mark.parametrize(("side", "times"), [(1, 4), (4, 2)])
def test_the_gradient_of_every_entry_of_a_hierarchy_can_be_compiled(side, times):
    entry = Entry(128, side * times, learned=True)
    below = torch.randn(8, 128, side, side, requires_grad=True)
    torch.compile(entry, fullgraph=True, dynamic=False)(below).square().sum().backward()
    assert below.grad is not None
