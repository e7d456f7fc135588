"""Clips: a likelihood of images, applied to every frame."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from kelbo.likelihoods.analytic_gaussian import AnalyticGaussian
from kelbo.likelihoods.wrapped import Wrapped


class Framewise(Wrapped):
    """p(x | z) = Π_t p(x_t | z): the frames of a clip are independent given the latents, each with the distribution `inner`.

    Shapes: clips x are (B, T, C, *event), the decoder's output is (B, T, output_channels(C), *event), with C channels a frame.
    `inner` sees the frames as a batch of B·T images: what it computes over a batch it computes over all frames of all clips,
    what it computes for each image it computes for each frame. Kind, support, σ and the rest are those of `inner`.
    """

    def solve(self, x: Tensor, output: Tensor) -> Tensor:
        """σ² of a whole step's clips, where `inner` solves for it."""
        return cast(AnalyticGaussian, self.inner).solve(folded(x), folded(output))

    def output_channels(self, channels: int) -> int:
        """How many channels the decoder must give for each frame of `channels` channels."""
        return self.inner.output_channels(channels)

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """log p(x | z) in nats per clip, summed over its frames, (B,). Raises ValueError if x and output do not fit."""
        require_clips(x, output)
        return unfolded(self.inner.log_prob(folded(x), folded(output)), x).sum(1)

    def mean(self, output: Tensor) -> Tensor:
        return unfolded(self.inner.mean(folded(output)), output)

    def variance(self, output: Tensor) -> Tensor:
        return unfolded(self.inner.variance(folded(output)), output)

    def moments(self, output: Tensor) -> tuple[Tensor, Tensor]:
        mean, variance = self.inner.moments(folded(output))
        return unfolded(mean, output), unfolded(variance, output)

    def floored(self, output: Tensor) -> Tensor | None:
        found = self.inner.floored(folded(output))
        return None if found is None else unfolded(found, output)

    def sample(self, output: Tensor) -> Tensor:
        return unfolded(self.inner.sample(folded(output)), output)

    def cdf(self, x: Tensor, output: Tensor, strict: bool = False) -> Tensor:
        require_clips(x, output)
        return unfolded(self.inner.cdf(folded(x), folded(output), strict), x)


def require_clips(x: Tensor, output: Tensor) -> None:
    """Raises ValueError unless both are of the same clips and frames: folded, other numbers of them could still fit."""
    if x.ndim < 3 or x.shape[:2] != output.shape[:2]:
        raise ValueError(
            f"Framewise needs clips (B, T, C, …) and a decoder's output of the same B and T; got {tuple(x.shape)} and "
            f"{tuple(output.shape)}."
        )


def folded(clips: Tensor) -> Tensor:
    """Clips (B, T, …) as a batch of frames (B·T, …)."""
    return clips.flatten(0, 1)


def unfolded(frames: Tensor, clips: Tensor) -> Tensor:
    """What belongs to each frame, (B·T, …), by clip again, (B, T, …), as many as in `clips`."""
    return frames.unflatten(0, clips.shape[:2])
