"""Shared parts of likelihoods: parameters from a decoder's output, sums over pixels, and checks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from kelbo.eager import has_values
from kelbo.errors import RecipeError, UnitError
from kelbo.protocols import Likelihood

Activation = Literal["identity", "sigmoid", "tanh"]
"""From a decoder's raw output to a mean: unchanged, or squashed into (0, 1) or (-1, 1)."""

LOG_SCALE_FLOOR = -6.0
"""Least ln σ on intensities in [0, 1] (Rybkin et al., 2021, §3.1): e^-6 = 0.0025, about half a level of 8 bits.

Without a floor the density of 8-bit images is unbounded: σ → 0 on a pixel that has the same level in all images."""

RANGE_TOLERANCE = 1e-3
"""How far outside [0, 1] an intensity still counts as rounding: a quarter of a level of 8 bits."""


def activation(name: Activation) -> Callable[[Tensor], Tensor]:
    """The activation of that name. Raises RecipeError for an unknown one."""
    functions = {"identity": _identity, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
    if name not in functions:
        raise RecipeError(f"likelihood.mean_activation must be one of {sorted(functions)}; got {name!r}.")
    return functions[name]


def _identity(raw: Tensor) -> Tensor:
    return raw


def log_range(data_range: float) -> float:
    """ln of the length of the images' interval. Raises RecipeError unless it is positive and finite."""
    if not 0 < data_range < math.inf:
        raise RecipeError(
            f"likelihood.data_range must be positive and finite (1 for images on [0, 1], 2 for [-1, 1]); got {data_range}."
        )
    return math.log(data_range)


def soft_clip(value: Tensor, floor: float) -> Tensor:
    """A smooth max(value, floor): floor + softplus(value - floor), always above both (Rybkin et al., 2021, §3.1).

    Its gradient never vanishes, but it is biased: at floor + 3.5, + 2 and + 1 it adds 0.030, 0.127 and 0.313.
    """
    return floor + F.softplus(value - floor)


def split(output: Tensor, count: int) -> tuple[Tensor, ...]:
    """A decoder's output (B, count·C, *event) split into `count` float32 parameters (B, C, *event), in order."""
    return output.float().unflatten(1, (count, -1)).unbind(1)


def means_first(picture: Tensor, count: int) -> Tensor:
    """An output of `count` parameters a channel, (B, count·C, *event): the picture as the first, 0 for the others."""
    return torch.cat([picture, picture.new_zeros(len(picture), (count - 1) * picture.shape[1], *picture.shape[2:])], 1)


def no_sum(means: Callable[[Tensor], Tensor]) -> str | None:
    """Why means that this activation makes are no sum of a picture and something; None if they are."""
    if means is _identity:
        return None
    return "squashes its mean, which is then no sum (set likelihood.mean_activation to identity)"


def total(per_pixel: Tensor) -> Tensor:
    """From nats per pixel (B, C, *event) to nats per example (B,)."""
    return per_pixel.flatten(1).sum(1)


def require_shape(likelihood: Likelihood, x: Tensor, output: Tensor) -> None:
    """Raise ValueError unless `output` has the shape that images `x` need: broadcasting would hide an error."""
    if x.ndim < 2:
        raise ValueError(f"{type(likelihood).__name__} needs images (B, C, …) or vectors (B, D); got {tuple(x.shape)}.")
    expected = (len(x), likelihood.output_channels(x.shape[1]), *x.shape[2:])
    if tuple(output.shape) != expected:
        raise ValueError(
            f"{type(likelihood).__name__} of images {tuple(x.shape)} needs a decoder's output of shape {expected}; "
            f"got {tuple(output.shape)}. Give the decoder output_channels({x.shape[1]}) channels."
        )


def require_intensities(likelihood: Likelihood, x: Tensor) -> None:
    """Raise UnitError unless the images lie in [0, 1], for likelihoods that are undefined outside it.

    Only the first batch in training mode and the first in evaluation mode are checked, since the check waits for the
    accelerator.
    """
    if likelihood.training in likelihood.checked_modes or not has_values(x):
        return
    low, high = (float(end) for end in x.detach().float().aminmax())
    if not (low >= -RANGE_TOLERANCE and high <= 1 + RANGE_TOLERANCE):  # so that NaN is refused too
        raise UnitError(
            f"{type(likelihood).__name__} needs intensities in [0, 1]; these images range from {low:.4g} to {high:.4g}. "
            "Pass (x + 1) / 2 for images on [-1, 1], x / 255 for 8-bit levels; the images are log_prob's first argument."
        )
    likelihood.checked_modes.add(likelihood.training)


def choose(log_probs: Tensor) -> Tensor:
    """Draw one of K choices by log-probabilities (B, K, *event), normalised or not: int64 (B, *event).

    By the Gumbel-max trick. With draws of U[0, 1) a Gumbel is at most 16.6, so a choice of probability 0 is never drawn.
    """
    gumbel = -torch.log(-torch.log(torch.rand_like(log_probs)))
    return (log_probs + gumbel).argmax(1)
