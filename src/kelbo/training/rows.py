"""What a journal's row says of the present weights, and how much each of its steps weighed the rate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from kelbo.bound import AnyBound, Batch, Bound, ErrorBound
from kelbo.eager import has_values
from kelbo.objectives import weight_of_rate
from kelbo.protocols import Model, Objective, State
from kelbo.seeds import seeded

Drawing = Callable[[str], AbstractContextManager[object]]
"""Inside the block that it returns for a purpose, latents' noise comes from that purpose's seed."""

WEIGHED = 64
"""steps of a row whose weight of the rate is computed, at most"""


class Followed(NamedTuple):
    """Fixed examples of a run, as its model sees them: those that its rows are read on, and those of its pictures."""

    test: Batch
    train: Batch
    pictured: Batch


class Readout(NamedTuple):
    """Of the test images: mean σ² that the decoder expects, mean squared error, and the share of pixels with σ at its floor.

    The unit is σ's, squared. floored is None if σ has no floor.
    """

    variance: float
    error: float
    floored: float | None = None


def read_out(model: Model, followed: Followed) -> Readout:
    """The readout of a model's present weights."""
    with model.evaluating():
        return Readout(*figures(model, followed, partial(seeded, 0)).tolist())


def figures(model: Model, followed: Followed, drawing: Drawing) -> Tensor:
    """A `Readout`'s numbers as one tensor, (2,) or (3,), of a model in evaluation mode. It runs under `torch.vmap`."""
    likelihood, x = model.likelihood, followed.test.x
    with _present_sigma(model, followed.train, drawing), drawing("pictures"):
        output = model.read(followed.test).output
        errors, variances = likelihood.standardised(x, output)
        found, floored = [variances.mean(), errors.square().mean()], likelihood.floored(output)
        return torch.stack(found if floored is None else [*found, floored.float().mean()])


def _present_sigma(model: Model, train: Batch, drawing: Drawing) -> AbstractContextManager[None]:
    """A solved σ is that of training images under the present weights: the running one is an average over earlier weights."""
    if model.likelihood.sigma_from != "solved":
        return nullcontext()
    with drawing("evaluation"):
        variance = model.squared_errors(train).mean()
    return model.likelihood.settled(float(variance) if has_values(variance) else variance)


class Steps(NamedTuple):
    """Steps of a row, on the CPU: mean rate of each group (S, G), mean distortion (S,), the memory that each used, and if the
    objective needs it the mean squared error (S,).
    """

    rates: Tensor
    distortions: Tensor
    states: State
    errors: Tensor | None = None

    def bounds(self) -> AnyBound:
        """As a bound of S examples."""
        return Bound(*self[:2]) if self.errors is None else ErrorBound(*self[:2], self.errors)


def spread(steps: Steps) -> Steps:
    """At most `WEIGHED` of them, evenly from the first to the last."""
    count = len(steps.rates)
    index = torch.linspace(0, count - 1, min(count, WEIGHED), dtype=torch.float64).round().long()
    states = {name: values[index] for name, values in steps.states.items()}
    errors = None if steps.errors is None else steps.errors[index]
    return Steps(steps.rates[index], steps.distortions[index], states, errors)


def weights(objective: Objective, steps: Steps, variance: float) -> list[float]:
    """Each step's weight of the rate, by the memory that it used. variance: as of `weight_of_rate`."""
    bounds = steps.bounds()
    return [
        weight_of_rate(
            objective,
            type(bounds)(*(part[i : i + 1] for part in bounds)),
            {name: values[i] for name, values in steps.states.items()},
            variance,
        )
        for i in range(len(steps.rates))
    ]
