"""Networks that judge images, whose features can be taken by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import dropwhile

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class Discriminator(nn.Module):
    """Images (B, C, H, W) in [0, 1], and what is given of them (B, A), to logits: large if they look real.

    stages  from images to features, each what takes the output of the one before, by name; a `tap` is one of these names
    head    the last features, flat, and what is given beside them, to logits (B, 1)
    usual   the tap whose features are compared unless another is named

    There is no `forward`: a pass may stop at a tap and go on from there, and each stage is compiled by itself.
    """

    def __init__(self, stages: Mapping[str, nn.Module], head: nn.Module, usual: str) -> None:
        super().__init__()
        self.stages, self.head, self.usual = nn.ModuleDict(dict(stages)), head, usual

    @property
    def taps(self) -> tuple[str, ...]:
        """The names of its features, from images to logits."""
        return tuple(self.stages)

    def features(self, x: Tensor, upto: str) -> Tensor:
        """The features of that name. KeyError if there are none."""
        for name, stage in self.stages.items():
            x = stage(x)
            if name == upto:
                return x
        raise KeyError(upto)

    def logits(self, x: Tensor, given: Tensor | None = None, *, after: str | None = None) -> Tensor:
        """Of images, or of the features `after` a tap."""
        for stage in self._following(after):
            x = stage(x)
        return self.judged(x, given)

    def judged(self, features: Tensor, given: Tensor | None) -> Tensor:
        """The logits of the last features."""
        flat = features.flatten(1)
        return self.head(flat if given is None else torch.cat([flat, given.to(flat.dtype)], 1))

    def _following(self, after: str | None) -> Iterator[nn.Module]:
        names = iter(self.stages)
        if after is not None:
            names = dropwhile(lambda name: name != after, names)
            next(names)
        return (self.stages[name] for name in names)


def spectrally_normed(network: nn.Module) -> None:
    """Divide the weight of each convolution and linear layer by its largest singular value (Miyato et al., 2018), in place.

    The value is estimated by one step of power iteration a pass in training.
    """
    for layer in [*network.modules()]:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            spectral_norm(layer)
