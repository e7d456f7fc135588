"""From a run's folder back to its model and data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kelbo.bound import AnyBound, Batch
from kelbo.data.batches import batch_at, given_at
from kelbo.data.conditions import Condition
from kelbo.data.image_set import ImageSet
from kelbo.data.images import Images
from kelbo.distributed.fabric import Fabric, find_device
from kelbo.eager import plain_autograd
from kelbo.errors import RecipeError
from kelbo.evaluation.sigma import SolvedSigma
from kelbo.experiments.companions import require_weights
from kelbo.experiments.guards import outline_of, require_own_parts, require_same_data
from kelbo.experiments.parts import BUILD, Parts
from kelbo.experiments.prior_files import FittedPrior, open_prior
from kelbo.experiments.solved import apply_sigma
from kelbo.frozen import Frozen
from kelbo.machine import suit_process, versions
from kelbo.objectives import Standing, weight_of_rate
from kelbo.protocols import Generator, Model, Objective, flat, reads
from kelbo.recipes.files import change, load, setting_of
from kelbo.recipes.schema import Recipe
from kelbo.recipes.sets import split_of
from kelbo.runs import Run
from kelbo.runs.checkpoints import Which
from kelbo.runs.journal import Row
from kelbo.seeds import seeded
from kelbo.training import opened
from kelbo.training.opened import CheckpointInfo
from kelbo.training.update import objective_of, suit


@dataclass(frozen=True)
class Experiment:
    """A trained run brought back: its model in evaluation mode on a device, its data and its recipe.

    generator: the model, of which it is only known that it draws examples; `model` is the same one as a model that reads them.
    checkpoint: the one that the weights are from. All of it was read when the run was opened, so that a run that
    trains on changes nothing here. sigma: the model's, if its decoder solves for it. images: reads the data. prior: the
    fitted one that the model has in place of its own, if it was opened with one.
    """

    run: Run
    recipe: Recipe
    generator: Generator
    images: Callable[[], ImageSet]
    checkpoint: CheckpointInfo
    sigma: SolvedSigma | None = None
    parts: Parts = BUILD
    prior: FittedPrior | None = None

    @property
    def model(self) -> Model:
        """ScoreError if it reads no examples."""
        return reads(self.generator)

    @property
    def data(self) -> ImageSet:
        """The run's data, read when first needed. Raises as `open_run` does."""
        return self.images()

    @property
    def step(self) -> int:
        return self.checkpoint.step

    @property
    def averaged(self) -> bool:
        """Whether the weights are their moving average."""
        return self.checkpoint.averaged

    @property
    def weights(self) -> str:
        """Which weights these are, as records have it."""
        return self.checkpoint.weights

    @property
    def unusual(self) -> list[str]:
        """How the weights were opened in short, if it is not the usual way; part of a measurement's label."""
        last = self.recipe.training.ema is not None and not self.averaged
        fitted = [] if self.prior is None else [f"prior-{self.prior.name}"]
        return ["best"] * (self.checkpoint.which == "best") + ["last-step"] * last + fitted

    @property
    def settings(self) -> dict[str, Any]:
        """How the weights were opened: the part of every measurement's settings that is the experiment's own.

        model: the class and version of one of the user's, which equal weights would not tell from the recipe's.
        """
        solved = {} if self.sigma is None else {"sigma_images": self.sigma.images}
        own = {"model": f"{type(self.generator).__name__} {self.parts.version}".strip()} if self.parts.own else {}
        fitted = {} if self.prior is None else {"prior": self.prior.key}
        return {"checkpoint": self.checkpoint.which, "averaged": self.averaged, **solved, **own, **fitted}

    @property
    def circumstances(self) -> dict[str, Any]:
        """What is kept beside every measurement, and is not in its key.

        Models measure in float32; some devices compute products of float32 matrices in a lower precision.
        """
        by = self.checkpoint.by
        return {
            "run": self.recipe.name,
            "recipe": self.recipe.fingerprint,
            "step": self.step,
            **({"best_by": by} if self.checkpoint.which == "best" and by != "bound" else {}),
            "saved": self.checkpoint.saved.isoformat(timespec="seconds"),
            "weights": self.weights,
            "data": (outline_of(self.run) or self.data).name,
            "device": str(self.device),
            "precision": f"float32, products {torch.get_float32_matmul_precision()}",
            "versions": versions("kelbo", "torch"),
        }

    @property
    def objective(self) -> Objective | None:
        """The run's objective for the model that it trained; None if there is no such thing."""
        update = self.parts.update(self.recipe, Fabric(accelerator="cpu", devices=1))
        outline = outline_of(self.run)  # the data need not be there
        trained = self.generator.trained if isinstance(self.generator, Model) else self.generator
        suit(update, trained, outline.levels if outline else self.data.levels)
        return objective_of(update)

    @property
    def held(self) -> Callable[[AnyBound], Standing] | None:
        """Tells what the objective held, beside its target, of a bound of what was trained; None if it holds nothing."""
        return getattr(self.objective, "standing", None)

    def weigh(self, bound: AnyBound) -> float:
        """The weight of the rate in the run's objective at this bound, as the step that made these weights weighed it.

        Of two stages it is the weight of the second one's rate, which is all that the objective was given.
        """
        bound = bound._replace(rate=bound.rate[:, -self.model.trained.groups :])
        objective = self.objective
        if objective is None:
            return 1.0
        variance = self._variance() if getattr(objective, "errors", False) else 1.0
        return weight_of_rate(objective, bound, self.checkpoint.memory, variance)

    def _variance(self) -> float:
        """σ² that the decoder expects of one test example: of any, where a loss weighs squared errors."""
        model, batch = self.model, self.pictured(1)
        with model.evaluating(), seeded(0, "evaluation"):
            return float(model.likelihood.standardised(batch.x, model.read(batch).output)[1].mean())

    def rows(self) -> list[Row]:
        """The journal up to this checkpoint: a run that trains on has later rows."""
        return [row for row in self.run.journal.rows() if (row["step"] or 0) <= self.step]

    @property
    def device(self) -> torch.device:
        return self.generator.device

    def pictured(self, count: int, split: str = "test") -> Batch:
        """`count` images from all over a split, as intensities on the model's device. RecipeError without the split."""
        return self.batch_of(split_of(self.data, split), self.pictured_index(count, split))

    def pictured_index(self, count: int, split: str = "test") -> Tensor:
        """Which images of the split these are, int64 on the CPU."""
        return split_of(self.data, split).middle_index(count)

    def batch_of(self, images: Images, index: Tensor | None = None) -> Batch:
        """Images, all of them or those at `index`, as intensities on the model's device, with what is given of them."""
        index = torch.arange(len(images)) if index is None else index
        return batch_at(images, index.to(images.device), self.device).as_intensities(images.levels)

    @property
    def condition(self) -> Condition | None:
        """The meaning of what its model is given; None if it is given nothing, or something that has no words."""
        outline = outline_of(self.run)
        return outline.condition if outline else None

    def conditions(self, count: int, split: str = "test") -> dict[str, Tensor]:
        """What is given of `count` examples from all over a split, of them again if there are fewer; {} if nothing."""
        outline = outline_of(self.run)
        if outline is not None and not outline.given:  # then the data need not be read
            return {}
        images = split_of(self.data, split)
        index = images.middle_index(count)
        index = index.repeat(-(-count // len(index)))[:count]
        return given_at(images, index.to(images.device), self.device)

    def image(self, index: int) -> Batch:
        """One test image, intensities (1, C, H, W). RecipeError if there are fewer."""
        images = split_of(self.data, "test")
        if index >= len(images):
            raise RecipeError(f"The test split has {len(images)} images, the last is {len(images) - 1}; got {index}.")
        return self.batch_of(images, torch.tensor([index]))

    def latents_by_rate(self, batch: Batch | None = None) -> list[int]:
        """Latents from the most to the least used, by their mean rate over a batch; [] if codes are points.

        If the prior gives no latent a rate of its own, it is by how far their posterior means move, or, of one image, are from
        0. batch: by default up to 1,024 test images. ScoreError if the model has no flat vector of latents.
        """
        flat(self.model)
        with self.model.evaluating():
            reading = self.model.read(self.pictured(1024) if batch is None else batch, draw=False)
        means = reading.latents[0]
        moves = means.var(0) if len(means) > 1 else means[0].abs()
        use = moves if reading.rates is None else reading.rates.mean(0)
        return use.argsort(descending=True).tolist() if self.model.has_rate else []


@plain_autograd()
def open_run(
    path: Path,
    *,
    device: str | None = None,
    average: bool = True,
    data_root: Path | None = None,
    fabric: Fabric | None = None,
    checkpoint: Which = "last",
    read_data: bool = True,
    parts: Parts = BUILD,
    prior: str | None = None,
) -> Experiment:
    """Bring back the run in `path` from a checkpoint. The run may be in training: everything is read from one checkpoint.

    checkpoint: "last", the newest; or "best", of the best validation ELBO (of the least distortion if there is no rate; of a
    run that is held at a target, the least rate of those that hold it), which exists if the images have a validation split.
    device: "cpu", "cuda", …; the best available if None. average: use the weights' moving average if the run kept one. A solved
    σ is that of the opened weights, from training images: kept with the checkpoint at the end of training, else estimated here.
    data_root: where the data are now, if they were moved. fabric: all of several processes have the checkpoint that the first
    one reads. read_data: if False, read the data when first needed. parts: those that it was trained with, if they are your
    own. prior: the name of a fitted one (see `fit_prior`), which the model has in place of its own: its rate, its bounds and
    its samples are then with that prior.

    Raises RunError if `path` is no run, has no checkpoint, needs parts of your own, its data have changed or it has no such
    prior for these weights, DataError if the data are gone, RecipeError if there is no such device, ScoreError if the model
    has no one vector of latents for the prior.
    """
    suit_process()
    run = Run.open(path)
    require_own_parts(run, parts)
    recipe = load(run.recipe_path, kept=True)
    place = find_device(device)
    if data_root is not None:
        recipe = change(recipe, [setting_of("data.root", data_root.resolve())])
    images = cache(lambda: _data_of(run, recipe, parts))
    seen = images() if read_data else outline_of(run) or images()
    others = open_companions(recipe, place, parts, run)
    with seeded(recipe.seed, "init"):  # weights are drawn before they are read
        model = parts.model(recipe, seen, {name: Frozen(other.generator) for name, other in others.items()})
    kept = opened.load(run, model, place, average, fabric, checkpoint)
    sigma = apply_sigma(run, model, kept, lambda: images().train, fabric)
    fitted = None if prior is None else open_prior(run, prior, kept.opened, fabric)
    if fitted is not None:
        flat(model).prior = fitted.prior.to(place)
    return Experiment(run, recipe, model.eval().whole.eval(), images, kept, sigma, parts, fitted)


def open_companions(recipe: Recipe, device: torch.device, parts: Parts, run: Run) -> dict[str, Experiment]:
    """The copies, in the folder of `run`, of the runs that a recipe names.

    RunError if one is absent or needs parts of your own; Damaged if it has other weights than the recipe asks for.
    """
    found = {}
    for name, spec in recipe.runs.items():
        path, asked = run.companions / name, spec.weights
        average = asked is None or asked != opened.digest(Run.open(path))
        own = parts.companions.get(name, BUILD)
        found[name] = open_run(path, device=str(device), average=average, read_data=False, parts=own)
        require_weights(name, path, asked, found[name].checkpoint.opened, copied=True)
    return found


def _data_of(run: Run, recipe: Recipe, parts: Parts) -> ImageSet:
    data = parts.data(recipe)
    require_same_data(run, data)
    return data
