"""Noise of latents, of which stacked lanes draw each their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from kelbo.seeds import normal_like, uniform_like

_generators: ContextVar[Sequence[torch.Generator] | torch.Generator | None] = ContextVar("generators", default=None)


def standard_normal(like: Tensor) -> Tensor:
    """Draws of N(0, 1), shaped like `like`, as `kelbo.seeds.normal_like`; inside `noise_of_lanes` from a lane's own."""
    if _generators.get() is None:
        return normal_like(like)
    return _Noise.apply(like.detach(), torch.randn)  # pyright: ignore[reportReturnType]


def uniform(like: Tensor) -> Tensor:
    """Draws of U[0, 1), shaped like `like`, as `kelbo.seeds.uniform_like`; inside `noise_of_lanes` from a lane's own."""
    if _generators.get() is None:
        return uniform_like(like)
    return _Noise.apply(like.detach(), torch.rand)  # pyright: ignore[reportReturnType]


@contextmanager
def noise_of_lanes(generators: Sequence[torch.Generator]) -> Iterator[None]:
    """Inside the block, draws under `torch.vmap` over L lanes take lane l's part from generators[l].

    So each lane sees the noise that it would see alone, whatever the others draw. The generators are of the draws' device.
    """
    token = _generators.set(generators)
    try:
        yield
    finally:
        _generators.reset(token)


@contextmanager
def noise_of_all_lanes(generator: torch.Generator) -> Iterator[None]:
    """Inside the block, draws under `torch.vmap` are the same in every lane: those of one of them alone."""
    token = _generators.set(generator)
    try:
        yield
    finally:
        _generators.reset(token)


class _Noise(torch.autograd.Function):
    """A function for the sake of its rule under vmap, which is the one place that sees all lanes."""

    @staticmethod
    def forward(like: Tensor, draw: Callable[..., Tensor]) -> Tensor:  # noqa: ARG004
        raise RuntimeError("The noise of lanes was asked for outside of vmap, or for values that all lanes share.")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing to keep: noise has no gradient."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, None], *inputs: Any) -> tuple[Tensor, int | None]:
        generators = _generators.get() or ()
        (like, draw), (dim, _) = inputs, in_dims
        shape = like.select(dim, 0).shape
        if isinstance(generators, torch.Generator):
            return draw(shape, generator=generators, dtype=like.dtype, device=like.device), None
        if len(generators) != info.batch_size:
            raise RuntimeError(f"{info.batch_size} lanes draw noise, but there are {len(generators)} generators.")
        draws = [draw(shape, generator=own, dtype=like.dtype, device=like.device) for own in generators]
        return torch.stack(draws), 0
