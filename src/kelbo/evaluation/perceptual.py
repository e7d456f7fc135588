"""A distance between pictures over features of a trained network, which gradients pass through.

It is called LPIPS (Zhang et al., 2018) only if its network and its linear heads are the published ones; over any other features
it is named after these.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kelbo.errors import DataCorrupt, DataMissing, ScoreError
from kelbo.evaluation.classifier import ImageClassifier, load_classifier
from kelbo.evaluation.feature_files import read_checked, scripted
from kelbo.evaluation.feature_network import Shape
from kelbo.evaluation.features import classifier_path
from kelbo.evaluation.vgg import Vgg16
from kelbo.shortage import raise_shortage

PUBLISHED_TRUNK = "397923af"
"""how the SHA-256 of torchvision's VGG16 begins, as its file is called: vgg16-397923af.pth"""
PUBLISHED_HEADS = "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"
"""SHA-256 of the linear heads of LPIPS 0.1 for VGG16, which torchmetrics brings"""
MEANS, DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""of ImageNet's intensities, by which VGG16's input is standardised"""
LEAST = 1e-10

Trunk = Callable[[Tensor], Sequence[Tensor]]
"""Intensities (B, C, H, W) to features (B, C_l, h_l, w_l) of several layers"""


@dataclass(frozen=True)
class PerceptualDistance:
    """d(x, y) of pictures: over the layers, the mean over positions of Σ_c w_c (f_c(x) - f_c(y))², where each position's
    features f have the norm 1 over channels.

    heads    weights w (C_l,) of each layer; None: all are 1
    weights  SHA-256 of the network's file
    """

    name: str
    trunk: Trunk
    weights: str
    heads: tuple[Tensor, ...] | None = None

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Of intensities (B, C, H, W) each, (B,). Gradients reach y."""
        with torch.no_grad():
            there = [_unit(features) for features in self.trunk(x)]
        total = y.new_zeros(len(y))
        for place, (one, features) in enumerate(zip(there, self.trunk(y), strict=True)):
            squares = (one - _unit(features)).square()
            weighed = squares if self.heads is None else squares * self.heads[place][:, None, None]
            total = total + weighed.sum(1).flatten(1).mean(1)
        return total

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """What its values depend on besides the pictures, as JSON values."""
        return {"name": self.name, "weights": self.weights, "heads": self.heads is not None}


def open_perceptual(
    features: str,
    shape: Shape,
    device: torch.device,
    *,
    heads: bool = False,
    sha256: str | None = None,
    root: Path | None = None,
) -> PerceptualDistance:
    """The distance over these features, for pictures of that shape:

    a .pth file         the weights of VGG16 by torchvision's names, of which nothing but tensors is read
    a .pt or .ts file   TorchScript from intensities to features (B, d) or (B, d, h, w)
    a .safetensors file a classifier trained by kelbo, or a data set's name: the one trained on it, in the data root

    heads: weigh VGG16's features by LPIPS' linear heads. sha256: the expected hash of the file. DataMissing if there is no such
    file, DataCorrupt if it is another, ScoreError if it does not fit.
    """
    path = Path(features)
    if path.suffix == ".pth":
        return _of_vgg(path, shape, device, heads, sha256)
    if heads:
        raise ScoreError(f"LPIPS' linear heads are for VGG16's features (a .pth file), not for {features}.")
    if path.suffix in (".pt", ".ts"):
        content, digest = read_checked(path, sha256)
        module = scripted(content, path, device)
        return PerceptualDistance(f"distance over {path.stem}", lambda x: [_maps(module(x))], digest)
    path = path if path.suffix == ".safetensors" else classifier_path(features, root)
    _, digest = read_checked(path, sha256)
    trained = load_classifier(path)
    if tuple(trained.network.settings["shape"]) != tuple(shape):
        raise ScoreError(f"{path} was trained on images {trained.network.settings['shape']}; these are {list(shape)}.")
    network = trained.network.to(device)
    return PerceptualDistance(f"distance over {path.stem}'s classifier", lambda x: _of_classifier(network, x), digest)


def _of_vgg(path: Path, shape: Shape, device: torch.device, heads: bool, sha256: str | None) -> PerceptualDistance:
    if shape[0] not in (1, 3):
        raise ScoreError(f"VGG16 takes pictures of 1 or 3 channels; these have {shape[0]}.")
    content, digest = read_checked(path, sha256)
    network = Vgg16()
    network.load_state_dict(_convolutions(content, path))
    network = network.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    mean, deviation = (torch.tensor(value, device=device)[:, None, None] for value in (MEANS, DEVIATIONS))
    linear = _linear_heads(device) if heads else None
    published = digest.startswith(PUBLISHED_TRUNK)
    own = "VGG16" if published else f"VGG16 ({path.stem})"
    name = "LPIPS (VGG16)" if published and heads else f"distance over {own}{' with LPIPS heads' if heads else ''}"
    return PerceptualDistance(name, lambda x: network((x.expand(-1, 3, -1, -1) - mean) / deviation), digest, linear)


def _convolutions(content: bytes, path: Path) -> dict[str, Tensor]:
    """The convolutions' tensors of a file of VGG16's. DataCorrupt if it has others."""
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        found = {name: value for name, value in state.items() if name.startswith("features.")}
    except (pickle.UnpicklingError, RuntimeError, AttributeError, EOFError) as error:
        raise_shortage(error, f"reading {path}")
        raise DataCorrupt(f"{path} is no file of plain tensors by name: {str(error).splitlines()[0]}") from error
    wanted = {name: tuple(value.shape) for name, value in Vgg16().state_dict().items()}
    if {name: tuple(value.shape) for name, value in found.items()} != wanted:
        raise DataCorrupt(f"{path} does not hold the convolutions of VGG16 by torchvision's names and shapes.")
    return found


def _linear_heads(device: torch.device) -> tuple[Tensor, ...]:
    """LPIPS' heads for VGG16, (C_l,) each, from torchmetrics. DataMissing if they are not there, or are others."""
    place = find_spec("torchmetrics")
    root = Path(place.origin).parent if place is not None and place.origin else Path()
    path = root / "functional" / "image" / "lpips_models" / "vgg.pth"
    if not path.is_file():
        raise DataMissing(
            "torchmetrics does not bring LPIPS' linear heads. Install another version, or leave the heads out."
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != PUBLISHED_HEADS:
        raise DataMissing(f"{path} does not hold the published linear heads of LPIPS. Leave the heads out.")
    state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    return tuple(state[f"lin{layer}.model.1.weight"].flatten() for layer in range(5))


def _of_classifier(network: ImageClassifier, x: Tensor) -> list[Tensor]:
    """The features after each ReLU of its convolutions."""
    found, x = [], 2 * x - 1
    for layer in network.maps:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            found.append(x)
    return found


def _maps(features: Tensor) -> Tensor:
    return features if features.ndim == 4 else features.flatten(1)[:, :, None, None]


def _unit(features: Tensor) -> Tensor:
    """Each position's features divided by their norm; where all are 0 they stay so, and so does the gradient."""
    features = features.float()
    return features / ((features.square().sum(1, keepdim=True) + LEAST**2).sqrt() + LEAST)
