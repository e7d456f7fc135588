"""PCA and ICA as the β-VAE reproducibility study's code fitted them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kelbo.data.images import Images, SubsetImages
from kelbo.errors import DataError
from kelbo.recipes.build import baseline
from kelbo.seeds import generator

if TYPE_CHECKING:
    from kelbo.recipes.build import LinearEncoder

EXAMPLES = {("pca", 1): 25_000, ("pca", 3): 3_500, ("ica", 1): 2_500, ("ica", 3): 1_000}
"""how many images, by kind and channels, the study fitted to"""


def baseline_as_published(kind: str, images: Images, latents: int, *, seed: int = 0) -> LinearEncoder:
    """The encoder of the study's code, which is fitted in one layout and applied in another.

    It is fitted to few images, drawn with replacement, as rows of levels 0 … L-1, pixel by pixel; yet it encodes rows of
    intensities, channel by channel. Of grey binary images both rows are the same; of colour images neither order nor scale
    agree. DataError: see `drawn_as_published` and `fit_linear`.
    """
    drawn = drawn_as_published(kind, images, seed)
    return baseline(kind, SubsetImages(images, drawn.to(images.device)), latents, seed=seed, rows=levels_by_pixel)


def drawn_as_published(kind: str, images: Images, seed: int) -> Tensor:
    """The images that an encoder is fitted to, ascending, with repetitions: (EXAMPLES,) int64.

    Raises DataError if the study fitted no such encoder to images of so many channels.
    """
    channels = images.shape[0]
    if (kind, channels) not in EXAMPLES:
        raise DataError(f"The study fitted pca and ica to images of 1 or 3 channels, not {kind} to {channels}.")
    draws = generator(seed, "linear", 1)
    return torch.randint(len(images), (EXAMPLES[kind, channels],), generator=draws).sort().values


def levels_by_pixel(batch: Tensor, levels: int | None) -> Tensor:  # noqa: ARG001  the study's code does not scale
    """Levels (B, C, H, W) as rows of levels, pixel by pixel: (B, H·W·C) float32."""
    return batch.permute(0, 2, 3, 1).flatten(1).float()
