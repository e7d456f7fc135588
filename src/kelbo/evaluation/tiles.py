"""Pictures that are too large to be read or decoded at once: tile by tile, without seams.

Each tile sees what lies around it, as far as the network reaches, and gives its own part only. Group normalisation, whose
statistics are of all positions, is given those of one reduced picture in every tile. An attention sees its tile alone, so that
the parts of tiles then overlap, and are blended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kelbo.bound import Batch
from kelbo.errors import ScoreError
from kelbo.latents.grouped import spatial
from kelbo.latents.merge import GroupGaussian
from kelbo.protocols import Model

AROUND_ATTENTION = 8
"""latents around a tile that it sees too, of a network that has an attention; half of them are blended"""

Network = Callable[[Tensor], Tensor]


class Tile(NamedTuple):
    """Along one direction, in latents: what a tile sees, and the part of it that is its own."""

    seen: slice
    own: slice


def encode_tiled(model: Model, x: Tensor, size: int, around: int | None = None) -> GroupGaussian:
    """The posterior of pictures x (B, C, H, W), intensities, in tiles of `size` latents a side: (B, c, H/f, W/f).

    around: latents around each tile that it sees too; None is as far as the encoder reaches. ScoreError if the latents do not
    keep the layout of pictures, or f does not divide their sides.
    """
    own = spatial(model)
    if any(side % own.factor for side in x.shape[2:]):
        raise ScoreError(f"Sides of pictures must be multiples of {own.factor}; these are {x.shape[2]}×{x.shape[3]}.")

    def posterior(part: Tensor) -> Tensor:
        return torch.cat(own.posterior(Batch(part)), 1)

    found = _tiled(model, posterior, x, (own.factor, 1), size, around, own.reach[0])
    return GroupGaussian(*found.chunk(2, 1))


def decode_tiled(model: Model, z: Tensor, size: int, around: int | None = None) -> Tensor:
    """What latents z (B, c, h, w) look like, in tiles of `size` latents a side: intensities (B, C, f·h, f·w).

    As `encode_tiled`.
    """
    own = spatial(model)

    def mean(part: Tensor) -> Tensor:
        return model.mean(model.decode((part,)))

    return _tiled(model, mean, z, (1, own.factor), size, around, own.reach[1])


def reconstruct_tiled(model: Model, x: Tensor, size: int, around: int | None = None) -> Tensor:
    """Pictures encoded to the posterior's mean and decoded again, both in tiles: intensities (B, C, H, W)."""
    return decode_tiled(model, encode_tiled(model, x, size, around).mean, size, around)


def _tiled(
    model: Model, network: Network, x: Tensor, scales: tuple[int, int], size: int, around: int | None, reach: int | None
) -> Tensor:
    """scales: pixels of a latent in what comes in, and in what goes out."""
    if size < 1 or (around is not None and around < 0):
        raise ScoreError(
            f"A tile has at least one latent a side, and sees none or more around; got {size} and {around}."
        )
    before, after = scales
    around = (AROUND_ATTENTION if reach is None else reach) if around is None else around
    blended = around // 2 if reach is None else 0
    rows, columns = (tiles(side // before, size, around, blended) for side in x.shape[2:])
    with model.evaluating(), _given_statistics(model, network, x, before * (size + 2 * around), before):
        total, weights = None, None
        for row in rows:
            for column in columns:
                part = network(x[:, :, _times(row.seen, before), _times(column.seen, before)])
                places = [_inside(one, after) for one in (row, column)]
                part = part[:, :, places[0], places[1]]
                weight = _ramp(row, rows, blended, after, x)[:, None] * _ramp(column, columns, blended, after, x)
                if total is None or weights is None:
                    shape = [after * (side // before) for side in x.shape[2:]]
                    total, weights = part.new_zeros(*part.shape[:2], *shape), part.new_zeros(*shape)
                where = _times(row.own, after), _times(column.own, after)
                total[:, :, where[0], where[1]] += weight * part
                weights[where] += weight
    assert total is not None  # a side has a tile
    assert weights is not None
    return total / weights


def tiles(side: int, size: int, around: int, blended: int = 0) -> list[Tile]:
    """Tiles along a side of so many latents. Their own parts overlap by twice as many as are blended."""
    found = []
    for start in range(0, side, size):
        end = min(side, start + size)
        own = slice(max(0, start - blended), min(side, end + blended))
        found.append(Tile(slice(max(0, start - around), min(side, end + around)), own))
    return found


def _times(part: slice, scale: int) -> slice:
    return slice(scale * part.start, scale * part.stop)


def _inside(tile: Tile, scale: int) -> slice:
    """A tile's own part, within what it sees."""
    return slice(scale * (tile.own.start - tile.seen.start), scale * (tile.own.stop - tile.seen.start))


def _ramp(tile: Tile, among: list[Tile], blended: int, scale: int, like: Tensor) -> Tensor:
    """Weights of a tile's own part along one direction: they rise and fall where it overlaps with its neighbours."""
    length, over = scale * (tile.own.stop - tile.own.start), 2 * scale * blended
    weights = torch.ones(length, device=like.device)
    slope = (torch.arange(over, device=like.device) + 0.5) / max(over, 1)
    slope = slope[:length]
    if over and tile is not among[0]:
        weights[: len(slope)] *= slope
    if over and tile is not among[-1]:
        weights[length - len(slope) :] *= slope.flip(0)
    return weights


@contextmanager
def _given_statistics(model: Model, network: Network, x: Tensor, most: int, multiple: int) -> Iterator[None]:
    """Inside the block, group normalisations have the statistics of x reduced to `most` a side, multiples of `multiple`."""
    norms = [module for module in model.modules() if isinstance(module, nn.GroupNorm)]
    if not norms:
        yield
        return
    if any(not hasattr(norm, "given") for norm in norms):
        raise ScoreError("Tiles need kelbo's own group normalisation, whose statistics can be given.")
    hooks = []

    def remember(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found[norm] = norm.statistics(inputs[0])  # pyright: ignore[reportCallIssue]

    found: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    hooks = [norm.register_forward_pre_hook(remember) for norm in norms]
    try:
        network(_reduced(x, most, multiple))
    finally:
        for hook in hooks:
            hook.remove()
    try:
        for norm, statistics in found.items():
            norm.given = statistics  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
        yield
    finally:
        for norm in found:
            norm.given = None  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]


def _reduced(x: Tensor, most: int, multiple: int) -> Tensor:
    """x with sides of at most so many, without rows and columns between: values keep their distribution."""
    sides = [side if side <= most else max(multiple, most // multiple * multiple) for side in x.shape[2:]]
    return F.interpolate(x, sides, mode="nearest-exact")
