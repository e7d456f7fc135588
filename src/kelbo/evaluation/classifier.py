"""A small convolutional classifier as a measuring instrument: what it sees before its last layer are features.

Trained on a data set's own labels it knows what matters there, which ImageNet's classes do not (of digits, say). With seeded
random weights it knows nothing but needs no file: such features tell samples apart too, more coarsely.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kelbo.errors import Damaged, ScoreError
from kelbo.evaluation.feature_network import FeatureNetwork, Preparation, Shape, opened
from kelbo.runs.tensors import read_tensors, write_tensors
from kelbo.seeds import seeded

KIND = "classifier"
FORMAT = 1
LEAST = 8
HOW = Preparation(values="signed")


class Classifier(nn.Module):
    """Images (B, C, H, W) in [-1, 1], of at least 8×8 pixels, to logits (B, outputs).

    3×3 convolutions (width, 2·width, then 4·width maps), each with 2×2 max-pooling until both sides are below 8, batch
    normalisation and ReLU; one more without pooling; a layer of `features` units with ReLU; a linear one.
    """

    def __init__(self, shape: Shape, outputs: int, features: int = 128, width: int = 16) -> None:
        super().__init__()
        channels, height, side = shape
        if min(height, side) < LEAST:
            raise ScoreError(f"The classifier takes images of {LEAST}×{LEAST} pixels or more; got {height}×{side}.")
        self.settings = {"shape": list(shape), "outputs": outputs, "features": features, "width": width}
        self.maps, maps = nn.Sequential(), width
        while True:
            pool = (1 + (height >= LEAST), 1 + (side >= LEAST))
            self.maps.append(nn.Conv2d(channels, maps, 3, padding=1, bias=False))
            if max(pool) == 2:  # before the activation, which then has a quarter to do
                self.maps.append(nn.MaxPool2d(pool))
            self.maps += nn.Sequential(nn.BatchNorm2d(maps), nn.ReLU(inplace=True))
            if max(pool) == 1:
                break
            height, side = height // pool[0], side // pool[1]
            channels, maps = maps, min(2 * maps, 4 * width)
        self.penultimate = nn.Sequential(nn.Flatten(), nn.Linear(maps * height * side, features), nn.ReLU(inplace=True))
        self.last = nn.Linear(features, outputs)
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  torch's stubs lack this overload

    def features(self, x: Tensor) -> Tensor:
        """(B, features), none negative."""
        return self.penultimate(self.maps(x.contiguous(memory_format=torch.channels_last)))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.features(x))


@dataclass(frozen=True)
class Trained:
    """A classifier and what is known of it: `about` holds the set, its fingerprint, accuracy, seed, … as values of JSON."""

    network: Classifier
    about: Mapping[str, Any]


def save_classifier(path: Path, trained: Trained) -> None:
    """Replace `path` (.safetensors) by the weights and what is known of them."""
    header = {"format": FORMAT, "settings": trained.network.settings, "about": dict(trained.about)}
    write_tensors(path, KIND, trained.network.state_dict(), header)


def load_classifier(path: Path) -> Trained:
    """What `save_classifier` wrote, on the CPU in evaluation mode. Raises Damaged where the file holds anything else."""
    tensors, header = read_tensors(path, KIND)
    try:
        if header["format"] != FORMAT:
            raise Damaged(f"{path} has classifier format {header['format']}; this kelbo reads {FORMAT}.")
        settings = header["settings"]
        channels, height, side = settings["shape"]
        with torch.device("meta"):  # a header that asks for a huge network takes no memory
            network = Classifier((channels, height, side), settings["outputs"], settings["features"], settings["width"])
        network.load_state_dict(tensors, assign=True)
        about = dict(header["about"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, Damaged):
            raise
        raise Damaged(f"{path} is not a classifier as kelbo writes it ({error}). Train it again.") from error
    return Trained(network.eval().requires_grad_(False), about)


def classifier_network(path: Path, shape: Shape, device: torch.device) -> FeatureNetwork:
    """The features of a classifier's file, for images of the `shape` it was trained on, "classifier-SET" by name."""
    trained = load_classifier(path)
    wanted = tuple(trained.network.settings["shape"])
    if wanted != shape:
        raise ScoreError(f"{path} was trained on images {wanted}; these are {shape}. Train one for them.")
    return _opened(f"classifier-{trained.about.get('set', path.stem)}", trained.network, shape, device, trained.about)


def random_network(seed: int, shape: Shape, device: torch.device, features: int = 128) -> FeatureNetwork:
    """The classifier's features with weights drawn from `seed`, "random-SEED" by name: no file, no labels, no training."""
    with seeded(seed, "features"):
        network = Classifier(shape, outputs=1, features=features).eval().requires_grad_(False)
    return _opened(f"random-{seed}", network, shape, device, {"seed": seed})


def _opened(
    name: str, network: Classifier, shape: Shape, device: torch.device, about: Mapping[str, Any]
) -> FeatureNetwork:
    return opened(
        name, network.to(device).features, HOW, weights_hash(network), shape, device, about={"about": dict(about)}
    )


def weights_hash(network: nn.Module) -> str:
    """SHA-256 of the weights' names, shapes and bytes, wherever they lie."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        plain = value.detach().cpu().contiguous()
        digest.update(repr((name, tuple(plain.shape), str(plain.dtype))).encode())
        digest.update(plain.numpy().tobytes())
    return digest.hexdigest()
