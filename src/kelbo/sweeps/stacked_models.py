"""Many models of one architecture as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from kelbo.bound import AnyBound, Batch
from kelbo.protocols import Model
from kelbo.sweeps.stacked_precision import LanesAutocast

NOTHING_MORE: Mapping[str, bool] = {}


class Stack:
    """L models whose parameters and buffers are slices of shared tensors, one tensor for each name.

    So one program (`torch.vmap`) computes all of them, and each remains an ordinary model for its optimiser, checkpoints and
    pictures. The models have one architecture and are on one device. A model that joins a new stack leaves its old one.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self.template = models[0]
        self.owned = {name: [m.get_parameter(name) for m in models] for name, _ in models[0].named_parameters()}
        self.parameters = {name: _gathered(own).requires_grad_() for name, own in self.owned.items()}
        self.buffers = {
            name: _gathered([model.get_buffer(name) for model in models]) for name, _ in models[0].named_buffers()
        }

    def __call__(self, batches: Batch, asks: Mapping[str, bool] = NOTHING_MORE) -> AnyBound:
        """Each model's bound of its own intensities (L, B, *event): rate (L, B, G), distortion (L, B).

        asks: keywords of their `forward`.

        Under autocast, layers compute in its precision.
        """
        with LanesAutocast() if torch.is_autocast_enabled(batches.x.device.type) else nullcontext():
            return torch.vmap(partial(self._one, dict(asks)))(self.parameters, self.buffers, batches)

    def _one(
        self, asks: dict[str, bool], parameters: dict[str, Tensor], buffers: dict[str, Tensor], batch: Batch
    ) -> AnyBound:
        return functional_call(self.template, (parameters, buffers), (batch,), asks)

    def ask(self, question: Callable[..., Tensor], lanes: Sequence[int], examples: Any, shared: bool) -> Tensor:
        """What `question` gives of some lanes' models, in evaluation mode, and of their examples: (L, …), without gradients.

        examples: tensors in any tuples and dicts, one example set for all lanes if shared, else with lanes as first dimension.
        """
        parameters, buffers = (
            {f"model.{name}": _picked(whole, lanes).detach() for name, whole in tensors.items()}
            for tensors in (self.parameters, self.buffers)
        )
        buffers = {name: value.clone() for name, value in buffers.items()}  # which a question may change

        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], examples: Any) -> Tensor:
            return functional_call(_Asked(self.template, question), (parameters, buffers), (examples,))

        with self.template.evaluating():
            return torch.vmap(one, (0, 0, None if shared else 0))(parameters, buffers, examples)

    def hand_out_gradients(self) -> None:
        """Give each model's parameters their slices of the gradient; the stack keeps none."""
        for name, whole in self.parameters.items():
            gradients = [None] * len(self.owned[name]) if whole.grad is None else whole.grad.unbind()
            for parameter, gradient in zip(self.owned[name], gradients, strict=True):
                parameter.grad = gradient
            whole.grad = None


class _Asked(nn.Module):
    """A question about a model as a module that holds the model."""

    def __init__(self, model: Model, question: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model, self.question = model, question

    def forward(self, examples: Any) -> Tensor:
        return self.question(self.model, examples)


def _picked(whole: Tensor, lanes: Sequence[int]) -> Tensor:
    """Some lanes of (L, …): a view if they are neighbours."""
    first, last = lanes[0], lanes[-1] + 1
    return whole[first:last] if last - first == len(lanes) else whole[torch.tensor(lanes, device=whole.device)]


@torch.no_grad()
def _gathered(parts: Sequence[Tensor]) -> Tensor:
    """One tensor (L, …) whose slices the parts become, each with its own memory layout (such as channels-last)."""
    first = parts[0]
    whole = torch.empty_strided(
        (len(parts), *first.shape), (first.numel(), *first.stride()), dtype=first.dtype, device=first.device
    )
    for part, place in zip(parts, whole.unbind(), strict=True):
        place.copy_(part)
        part.data = place
    return whole
