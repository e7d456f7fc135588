"""How fast this machine trains: a few steps of each kind of lane, timed in as many processes as will train."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from kelbo.data.batches import batch_at
from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages
from kelbo.distributed.fabric import Fabric
from kelbo.errors import KelboError
from kelbo.machine import suit_process
from kelbo.protocols import FlatLatent, Generator, Model
from kelbo.recipes import build
from kelbo.recipes.schema import Recipe
from kelbo.seeds import generator
from kelbo.sweeps.choice import one_lane
from kelbo.sweeps.jobs import Job
from kelbo.sweeps.lane import Tell
from kelbo.sweeps.queue import work_off, workers_here

SECONDS = 1.2
"""that a probe of one kind of lane trains for, after its first step"""


class Rate(NamedTuple):
    """Images per second of one worker while all of them work: trained, and encoded without gradients, or drawn by a model that
    reads none."""

    trained: float
    encoded: float


@dataclass(frozen=True)
class TimeEstimate:
    """Seconds on this machine with this number of workers."""

    training: float
    measuring: float
    workers: int
    rates: Mapping[str, Rate] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return self.training + self.measuring


def probe(recipes: Mapping[str, Recipe], workers: int | None = None) -> dict[str, Rate]:
    """The rates of each of these recipes. Raises what reading their data raises, as a KelboError."""
    if not recipes:
        return {}
    count = workers or workers_here(2**10)
    outcomes = work_off([Job(f"probe {n}", rates, (recipes,)) for n in range(count)], workers=count, retries=0)
    if failed := next((outcome for outcome in outcomes if outcome.error), None):
        raise KelboError(f"The study cannot begin: {failed.error}", remedy=failed.remedy)
    found: list[dict[str, Rate]] = [outcome.value for outcome in outcomes]
    return {
        name: Rate(*(sum(part) / count for part in zip(*(each[name] for each in found), strict=True)))
        for name in recipes
    }


def rates(recipes: Mapping[str, Recipe], *, tell: Tell) -> dict[str, Rate]:  # noqa: ARG001  a job's face
    """Train each recipe for about a second on noise in the shape of its images; runs in another process (see `probe`)."""
    suit_process()
    return {name: _rate(recipe) for name, recipe in recipes.items()}


def _rate(recipe: Recipe) -> Rate:
    data = like(recipe)
    fabric = Fabric(accelerator="auto", devices=1, precision=recipe.training.precision)
    state, step = one_lane(recipe, data, fabric)
    times = [time.perf_counter()]
    while len(times) < 3 or times[-1] - times[1] < SECONDS:  # the first step makes what the others reuse
        step()
        float(next(state.network.parameters()).detach().flatten()[0])  # waits for the device
        times.append(time.perf_counter())
    trained = recipe.training.batch_size * (len(times) - 2) / (times[-1] - times[1])
    return Rate(trained, _encoded(state.network, data))


def _encoded(model: Generator, data: ImageSet, batch: int = 256) -> float:
    """Images per second through the encoder; of a hierarchy, whose posteriors depend on the path, through the whole model;
    and of one that reads no images, through its decoder."""
    index = torch.arange(batch, device=data.train.device) % len(data.train)
    images = batch_at(data.train, index, model.device).as_intensities(data.levels)

    def encode() -> float:
        if not isinstance(model, Model):
            return float(model.decode(model.sample(batch, images.given), images.given).sum())
        if isinstance(model, FlatLatent):
            return float(model.posterior(images).mean.sum())
        return float(model.read(images, draw=False).output.sum())

    with model.evaluating():
        encode()
        begun = time.perf_counter()
        encode()
        return batch / (time.perf_counter() - begun)


def like(recipe: Recipe) -> ImageSet:
    """Noise in the shape of the recipe's images, since speed does not depend on them; rendered images are the recipe's own."""
    if recipe.data.kind not in SHAPES or getattr(recipe.data, "size", None):
        return build.data(recipe)
    shape = SHAPES[recipe.data.kind]
    levels = 2 if shape == (1, 64, 64) else 256
    pixels = torch.randint(levels, (512, *shape), dtype=torch.uint8, generator=generator(0, "probe"))
    images = ArrayImages(pixels, levels)
    return ImageSet(recipe.data.kind, {"train": images, "test": images}, "noise")


SHAPES = {
    **dict.fromkeys(("dsprites", "shapes2d"), (1, 64, 64)),
    **dict.fromkeys(("3dshapes", "shapes3d", "mpi3d"), (3, 64, 64)),
    **dict.fromkeys(("cifar10", "cifar100"), (3, 32, 32)),
}
"""of sets that take long to read or render, and always have these shapes"""
