"""The gradients of several players in two processes are those of one with the whole batch, with batch normalisation too.

Run as a script, this file is one of the processes.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from kelbo.bound import Batch
from kelbo.cli.launching import launch
from kelbo.distributed.fabric import Fabric
from kelbo.errors import RecipeError
from kelbo.latents import diagonal_gaussian, priors
from kelbo.recipes import build, change, find
from kelbo.recipes.build import Outline
from kelbo.training import TrainState

BATCH, LATENTS, SIDE, WORLD = 8, 3, 16, 2
SMALL = ["data.size=16", "model.network.kind=larsen", "model.network.width=0.06", f"model.latents={LATENTS}"]
SMALL += ["adversary.kind=larsen", "adversary.width=0.06", f"training.batch_size={BATCH}"]
LEARNED = ["distance.kind=discriminator", "distance.weight=0.3"]
CASES = {
    "as released": LEARNED,
    "passes apart": [*LEARNED, "adversary.passes=apart", "adversary.fakes=prior", "adversary.loss=hinge"],
    "σ that is solved for": [*LEARNED, "distance.sigma=optimal", "adversary.loss=non_saturating"],
    "no statistics": [*LEARNED, "model.network.norm=group", "adversary.norm=none", "adversary.r1=2"],
    "pixels": ["adversary.adaptive=true", "adversary.reaches=both", "adversary.fakes=reconstructions"],
    "a bent objective": [*LEARNED, "objective.kind=capacity", "objective.gamma=10", "objective.capacity=0.1"],
    "GAN": ["model.kind=gan"],
}


def step(fabric: Fabric, settings: list[str]) -> dict[str, torch.Tensor]:
    """Gradients by parameter, running statistics, and what is said of the step, of this process's share of the batch."""
    recipe = change(find("digits"), [*SMALL, *settings])
    torch.manual_seed(0)
    model = build.model(recipe, Outline("noise", (1, SIDE, SIDE), 256))
    made, update = build.optimizers(recipe, model), build.update(recipe, fabric)
    wrapped, *optimizers = fabric.setup(model, *made.values())
    generator, share = torch.Generator().manual_seed(1), BATCH // fabric.world_size
    own = slice(fabric.global_rank * share, (fabric.global_rank + 1) * share)
    x, noise, drawn = (
        torch.rand(BATCH, *shape, generator=generator)[own] for shape in [(1, SIDE, SIDE), [LATENTS], [LATENTS]]
    )
    diagonal_gaussian.standard_normal = lambda like: noise.to(like)
    priors.normal_like = lambda like: drawn.to(like)
    memory = {} if update.objective is None else update.objective.initial()
    state = TrainState(wrapped, dict(zip(made, optimizers, strict=True)), memory)
    values = update(state, Batch(x))
    found = {name: p.grad.contiguous() for name, p in model.named_parameters()}
    found |= {name: b.float() for name, b in model.named_buffers() if "running" in name}
    told = ("adversarial_weight", "gradient_norm")
    return found | {f"told {name}": values[name].reshape(1) for name in told if name in values}


def everything(fabric: Fabric) -> dict[str, torch.Tensor]:
    return {f"{case}: {name}": value for case, its in CASES.items() for name, value in step(fabric, its).items()}


@pytest.fixture(scope="module")
def of_one():
    kept = diagonal_gaussian.standard_normal, priors.normal_like
    yield everything(Fabric(accelerator="cpu", devices=1))
    diagonal_gaussian.standard_normal, priors.normal_like = kept


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    out = tmp_path_factory.mktemp("players") / "of_two.safetensors"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, __file__, str(out)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return load_file(out)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_processes_have_the_gradients_of_one(case, of_one, of_two):
    names = [name for name in of_one if name.startswith(f"{case}: ")]
    assert names
    whole = torch.cat([of_one[name].flatten() for name in names]).norm()
    for name in names:
        one, two = of_one[name].double(), of_two[name].double()
        assert float((one - two).norm()) <= 2e-5 * max(float(one.norm()), 0.01 * float(whole)), name


@pytest.mark.slow
def test_a_gradient_penalty_with_statistics_of_batches_is_refused_in_several_processes(of_two):
    assert of_two["refused"] == 1


if __name__ == "__main__":
    torch.set_num_threads(1)
    fabric = launch("cpu", WORLD, None)
    found = everything(fabric)
    try:
        step(fabric, [*LEARNED, "adversary.r1=1"])
        refused = 0
    except RecipeError:
        refused = 1
    if fabric.is_global_zero:
        save_file({**found, "refused": torch.tensor(refused)}, sys.argv[1])
