"""Features of real images, computed once and cached on disk by everything that they depend on."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from kelbo.data.cache_size import FEATURES, cache_root, why_no_room
from kelbo.data.cache_use import making
from kelbo.data.images import Images, SubsetImages
from kelbo.errors import Damaged, DataError
from kelbo.evaluation.feature_network import FeatureNetwork, features_of
from kelbo.runs.tensors import read_tensors, write_tensors
from kelbo.units import counted, noun_of

LOG = logging.getLogger(__name__)

KIND = "set of features"
FORMAT = 1


def evenly(images: Images, count: int | None) -> Images:
    """`count` images spread evenly over the set, in order; all if count is None or at least their number."""
    if count is None or count >= len(images):
        return images
    if count < 1:
        raise DataError(f"The number of images must be at least 1; got {count}.")
    index = torch.linspace(0, len(images) - 1, count, dtype=torch.float64).round().long()
    return SubsetImages(images, index.to(images.device))


def reference(
    network: FeatureNetwork,
    images: Images,
    count: int | None = None,
    *,
    batch_size: int = 256,
    cache: Path | None = None,
) -> np.ndarray:
    """Features of `count` images of a split, spread evenly over it (all by default), float32 (N, d).

    They are read from the cache if they were computed before by the same network, on the same kind of device, from exactly the
    same images (every pixel is in the key); else they are computed and cached, in `features`. cache: a folder; by default
    `kelbo.data.cache_size.cache_root`, which may be none. A damaged file is replaced. One process computes them while
    others wait. That they cannot be kept is told. Raises as `features_of` does.
    """
    chosen = evenly(images, count)
    root = cache or cache_root()
    if root is None:
        return features_of(network, chosen, batch_size)
    key = _key(network, chosen)
    path = root / FEATURES / f"{key}.safetensors"
    if (found := _found(path, len(chosen), network.dims)) is not None:
        return found
    features, subject = None, f"features of {counted(len(chosen), noun_of(chosen.shape))}"
    try:
        with making(root, key, f"{subject} are being computed"):
            if (found := _found(path, len(chosen), network.dims)) is not None:
                return found
            features = features_of(network, chosen, batch_size)
            if why := why_no_room(root, features.nbytes, key):
                LOG.warning(f"{subject} are not kept: {why}")
            else:
                write_tensors(path, KIND, {"features": torch.from_numpy(features)}, {"network": network.fingerprint})
    except OSError as error:
        LOG.warning(f"{subject} are not kept, since the cache {root} cannot be written ({error})")
        return features_of(network, chosen, batch_size) if features is None else features
    return features


def _key(network: FeatureNetwork, images: Images) -> str:
    device = network.device.type  # kinds of device round differently
    parts = [FORMAT, network.fingerprint, device, images.shape, len(images), images.fingerprint(len(images))]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _found(path: Path, count: int, dims: int) -> np.ndarray | None:
    try:
        tensors, _ = read_tensors(path, KIND)
    except Damaged:  # or does not exist
        return None
    features = tensors.get("features")
    if features is None or features.dtype != torch.float32 or tuple(features.shape) != (count, dims):
        return None
    if not torch.isfinite(features).all():
        return None
    with suppress(OSError):  # its time is that of the last use
        os.utime(path)
    return features.numpy()
