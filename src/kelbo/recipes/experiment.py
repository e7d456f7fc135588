"""From a recipe to a trained run, and from a run's folder back to its model and data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from kelbo.data.batches import Batches
from kelbo.data.images import ImageSet
from kelbo.errors import DataMissing, RunError
from kelbo.evaluation import evaluate
from kelbo.evaluation.suite import Record
from kelbo.machine import describe, keep_freed_memory
from kelbo.protocols import Model
from kelbo.recipes import build
from kelbo.recipes.files import differences, dump, load
from kelbo.recipes.schema import Recipe
from kelbo.recipes.sets import split_of
from kelbo.runs import Run
from kelbo.seeds import seed_for
from kelbo.training import Checkpoints, Ema, Hook, Pictures, Scalars, StopOnSignal, TensorBoard, TrainState, every, fit
from kelbo.training.checkpoint import load_weights, restore
from kelbo.training.hooks import Sink
from kelbo.units import intensities

__all__ = ["Experiment", "evaluate_run", "open_run", "train"]

PICTURED = 10
"""test images whose reconstructions are followed over time"""


def train(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    fabric: Fabric | None = None,
    sinks: Sequence[Sink] = (),
    hooks: Sequence[Hook] = (),
) -> Run:
    """Train `recipe` in the folder `out` and return the run.

    resume: go on from the newest checkpoint of the run in `out`, whose recipe must be the same but for a larger
    training.steps. fabric: where and in which precision to train; by default one device, the best there is. sinks take
    each row of scalars and hooks are called after each step, beside the run's own.

    Raises RunError (the folder exists; nothing to resume; another recipe), DataError, RecipeError, Divergence, and
    Interrupted after a signal, once the step in hand is saved.
    """
    fabric = fabric or Fabric(accelerator="auto", devices=1, precision=recipe.training.precision)
    keep_freed_memory()
    if resume:
        _check_resumable(recipe, out)
    data = build.data(recipe)
    torch.manual_seed(seed_for(recipe.seed, "init"))
    state = _begin(recipe, data, fabric)
    run = Run.open(out) if resume else _create(fabric, recipe, out, data)
    # from here on the default generators serve the latents' noise alone
    torch.manual_seed(seed_for(recipe.seed, "latents", fabric.global_rank))
    if resume:
        _go_back(fabric, run, recipe, state)

    plan, rank = recipe.training, {"rank": fabric.global_rank, "world": fabric.world_size}
    batches = Batches(data.train, plan.batch_size, recipe.seed, fabric.device, **rank)
    tensorboard = TensorBoard(run.events, state.step) if fabric.is_global_zero else None
    recorded: list[Sink] = [run.journal.append, tensorboard] if tensorboard else []
    scalars = _scalars(recipe, data, fabric, run, [*recorded, *sinks])
    checkpoints = Checkpoints(run, fabric, plan.checkpoint_every, scalars)
    own: list[Hook] = [*([state.ema] if state.ema else []), scalars, checkpoints]
    if fabric.is_global_zero:
        followed = Pictures(run, data.test.spread(PICTURED).to(fabric.device), data.levels, recipe.seed)
        own.append(every(plan.pictures_every, followed))
    settings = {"schedule": build.schedule(recipe), "levels": data.levels, "clip": plan.clip}
    try:
        with StopOnSignal(fabric, checkpoints) as stop:
            all_hooks = [*own, *hooks, stop]
            fit(fabric, state, build.objective(recipe), batches.at(state.step), plan.steps, hooks=all_hooks, **settings)
        checkpoints.save(state)
        scalars.finish(state)
    finally:
        if tensorboard:
            tensorboard.close()
    return run


@dataclass(frozen=True)
class Experiment:
    """A trained run brought back: its model in evaluation mode on a device, its data and its recipe."""

    run: Run
    recipe: Recipe
    model: Model
    data: ImageSet
    step: int

    @property
    def beta(self) -> float:
        """The weight of the rate that the run trains with, at its last logged step."""
        rows = self.run.journal.rows()
        return float(rows[-1]["beta"] or 0.0) if rows else 1.0

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def pictured(self, count: int, split: str = "test") -> Tensor:
        """`count` images spread evenly over a split, as intensities on the model's device. DataMissing without the split."""
        return intensities(split_of(self.data, split).spread(count).to(self.device), self.data.levels)

    def image(self, index: int, split: str = "test") -> Tensor:
        """One image of a split, intensities (1, C, H, W). DataMissing where there are fewer."""
        images = split_of(self.data, split)
        if index >= len(images):
            raise DataMissing(
                f"The {split} split has {len(images)} images, the last is {len(images) - 1}; got {index}."
            )
        return intensities(images.take(torch.tensor([index], device=images.device)).to(self.device), images.levels)

    def latents_by_rate(self) -> list[int]:
        """Latents from the most to the least used, by their mean rate over up to 1,024 test images."""
        with self.model.evaluating():
            return self.model.measure(self.pictured(1024)).rates.mean(0).argsort(descending=True).tolist()


def open_run(path: Path, *, device: str | None = None, average: bool = True) -> Experiment:
    """Bring back the run in `path` from its newest checkpoint.

    device: "cpu", "cuda", …; the best there is where None. average: use the weights' moving average where the run kept one.
    Raises RunError where `path` is no run or has no checkpoint, DataError where its data have gone.
    """
    keep_freed_memory()
    run = Run.open(path)
    recipe = load(run.recipe_path)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    data = build.data(recipe)
    model = build.model(recipe, data)
    step = load_weights(run, model, place, average)
    return Experiment(run, recipe, model.eval(), data, step)


def evaluate_run(
    experiment: Experiment,
    split: str = "test",
    *,
    samples: int = 0,
    dequantized: bool = False,
    batch_size: int = 256,
    seed: int = 0,
) -> Record:
    """Evaluate a run on a split (see `kelbo.evaluation.evaluate`) and write the record into its folder.

    The file's name tells the settings that change the numbers, so that different evaluations stand side by side.
    """
    record = evaluate(
        experiment.model,
        split_of(experiment.data, split),
        beta=experiment.beta,
        samples=samples,
        dequantized=dequantized,
        batch_size=batch_size,
        seed=seed,
    )
    record["settings"] |= {
        "run": experiment.recipe.name,
        "recipe": experiment.recipe.fingerprint,
        "step": experiment.step,
        "split": split,
        "data": experiment.data.name,
        "device": str(experiment.device),
    }
    parts = [split, f"iw{samples}" if samples else "", "dequantized" if dequantized else ""]
    experiment.run.save_evaluation("-".join(filter(None, parts)), record)
    return record


def _begin(recipe: Recipe, data: ImageSet, fabric: Fabric) -> TrainState:
    model = build.model(recipe, data)
    wrapped, optimizer = fabric.setup(model, build.optimizer(recipe, model))
    ema = Ema(model, recipe.training.ema) if recipe.training.ema else None
    return TrainState(wrapped, optimizer, build.objective(recipe).initial(), ema)


def _create(fabric: Fabric, recipe: Recipe, out: Path, data: ImageSet) -> Run:
    if fabric.is_global_zero:
        Run.create(out, dump(recipe), _provenance(recipe, data, fabric))
    fabric.barrier()
    return Run.open(out)


def _provenance(recipe: Recipe, data: ImageSet, fabric: Fabric) -> dict[str, Any]:
    return {
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": recipe.fingerprint,
        "seed": recipe.seed,
        "data": {
            "name": data.name,
            "note": data.note,
            "shape": list(data.shape),
            "levels": data.levels,
            "splits": {
                name: {"images": len(images), "fingerprint": images.fingerprint()}
                for name, images in data.splits.items()
            },
        },
        "machine": describe() | {"device": str(fabric.device), "processes": fabric.world_size},
    }


def _check_resumable(recipe: Recipe, out: Path) -> None:
    """RunError with the differences where the run in `out` is not this recipe's, but for more steps."""
    before = load(Run.open(out).recipe_path)
    same = before.model_copy(update={"training": before.training.model_copy(update={"steps": recipe.training.steps})})
    changed = differences(same, recipe)
    if recipe.training.steps < before.training.steps:
        changed += differences(before, same)
    if changed:
        raise RunError(
            f"The run in {out} has another recipe: {'; '.join(changed)}. Resume it with its own (only training.steps may "
            "be raised), or train the new one in another folder."
        )


def _go_back(fabric: Fabric, run: Run, recipe: Recipe, state: TrainState) -> None:
    """Bring `state`, and what the run wrote beside its checkpoints, back to the newest one, or to the very beginning."""
    if run.checkpoint_steps():
        restore(run, fabric, state)
    if fabric.is_global_zero:
        run.journal.cut_after(state.step)
        run.save_recipe(dump(recipe))
    fabric.barrier()


def _scalars(recipe: Recipe, data: ImageSet, fabric: Fabric, run: Run, sinks: Sequence[Sink]) -> Scalars:
    return Scalars(
        fabric,
        run,
        build.objective(recipe),
        probe=data.test.spread(64).to(fabric.device),
        levels=data.levels,
        batch_size=recipe.training.batch_size,
        interval=recipe.training.log_every,
        sinks=sinks,
    )
