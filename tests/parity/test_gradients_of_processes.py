"""The gradient that several processes come to is that of one process with all of their images.

Of every likelihood, every option of it and every kind of objective: what there is is read off the schema, so a new one is
under this law as soon as recipes may name it. Run as a script, this file is one of the processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
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
from kelbo.distributed.global_batch import over_processes
from kelbo.evaluation.sigma import solve_sigma
from kelbo.latents import diagonal_gaussian as gaussian
from kelbo.recipes import build, change, find
from kelbo.recipes.schema import Recipe

LEVELS, SIDE, BATCH, LATENTS, WORLD = 16, 4, 8, 3, 2
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
    bent = {"capacity": ["objective.gamma=10"], "beta": ["objective.beta=3", "objective.warmup=0"]}
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


def gradient(fabric: Fabric, settings: list[str], images: ImageSet) -> torch.Tensor:
    """Of one step of training on this process's part of the batch, by the way that `fit` takes."""
    recipe = change(find("digits"), [*settings, *SMALL])
    torch.manual_seed(0)
    model = build.model(recipe, images)
    wrapped, _ = fabric.setup(model, build.optimizers(recipe, model)["model"])
    own = slice(fabric.global_rank * BATCH // fabric.world_size, (fabric.global_rank + 1) * BATCH // fabric.world_size)
    noise = torch.randn(BATCH, LATENTS, generator=torch.Generator().manual_seed(1))[own]
    gaussian.standard_normal = lambda like: noise.to(like)
    objective = build.objective(recipe)
    bound = over_processes(fabric, wrapped(Batch(images.train.spread(BATCH)[own]).seen(LEVELS)))
    fabric.backward(objective(bound, objective.initial())[0])
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])


def gradients(fabric: Fabric) -> dict[str, torch.Tensor]:
    images = data()
    return {name: gradient(fabric, settings, images) for name, settings in cases().items()}


@pytest.fixture(scope="module")
def of_one(module_patch):
    return gradients(Fabric(accelerator="cpu", devices=1))


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
    one, two = of_one[name].double(), of_two[name].double()
    assert one.norm() > 0
    assert float((one - two).norm() / one.norm()) < 1e-5


def test_the_law_speaks_of_every_likelihood_and_of_its_options():
    parts = {part for name in cases() for part in name.split()}
    assert {f"likelihood.kind={kind}" for kind in ("optimal_gaussian", "bernoulli", "logistic_mixture")} <= parts
    assert {"likelihood.detach=true", "likelihood.as_published=true", "likelihood.scale=none"} <= parts
    assert {"objective.kind=elbo", "objective.kind=beta", "objective.kind=capacity"} <= parts


if __name__ == "__main__":
    torch.set_num_threads(1)
    fabric = launch("cpu", WORLD, None)
    found = {"sigma": sigma(fabric)} | gradients(fabric)
    if fabric.is_global_zero:
        save_file(found, Path(sys.argv[1]))
