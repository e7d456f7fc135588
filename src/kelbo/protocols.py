"""What the rooms ask of one another. Training and evaluation know these faces only, never a concrete class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from kelbo.bound import Bound
from kelbo.eager import full_precision
from kelbo.seeds import normal_like

State = dict[str, Tensor]
"""An objective's memory: named tensors, so that it is saved as it is and runs under `torch.func`."""


SigmaFrom = Literal["given", "learned", "solved", "decoder"]
"""Where σ comes from: the user, a parameter, the errors themselves, or each pixel's own from the decoder."""

NEAR_FLOOR = 1.25
"""A σ within a quarter of its floor counts as lying on it: a soft clip never quite gets there."""


class Likelihood(nn.Module, ABC):
    """p(x | z): a distribution over images whose parameters are a decoder's output.

    Shapes everywhere: images x are (B, C, *event), intensities in [0, 1]; the decoder's output is
    (B, output_channels(C), *event). A flat vector of D pixels is C = D with an empty event. Answers are float32
    whatever comes in: call them outside of autocast.

    kind     "mass": x are integer levels seen as intensities, and the sum of exp(log_prob) over all images is 1;
             "density": the integral over the support is 1.
    support  "levels" for a mass; "real" (each pixel any real number) or "unit" (each in [0, 1]) for a density.

    A likelihood's own learned parameters have no dimensions, so that an optimiser can tell them from weights and leave
    them out of weight decay.
    """

    def __init__(self) -> None:
        super().__init__()
        self.looked_at: set[bool] = set()  # modes (training or not) in which images were seen to be intensities

    kind: ClassVar[Literal["density", "mass"]]
    support: ClassVar[Literal["levels", "real", "unit"]]
    sigma_from: ClassVar[SigmaFrom | None] = None
    """of a likelihood whose best σ is its root mean squared error, as a Gaussian's is; None of every other"""

    @property
    def sigma_floor(self) -> float | None:
        """The least standard deviation of a pixel that it can come to, in intensities; None where nothing bounds it.

        A mass has none, and neither has a σ that is given.
        """
        return None

    def floored(self, output: Tensor) -> Tensor | None:
        """Which pixels' σ lies on its floor, bool (B, C, *event); None where there is no floor."""
        floor = self.sigma_floor
        return None if floor is None else self.variance(output) < (NEAR_FLOOR * floor) ** 2

    @property
    def levels(self) -> int | None:
        """How many levels a pixel of a mass has; None for a density."""
        return None

    @property
    def normalized(self) -> bool:
        """Whether log_prob, in the present mode, is a distribution over x: False where its parameters look at x.

        Only nats of a normalised likelihood are reported as such.
        """
        return True

    def forget(self) -> bool:
        """Drop what was tracked of training batches, for other weights to track it anew; False where there is nothing."""
        return False

    def settle(self, variance: float) -> None:
        """Let σ² be `variance` (squared intensities) in evaluation mode, where `sigma_from` is "solved".

        It stands in the place of what training tracks, so a model that goes on training must be given that back.
        """
        raise TypeError(f"{type(self).__name__} does not solve for its σ, so it cannot be told one.")

    @contextmanager
    def settled(self, variance: float) -> Iterator[None]:
        """Inside the block σ² is `variance`, as by `settle`; afterwards what training tracks is as it was."""
        tracked = {name: value.clone() for name, value in self.named_buffers()}
        self.settle(variance)
        try:
            yield
        finally:
            for name, value in self.named_buffers():
                value.copy_(tracked[name])

    @abstractmethod
    def output_channels(self, channels: int) -> int:
        """How many channels the decoder must give for images of `channels` channels."""

    @abstractmethod
    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """log p(x | z) in nats per example, summed over the event, constants kept. Returns shape (B,)."""

    @abstractmethod
    def mean(self, output: Tensor) -> Tensor:
        """The distribution's mean, shape (B, C, *event), intensities."""

    @abstractmethod
    def variance(self, output: Tensor) -> Tensor:
        """The variance of each pixel, shape (B, C, *event), squared intensities."""

    def moments(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """`mean` and `variance` at once, for likelihoods where one is half of the other's work."""
        return self.mean(output), self.variance(output)

    @abstractmethod
    def sample(self, output: Tensor) -> Tensor:
        """One draw per example, shape (B, C, *event), intensities."""

    @abstractmethod
    def cdf(self, x: Tensor, output: Tensor, strict: bool = False) -> Tensor:
        """P(X <= x | z) of each pixel, shape (B, C, *event), in the distribution of `mean`, `variance` and `sample`.

        strict: P(X < x | z) instead, which differs for a mass only. Uniform draws between the two of each pixel are
        uniform over all pixels where the likelihood tells the truth (the randomised probability integral transform:
        Smith, 1985; Czado et al., 2009). Where the channels of a pixel depend on one another, each one's CDF is given
        the observed ones before it. For measurement: no gradient is promised.
        """


class Objective(Protocol):
    """What to do about rate and distortion: a small callable, its memory passed in and out."""

    def initial(self) -> State:
        """The memory before the first step."""
        ...

    def __call__(self, bound: Bound, state: State) -> tuple[Tensor, State]:
        """The loss to minimise (a scalar, nats) and the memory after this step."""
        ...


class Measured(NamedTuple):
    """What a model of K latents makes of B images.

    bound   with one draw of the latents
    rates   KL(q(z_k | x) || p(z_k)) of every latent dimension, nats, (B, K)
    means   of q(z | x), (B, K)
    output  the likelihood's parameters at those means, (B, likelihood.output_channels(C), H, W)
    """

    bound: Bound
    rates: Tensor
    means: Tensor
    output: Tensor


class Model(nn.Module, ABC):
    """A latent-variable model of images (B, C, H, W) with K latent dimensions in G groups.

    has_rate is False where the code is a point and a KL does not exist (a plain autoencoder): its bound is no bound,
    and evaluation reports none.
    """

    likelihood: Likelihood
    image_shape: tuple[int, int, int]
    latent_dims: int
    has_rate: ClassVar[bool] = True

    @abstractmethod
    def forward(self, x: Tensor, target: Tensor | None = None) -> Bound:
        """The bound with one draw of the latents, nats per example.

        x: intensities (B, C, H, W), what the encoder sees. target: what the likelihood scores, `x` where None (a
        dequantised copy, say: E_q(z|x) log p(target | z) - KL(q(z | x) || p(z)) bounds log p(target) for any x).
        """

    @abstractmethod
    def log_weights(self, x: Tensor, samples: int, target: Tensor | None = None) -> Tensor:
        """log p(target | z) + log p(z) - log q(z | x) at S draws z ~ q(z | x), nats, shape (B, S)."""

    @abstractmethod
    def posterior_moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of q(z | x), each (B, K)."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """The likelihood's parameters at latents z (B, K), shape (B, likelihood.output_channels(C), H, W)."""

    @abstractmethod
    def sample_prior(self, count: int) -> Tensor:
        """Latents drawn from p(z), shape (count, K)."""

    @abstractmethod
    def measure(self, x: Tensor, target: Tensor | None = None) -> Measured:
        """All that evaluation wants of some images, encoding them once. Arguments as of `forward`."""

    def drawn(self, x: Tensor) -> Tensor:
        """The likelihood's parameters at one draw z ~ q(z | x) of each image; at the code itself where there is no rate."""
        mean, scale = self.posterior_moments(x)
        return self.decode(mean + scale * normal_like(scale) if self.has_rate else mean)

    def squared_errors(self, x: Tensor) -> Tensor:
        """The squared error of each image at one draw of the latents, mean over channels and pixels, (B,)."""
        return (x - self.likelihood.mean(self.drawn(x))).square().flatten(1).mean(1)

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Inside the block the model may be given other weights; afterwards it has its own, bit for bit."""
        own = {name: value.detach().clone() for name, value in self.state_dict().items()}
        try:
            yield
        finally:
            self.load_state_dict(own)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Inside the block: evaluation mode, no gradients, no autocast. Afterwards the mode is as it was."""
        training = self.training
        self.eval()
        try:
            with torch.no_grad(), full_precision():
                yield
        finally:
            self.train(training)
