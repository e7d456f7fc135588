"""From a decoder's output to a likelihood's parameters, and from pixels to nats per example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from kelbo.errors import RecipeError
from kelbo.protocols import Likelihood

Activation = Literal["identity", "sigmoid"]
"""How a decoder's raw output becomes a mean: as it is, or squashed into (0, 1)."""

LOG_SCALE_FLOOR = -6.0
"""Least ln σ on intensities in [0, 1] (Rybkin et al., 2021, §3.1): e^-6 = 0.0025, about half a level of 8 bits.

Without a floor the density of 8-bit images is unbounded: σ → 0 on a pixel that is always the same level."""


def activation(name: Activation) -> Callable[[Tensor], Tensor]:
    """The function of that name. Raises RecipeError for an unknown one."""
    functions = {"identity": _identity, "sigmoid": torch.sigmoid}
    if name not in functions:
        raise RecipeError(f"likelihood.mean_activation must be one of {sorted(functions)}; got {name!r}.")
    return functions[name]


def _identity(raw: Tensor) -> Tensor:
    return raw


def soft_clip(value: Tensor, floor: float) -> Tensor:
    """A smooth max(value, floor): floor + softplus(value - floor), always above both (Rybkin et al., 2021, §3.1).

    It never stops a gradient, and it biases: at floor + 3.5, + 2 and + 1 it adds 0.030, 0.127 and 0.313.
    """
    return floor + F.softplus(value - floor)


def split(output: Tensor, count: int) -> tuple[Tensor, ...]:
    """A decoder's output (B, count·C, *event) as `count` float32 parameters (B, C, *event), one after the other."""
    return output.float().unflatten(1, (count, -1)).unbind(1)


def total(per_pixel: Tensor) -> Tensor:
    """Nats per pixel (B, C, *event) to nats per example (B,)."""
    return per_pixel.flatten(1).sum(1)


def require_shape(likelihood: Likelihood, x: Tensor, output: Tensor) -> None:
    """Raises ValueError unless `output` is what the likelihood of images `x` needs: broadcasting would hide a wrong one."""
    expected = (len(x), likelihood.output_channels(x.shape[1]), *x.shape[2:])
    if tuple(output.shape) != expected:
        raise ValueError(
            f"{type(likelihood).__name__} of images {tuple(x.shape)} needs a decoder's output of shape {expected}; "
            f"got {tuple(output.shape)}. Give the decoder output_channels({x.shape[1]}) channels."
        )


def choose(log_probs: Tensor) -> Tensor:
    """Draw one of K from log-probabilities (B, K, *event), normalised or not: int64 (B, *event).

    By the Gumbel-max trick. With draws of U[0, 1) a Gumbel is at most 16.6, so a choice of probability 0 is never made.
    """
    gumbel = -torch.log(-torch.log(torch.rand_like(log_probs)))
    return (log_probs + gumbel).argmax(1)
