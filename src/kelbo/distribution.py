"""The interface of a decoder's distribution, of which `protocols` has the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

from torch import Tensor, nn

SigmaFrom = Literal["given", "learned", "solved", "decoder"]
"""Where σ comes from: the user, a parameter, the errors themselves, or each pixel's own from the decoder."""
NEAR_FLOOR = 1.25
"""A σ within a quarter of its floor counts as lying on it, since a soft clip never reaches it."""


class Likelihood(nn.Module, ABC):
    """p(x | z): a distribution over images whose parameters are a decoder's output.

    Images x are (B, C, *event), intensities in [0, 1]; the decoder's output is (B, output_channels(C), *event). A flat vector
    of D numbers is C = D with an empty event. Answers are float32 whatever comes in: call them outside of autocast.

    kind     "mass": x are integer levels seen as intensities, and the sum of exp(log_prob) over all images is 1;
             "density": the integral over the support is 1.
    support  "levels" for a mass; "real" (each pixel any real number) or "unit" (each in [0, 1]) for a density.

    A likelihood's own learned parameters have no dimensions, so that weight decay can leave them out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.checked_modes: set[bool] = set()  # modes (training or not) in which images were checked to be intensities

    kind: ClassVar[Literal["density", "mass"]]
    support: ClassVar[Literal["levels", "real", "unit"]]
    sigma_from: ClassVar[SigmaFrom | None] = None
    """of a likelihood whose best σ is its root mean squared error, as a Gaussian's is; None of every other"""

    @property
    def sigma_floor(self) -> float | None:
        """The lower bound of a pixel's standard deviation, intensities; None if there is none."""
        return None

    def floored(self, output: Tensor) -> Tensor | None:
        """Which pixels' σ lies on its floor, bool (B, C, *event); None if there is no floor."""
        floor = self.sigma_floor
        return None if floor is None else self.variance(output) < (NEAR_FLOOR * floor) ** 2

    @property
    def levels(self) -> int | None:
        """How many levels a pixel of a mass has; None for a density."""
        return None

    @property
    def normalized(self) -> bool:
        """Whether log_prob, in the present mode, is a distribution over x, as bounds need; not if parameters depend on x."""
        return True

    def forget(self) -> bool:
        """Drop running averages over training batches, so that other weights begin new ones; False if there are none."""
        return False

    def settle(self, variance: float | Tensor) -> None:
        """Let σ² be `variance` (squared intensities; a tensor has no dimensions) in evaluation mode, in place of the running
        average, which a model that trains further must get back. TypeError unless `sigma_from` is "solved".
        """
        raise TypeError(f"{type(self).__name__} does not solve for its σ, so none can be set.")

    @contextmanager
    def settled(self, variance: float | Tensor) -> Iterator[None]:
        """Inside the block σ² is `variance`, as by `settle`; afterwards the running average is as it was."""
        tracked = {name: value.clone() for name, value in self.named_buffers()}
        self.settle(variance)
        try:
            yield
        finally:
            for name, value in self.named_buffers():
                value.copy_(tracked[name])

    @property
    def unshiftable(self) -> str | None:
        """Why no picture can be added to its mean, in words that follow its name; None if `shifted` takes one."""
        return "has no parameter that moves its mean alone"

    def shifted(self, output: Tensor, picture: Tensor) -> Tensor:
        """The output with a picture (B, C, *event), intensities, added to its mean, which is the picture if that was all zeros.

        TypeError if the likelihood is `unshiftable`.
        """
        if (reason := self.unshiftable) is not None:
            raise TypeError(f"{type(self).__name__} {reason}.")
        return output.float() + self.output_of(picture.float())

    def output_of(self, picture: Tensor) -> Tensor:
        """An output whose mean is `picture`, of a likelihood that is not `unshiftable`."""
        raise NotImplementedError

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
        """`mean` and `variance` at once, for likelihoods that compute one on the way to the other."""
        return self.mean(output), self.variance(output)

    def errors(self, x: Tensor, output: Tensor) -> Tensor:
        """x - mean, (B, …), as squared errors sum them: of a table's real columns in σ's unit."""
        return x.float() - self.mean(output)

    def standardised(self, x: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
        """Errors x - mean and variances in σ's unit, of the dimensions that have one: of tables these are not x's own."""
        mean, variance = self.moments(output)
        return x - mean, variance

    @abstractmethod
    def sample(self, output: Tensor) -> Tensor:
        """One draw per example, shape (B, C, *event), intensities."""

    @abstractmethod
    def cdf(self, x: Tensor, output: Tensor, strict: bool = False) -> Tensor:
        """P(X <= x | z) of each pixel, shape (B, C, *event), in the distribution of `mean`, `variance` and `sample`. If
        channels depend on one another, each one's is given the observed ones before it. No gradients are supported.

        strict: P(X < x | z) instead, which differs for a mass only. Uniform draws between the two of each pixel are uniform
        over all pixels if the likelihood is right (randomised probability integral transform: Czado et al., 2009).
        """
