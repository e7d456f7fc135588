"""From a recipe to a trained run, and from a run's folder back to its model and data."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kelbo.bound import Bound
from kelbo.data.images import ImageSet
from kelbo.eager import by_itself
from kelbo.errors import RecipeError
from kelbo.evaluation import evaluate
from kelbo.evaluation.sigma import SolvedSigma
from kelbo.evaluation.suite import Record
from kelbo.fabric import Fabric, find_device
from kelbo.machine import keep_freed_memory, versions
from kelbo.objectives import weight_of_rate
from kelbo.processes import failing_together, once
from kelbo.protocols import Model
from kelbo.recipes import build
from kelbo.recipes.files import change, load
from kelbo.recipes.guards import (
    outline_of,
    require_same_data,
    require_same_precision,
    require_same_recipe,
    require_whole_shares,
)
from kelbo.recipes.running import running
from kelbo.recipes.schema import Recipe
from kelbo.recipes.sets import split_of
from kelbo.recipes.solved import settle_sigma
from kelbo.runs import Run
from kelbo.runs.journal import Row
from kelbo.seeds import seeded
from kelbo.training import Hook, StopOnSignal, fit, opened
from kelbo.training.hooks import Sink
from kelbo.training.opened import Kept, Which
from kelbo.training.watch import Say, silent
from kelbo.units import intensities

See = Callable[[ImageSet], None]
"""Looks at the images that a run is about to be trained on."""

__all__ = ["Experiment", "evaluate_run", "open_run", "train"]

BATCH = 256
"""images of an evaluation's batch, where nothing else is asked for"""


def unseen(data: ImageSet) -> None:
    """A See that does not look."""


@by_itself()
def train(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    fabric: Fabric | None = None,
    sinks: Sequence[Sink] = (),
    hooks: Sequence[Hook] = (),
    say: Say = silent,
    see: See = unseen,
) -> Run:
    """Train `recipe` in the folder `out` and return the run.

    resume: go on from the newest checkpoint of the run in `out`, whose recipe must be the same but for a larger
    training.steps. fabric: where to train, in the recipe's precision; by default one device, the best there is. sinks take
    each row of scalars and hooks are called after each step, beside the run's own. say takes each warning (that the decoder's
    σ is not its error, say) as text, once; the run keeps them too. see is given the images, read before anything is made.

    Raises RunError (the folder exists; nothing to resume; another recipe), DataError, RecipeError, Divergence, and
    Interrupted after a signal, once the step in hand is saved. Several processes raise one error, of the first to fail.
    """
    fabric = fabric or Fabric(accelerator="auto", devices=1, precision=recipe.training.precision)
    with failing_together(fabric):
        return _train(recipe, out, resume, fabric, sinks, hooks, say, see)


def _train(
    recipe: Recipe,
    out: Path,
    resume: bool,
    fabric: Fabric,
    sinks: Sequence[Sink],
    hooks: Sequence[Hook],
    say: Say,
    see: See,
) -> Run:
    keep_freed_memory()
    require_same_precision(recipe, fabric)
    require_whole_shares(recipe, fabric.world_size)
    if resume:
        recipe = require_same_recipe(recipe, out)
    else:
        once(fabric, lambda: Run.require_free(out))  # before the images are read, which may take minutes
    data = build.data(recipe)
    if resume:
        require_same_data(Run.open(out), data)
    see(data)
    with running(recipe, out, data, fabric, resume=resume, sinks=sinks, say=say) as it:
        plan, settings = recipe.training, {"levels": data.levels, "clip": recipe.training.clip}
        with StopOnSignal(fabric, it.checkpoints, plan.steps) as stop:
            all_hooks, batches = [*it.hooks, *hooks, stop], it.batches.at(it.state.step)
            fit(fabric, it.state, it.objective, batches, plan.steps, it.schedule, hooks=all_hooks, **settings)
        it.finish()
        return it.run


@dataclass(frozen=True)
class Experiment:
    """A trained run brought back: its model in evaluation mode on a device, its data and its recipe.

    kept: what the checkpoint says that the weights are from. All of it was read when the run was opened, so that a run that
    trains on changes nothing here. sigma: the one that the model has, where its decoder solves for it. images: reads the data.
    """

    run: Run
    recipe: Recipe
    model: Model
    images: Callable[[], ImageSet]
    kept: Kept
    sigma: SolvedSigma | None = None

    @property
    def sigma_images(self) -> int | None:
        """From how many training images σ is, of a decoder that solves for it."""
        return None if self.sigma is None else self.sigma.images

    @property
    def data(self) -> ImageSet:
        """The run's data, read where they were not yet. Raises as `open_run` does."""
        return self.images()

    @property
    def step(self) -> int:
        return self.kept.step

    @property
    def averaged(self) -> bool:
        """Whether the weights are their moving average."""
        return self.kept.averaged

    @property
    def weights(self) -> str:
        """Which weights these are, as records have it."""
        return self.kept.weights

    @property
    def other_weights(self) -> str:
        """What names of records say of the weights: "" where they are the run's usual ones."""
        of_step = "last-step" if self.recipe.training.ema is not None and not self.averaged else ""
        return "-".join(filter(None, ["best" if self.kept.which == "best" else "", of_step]))

    @property
    def told(self) -> dict[str, Any]:
        """What every number of this run depends on besides the settings of its measurement, as records have it.

        Models measure in float32; on some devices products of float32 matrices may be had in a lower precision.
        """
        solved = {} if self.sigma is None else {"sigma_images": self.sigma.images}
        return {
            "run": self.recipe.name,
            "recipe": self.recipe.fingerprint,
            "step": self.step,
            "checkpoint": self.kept.which,
            "weights": self.weights,
            "data": self.data.name,
            "device": str(self.device),
            "precision": f"float32, products {torch.get_float32_matmul_precision()}",
            "versions": versions("kelbo", "torch"),
            **solved,
        }

    def weigh(self, bound: Bound) -> float:
        """The weight of the rate in the run's objective at this bound, as the step that made these weights weighed it."""
        return weight_of_rate(build.objective(self.recipe), bound, self.kept.memory)

    def rows(self) -> list[Row]:
        """The journal up to this checkpoint: a run that trains on has later rows."""
        return [row for row in self.run.journal.rows() if (row["step"] or 0) <= self.step]

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def pictured(self, count: int, split: str = "test") -> Tensor:
        """`count` images spread evenly over a split, as intensities on the model's device. RecipeError without the split."""
        return intensities(split_of(self.data, split).spread(count).to(self.device), self.data.levels)

    def image(self, index: int, split: str = "test") -> Tensor:
        """One image of a split, intensities (1, C, H, W). RecipeError where there are fewer."""
        images = split_of(self.data, split)
        if index >= len(images):
            raise RecipeError(
                f"The {split} split has {len(images)} images, the last is {len(images) - 1}; got {index}."
            )
        return intensities(images.take(torch.tensor([index], device=images.device)).to(self.device), images.levels)

    def latents_by_rate(self) -> list[int]:
        """Latents from the most to the least used, by their mean rate over up to 1,024 test images."""
        with self.model.evaluating():
            return self.model.measure(self.pictured(1024)).rates.mean(0).argsort(descending=True).tolist()


@by_itself()
def open_run(
    path: Path,
    *,
    device: str | None = None,
    average: bool = True,
    data_root: Path | None = None,
    fabric: Fabric | None = None,
    checkpoint: Which = "last",
    read_data: bool = True,
) -> Experiment:
    """Bring back the run in `path` from its newest checkpoint.

    checkpoint: "last", the newest; or "best", the one of the best validation ELBO (of the least distortion where there is no
    rate), which a run has whose images have a validation split.
    device: "cpu", "cuda", …; the best there is where None. average: use the weights' moving average where the run kept one. A σ
    that is solved for is that of the very weights that are opened, from training images: kept with the checkpoint at the end of
    training, else estimated here. data_root: where the data lie now, if they were moved. fabric: of several processes all have
    the checkpoint that the first one reads. read_data: where False, the data are read when they are first needed, if at all.
    The run may be in training: what is read is of one checkpoint. Raises RunError where `path` is no run, has no checkpoint or
    its data have changed, DataError where they have gone, RecipeError where there is no such device.
    """
    keep_freed_memory()
    run = Run.open(path)
    recipe = load(run.recipe_path, kept=True)
    place = find_device(device)
    if data_root is not None:
        recipe = change(recipe, [f"data.root={json.dumps(str(data_root.resolve()))}"])
    images = cache(lambda: _data_of(run, recipe))
    seen = images() if read_data else outline_of(run) or images()
    with seeded(recipe.seed, "init"):  # weights are drawn before they are read
        model = build.model(recipe, seen)
    kept = opened.load(run, model, place, average, fabric, checkpoint)
    sigma = settle_sigma(run, model, kept, lambda: images().train, fabric)
    return Experiment(run, recipe, model.eval(), images, kept, sigma)


def _data_of(run: Run, recipe: Recipe) -> ImageSet:
    data = build.data(recipe)
    require_same_data(run, data)
    return data


@by_itself()
def evaluate_run(
    experiment: Experiment,
    split: str = "test",
    *,
    samples: int = 0,
    dequantized: bool = False,
    batch_size: int = BATCH,
    seed: int = 0,
    fabric: Fabric | None = None,
    advance: Callable[[int], None] | None = None,
) -> Record:
    """Evaluate a run on a split (see `kelbo.evaluation.evaluate`) and write the record into its folder.

    The file's name tells each setting that is not the usual one, so that no evaluation replaces one of other settings. One
    of another step, device or version is replaced. Of several processes (fabric) the first writes it.
    """
    record = evaluate(
        experiment.model,
        split_of(experiment.data, split),
        weigh=experiment.weigh,
        samples=samples,
        dequantized=dequantized,
        batch_size=batch_size,
        seed=seed,
        fabric=fabric,
        advance=advance,
    )
    record["settings"] |= {**experiment.told, "split": split}
    parts = [
        split,
        f"iw{samples}" if samples else "",
        "dequantized" if dequantized else "",
        f"batch{batch_size}" if batch_size != BATCH else "",
        f"seed{seed}" if seed else "",
        experiment.other_weights,
    ]
    once(fabric, lambda: experiment.run.save_evaluation("-".join(filter(None, parts)), record))
    return record
