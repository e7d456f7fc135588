"""Other runs whose models a run's model uses, frozen: a recipe names each by its path and its weights' hash.

What is needed of them is copied into the new run's folder when it begins, each as a small run of its own, so that the new run
is enough by itself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors.torch import save

from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import once
from kelbo.errors import Damaged, NotSaved, RunError
from kelbo.experiments.guards import require_own_parts
from kelbo.experiments.parts import BUILD, Parts
from kelbo.recipes.schema import Recipe, RunSpec
from kelbo.runs import Run
from kelbo.runs.checkpoints import Which, of_one
from kelbo.runs.writing import sync_folder, write_atomic
from kelbo.training import opened
from kelbo.training.checkpoint import read_tensors

MEMORY = ("objective.", "used.")
"""how the names of an objective's tensors begin in a checkpoint; those of optimisers are not copied"""
COPIED = ("state.json", "weights.safetensors", "ema.safetensors", "sigma.json")


def require_weights(name: str, source: Path, asked: str | None, *found: str, copied: bool) -> None:
    """RunError if a run has other weights than a recipe asks for; Damaged if that run is the copy."""
    if asked in (None, *found):
        return
    problem = (
        f"runs.{name}: the weights in {source} have SHA-256 {' or '.join(found)}, and the recipe asks for {asked}."
    )
    if copied:
        raise Damaged(f"{problem} Restore that folder, or train the run again.")
    raise RunError(f"{problem} Name the run that has them, or leave out runs.{name}.weights to use these.")


def with_weights(recipe: Recipe, found: Mapping[str, str]) -> Recipe:
    """The recipe with the hash of each run's weights."""
    runs = {name: spec.model_copy(update={"weights": found[name]}) for name, spec in recipe.runs.items()}
    return recipe.model_copy(update={"runs": runs})


@contextmanager
def copied_runs(recipe: Recipe, run: Run, fabric: Fabric, parts: Parts) -> Iterator[None]:
    """Copy the runs that a recipe names into the folder of a run that begins inside the block.

    The copies are removed if it does not begin. RunError if one is no run, lacks the weights that the recipe asks for or
    needs other parts, NotSaved if the disk refuses.
    """

    def copy() -> None:
        for name, spec in recipe.runs.items():
            require_own_parts(Run.open(spec.path), parts.companions.get(name, BUILD))
            _copy_run(name, spec, run.companions / name)

    try:
        once(fabric, copy)
        yield
    finally:
        if recipe.runs and fabric.is_global_zero and not run.recipe_path.exists():
            shutil.rmtree(run.companions, ignore_errors=True)
            with suppress(OSError):  # there is something else in it
                run.path.rmdir()


def _copy_run(name: str, spec: RunSpec, place: Path) -> None:
    """Copy recipe, provenance, own companions and one checkpoint of a run, which may be in training, without its optimisers."""
    source, partial = Run.open(spec.path), place.with_name(f".{place.name}.partial")
    try:
        of_one(source, _holding(source, spec.weights), lambda checkpoint: _copy(source, checkpoint, partial))
        found = opened.digests(Run(partial))
        require_weights(name, spec.path, spec.weights, *found, copied=False)
        shutil.rmtree(place, ignore_errors=True)  # of an attempt that was killed before the run's folder was a run
        partial.rename(place)
        sync_folder(place.parent)
    except OSError as error:
        raise NotSaved(
            f"{source.path} could not be copied to {place}: {error}. Free disk space and train again."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _holding(source: Run, asked: str | None) -> Which:
    """Which checkpoint has these weights; the last one if neither has."""
    with suppress(RunError):  # there is no best one
        if asked not in (None, *opened.digests(source)) and asked in opened.digests(source, "best"):
            return "best"
    return "last"


def _copy(source: Run, checkpoint: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    copy = Run(place)
    target = copy.checkpoints / checkpoint.name
    target.mkdir(parents=True)
    for path in (source.recipe_path, source.provenance_path):
        _copy_file(path, place / path.name)
    if source.companions.exists():
        shutil.copytree(source.companions, copy.companions, copy_function=_copy_file)
    for name in COPIED:
        if (checkpoint / name).exists():
            _copy_file(checkpoint / name, target / name)
    tensors = read_tensors(checkpoint / "training.safetensors")
    memory = {name: value for name, value in tensors.items() if name.startswith(MEMORY)}
    write_atomic(target / "training.safetensors", save(memory))


def _copy_file(source: str | Path, target: str | Path) -> None:
    """Copy a file and flush it to the disk."""
    shutil.copyfile(source, target)
    with Path(target).open("rb+") as file:
        os.fsync(file.fileno())
