"""One optimiser step as a function of the state and a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from kelbo.bound import AnyBound, Batch, ErrorBound
from kelbo.distributed.fabric import Fabric
from kelbo.distributed.global_batch import over_processes
from kelbo.errors import RecipeError
from kelbo.protocols import Generator, Objective, State
from kelbo.training.schedules import Schedule, set_learning_rate
from kelbo.training.skipping import Skipping, step_if
from kelbo.training.state import TrainState

Values = Mapping[str, Tensor]
"""What a step says of itself by name: scalars without gradients, on the model's device."""

Update = Callable[[TrainState, Batch], Values]
"""One optimiser step on a batch of intensities. It owns objective, optimisers, schedules and clipping, not the step number.

What the rest must know of it are attributes, none of which it needs to have:

objective    what weighs the rate, an Objective whose memory is the state's; None or absent if there is no such thing
clip         the gradient norm that it clips to
accumulate   into how many parts it splits a batch
skipping     which updates it skips, a Skipping whose memory is the state's
distributed  true if several processes move by one gradient: the update calls `state.model` and `fabric.backward`, or else
             `reduce_gradients`
"""

RESERVED = (
    "step",
    "elbo",
    "images_per_second",
    "sigma",
    "rmse",
    "floored",
    "beta",
    "equivalent_sigma",
    "equivalent_beta",
)
RESERVED_PREFIXES = ("learning_rate", "validation_")
"""names of the columns that every run's rows have besides the values of its update"""


def require_scalars(values: Values) -> None:
    """RecipeError unless an update returned scalars, by names that a row of the journal has free."""
    if not isinstance(values, Mapping) or not values:
        raise RecipeError(f"An update must return at least one scalar by its name; it returned {values!r}.")
    for name, value in values.items():
        if not isinstance(value, Tensor) or value.ndim:
            what = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise RecipeError(f"An update must return tensors without dimensions; its {name!r} is of {what}.")
        if name in RESERVED or name.startswith(RESERVED_PREFIXES):
            raise RecipeError(f"An update cannot return a scalar {name!r}: rows have a column of that name. Rename it.")


class LossUpdate:
    """An update with one loss: bound, objective, backward pass, clipping, step of the state's only optimiser.

    clip is the largest global gradient norm; larger ones are scaled down to it. Its values are the means of loss, distortion
    and rate (of each group too, if there are several) in nats, the gradient's norm before clipping, and what the objective
    tells. With `skipping` also whether the step was skipped, and why.

    Lanes of a sweep make the bound and go backward as one program; `begin`, `loss` and `apply` are what each has of its own.
    """

    distributed = True
    accumulate = 1
    skipping: Skipping | None = None

    def __init__(
        self,
        fabric: Fabric,
        objective: Objective,
        schedule: Schedule,
        clip: float | None = None,
        skipping: Skipping | None = None,
    ) -> None:
        self.fabric, self.objective, self.schedule, self.clip = fabric, objective, schedule, clip
        self.skipping = skipping

    def __call__(self, state: TrainState, batch: Batch) -> Values:
        self.begin(state)
        state.optimizer.zero_grad(set_to_none=True)  # first, so that their memory is free for what follows
        bound = over_processes(self.fabric, state.model(batch, **self.asks))
        loss, memory = self.loss(state, bound)
        self.fabric.backward(loss)
        return self.apply(state, bound, loss, memory)

    @property
    def asks(self) -> dict[str, bool]:
        """What the model is asked for besides its bound's usual parts, as keywords of its `forward`."""
        return {"errors": True} if getattr(self.objective, "errors", False) else {}

    def begin(self, state: TrainState) -> None:
        """Set the step's learning rate."""
        set_learning_rate(state.optimizer, self.schedule(state.step))
        if self.skipping is not None:
            self.skipping.keep(state.network)

    def loss(self, state: TrainState, bound: AnyBound) -> tuple[Tensor, State]:
        """The objective's loss and its memory after this step."""
        return self.objective(bound, state.objective_state)

    def apply(self, state: TrainState, bound: AnyBound, loss: Tensor, memory: State) -> dict[str, Tensor]:
        """Step by the gradients that the parameters have, keep the memory, and say what happened."""
        said = {**described(bound, loss), "gradient_norm": self._clipped(state), **self._told(state, bound)}
        if self.skipping is None:
            state.optimizer.step()
        else:
            decision = self.skipping.judge(state.skips, said["gradient_norm"], loss.detach(), self.clip)
            step_if(state.optimizer, decision)
            self.skipping.give_back(state.network, decision.applied)
            now = state.objective_state
            memory = {name: torch.where(decision.applied, value, now[name]) for name, value in memory.items()}
            said |= decision.told
        for name, value in memory.items():  # in place, where a CUDA graph looks for it
            state.objective_used[name].copy_(state.objective_state[name])
            state.objective_state[name].copy_(value)
        return said

    @torch.no_grad()
    def _told(self, state: TrainState, bound: AnyBound) -> dict[str, Tensor]:
        told = getattr(self.objective, "told", None)
        # copies, since the memory changes in place
        return {} if told is None else {n: v.clone() for n, v in told(bound, state.objective_state).items()}

    def _clipped(self, state: TrainState) -> Tensor:
        """Clip the gradients, and give their norm before."""
        if self.clip is None or self.fabric.device.type == "cpu":
            norm = gradient_norm(state)
            if self.clip is None or norm <= self.clip:  # nothing to scale; elsewhere a branch would wait for the device
                return norm
        return torch.as_tensor(
            self.fabric.clip_gradients(state.model, state.optimizer, max_norm=self.clip, error_if_nonfinite=False)
        )


def objective_of(update: Update) -> Objective | None:
    """What weighs the rate in an update; None if there is no such thing."""
    return getattr(update, "objective", None)


def suit(update: Update, model: Generator, levels: int | None) -> None:
    """Let the update's objective, and what it skips, know its model and how many levels its images have. RecipeError
    if they do not go together.
    """
    for name in ("objective", "skipping"):
        part = getattr(update, name, None)
        suited = getattr(part, "suited", None)
        if suited is not None and (new := suited(model, levels)) != part:
            setattr(update, name, new)


def described(bound: AnyBound, loss: Tensor) -> dict[str, Tensor]:
    """The means of a bound's parts and the loss, by the names that the journal has for them."""
    with torch.no_grad():
        rates = bound.rate.mean(0)
        groups = {f"rate/{group}": rate for group, rate in enumerate(rates)} if len(rates) > 1 else {}
        means = {"distortion": bound.distortion.mean(), "rate": bound.rate.sum(-1).mean(), "loss": loss.detach()}
        errors = {"squared_error": bound.squared_error.mean()} if isinstance(bound, ErrorBound) else {}
    return means | groups | errors


def gradient_norm(state: TrainState) -> Tensor:
    """The norm of all gradients that the optimisers will use, as one vector."""
    groups = (group for optimizer in state.optimizers.values() for group in optimizer.param_groups)
    return get_total_norm([p.grad for group in groups for p in group["params"] if p.grad is not None])
