"""Other runs whose models a run's model uses, frozen: a recipe names each by its path and its weights' hash.

What is needed of them is copied into the new run's folder when it begins, each as a small run of its own, so that the new run
is enough by itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file

from kelbo.errors import Damaged, NotSaved, RunError
from kelbo.recipes.schema import Recipe
from kelbo.runs import Run

MEMORY = ("objective.", "used.")
"""how the names of an objective's tensors begin in a checkpoint; those of optimisers are not copied"""
COPIED = ("state.json", "weights.safetensors", "ema.safetensors", "sigma.json")


def require_weights(name: str, source: Path, asked: str | None, found: str, *, copied: bool) -> None:
    """RunError if a run has other weights than a recipe asks for; Damaged if that run is the copy."""
    if asked in (None, found):
        return
    problem = f"runs.{name}: the weights in {source} have SHA-256 {found}, and the recipe asks for {asked}."
    if copied:
        raise Damaged(f"{problem} Restore that folder, or train the run again.")
    raise RunError(f"{problem} Name the run that has them, or leave out runs.{name}.weights to use these.")


def with_weights(recipe: Recipe, found: Mapping[str, str]) -> Recipe:
    """The recipe with the hash of each run's weights."""
    runs = {name: spec.model_copy(update={"weights": found[name]}) for name, spec in recipe.runs.items()}
    return recipe.model_copy(update={"runs": runs})


def copy_run(source: Run, step: int, place: Path) -> None:
    """Copy recipe, provenance, own companions and one checkpoint of a run, without its optimisers. NotSaved if it fails."""
    try:
        partial = place.with_name(f".{place.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        copy = Run(partial)
        copy.checkpoint(step).mkdir(parents=True)
        for path in (source.recipe_path, source.provenance_path):
            shutil.copyfile(path, partial / path.name)
        if source.companions.exists():
            shutil.copytree(source.companions, copy.companions)
        for name in COPIED:
            if (source.checkpoint(step) / name).exists():
                shutil.copyfile(source.checkpoint(step) / name, copy.checkpoint(step) / name)
        tensors = load_file(source.checkpoint(step) / "training.safetensors")
        memory = {name: value for name, value in tensors.items() if name.startswith(MEMORY)}
        save_file(memory, copy.checkpoint(step) / "training.safetensors")
        shutil.rmtree(place, ignore_errors=True)  # of an attempt that was killed before the run's folder was a run
        partial.rename(place)
    except OSError as error:
        raise NotSaved(
            f"{source.path} could not be copied to {place}: {error}. Free disk space and train again."
        ) from error
