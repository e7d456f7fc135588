"""Gaussians: the mean comes from the decoder, and each class determines σ differently.

They are densities over the real line, not only [0, 1]. With a fixed σ, weighing the rate by β is equivalent to multiplying σ²
by β (Rybkin et al., 2021, eqs. 3 and 4: σ² = β).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from kelbo.errors import RecipeError
from kelbo.likelihoods.heads import (
    LOG_SCALE_FLOOR,
    Activation,
    activation,
    log_range,
    means_first,
    no_sum,
    require_shape,
    soft_clip,
    split,
    total,
)
from kelbo.protocols import Likelihood


class Gaussian(Likelihood):
    """Base class: independent pixels, x ~ N(mean, σ²).

    mean_activation: from the decoder's raw output to the mean; "sigmoid" keeps it inside (0, 1), "tanh" inside (-1, 1).
    data_range:      length of the images' interval: 1 for intensities in [0, 1], 2 for [-1, 1]. A σ that is not given, and its
                     floor, are parametrised relative to it, so training is the same for either; nats, σ and means have the
                     unit of the images.
    """

    kind = "density"
    support = "real"
    parameters_per_channel: ClassVar[int] = 1

    def __init__(self, mean_activation: Activation = "identity", data_range: float = 1.0) -> None:
        super().__init__()
        self.mean_activation = activation(mean_activation)
        self.data_range, self.log_range = data_range, log_range(data_range)

    @property
    def sigma_floor(self) -> float | None:
        return None if self.sigma_from == "given" else math.exp(LOG_SCALE_FLOOR + self.log_range)

    @abstractmethod
    def log_scale(self, output: Tensor, error: Tensor | None = None) -> Tensor:
        """ln σ in float32, broadcastable to the images (B, C, *event).

        error: x - mean, if there is an image. Only the analytic σ uses it.
        """

    @property
    def unshiftable(self) -> str | None:
        return no_sum(self.mean_activation)

    def output_of(self, picture: Tensor) -> Tensor:
        return means_first(picture, self.parameters_per_channel)

    def output_channels(self, channels: int) -> int:
        return self.parameters_per_channel * channels

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        require_shape(self, x, output)
        error = x.float() - self.mean(output)
        log_scale = self.log_scale(output, error)
        standard = error * torch.exp(-log_scale)
        return total(-0.5 * standard.square() - log_scale - 0.5 * math.log(2 * math.pi))

    def mean(self, output: Tensor) -> Tensor:
        return self.mean_activation(split(output, self.parameters_per_channel)[0])

    def variance(self, output: Tensor) -> Tensor:
        return torch.exp(2 * self.log_scale(output)).expand_as(self.mean(output))

    def cdf(self, x: Tensor, output: Tensor, strict: bool = False) -> Tensor:
        require_shape(self, x, output)
        return torch.special.ndtr((x.float() - self.mean(output)) * torch.exp(-self.log_scale(output)))

    def sample(self, output: Tensor) -> Tensor:
        mean = self.mean(output)
        return mean + torch.exp(self.log_scale(output)) * torch.randn_like(mean)


class FixedGaussian(Gaussian):
    """One σ, given: in intensities. σ = 1 is what "½ summed squared error + KL" means ("Gaussian VAE")."""

    sigma_from = "given"
    given: Tensor

    def __init__(self, sigma: float = 1.0, mean_activation: Activation = "identity") -> None:
        super().__init__(mean_activation)
        if not 0 < sigma < math.inf:
            raise RecipeError(f"likelihood.sigma must be positive and finite (it is in intensities); got {sigma}.")
        self.sigma = sigma
        # a buffer, so that each stacked lane may have its own; not persistent, since the recipe holds it
        self.register_buffer("given", torch.tensor(math.log(sigma)), persistent=False)

    def log_scale(self, output: Tensor, error: Tensor | None = None) -> Tensor:
        return self.given


class AveragedSquaredError(Gaussian):
    """The "mse_vae" baseline: squared error averaged over batch and pixels, with a KL that is summed.

    Σ_b ‖x_b - mean_b‖² / (B·D) + Σ_b KL_b is the negative bound, up to a constant, of a Gaussian with variance σ² = B·D/2:
    for 128 images of 28×28×3, σ is 388 on intensities in [0, 1]. With so large a σ the rate is never worth its cost, and the
    posterior collapses. This class is that Gaussian, constants kept, so its nats compare with those of other likelihoods.

    batch_size: the B of training. D is the number of pixels times channels of the given images.
    """

    sigma_from = "given"

    def __init__(self, batch_size: int, mean_activation: Activation = "identity") -> None:
        super().__init__(mean_activation)
        if batch_size < 1:
            raise RecipeError(f"likelihood.batch_size must be at least 1; got {batch_size}.")
        self.batch_size = batch_size

    def log_scale(self, output: Tensor, error: Tensor | None = None) -> Tensor:
        dims = output.shape[1:].numel()
        return torch.full((), 0.5 * math.log(self.batch_size * dims / 2), device=output.device)


class SharedGaussian(Gaussian):
    """One σ, learned: the σ-VAE's shared σ (Rybkin et al., 2021, §3.1).

    ln(σ / data_range) is a scalar parameter, `log_sigma`, that starts at `initial_log_sigma` and is clipped softly.
    """

    sigma_from = "learned"

    def __init__(
        self, initial_log_sigma: float = 0.0, mean_activation: Activation = "identity", data_range: float = 1.0
    ) -> None:
        super().__init__(mean_activation, data_range)
        self.log_sigma = nn.Parameter(torch.tensor(float(initial_log_sigma)))

    def log_scale(self, output: Tensor, error: Tensor | None = None) -> Tensor:
        return soft_clip(self.log_sigma.float(), LOG_SCALE_FLOOR) + self.log_range


class PerPixelGaussian(Gaussian):
    """The decoder gives a σ for every pixel and channel: its output is the means, then ln(σ / data_range), clipped softly."""

    parameters_per_channel = 2
    sigma_from = "decoder"

    def log_scale(self, output: Tensor, error: Tensor | None = None) -> Tensor:
        return soft_clip(split(output, 2)[1], LOG_SCALE_FLOOR) + self.log_range
