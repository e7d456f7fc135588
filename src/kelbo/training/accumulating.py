"""One optimiser step on a batch that is too large for the memory: part after part, with the gradient of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

from kelbo.bound import AnyBound, Batch, each
from kelbo.distributed.fabric import Fabric
from kelbo.distributed.global_batch import means_of, over_processes, shifted
from kelbo.errors import RecipeError
from kelbo.protocols import Generator, Model, Objective, reads
from kelbo.seeds import drawn_again
from kelbo.training.schedules import Schedule
from kelbo.training.skipping import Skipping
from kelbo.training.state import TrainState
from kelbo.training.update import LossUpdate, Values

if TYPE_CHECKING:
    from lightning_fabric.wrappers import _FabricModule


class Solving(Protocol):
    """What a likelihood with `sigma_from` "solved" has beside the rest."""

    def solve(self, x: Tensor, output: Tensor) -> Tensor:
        """σ² of the whole step, over all processes; what is tracked of it is tracked now."""
        ...

    def sharing(self, variance: Tensor) -> AbstractContextManager[None]:
        """Inside the block, parts of that step's batch are scored."""
        ...


class Whole(NamedTuple):
    """What the parts of a step must know of all of it. None where they need not.

    means     of the bound over all processes, as `means_of` gives them
    variance  σ² that the likelihood solves for, squared intensities
    """

    means: Tensor | None
    variance: Tensor | None


class AccumulatingUpdate(LossUpdate):
    """A LossUpdate that takes each process's batch in `accumulate` equal parts, and so needs the memory of one.

    The gradient is that of the whole batch, up to the order of summation, if the objective is a function of the mean bound, as
    it must be for several processes. The objective's memory advances once a step. If its loss is not the mean of its parts'
    losses (it has no true `additive`), or the likelihood solves for σ, a forward pass without gradients with the same draws
    goes before. Several processes exchange gradients once a step.

    Layers that use or track statistics of a batch cannot do this: see `require_no_batch_statistics`.
    """

    def __init__(
        self,
        fabric: Fabric,
        objective: Objective,
        schedule: Schedule,
        clip: float | None = None,
        skipping: Skipping | None = None,
        *,
        accumulate: int,
    ) -> None:
        super().__init__(fabric, objective, schedule, clip, skipping)
        self.accumulate = accumulate

    def __call__(self, state: TrainState, batch: Batch) -> Values:
        self.begin(state)
        state.optimizer.zero_grad(set_to_none=True)
        parts = self._split(batch)
        means, variance = self._ahead(state, batch, parts)
        bounds: list[AnyBound] = []
        wrapped = cast("_FabricModule", state.model)
        with _sharing(reads(state.network), variance):
            for part in parts:
                with self.fabric.no_backward_sync(wrapped, enabled=part is not parts[-1]):
                    bound = wrapped(part, **self.asks)
                    bounds.append(each(torch.Tensor.detach, bound))
                    loss, _ = self.loss(state, bound if means is None else shifted(bound, means))
                    self.fabric.backward(loss / len(parts))
        whole = over_processes(self.fabric, _joined(bounds))
        loss, memory = self.loss(state, whole)
        return self.apply(state, whole, loss, memory)

    def _split(self, batch: Batch) -> list[Batch]:
        """Equal parts. RecipeError if there are none."""
        count = len(batch.x)
        if count % self.accumulate:
            raise RecipeError(
                f"training.accumulate is {self.accumulate}, but {count} examples do not make {self.accumulate} equal "
                "parts."
            )
        size = count // self.accumulate
        given = {name: value.split(size) for name, value in batch.given.items()}
        return [Batch(x, {name: given[name][i] for name in given}) for i, x in enumerate(batch.x.split(size))]

    @torch.no_grad()
    def _ahead(self, state: TrainState, batch: Batch, parts: list[Batch]) -> Whole:
        """What the parts must know of the whole, by a forward pass whose draws are drawn again."""
        network = reads(state.network)
        likelihood, solved = network.likelihood, network.likelihood.sigma_from == "solved"
        additive = getattr(self.objective, "additive", False)
        if additive and not solved:
            return Whole(None, None)
        bounds, outputs = [], []
        any_variance = batch.x.new_ones(()) if solved else None
        with drawn_again(_drops(network)), _sharing(network, any_variance), self.fabric.autocast():
            for part in parts:
                reading = network.read(part)
                bounds.append(network.with_error(part, reading) if self.asks else reading.bound)
                outputs += [reading.output] if solved else []  # as large as the images, so they may stay
        bound, variance = _joined(bounds), None
        if solved:
            output = torch.cat(outputs)
            variance = cast(Solving, likelihood).solve(batch.x, output)
            with _sharing(network, variance):
                bound = bound._replace(distortion=-likelihood.log_prob(batch.x, output))
        return Whole(None if additive else means_of(over_processes(self.fabric, bound)), variance)


def require_no_batch_statistics(model: Generator) -> None:
    """RecipeError with the first layer whose answer for an example depends on the others, or that tracks what it sees."""
    for name, layer in model.named_modules():
        tracking = isinstance(layer, nn.modules.batchnorm._NormBase) and layer.track_running_stats
        if tracking or isinstance(layer, nn.modules.batchnorm._BatchNorm):
            raise RecipeError(
                f"training.accumulate does not work with the layer {name} ({type(layer).__name__}): its statistics would be "
                "those of a part of the batch. Set training.accumulate to 1, or use another normalisation."
            )


def _drops(model: Model) -> bool:
    return any(isinstance(layer, nn.modules.dropout._DropoutNd) for layer in model.modules())


def _sharing(model: Model, variance: Tensor | None) -> AbstractContextManager[None]:
    return nullcontext() if variance is None else cast(Solving, model.likelihood).sharing(variance)


def _joined(bounds: Sequence[AnyBound]) -> AnyBound:
    return each(lambda *parts: torch.cat(parts), *bounds)
