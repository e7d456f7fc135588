"""The values that cross between rooms: what a model is shown, what it makes of it, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from torch import Tensor

from kelbo.units import counted, intensities

Given = Mapping[str, Tensor]
"""Conditions of a model besides x, by name, each (B, …): "labels", "picture", "past" …"""

Latents = tuple[Tensor, ...]
"""One tensor a group, each (B, …) of any shape, int64 if the group is discrete."""

Temperature = float | Sequence[float]
"""Factor on the standard deviation of what is drawn: one for all groups, or one a group."""


def temperatures(temperature: Temperature, groups: int) -> list[float]:
    """The temperature of each group. ValueError if there is one a group, but of another number of groups."""
    each = [float(t) for t in temperature] if isinstance(temperature, Iterable) else [float(temperature)] * groups
    if len(each) != groups:
        raise ValueError(
            f"A model of {counted(groups, 'group')} of latents takes one temperature, or one a group; got {len(each)}."
        )
    return each


def require_groups(latents: Latents, groups: int) -> None:
    """ValueError unless these are the first of a model's groups of latents, or all of them."""
    if not 1 <= len(latents) <= groups:
        raise ValueError(
            f"This model has {counted(groups, 'group')} of latents and decodes the first or more; got {len(latents)}."
        )


def require_given(conditions: Sequence[str], given: Given) -> None:
    """ValueError unless each of a model's conditions is given."""
    if missing := [name for name in conditions if name not in given]:
        raise ValueError(
            f"This model is given {', '.join(conditions)} beside each example; {', '.join(missing)} is missing."
        )


class Batch(NamedTuple):
    """B examples and their conditions.

    x      (B, *event): float32 intensities for a model; uint8 levels as they come from data (see `as_intensities`); of
           tables, float32 numbers in the columns' own units
    given  conditions, each (B, …); a plain dict, since `torch.vmap` takes no other mapping
    """

    x: Tensor
    given: Given = {}  # noqa: RUF012  never written to

    def as_intensities(self, levels: int | None) -> Batch:
        """The batch as a model takes it: integer levels 0 … levels-1 become intensities in [0, 1]; None: real numbers stay."""
        return Batch(intensities(self.x, levels), self.given)


class Bound(NamedTuple):
    """One evaluation of the variational bound: B examples, G groups of latents.

    A NamedTuple, since Fabric's wrapper refuses a frozen dataclass as a module's output and `torch.vmap` refuses any.

    rate        KL(q(z_g | x, z_<g) || p(z_g | z_<g)), nats, shape (B, G)
    distortion  -log p(x | z) with z ~ q(z | x),       nats, shape (B,)
    """

    rate: Tensor
    distortion: Tensor

    @property
    def elbo(self) -> Tensor:
        """-(distortion + total rate), nats per example, shape (B,). Larger is better."""
        return -(self.distortion + self.rate.sum(-1))


class ErrorBound(NamedTuple):
    """A bound with the squared error of the likelihood's mean at the same z, summed over each example, (B,)."""

    rate: Tensor
    distortion: Tensor
    squared_error: Tensor

    @property
    def elbo(self) -> Tensor:
        """As a Bound's."""
        return -(self.distortion + self.rate.sum(-1))


AnyBound = Bound | ErrorBound
ABound = TypeVar("ABound", bound=AnyBound)


def each(change: Callable[..., Tensor], *bounds: ABound) -> ABound:
    """The bound whose parts are `change` of that part of each of these."""
    return type(bounds[0])(*map(change, *bounds))


class Reading(NamedTuple):
    """What a model makes of one batch.

    bound    at these latents
    latents  drawn from the posterior, or its means (a discrete group's modes)
    output   the likelihood's parameters at these latents, as `Model.decode` gives them
    rates    KL of each latent dimension, nats, (B, K), from a model with one flat vector of K; None from all others, since
             deep hierarchies have hundreds of thousands an example
    """

    bound: Bound
    latents: Latents
    output: Tensor
    rates: Tensor | None = None
