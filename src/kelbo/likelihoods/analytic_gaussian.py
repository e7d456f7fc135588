"""Gaussians whose σ is solved for instead of learned (Rybkin et al., 2021, §4).

Given the errors e of a batch, the σ that maximises the likelihood is known: σ² = mean of e² (eq. 5 of the paper prints
σ; its author confirmed σ²). Training with it minimises ½·D·ln(mean e²) + rate, without a setting to tune.

With a σ computed from x there is no distribution over x: in one dimension exp(log_prob) is 1 / (√(2πe)·|x - mean|), whose
integral diverges. That is valid as a training loss, the ordinary Gaussian bound at its best σ, but not as a measurement. So in
evaluation mode σ is fixed: a running estimate from the *training* errors, or the value given to `settle`. `normalized` tells
whether σ is fixed.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from kelbo.distributed.collectives import mean_over_processes
from kelbo.eager import has_values
from kelbo.errors import RecipeError, RunError
from kelbo.likelihoods.gaussian import Gaussian
from kelbo.likelihoods.heads import LOG_SCALE_FLOOR, Activation, soft_clip


class AnalyticGaussian(Gaussian):
    """Base class: σ² is the mean squared error over some axes in training mode, a running estimate in evaluation mode.

    detach:       stop gradients through σ. At its optimum d loss / d σ = 0, so gradients are equal (envelope theorem) unless
                  the floor or the clip moves σ away from the optimum.
    momentum:     of the running estimate, an exponential average of the batches' mean squared errors (the paper asks for a
                  running average without giving a momentum). The first 1 / (1 - momentum) batches are averaged evenly, so
                  the first one initialises it. Buffers `running_variance` and `batches` hold it; only log_prob in training
                  mode updates them, once a forward pass: neither when activation checkpointing recomputes it in the backward
                  pass, nor for a batch whose σ² is not finite. Several processes use the mean over their batches.
    as_published: as in the authors' release: ln σ is clipped softly, which at ln σ = -5 makes σ 37 % too large, and σ is
                  computed from the evaluated images even in evaluation mode. Never `normalized`.

    Otherwise ln σ has a hard floor. Methods without images (variance, sample) use the running estimate, or the value given to
    `settle`; the running estimate lags behind weights that still improve. They raise RunError if no batch was seen in training
    mode before.
    """

    sigma_from = "solved"
    running_variance: Tensor
    batches: Tensor

    def __init__(
        self,
        detach: bool = False,
        momentum: float = 0.99,
        as_published: bool = False,
        mean_activation: Activation = "identity",
        data_range: float = 1.0,
    ) -> None:
        super().__init__(mean_activation, data_range)
        if not 0 <= momentum < 1:
            raise RecipeError(f"likelihood.momentum must be in [0, 1); got {momentum}.")
        self.detach, self.momentum, self.as_published = detach, momentum, as_published
        self.shared: Tensor | None = None  # σ² of the whole step, while parts of its batch pass one after another
        self.register_buffer("running_variance", torch.zeros(()))
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    @abstractmethod
    def mean_square(self, error: Tensor) -> Tensor:
        """The optimal σ² of these errors (B, C, *event), broadcastable to them."""

    @property
    def normalized(self) -> bool:
        return not (self.training or self.as_published)

    def forget(self) -> bool:
        self.running_variance.zero_()
        self.batches.zero_()
        return True

    @torch.no_grad()
    def settle(self, variance: float | Tensor) -> None:
        self.running_variance.fill_(variance)
        self.batches.copy_(self.batches.clamp(min=1))  # for which vmap has a rule, unlike for clamp_

    def log_scale(self, output: Tensor, error: Tensor | None = None) -> Tensor:
        if error is None or self.normalized:
            return self._bounded(self._running())
        variance, shared = self.mean_square(error), self.shared
        if self.training and shared is None:
            variance = self._over_processes(variance)
            self._observe(variance.detach())
        elif shared is not None and variance.ndim == 0:
            return self._bounded(shared)
        return self._bounded(variance.detach() if self.detach else variance)

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        value = super().log_prob(x, output)
        # with σ² shared, σ is a constant above: at its optimum and at a hard floor it has no part in the gradient
        if self.shared is None or self.detach or not (self.training and self.as_published):
            return value
        error = x.float() - self.mean(output)
        own = self.mean_square(error)
        return value if own.ndim else value - error[0].numel() * self._soft_share(own, self.shared)

    def _soft_share(self, own: Tensor, shared: Tensor) -> Tensor:
        """0, with the gradient that a part of a batch owes to the softly clipped σ: per dimension, of the distortion's mean.

        The mean of (½·e²/σ² + ln σ) has the slope 1 - mean e² / σ² by ln σ, where the mean is the whole step's.
        """
        log_scale = self._bounded(shared + own - own.detach())
        slope = 1 - shared * torch.exp(-2 * log_scale.detach())
        return slope * (log_scale - log_scale.detach())

    @torch.no_grad()
    def solve(self, x: Tensor, output: Tensor) -> Tensor:
        """σ² of a whole step's images (squared intensities), over all processes, for `sharing`; observed as a step's.

        A σ² of each image needs nothing of the others: it is returned as it is.
        """
        variance = self._over_processes(self.mean_square(x.float() - self.mean(output)))
        self._observe(variance)
        return variance

    @contextmanager
    def sharing(self, variance: Tensor) -> Iterator[None]:
        """Inside the block, log_prob in training mode is of a part of a batch whose σ² was solved for, and observes nothing.

        Means of gradients over equal parts are the gradient of the whole, with detach, soft clip and floor too.
        """
        self.shared = variance
        try:
            yield
        finally:
            self.shared = None

    def _bounded(self, variance: Tensor) -> Tensor:
        """ln σ, clamped *before* the logarithm: a perfect reconstruction then has gradient 0, not 0 · ∞."""
        if self.as_published:
            floor = LOG_SCALE_FLOOR + self.log_range
            return soft_clip(0.5 * variance.clamp(min=torch.finfo(torch.float32).tiny).log(), floor)
        return 0.5 * variance.clamp(min=math.exp(2 * (LOG_SCALE_FLOOR + self.log_range))).log()

    def _over_processes(self, variance: Tensor) -> Tensor:
        """A σ² of the whole batch, averaged over all processes with its gradient; σ² of each image is returned unchanged."""
        return mean_over_processes(variance) if variance.ndim == 0 else variance

    @torch.no_grad()
    def _observe(self, variance: Tensor) -> None:
        """Update the running estimate with this step's σ²."""
        if _recomputing():
            return
        mean = variance if variance.ndim == 0 else mean_over_processes(variance.mean())
        finite = mean.isfinite()
        self.batches += finite
        weight = (1 / self.batches.clamp(min=1)).clamp(min=1 - self.momentum)
        # no branch on a value, so nothing waits for the device, and stacked lanes run as one program
        self.running_variance += torch.where(finite, weight * (mean - self.running_variance), 0.0)

    def _running(self) -> Tensor:
        variance = self.running_variance.float()
        if not has_values(self.batches):  # while compiling or exporting, our error cannot be raised
            return torch.where(self.batches > 0, variance, math.nan)
        if self.batches == 0:
            raise RunError(
                f"{type(self).__name__} has no σ yet: it has seen 0 batches in training mode. "
                "Train it or load trained weights first, or use FixedGaussian. If a trainer validates before training, disable "
                "that check."
            )
        return variance


def _recomputing() -> bool:
    """Whether this forward pass runs inside a backward pass, as activation checkpointing does."""
    if torch.compiler.is_compiling():
        return False
    return torch._C._current_graph_task_id() != -1


class OptimalGaussian(AnalyticGaussian):
    """One σ for the whole batch: σ² = mean squared error over batch, channels and pixels ("optimal σ-VAE").

    In training mode, the log_prob of an image depends on the others in its batch.
    """

    def mean_square(self, error: Tensor) -> Tensor:
        return error.square().mean()


class PerImageGaussian(AnalyticGaussian):
    """A σ for every image: σ² = mean squared error over its channels and pixels ("optimal per-image σ-VAE").

    The loss of every image is ½·D·ln(mean e²), so a well-reconstructed image weighs as much as a bad one. A density cannot
    depend on an image's own error: in evaluation mode all images share one σ, from the average error of the training images.
    """

    def mean_square(self, error: Tensor) -> Tensor:
        return error.square().mean(dim=tuple(range(1, error.ndim)), keepdim=True)
