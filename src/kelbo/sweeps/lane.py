"""One lane of a sweep: an ordinary run, started or resumed, and left alone once it is finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kelbo.data.image_set import ImageSet, describe_splits
from kelbo.distributed.fabric import Fabric
from kelbo.experiments import train
from kelbo.experiments.guards import require_same_recipe
from kelbo.experiments.starting import Taken
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run
from kelbo.runs.journal import Row
from kelbo.training import Hook, TrainState, Values, every

Tell = Callable[[dict[str, Any]], None]
"""Reports a job's progress: {"step": 10, "steps": 100, "elbo": …}."""


def train_lane(recipe: Recipe, folder: Path, *, tell: Tell, hooks: Sequence[Hook] = ()) -> None:
    """Train `recipe` in `folder`, from its newest checkpoint if there is one. A finished lane is not touched.

    Raises as `kelbo.experiments.train` does, and RunError if the folder's run has another recipe.
    """
    begun = Run(folder).recipe_path.exists()
    if begun and finished(recipe, folder):
        require_same_recipe(recipe, folder)
        return
    steps = recipe.training.steps

    def row(values: Row) -> None:
        tell({"steps": steps, **values})

    def step(state: TrainState, _values: Values) -> None:
        tell({"step": state.step, "steps": steps})

    def warn(text: str) -> None:  # into the lane's log
        print(f"warning: {text}", flush=True)

    def inspect(data: ImageSet) -> None:  # into the lane's log too
        print(describe_splits(data), flush=True)

    def took(taken: Taken) -> None:  # likewise
        print("\n".join(taken.lines()), flush=True)

    fabric = Fabric(accelerator="auto", devices=1, precision=recipe.training.precision)
    hooks = [every(10, step), *hooks]
    train(recipe, folder, resume=begun, fabric=fabric, sinks=[row], hooks=hooks, warn=warn, inspect=inspect, begun=took)


def finished(recipe: Recipe, folder: Path) -> bool:
    """Whether the run in `folder` has a checkpoint of the recipe's last step, or of a later one (it was given more)."""
    return max(Run(folder).checkpoint_steps(), default=-1) >= recipe.training.steps
