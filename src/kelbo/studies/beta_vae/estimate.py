"""How long a study will take here: a few steps of each kind of lane, timed by as many processes as will train."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from kelbo.data.batches import Batches
from kelbo.data.images import ArrayImages, ImageSet
from kelbo.errors import KelboError
from kelbo.fabric import Fabric
from kelbo.machine import keep_freed_memory
from kelbo.recipes import build
from kelbo.recipes.schema import Recipe
from kelbo.studies.beta_vae.plan import Plan
from kelbo.studies.beta_vae.training import Entry
from kelbo.sweeps.jobs import Job
from kelbo.sweeps.lane import Tell
from kelbo.sweeps.queue import work_off, workers_here
from kelbo.training import TrainState, fit

SECONDS = 1.2
"""a probe of one kind of lane trains for so long, beside its first step"""
REFERENCE = 1_000.0
"""images a second that one thread trains of 2Dshapes' MLP where the costs below were measured, in seconds"""
CLASSIFIER = {"logistic": (0.05, 5e-6), "linear": (0.05, 2.5e-4), "forest": (0.1, 3e-4), "mlp": (5.0, 3.5e-2)}
"""of one score, and of each point that its classifier learns from"""
PAIR = 7e-8
"""of drawing a pair of codes"""
LANE, SEEN = 3.0, 1.2e-3
"""of bringing a run back, and of looking at a reconstruction"""
BASELINE, IDENTITY = 10.0, 5.0
"""of fitting PCA and ICA; of section 4.2"""
QUIRKS = (60.0, 0.1)
"""of the code's quirks, and of each step of their longest classifiers"""


class Rate(NamedTuple):
    """Images a second of one worker while all of them work: trained and, without gradients, encoded."""

    trained: float
    encoded: float


@dataclass(frozen=True)
class Estimate:
    """Seconds on this machine's clock, with so many workers."""

    training: float
    measuring: float
    workers: int

    @property
    def seconds(self) -> float:
        return self.training + self.measuring


def probe(plan: Plan, workers: int | None = None) -> dict[str, Rate]:
    """The rates of each of the plan's sweeps. Raises what reading its data raises."""
    if not plan.sweeps:
        return {}
    count = workers or workers_here(2**10)
    recipes = {sweep.name: sweep.recipe for sweep in plan.sweeps}
    outcomes = work_off([Job(f"probe {n}", rates, (recipes,)) for n in range(count)], workers=count, retries=0)
    if failed := next((outcome for outcome in outcomes if outcome.error), None):
        raise KelboError(f"The study cannot begin: {failed.error}")
    found: list[dict[str, Rate]] = [outcome.value for outcome in outcomes]
    return {
        name: Rate(*(sum(part) / count for part in zip(*(each[name] for each in found), strict=True)))
        for name in recipes
    }


def rates(recipes: Mapping[str, Recipe], *, tell: Tell) -> dict[str, Rate]:  # noqa: ARG001  a job's face
    """Train each recipe for about a second, on noise in the shape of its images: in another process, see `probe`."""
    keep_freed_memory()
    return {name: _rate(recipe) for name, recipe in recipes.items()}


def _rate(recipe: Recipe) -> Rate:
    data = like(recipe)
    fabric = Fabric(accelerator="auto", devices=1, precision=recipe.training.precision)
    model = build.model(recipe, data).to(fabric.device)
    wrapped, optimizer = fabric.setup(model, build.optimizer(recipe, model))
    objective = build.objective(recipe)
    state = TrainState(wrapped, optimizer, objective.initial())
    batches = Batches(data.train, recipe.training.batch_size, recipe.seed, fabric.device)
    settings: dict[str, Any] = {"schedule": build.schedule(recipe), "levels": data.levels}
    times = [time.perf_counter()]
    while len(times) < 3 or times[-1] - times[1] < SECONDS:  # the first step makes what the others reuse
        fit(fabric, state, objective, batches.at(state.step), state.step + 1, hooks=[], **settings)
        float(next(wrapped.parameters()).detach().flatten()[0])  # waits for the device
        times.append(time.perf_counter())
    trained = recipe.training.batch_size * (len(times) - 2) / (times[-1] - times[1])
    return Rate(trained, _encoded(model, data))


def _encoded(model: Any, data: ImageSet, batch: int = 256) -> float:
    images = torch.zeros(batch, *data.shape, device=next(model.parameters()).device)
    with model.evaluating():
        model.posterior_moments(images)
        begun = time.perf_counter()
        float(model.posterior_moments(images)[0].sum())
        return batch / (time.perf_counter() - begun)


def like(recipe: Recipe) -> ImageSet:
    """Noise in the shape of the recipe's images, of which speed does not depend; but an arm takes its time to be drawn."""
    if recipe.data.kind == "arm":
        return build.data(recipe)
    shape = SHAPES[recipe.data.kind]
    levels = 2 if shape[0] == 1 else 256
    pixels = torch.randint(levels, (512, *shape), dtype=torch.uint8)
    images = ArrayImages(pixels, levels)
    return ImageSet(recipe.data.kind, {"train": images, "test": images}, "noise")


SHAPES = {
    **dict.fromkeys(("dsprites", "shapes2d"), (1, 64, 64)),
    **dict.fromkeys(("3dshapes", "shapes3d", "mpi3d", "arm"), (3, 64, 64)),
    **dict.fromkeys(("cifar10", "cifar100"), (3, 32, 32)),
}
"""of the study's sets and of those that stand for them"""


def estimate(
    plan: Plan,
    entries: Sequence[Entry],
    rates: Mapping[str, Rate],
    workers: int,
    left: Collection[str] | None = None,
) -> Estimate:
    """What is left: steps of unfinished lanes, and measuring them, what is `left` of finished lanes, and the rest.

    left: titles of finished lanes, names of baselines, "quirks" and "identity" that are not measured whole; all where None.
    """
    slow = REFERENCE / rates["dsprites-mlp"].trained if "dsprites-mlp" in rates else 1.0
    training = measuring = 0.0
    for entry in entries:
        state, rate = entry.state[0], rates[entry.plan.name]
        if state == "failed":
            training += (entry.plan.steps - entry.steps) * entry.plan.part.batch_size / rate.trained
        if state == "failed" or (state == "done" and _is_left(entry.title, left)):
            measuring += _measuring(plan, entry, rate, slow)
    baselines = [b for b in plan.baselines if _is_left(b.name, left)]
    measuring += sum(slow * (BASELINE + 2 * _scoring(plan, b.role, b.measures)) for b in baselines)
    if plan.wants("identity") and _is_left("identity", left):
        measuring += slow * IDENTITY
    if plan.wants("quirks") and _is_left("quirks", left):
        measuring += slow * (QUIRKS[0] + QUIRKS[1] * plan.budget.effort.mlp_steps)
    return Estimate(training / workers, measuring / workers, workers)


def _is_left(name: str, left: Collection[str] | None) -> bool:
    return left is None or name in left


def _measuring(plan: Plan, entry: Entry, rate: Rate, slow: float) -> float:
    budget, measures = plan.budget, entry.lane.measures
    codes = (budget.codes or entry.plan.part.images) if "scores" in measures else 0
    seen = (budget.images or entry.plan.source.images // 10) * 2 + ("distances" in measures) * 3 * budget.clouds
    return (
        slow * (LANE + SEEN * seen / 2)
        + (codes + seen) / rate.encoded
        + slow * _scoring(plan, entry.plan.part.role, measures)
    )


def _scoring(plan: Plan, role: str, measures: frozenset[Any]) -> float:
    total = 0.0
    for wanted in plan.scores(role, measures):
        own, each = CLASSIFIER[wanted.classifier]
        points = wanted.train + wanted.test
        total += wanted.replicates * (own + each * wanted.train + PAIR * points * wanted.pairs)
    return total
