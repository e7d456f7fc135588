"""The layers of a very deep VAE as typed data, and as the compact strings of the reference (Child, 2021).

An encoder `32x11,32d2,16x6,…` is eleven layers at 32×32, one more there that then averages 2×2 pixels, six at 16×16 and so
on. A decoder `1x2,4m1,4x3,…` is two layers at 1×1, one at 4×4 that takes in the features of 1×1, three more at 4×4 and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from kelbo.errors import RecipeError

MOST = 999
"""layers of one list"""
SIZES = range(8, 257)
"""sides of images that a very deep VAE takes"""
SHORT = 7
"""a side that is no longer is reduced to one pixel at once"""


class EncoderLayer(NamedTuple):
    """A layer on features of `resolution`×`resolution`; down: the factor by which it then reduces them, if it does."""

    resolution: int
    down: int | None = None

    def __str__(self) -> str:
        return f"{self.resolution}x1" if self.down is None else f"{self.resolution}d{self.down}"


class DecoderLayer(NamedTuple):
    """A stochastic layer at `resolution`×`resolution`; source: the lower resolution whose features it takes in, if it does."""

    resolution: int
    source: int | None = None

    def __str__(self) -> str:
        return f"{self.resolution}x1" if self.source is None else f"{self.resolution}m{self.source}"


def encoder_layers(text: str) -> tuple[EncoderLayer, ...]:
    """The encoder's layers that a compact string lists. RecipeError unless it is one."""
    return tuple(EncoderLayer(*layer) for layer in _parsed(text, "encoder", "d", "32x11,32d2,16x6"))


def decoder_layers(text: str) -> tuple[DecoderLayer, ...]:
    """The decoder's layers that a compact string lists. RecipeError unless it is one."""
    return tuple(DecoderLayer(*layer) for layer in _parsed(text, "decoder", "m", "1x2,4m1,4x3"))


def compact(layers: Iterable[EncoderLayer] | Iterable[DecoderLayer]) -> str:
    """The layers as a compact string, which gives the same layers again."""
    runs = ((layer, sum(1 for _ in run)) for layer, run in groupby(layers))
    return ",".join(
        f"{layer.resolution}x{count}" if layer[1] is None else ",".join([str(layer)] * count) for layer, count in runs
    )


def usual_layers(size: int) -> tuple[tuple[EncoderLayer, ...], tuple[DecoderLayer, ...]]:
    """Small lists for images of `size`×`size`: 22 stochastic layers at 32×32, 17 at 16×16 and at 28×28.

    Sides are divided by their smallest prime factor down to 7 pixels or fewer, then averaged to one.
    """
    sides = [size]
    while sides[-1] > SHORT:
        sides.append(sides[-1] // _smallest_factor(sides[-1]))
    sides = sides if sides[-1] == 1 else [*sides, 1]
    encoder = ",".join(f"{side}x3,{side}d{side // below}" for side, below in pairwise(sides))
    decoder = ",".join(f"{side}m{below},{side}x4" for below, side in pairwise(reversed(sides)))
    return encoder_layers(f"{encoder},1x2"), decoder_layers(f"1x2,{decoder}")


def require_layers(encoder: Sequence[EncoderLayer], decoder: Sequence[DecoderLayer], size: int) -> None:
    """RecipeError with the first layer that images of `size`×`size` make impossible.

    The encoder begins at the image's resolution; the decoder climbs to it, and has features of the encoder at each resolution.
    """
    if size not in SIZES:
        raise RecipeError(
            f"A very deep VAE takes square images of {SIZES[0]} to {SIZES[-1]} pixels a side; got {size}."
        )
    reached = _require_encoder(encoder, size)
    _require_decoder(decoder, reached, size)


def _require_encoder(encoder: Sequence[EncoderLayer], size: int) -> set[int]:
    """The resolutions of which the encoder has features."""
    side, reached = size, {size}
    for number, layer in enumerate(encoder, 1):
        if layer.resolution != side:
            raise _impossible("encoder", number, layer, f"features are {side}×{side} there", size)
        if layer.down is not None:
            if layer.down < 2 or side % layer.down:
                raise _impossible("encoder", number, layer, f"{layer.down} is not a factor of {side} above 1", size)
            side //= layer.down
        reached.add(side)
    return reached


def _require_decoder(decoder: Sequence[DecoderLayer], reached: set[int], size: int) -> None:
    side = None
    for number, layer in enumerate(decoder, 1):
        reason = None
        if layer.resolution not in reached:
            has = ", ".join(map(str, sorted(reached)))
            reason = f"the encoder has features at {has} only"
        elif layer.source is None and side not in (None, layer.resolution):
            reason = f"it must take in the features before it: {layer.resolution}m{side}"
        elif layer.source is not None and layer.source != side:
            reason = "nothing comes before it" if side is None else f"the features before it are {side}×{side}"
        elif layer.source is not None and (layer.resolution <= layer.source or layer.resolution % layer.source):
            reason = f"{layer.resolution} is no larger multiple of {layer.source}"
        if reason:
            raise _impossible("decoder", number, layer, reason, size)
        side = layer.resolution
    if side != size:
        reason = f"it is the last, and must be at {size}×{size}"
        raise _impossible("decoder", len(decoder), decoder[-1], reason, size)


def _impossible(where: str, number: int, layer: EncoderLayer | DecoderLayer, reason: str, size: int) -> RecipeError:
    lists = dict(zip(("encoder", "decoder"), map(compact, usual_layers(size)), strict=True))
    return RecipeError(
        f"Layer {number} of model.{where}, {layer}, is impossible for images of {size}×{size}: {reason}. "
        f"Lists that fit: model.encoder={lists['encoder']} model.decoder={lists['decoder']}"
    )


def _parsed(text: str, where: str, letter: str, example: str) -> list[tuple[int, int | None]]:
    layers: list[tuple[int, int | None]] = []
    for part in text.split(","):
        found = re.fullmatch(rf"([1-9]\d{{0,3}})(?:([x{letter}])([1-9]\d{{0,3}}))?", part, re.ASCII)
        if not found:
            raise RecipeError(f"model.{where} is {text!r}, of which {part!r} is no layer. Write layers like {example}.")
        side, sign, number = int(found[1]), found[2], int(found[3] or 1)
        layers += [(side, number)] if sign == letter else [(side, None)] * number
    if len(layers) > MOST:
        raise RecipeError(f"model.{where} is {text!r}, which lists {len(layers):,} layers; {MOST} is the most.")
    return layers


def _smallest_factor(number: int) -> int:
    return next(factor for factor in range(2, number + 1) if number % factor == 0)
