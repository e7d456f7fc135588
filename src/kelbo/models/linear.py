"""Linear baselines: codes that are weights times centred pixels, for comparison with a model's posterior means.

    pca      whitened principal components: uncorrelated codes of unit variance
    ica      independent components (FastICA; Hyvärinen and Oja, 2000): the whitened codes, rotated to be as far from
             Gaussian as possible
    random   seeded Gaussian weights, scaled so that codes have unit variance on average over draws
    pixels   the intensities themselves

One function, `flattened`, turns images into rows, both to fit and to encode.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from kelbo.data.batches import passes
from kelbo.data.images import Images, SubsetImages, picture_shape
from kelbo.errors import Damaged, DataError
from kelbo.models.principal import FLOOR, Chunks, RowMoments, principal_components, row_moments
from kelbo.runs.tensors import read_tensors, write_tensors
from kelbo.seeds import generator, seed_for
from kelbo.units import intensities

Kind = Literal["pca", "ica", "random", "pixels"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FILE, FORMAT = "linear encoder", 1
ICA_EXAMPLES = 2**16
"""the most images that ICA's rotation is fitted to"""

Rows = Callable[[Tensor, int | None], Tensor]
"""from levels (B, C, H, W) and their number L (None: real numbers) to rows (B, D), float32"""


def flattened(batch: Tensor, levels: int | None) -> Tensor:
    """Levels (B, C, H, W) as rows of intensities in [0, 1], (B, C·H·W) float32, channel by channel."""
    return intensities(batch.flatten(1), levels)


@dataclass(frozen=True)
class LinearEncoder:
    """Codes of images: (rows - offset) weightsᵀ. They are means without scales.

    offset (D,) and weights (K, D), float32; both None for pixels. fitted: how it was fitted, as JSON values.
    """

    kind: Kind
    shape: tuple[int, int, int]
    offset: Tensor | None = None
    weights: Tensor | None = None
    fitted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def latent_dims(self) -> int:
        """K, the number of codes of an image."""
        return int(np.prod(self.shape)) if self.weights is None else len(self.weights)

    def encode(self, images: Images, batch_size: int = 1024, device: torch.device | None = None) -> np.ndarray:
        """Codes of every image in order, float32 (N, K). Raises DataError if the images have another shape."""
        if images.shape != self.shape:
            raise DataError(f"This {self.kind} encoder was fitted to images {self.shape}; these are {images.shape}.")
        device = device or torch.device("cpu")
        if self.offset is None or self.weights is None:
            rows = (flattened(batch.x, images.levels) for batch in passes(images, batch_size, device))
            return np.concatenate([part.cpu().numpy() for part in rows])
        offset, weights = self.offset.to(device), self.weights.T.to(device)
        out = np.empty((len(images), self.latent_dims), np.float32)
        start = 0
        for batch in passes(images, batch_size, device):
            codes = (flattened(batch.x, images.levels) - offset) @ weights
            out[start : start + len(codes)] = codes.cpu().numpy()
            start += len(codes)
        return out


def fit_linear(
    kind: Kind,
    images: Images,
    latents: int | None = None,
    *,
    examples: int | None = None,
    rows: Rows = flattened,
    seed: int = 0,
    tolerance: float = 1e-3,
    most_passes: int = 12,
    ica_iterations: int = 400,
    batch_size: int = 1024,
    device: torch.device | None = None,
) -> LinearEncoder:
    """An encoder of that kind with K = `latents` codes; pixels have as many codes as the images have dimensions.

    examples: how many images it is fitted to, a seeded draw without replacement; all by default. tolerance, most_passes: see
    `principal_components`. ica_iterations: the most iterations of scikit-learn's FastICA (log cosh, all components at once),
    which rotates the codes of up to 65,536 of the examples, evenly spread, until no component rotates by more than its
    tolerance, 1 - |cos| = 1e-4. rows: how images become rows in the fit; `encode` always takes `flattened` rows, so another
    function serves only to measure what a mismatch costs.

    `fitted` holds examples and seed; for pca and ica also variances, total_variance, residual and passes; for ica also
    iterations and settled (whether it converged). Raises DataError if settings do not fit the images, if there are too few
    images, or if they vary in fewer directions than there are codes.
    """
    _check(kind, images, latents, examples)
    if kind == "pixels":
        return LinearEncoder(kind, picture_shape(images.shape))
    assert latents is not None
    device = device or torch.device("cpu")
    chosen = _sampled(images, examples, seed)
    if len(chosen) <= latents:
        raise DataError(f"latents = {latents} needs more than {latents} images; there are {len(chosen)}.")

    def chunks() -> Iterator[Tensor]:
        for batch in passes(chosen, batch_size, device):
            yield rows(batch.x, chosen.levels)

    known = row_moments(chunks, device)
    if known.total_variance == 0:
        raise DataError(f"The {len(chosen):,} images are all equal, so no code distinguishes them.")
    fitted: dict[str, Any] = {"examples": len(chosen), "seed": seed}
    if kind == "random":
        weights = torch.randn(latents, images.dims, dtype=torch.float64, generator=generator(seed, "linear"))
        weights = weights / known.total_variance**0.5
    else:
        weights, more = _whitening(chunks, known, latents, seed, tolerance, most_passes)
        fitted |= more
        if kind == "ica":
            turn, more = _rotation(chunks, known, weights, len(chosen), seed, ica_iterations)
            weights = turn @ weights
            fitted |= more
    return LinearEncoder(kind, picture_shape(images.shape), known.mean.float().cpu(), weights.float().cpu(), fitted)


def _check(kind: str, images: Images, latents: int | None, examples: int | None) -> None:
    if kind not in KINDS:
        raise DataError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}.")
    if kind == "pixels":
        if latents not in (None, images.dims):
            raise DataError(
                f"latents of kind 'pixels' must be {images.dims}, the images' dimensions, or None; got {latents}."
            )
        return
    if latents is None or not 1 <= latents <= images.dims:
        raise DataError(f"latents must be 1 to {images.dims}, the images' dimensions; got {latents}.")
    if examples is not None and not 1 <= examples <= len(images):
        raise DataError(f"examples must be 1 to {len(images):,}, the number of images; got {examples}.")


def _sampled(images: Images, examples: int | None, seed: int) -> Images:
    if examples is None or examples == len(images):
        return images
    index = torch.randperm(len(images), generator=generator(seed, "linear", 1))[:examples]
    return SubsetImages(images, index.sort().values.to(images.device))


def _whitening(
    chunks: Chunks, known: RowMoments, latents: int, seed: int, tolerance: float, most_passes: int
) -> tuple[Tensor, dict[str, Any]]:
    """Weights (K, D), float64, of whitened principal components, and their entries of `fitted`."""
    found = principal_components(chunks, known, latents, seed=seed, tolerance=tolerance, most_passes=most_passes)
    seen = int((found.variances > FLOOR * found.variances[0]).sum())
    if seen < latents:
        raise DataError(
            f"The {known.rows:,} images vary in {seen} directions by more than rounding, fewer than latents = {latents}. "
            "Take fewer latents, or fit to more images."
        )
    fitted = {
        "variances": found.variances.tolist(),
        "total_variance": known.total_variance,
        "residual": found.residual,
        "passes": found.passes,
    }
    return found.directions / found.variances.sqrt()[:, None], fitted


def _rotation(
    chunks: Chunks, known: RowMoments, whitening: Tensor, count: int, seed: int, iterations: int
) -> tuple[Tensor, dict[str, Any]]:
    """FastICA's rotation (K, K), float64, of the whitened codes, and its entries of `fitted`."""
    mean, weights = known.mean.float(), whitening.T.float()
    codes = (
        torch.cat([(rows - mean.to(rows.device)) @ weights.to(rows.device) for rows in chunks()]).cpu().double().numpy()
    )
    if count > ICA_EXAMPLES:
        codes = codes[np.linspace(0, count - 1, ICA_EXAMPLES).round().astype(np.int64)]
    state = seed_for(seed, "linear", 2) % 2**32
    ica = FastICA(whiten=False, max_iter=iterations, random_state=state)  # pyright: ignore[reportArgumentType]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `fitted` holds it
        ica.fit(codes)
    turn = torch.from_numpy(np.asarray(ica.components_)).to(whitening.device)
    return turn, {"iterations": int(ica.n_iter_), "settled": int(ica.n_iter_) < iterations}


def save_linear(path: Path, encoder: LinearEncoder) -> None:
    """Write the encoder to `path` (.safetensors), replacing any file there."""
    tensors = {"offset": encoder.offset, "weights": encoder.weights}
    header = {
        "format": FORMAT,
        "encoder": encoder.kind,
        "shape": list(encoder.shape),
        "fitted": dict(encoder.fitted),
    }
    write_tensors(path, FILE, {name: value for name, value in tensors.items() if value is not None}, header)


def load_linear(path: Path) -> LinearEncoder:
    """The encoder that `save_linear` wrote. Raises Damaged if the file holds anything else."""
    tensors, header = read_tensors(path, FILE)
    try:
        if header["format"] != FORMAT:
            raise Damaged(f"{path} has encoder format {header['format']}; this kelbo reads {FORMAT}.")
        kind = header["encoder"]
        channels, height, width = (int(side) for side in header["shape"])
        encoder = LinearEncoder(
            kind, (channels, height, width), tensors.get("offset"), tensors.get("weights"), dict(header["fitted"])
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, Damaged):
            raise
        raise Damaged(f"{path} is not a linear encoder written by kelbo ({error!r}). Fit it again.") from error
    if not _is_complete(encoder):
        raise Damaged(f"The weights in {path} do not fit a {kind} encoder of images {encoder.shape}. Fit it again.")
    return encoder


def _is_complete(encoder: LinearEncoder) -> bool:
    offset, weights, dims = encoder.offset, encoder.weights, int(np.prod(encoder.shape))
    if encoder.kind == "pixels" or encoder.kind not in KINDS:
        return encoder.kind == "pixels" and offset is None and weights is None
    return (
        offset is not None
        and weights is not None
        and offset.shape == (dims,)
        and weights.ndim == 2
        and weights.shape[1] == dims
        and len(weights) > 0
        and offset.dtype == weights.dtype == torch.float32
        and bool(torch.isfinite(offset).all() and torch.isfinite(weights).all())
    )
