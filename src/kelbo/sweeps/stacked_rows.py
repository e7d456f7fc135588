"""The rows of many lanes, read as one program: what a journal says of the present weights, and the steps' values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn

from kelbo.bound import each
from kelbo.latents.noise import noise_of_all_lanes
from kelbo.objectives import weights_of_rate
from kelbo.protocols import Model, Objective, reads
from kelbo.seeds import Source, seed_for
from kelbo.sweeps.stacked_models import Stack
from kelbo.sweeps.stacked_step import stacked
from kelbo.training import Scalars, TrainState
from kelbo.training.rows import Followed, Readout, Steps, figures, read_out

AT_A_TIME = 2**22
"""pixels of the examples that are read in one call, so that many lanes need little more memory than few"""


class LaneRows:
    """Gives the lanes that have a row at a step what it says (`Scalars.host`, `readout`, `weight`), with one transfer.

    On a CPU lanes with convolutions are read one by one, which is faster there: vmap makes one grouped convolution of them.
    """

    def __init__(self, stack: Stack, lanes: Sequence[tuple[TrainState, Scalars]], device: torch.device) -> None:
        self.stack, self.lanes, self.device = stack, lanes, device
        convolutional = any(isinstance(layer, nn.modules.conv._ConvNd) for layer in stack.template.modules())
        self.together = device.type != "cpu" or not convolutional

    def read(self) -> None:
        """After `enter` of every lane, before `tell` of any."""
        due = [place for place, (state, scalars) in enumerate(self.lanes) if scalars.due(state.step)]
        if not due:
            return
        rows = [self.lanes[place][1] for place in due]
        parts = [row.table[: row.filled] for row in rows] + (list(self._figures(due)) if self.together else [])
        numbers = torch.cat([part.flatten() for part in parts]).cpu().split([part.numel() for part in parts])
        for row, part, values in zip(rows, parts, numbers, strict=False):
            row.host = values.view(part.shape)
        if self.together:
            for row, found in zip(rows, torch.cat(numbers[len(rows) :]).view(len(rows), -1).tolist(), strict=True):
                row.readout = Readout(*found)
        if self.stack.template.has_rate:
            for place in due:
                state, row = self.lanes[place]
                row.readout = row.readout or read_out(reads(state.network), row.followed)
            _weigh(rows, self.stack.template.groups)

    def _figures(self, due: Sequence[int]) -> Iterator[Tensor]:
        """Of each lane, (L, 2) or (L, 3) in parts."""
        followed = [self.lanes[place][1].followed for place in due]
        pixels = len(followed[0].train.x) * math.prod(self.stack.template.event)
        count = max(1, AT_A_TIME // pixels)
        for first in range(0, len(due), count):
            examples, shared = _together(followed[first : first + count])
            yield self.stack.ask(self._of_one, due[first : first + count], examples, shared)

    def _of_one(self, model: Model, followed: Followed) -> Tensor:
        def drawing(purpose: str) -> AbstractContextManager[None]:
            return noise_of_all_lanes(Source(seed_for(0, purpose)).on(self.device))

        return figures(model, followed, drawing)


def _together(followed: Sequence[Followed]) -> tuple[Followed, bool]:
    """Lanes' examples as one, and whether all lanes have these, or each its own along the first dimension."""
    if all(one is followed[0] for one in followed):
        return followed[0], True
    return Followed(*(stacked(batches) for batches in zip(*followed, strict=True))), False


def _weigh(rows: Sequence[Scalars], groups: int) -> None:
    """The mean weight of the rate over each lane's steps; those of all lanes with equal objectives at once."""
    alike: dict[Objective, list[tuple[Scalars, Steps]]] = {}
    for row in rows:
        if row.objective is not None and (steps := row.weighed(groups)) is not None and len(steps.rates):
            alike.setdefault(row.objective, []).append((row, steps))
    for objective, lanes in alike.items():
        states = {name: torch.cat([steps.states[name] for _, steps in lanes]) for name in lanes[0][1].states}
        bounds = each(lambda *parts: torch.cat(parts), *(steps.bounds() for _, steps in lanes))
        variances = [row.readout.variance for row, steps in lanes if row.readout for _ in steps.rates]
        found = weights_of_rate(objective, *bounds[:2], states, *bounds[2:], variances=torch.tensor(variances))
        for (row, _), (first, last) in zip(
            lanes, pairwise(accumulate((len(steps.rates) for _, steps in lanes), initial=0)), strict=True
        ):
            row.weight = sum(found[first:last]) / (last - first)
