"""The gradient that several processes, or one that takes its batch in parts, come to is that of one with the whole batch.

Of every likelihood, every option of it and every kind of objective: what there is is read off the schema, so a new one is
under this law as soon as recipes may name it. Run as a script, this file is one of the processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import cycle, product
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import numpy as np
import pytest
import torch
from pydantic.fields import FieldInfo
from safetensors.torch import load_file, save_file

from kelbo.bound import Batch
from kelbo.cli.launching import launch
from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages
from kelbo.distributed.fabric import Fabric
from kelbo.evaluation.sigma import solve_sigma
from kelbo.latents import diagonal_gaussian as gaussian
from kelbo.recipes import build, change, find
from kelbo.recipes.schema import Recipe
from kelbo.training import TrainState
from kelbo.training.update import suit

LEVELS, SIDE, BATCH, LATENTS, WORLD, PARTS = 16, 4, 8, 3, 2, 4
BETWEEN = 0.116  # nats
SMALL = ["model.network.width=8", f"model.latents={LATENTS}", f"training.batch_size={BATCH}"]


def specs(field: FieldInfo) -> list[type]:
    """The kinds that a setting may be of."""
    annotation = field.annotation
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return list(get_args(annotation)) if get_origin(annotation) in (Union, UnionType) else [annotation]


def values(field: FieldInfo) -> list[str]:
    """What an option may be set to: every choice, and of numbers that may be absent both."""
    annotation = field.annotation
    if annotation is bool:
        return ["false", "true"]
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return ["none", "0.1"] if NoneType in get_args(annotation) else []


def options(spec: type) -> list[list[str]]:
    """Settings of a likelihood, its kind first."""
    choices = {name: values(field) for name, field in spec.model_fields.items()}
    named = [[f"likelihood.{name}={value}" for value in found] for name, found in choices.items() if found]
    return [list(chosen) for chosen in product(*named)]


def cases() -> dict[str, list[str]]:
    likelihoods = [chosen for spec in specs(Recipe.model_fields["likelihood"]) for chosen in options(spec)]
    objectives = [spec.model_fields["kind"].default for spec in specs(Recipe.model_fields["objective"])]
    # a capacity between the rates of the batch's halves, so that each alone would be on another side of the bend
    between = ["objective.gamma=10", f"objective.capacity={BETWEEN}", "objective.steps=1"]
    bent = {"capacity": between, "beta": ["objective.beta=3", "objective.warmup=0"]}
    bent |= {"distortion_target": ["objective.target=0.5"], "rate_target": [f"objective.target={BETWEEN}"]}
    first, *others = [[f"objective.kind={kind}", *bent.get(kind, [])] for kind in objectives]
    by_bound = [chosen for chosen in likelihoods if "likelihood.kind=optimal_gaussian" in chosen] + likelihoods[:1]
    made = [[*chosen, *first] for chosen in likelihoods] + [[*c, *o] for c, o in product(by_bound, others)]
    return {" ".join(settings): settings for settings in made}


def data() -> ImageSet:
    """A batch whose halves differ: dark pictures, where a clipped σ is far from its errors, and brighter ones."""
    generator = np.random.default_rng(0)
    dark, bright = (generator.integers(0, high, (BATCH // 2, 1, SIDE, SIDE), dtype=np.uint8) for high in (2, 6))
    images = ArrayImages(np.concatenate([dark, bright]), LEVELS)
    return ImageSet("made", {"train": images, "test": images}, "made by a test")


def step(fabric: Fabric, settings: list[str], images: ImageSet, parts: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient of one step on this process's share of the batch, taken in `parts`, by the update that `fit` calls.

    And what the step says of the bound (loss, distortion, rate), with what the likelihood tracks.
    """
    recipe = change(find("digits"), [*settings, *SMALL, f"training.accumulate={parts}"])
    torch.manual_seed(0)
    model = build.model(recipe, images)
    wrapped, optimizer = fabric.setup(model, build.optimizers(recipe, model)["model"])
    own = slice(fabric.global_rank * BATCH // fabric.world_size, (fabric.global_rank + 1) * BATCH // fabric.world_size)
    noise = torch.randn(BATCH, LATENTS, generator=torch.Generator().manual_seed(1))[own]
    draws = cycle(noise.chunk(parts))  # a pass ahead of the gradients draws the same
    gaussian.standard_normal = lambda like: next(draws).to(like)
    update = build.update(recipe, fabric)
    suit(update, model, LEVELS)
    second = update.objective.initial() | {"step": torch.ones((), dtype=torch.int64)}  # by which the capacity has risen
    state = TrainState(wrapped, {"model": optimizer}, second)
    means = update(state, Batch(images.train.spread(BATCH)[own]).as_intensities(LEVELS))
    assert state.objective_state["step"] == 2
    told = [means[name] for name in ("loss", "distortion", "rate")] + list(model.likelihood.buffers())
    slopes = [parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None]
    return torch.cat(slopes), torch.stack([value.double() for value in told])


def gradients(fabric: Fabric, parts: int = 1) -> dict[str, torch.Tensor]:
    """Of every case, and under "told, …" what else its step gives."""
    images, found = data(), {}
    for name, settings in cases().items():
        found[name], found[f"told, {name}"] = step(fabric, settings, images, parts)
    return found


@pytest.fixture(scope="module")
def of_one(module_patch):
    return gradients(Fabric(accelerator="cpu", devices=1))


@pytest.fixture(scope="module")
def of_parts(module_patch):
    return gradients(Fabric(accelerator="cpu", devices=1), PARTS)


@pytest.fixture(scope="module")
def module_patch():
    before = gaussian.standard_normal
    yield
    gaussian.standard_normal = before


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    out = tmp_path_factory.mktemp("gradients") / "of_two.safetensors"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, __file__, str(out)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return load_file(out)


def sigma(fabric: Fabric) -> torch.Tensor:
    """σ² of a model from more images than one batch, by this process's part of them."""
    pixels = np.random.default_rng(1).integers(0, LEVELS, (45, 1, SIDE, SIDE), dtype=np.uint8)
    images = ArrayImages(pixels, LEVELS)
    torch.manual_seed(0)
    model = build.model(change(find("digits"), SMALL), ImageSet("made", {"train": images, "test": images}, "made"))
    found = solve_sigma(model, images, count=41, batch_size=8, fabric=fabric)
    assert found.images == 41
    return torch.tensor(found.variance, dtype=torch.float64)


def test_two_processes_estimate_the_sigma_of_one_to_the_last_bit(of_two):
    assert sigma(Fabric(accelerator="cpu", devices=1)) == of_two["sigma"]


@pytest.mark.parametrize("name", list(cases()), ids=list(cases()))
def test_two_processes_have_the_gradient_of_one(name, of_one, of_two):
    assert_near(of_one, of_two, name)


@pytest.mark.parametrize("name", list(cases()), ids=list(cases()))
def test_parts_have_the_gradient_of_the_whole_batch(name, of_one, of_parts):
    assert_near(of_one, of_parts, name)


@pytest.mark.parametrize("name", list(cases()), ids=list(cases()))
def test_parts_in_two_processes_have_the_gradient_of_the_whole_batch(name, of_one, of_two):
    assert_near(of_one, {key.removeprefix("parts, "): value for key, value in of_two.items()}, name)


def assert_near(one, other, name):
    first, second = one[name].double(), other[name].double()
    assert first.norm() > 0
    assert float((first - second).norm() / first.norm()) < 1e-5
    torch.testing.assert_close(other[f"told, {name}"], one[f"told, {name}"], rtol=1e-5, atol=1e-5)


def test_the_bend_of_capacity_lies_between_the_halves_of_the_batch():
    images = data()
    torch.manual_seed(0)
    model = build.model(change(find("digits"), SMALL), images)
    posterior = model.posterior(Batch(images.train.spread(BATCH)).as_intensities(LEVELS))
    dark, bright = (float(rate.detach().mean()) for rate in model.prior.kl(posterior).sum(1).chunk(2))
    assert bright < BETWEEN < dark


def test_the_law_speaks_of_every_likelihood_and_of_its_options():
    parts = {part for name in cases() for part in name.split()}
    assert {f"likelihood.kind={kind}" for kind in ("optimal_gaussian", "bernoulli", "logistic_mixture")} <= parts
    assert {"likelihood.detach=true", "likelihood.as_published=true", "likelihood.scale=none"} <= parts
    assert {"objective.kind=elbo", "objective.kind=beta", "objective.kind=capacity"} <= parts


if __name__ == "__main__":
    torch.set_num_threads(1)
    fabric = launch("cpu", WORLD, None)
    found = {"sigma": sigma(fabric)} | gradients(fabric)
    found |= {f"parts, {name}": value for name, value in gradients(fabric, PARTS // WORLD).items()}
    if fabric.is_global_zero:
        save_file(found, Path(sys.argv[1]))
