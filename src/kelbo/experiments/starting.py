"""Beginning a run from another one's weights: what fits is taken, what does not is named.

Parameters and buffers fit that have the same name, shape and type in both models. Nothing is cut or padded: what does not fit
stays as it was drawn. Optimisers, step, journal and the objective's memory are new. Columns of a table keep the other run's
standardisation, for which its weights were trained.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kelbo.data.columns import Columns
from kelbo.data.conditions import Condition
from kelbo.data.image_set import ImageSet
from kelbo.distributed.fabric import Fabric
from kelbo.distributed.processes import from_first
from kelbo.errors import RecipeError, Remedy, RunError
from kelbo.experiments.guards import outline_of
from kelbo.protocols import Generator, Likelihood, Prior
from kelbo.recipes.schema import Recipe, StartSpec
from kelbo.runs import Run
from kelbo.training import opened
from kelbo.training.opened import CheckpointInfo
from kelbo.units import counted

NAMED = 8
"""names that a line of `Taken.lines` lists at most; the run's provenance has all"""


@dataclass(frozen=True)
class Taken:
    """What a run took of another one's weights, by the parameters' and buffers' names.

    path      of the other run
    source    its checkpoint
    taken     names of what was taken
    absent    of what the other run does not have, so that it was drawn
    unlike    of what has another shape or type there, with both in words; it was drawn too
    left      of what only the other run has
    given     what that run was given, and this one, if these are not the same
    """

    path: Path
    source: CheckpointInfo
    taken: tuple[str, ...]
    absent: tuple[str, ...]
    unlike: Mapping[str, str]
    left: tuple[str, ...]
    given: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the provenance: where the weights are from, and every name."""
        return {
            "path": str(self.path),
            "checkpoint": self.source.which,
            "step": self.source.step,
            "weights": self.source.weights,
            "sha256": self.source.opened,
            "counts": {name: len(getattr(self, name)) for name in ("taken", "absent", "unlike", "left")},
            "taken": list(self.taken),
            "absent": list(self.absent),
            "unlike": dict(self.unlike),
            "left": list(self.left),
            **({"given": self.given} if self.given else {}),
        }

    def lines(self) -> list[str]:
        """For people: first where the weights are from and how many fit, then a line on each kind that does not."""
        total = len(self.taken) + len(self.absent) + len(self.unlike)
        found = [
            f"begins from {self.path}, step {self.source.step:,}, {self.source.weights}: "
            f"{len(self.taken)} of {counted(total, 'tensor')} taken"
        ]
        unlike = [f"{name} ({how})" for name, how in self.unlike.items()]
        for why, names in (
            ("drawn anew, since they are other in that run", unlike),
            ("drawn anew, since that run has none", self.absent),
            ("left behind, since only that run has them", self.left),
        ):
            if names:
                more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
                found.append(f"{why}: {', '.join(names[:NAMED])}{more}")
        return [*found, f"that run was given {self.given}"] if self.given else found


@dataclass(frozen=True)
class Start:
    """The weights that a run begins from, read whole from one checkpoint. spec: with their hash."""

    spec: StartSpec
    source: CheckpointInfo
    weights: Mapping[str, Tensor]

    def compared(self, model: Generator) -> Taken:
        """What of them fits a model. RunError if nothing does, or nothing of a network that both models have."""
        own = model.state_dict()
        unlike = {
            name: f"{_form(value)} here, {_form(self.weights[name])} there"
            for name, value in own.items()
            if name in self.weights and _form(value) != _form(self.weights[name])
        }
        taken = tuple(name for name in own if name in self.weights and name not in unlike)
        absent = tuple(name for name in own if name not in self.weights)
        left = tuple(name for name in self.weights if name not in own)
        found = Taken(self.spec.path, self.source, taken, absent, unlike, left)
        self._require_networks(model, found)
        return found

    @torch.no_grad()
    def give(self, model: Generator) -> None:
        """Copy what fits into a model. Raises as `compared` does."""
        own = model.state_dict()
        for name in self.compared(model).taken:
            own[name].copy_(self.weights[name])

    def require_meaning(self, data: ImageSet) -> None:
        """RunError if a place in a row or a condition means something else in the other run: weights know only places.

        So do columns with other names, kinds or order, and the same values of a condition in another order.
        """
        told = outline_of(Run(self.spec.path))
        if told is not None and told.columns is not None and data.columns is not None:
            self._require_columns(told.columns, data.columns)
        there, here = told and told.condition, data.condition
        if there and here and not one_order(there, here):
            raise RunError(
                f"{self.spec.path} was given {there.summary}, and this model is given the same in another order, "
                f"{here.summary}. Name them in that order (model.given), or leave out start."
            )

    def _require_columns(self, there: Columns, here: Columns) -> None:
        kinds = [
            [f"{name!r}{' (0 or 1)' if binary else ''}" for name, binary in zip(own.names, own.binary, strict=True)]
            for own in (there, here)
        ]
        if kinds[0] == kinds[1]:
            return
        place = next((k for k, pair in enumerate(zip(*kinds, strict=False)) if len({*pair}) > 1), None)
        what = (
            f"{len(there.names)} columns, and these rows have {len(here.names)}"
            if place is None
            else f"{kinds[0][place]} as its column {place}, and these rows have {kinds[1][place]}"
        )
        raise RunError(
            f"{self.spec.path} was trained on rows with {what}. Give the columns the same names, kinds and order, or leave out "
            "start."
        )

    def other_values(self, data: ImageSet) -> str:
        """Which values the other run was given in the places of these; "" if they are the same, or either is given none."""
        told = outline_of(Run(self.spec.path))
        there, here = told and told.condition, data.condition
        return f"{there.summary}; now {here.summary}" if there and here and there != here else ""

    def _require_networks(self, model: Generator, found: Taken) -> None:
        """Some weights of each network must fit: a bias that happens to be as long is no beginning, and half a model is none.

        The half that was taken would speak in codes that the other does not know.
        """
        if not found.taken:
            raise RunError(f"Nothing of {self.spec.path} fits this model: {_example(found)}. {ADVICE}")
        for name, weights in _networks(model):
            there = any(other.startswith(f"{name}.") for other in self.weights)
            if there and weights.isdisjoint(found.taken):
                raise RunError(
                    f"No weights of the {name} of {self.spec.path} fit this model's: {_example(found, weights)}. {ADVICE}"
                )


def one_order(there: Condition, here: Condition) -> bool:
    """False if two conditions have the same variables and values, but in another order."""

    def sets(condition: Condition) -> set[tuple[str, tuple[str, ...]]]:
        return {(one.name, tuple(sorted(one.values))) for one in condition.variables}

    return there == here or sets(there) != sets(here)


ADVICE = "Choose the network of that run (model.network), or leave out start to draw all weights."


def require_another_run(recipe: Recipe, out: Path) -> None:
    """RunError if the run that a recipe begins from is the one in `out`."""
    if recipe.start is not None and recipe.start.path.resolve() == out.resolve():
        raise RunError(
            f"A run cannot begin from itself: {out} is start.path too. Choose another folder.", remedy=("out",)
        )


def require_source(recipe: Recipe) -> None:
    """RecipeError if a recipe leaves a network as it is, but names no run that this network is of."""
    if recipe.start is None:
        raise RecipeError(
            f"training.freeze leaves the {recipe.training.freeze} as it is, and start.path, which names the run that it is of, "
            "is missing."
        )


def read_start(recipe: Recipe, out: Path, fabric: Fabric | None = None, *, resume: bool = False) -> Start | None:
    """The weights that a recipe's run in `out` begins from; None if it draws them, or has a checkpoint to go back to.

    All of several processes have what the first one reads. RunError if there is no such run or checkpoint, or its weights
    are not those that the recipe asks for; Damaged if they cannot be read.
    """
    spec = recipe.start
    if spec is None or (resume and Run(out).checkpoint_steps()):
        return None
    source, weights = from_first(fabric, lambda: _read(spec))
    return Start(spec.model_copy(update={"weights": source.opened}), source, weights)


def _read(spec: StartSpec) -> tuple[CheckpointInfo, Mapping[str, Tensor]]:
    run = Run.open(spec.path)
    try:
        average = spec.weights is None or spec.weights != opened.digests(run, spec.checkpoint)[0]
        source, weights, _ = opened.read(run, average, which=spec.checkpoint)
    except RunError as error:
        remedy: tuple[Remedy, ...] = ("start",) if "checkpoint" in error.remedy else ()  # as this command calls it
        raise type(error)(f"start: {error}", remedy=remedy) from error
    if spec.weights not in (None, source.opened):
        raise RunError(
            f"start.weights: the {spec.checkpoint} checkpoint of {spec.path}, of step {source.step}, has the SHA-256 "
            f"{source.opened}, and the recipe asks for {spec.weights}. That run has changed, or is another. Name the run "
            "that has them, or leave out start.weights to begin from these."
        )
    return source, weights


def with_start(recipe: Recipe, start: Start | None) -> Recipe:
    """The recipe with the hash of the weights that it begins from."""
    return recipe if start is None else recipe.model_copy(update={"start": start.spec})


def _networks(model: Generator) -> Iterator[tuple[str, set[str]]]:
    """The model's networks and the names of their weights; biases and gains are vectors, and no weights."""
    for name, child in model.named_children():
        if not isinstance(child, Likelihood | Prior):
            weights = {f"{name}.{each}" for each, value in child.named_parameters() if value.ndim > 1}
            if weights:
                yield name, weights


def _form(value: Tensor) -> str:
    """Shape and type in words; the usual type is not named."""
    kind = "" if value.dtype == torch.float32 else f" {str(value.dtype).removeprefix('torch.')}"
    return f"{'×'.join(map(str, value.shape)) or 'one number'}{kind}"


def _example(found: Taken, among: Collection[str] | None = None) -> str:
    """One of these names that does not fit, and why."""
    for name, how in found.unlike.items():
        if among is None or name in among:
            return f"{name} is {how}"
    absent = next((name for name in found.absent if among is None or name in among), None)
    return f"that run has no {absent}" if absent else "this one has no parameters"
