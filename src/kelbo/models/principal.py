"""Principal components of a whole data set in a few passes over it, by a randomised block Krylov method.

The covariance A of 737,280 images of 4,096 pixels takes 12 TFLOP to form, but its product with a few columns takes a
five-hundredth of that. So it is never formed: a pass over the images multiplies it by a block Q of K + 10 columns, and the
blocks Q, AQ, A²Q, … span a space that approximates the leading eigenvectors ever better (Musco and Musco, 2015). After each
pass the residuals |Av - λv| are known and decide whether another is needed. The components are exact once the space has all
dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from kelbo.machine import device_of_doubles
from kelbo.seeds import generator

Chunks = Callable[[], Iterable[Tensor]]
"""one pass over the data: tables (B, D), float32, a row an example, in any order"""

OVERSAMPLING = 10
FLOOR = 1e-6
"""as a share of the largest variance: float32 products resolve no smaller difference"""


class RowMoments(NamedTuple):
    """The number N of rows, their mean (D,), and the sum of all columns' variances (divided by N - 1)."""

    rows: int
    mean: Tensor
    total_variance: float


class PrincipalComponents(NamedTuple):
    """K components, by falling variance.

    directions  orthonormal rows (K, D), float64; the largest entry of each is positive
    variances   along the directions, divided by N - 1, (K,)
    residual    the largest |Av - λv| / λ: a bound on the relative error of the variances
    passes      number of passes over the data
    """

    directions: Tensor
    variances: Tensor
    residual: float
    passes: int


def row_moments(chunks: Chunks, device: torch.device) -> RowMoments:
    """Mean and total variance in one pass, summed in float64, on the device if it has float64, else on the CPU."""
    wide = device_of_doubles(device)
    count, total, squares = 0, torch.zeros((), device=wide), torch.zeros((), dtype=torch.float64, device=wide)
    shift = None
    for x in chunks():
        x = x.to(wide)
        if shift is None:  # subtract the first row from all, so that squares of large means do not cancel
            shift, total = x[0].clone(), torch.zeros(x.shape[1], dtype=torch.float64, device=wide)
        x = x - shift
        count += len(x)
        total += x.sum(0)
        squares += x.square().sum(dtype=torch.float64)
    if shift is None:
        raise ValueError("There are no rows to compute moments of.")
    variance = (squares - total.square().sum() / count) / max(1, count - 1)
    return RowMoments(count, shift.double() + total / count, max(0.0, float(variance)))


def principal_components(
    chunks: Chunks,
    known: RowMoments,
    components: int,
    *,
    seed: int = 0,
    tolerance: float = 1e-3,
    most_passes: int = 12,
) -> PrincipalComponents:
    """The leading `components` of the rows that `chunks` yields, in as many passes as the tolerance needs.

    tolerance: the largest residual of each component, as a share of its variance (a millionth of the largest variance,
    float32's resolution, is always allowed); the relative error of the variance is about its square. most_passes: after so many
    passes the components are returned as they are, with their `residual`.
    """
    mean = known.mean
    block = min(len(mean), components + OVERSAMPLING)
    start = torch.randn(len(mean), block, dtype=torch.float64, generator=generator(seed, "linear"))
    fresh = torch.linalg.qr(start.to(mean.device)).Q
    basis = images = mean.new_empty(len(mean), 0)
    passed = 0
    while True:
        passed += 1
        image = _times_covariance(chunks, known, fresh)
        basis, images = torch.cat([basis, fresh], 1), torch.cat([images, image], 1)
        small = basis.T @ images
        values, vectors = torch.linalg.eigh((small + small.T) / 2)
        values, vectors = values.flip(0)[:components], vectors.flip(1)[:, :components]
        directions = basis @ vectors
        residuals = (images @ vectors - directions * values).norm(dim=0)
        if passed >= most_passes or (residuals <= tolerance * values + FLOOR * values[0]).all():
            break
        fresh = _beyond(image, basis)
        if fresh.shape[1] == 0:  # no direction is left: the space contains the covariance's range
            break
    signs = directions.gather(0, directions.abs().argmax(0, keepdim=True)).sign()
    residual = float((residuals / values.clamp_min(torch.finfo(torch.float64).tiny)).max())
    return PrincipalComponents((directions * signs).T, values, residual, passed)


def _times_covariance(chunks: Chunks, known: RowMoments, columns: Tensor) -> Tensor:
    """A times columns (D, B), in one pass: products in float32, summed in float64."""
    mean, narrow, total = known.mean.float(), columns.float(), torch.zeros_like(columns)
    for x in chunks():
        x = x - mean.to(x.device)
        total += (x.T @ (x @ narrow.to(x.device))).to(total.device)
    return total / max(1, known.rows - 1)


def _beyond(image: Tensor, basis: Tensor) -> Tensor:
    """An orthonormal basis of the image's columns orthogonal to the basis; projected twice, to remove rounding errors."""
    scale = torch.linalg.matrix_norm(image, 2)
    for _ in range(2):
        rest = image - basis @ (basis.T @ image)
        left, sizes, _ = torch.linalg.svd(rest, full_matrices=False)
        image = left[:, sizes > 1e-9 * scale][:, : basis.shape[0] - basis.shape[1]]
        scale = torch.ones_like(scale)
    return image
