"""A small convolutional classifier whose penultimate layer gives features for comparing images.

Trained on a data set's own labels, its features suit that set better than ImageNet's do (digits, for example). With seeded
random weights it needs no file and no labels; its features then distinguish samples more coarsely.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kelbo.errors import Damaged, ScoreError
from kelbo.evaluation.feature_network import FeatureNetwork, Preparation, Shape, open_network
from kelbo.runs.tensors import read_tensors, write_tensors
from kelbo.seeds import seeded
from kelbo.shortage import raise_shortage

KIND = "classifier"
FORMAT = 1
MIN_SIDE = 8
PREPARATION = Preparation(values="signed")


class ImageClassifier(nn.Module):
    """Images (B, C, H, W) in [-1, 1], of at least 8×8 pixels, to logits (B, outputs).

    3×3 convolutions (width, 2·width, then 4·width maps), each followed by 2×2 max-pooling until both sides are below 8, batch
    normalisation and ReLU; one more without pooling; a layer of `features` units with ReLU; a linear layer.
    """

    def __init__(self, shape: Shape, outputs: int, features: int = 128, width: int = 16) -> None:
        super().__init__()
        channels, height, side = shape
        if min(height, side) < MIN_SIDE:
            raise ScoreError(
                f"The classifier needs images of at least {MIN_SIDE}×{MIN_SIDE} pixels; got {height}×{side}."
            )
        self.settings = {"shape": list(shape), "outputs": outputs, "features": features, "width": width}
        self.maps, maps = nn.Sequential(), width
        while True:
            pool = (1 + (height >= MIN_SIDE), 1 + (side >= MIN_SIDE))
            self.maps.append(nn.Conv2d(channels, maps, 3, padding=1, bias=False))
            if max(pool) == 2:  # before the activation, which then takes a quarter of the time
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
        """Features of images, (B, features), none negative."""
        return self.penultimate(self.maps(x.contiguous(memory_format=torch.channels_last)))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.features(x))


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier and facts about it: `about` holds the set, its fingerprint, accuracy, seed, … as JSON values."""

    network: ImageClassifier
    about: Mapping[str, Any]


def save_classifier(path: Path, trained: TrainedClassifier) -> None:
    """Write the weights and facts to `path` (.safetensors), replacing any file there."""
    header = {"format": FORMAT, "settings": trained.network.settings, "about": dict(trained.about)}
    write_tensors(path, KIND, trained.network.state_dict(), header)


def load_classifier(path: Path) -> TrainedClassifier:
    """What `save_classifier` wrote, on the CPU in evaluation mode. Raises Damaged if the file holds anything else."""
    tensors, header = read_tensors(path, KIND)
    try:
        if header["format"] != FORMAT:
            raise Damaged(f"{path} has classifier format {header['format']}; this kelbo reads {FORMAT}.")
        settings = header["settings"]
        channels, height, side = settings["shape"]
        with torch.device("meta"):  # so that a header of a huge network allocates no memory
            network = ImageClassifier(
                (channels, height, side), settings["outputs"], settings["features"], settings["width"]
            )
        network.load_state_dict(tensors, assign=True)
        about = dict(header["about"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise_shortage(error, f"reading {path}")
        if isinstance(error, Damaged):
            raise
        raise Damaged(f"{path} is not a classifier written by kelbo ({error}). Train it again.") from error
    return TrainedClassifier(network.eval().requires_grad_(False), about)


def classifier_network(path: Path, shape: Shape, device: torch.device) -> FeatureNetwork:
    """The feature network "classifier-SET" from a classifier's file. ScoreError as `preparation_for`."""
    trained = load_classifier(path)
    how = preparation_for(trained, shape, path)
    name = f"classifier-{trained.about.get('set', path.stem)}"
    return _feature_network(name, trained.network, shape, device, trained.about, how)


def preparation_for(trained: TrainedClassifier, shape: Shape, path: Path) -> Preparation:
    """How images of `shape` become the input of a classifier: grey ones are repeated if it was trained on RGB.

    ScoreError if it was trained on images of another size, or on grey ones and these are not. path: its file, for the message.
    """
    wanted = tuple(trained.network.settings["shape"])
    if wanted == shape:
        return PREPARATION
    if wanted == (3, *shape[1:]) and shape[0] == 1:
        return replace(PREPARATION, channels=3)
    raise ScoreError(f"{path} was trained on images {wanted}; these are {shape}. Train a classifier for them.")


def random_network(seed: int, shape: Shape, device: torch.device) -> FeatureNetwork:
    """The feature network "random-SEED": the classifier's features with weights drawn from `seed`, untrained."""
    with seeded(seed, "features"):
        network = ImageClassifier(shape, outputs=1).eval().requires_grad_(False)
    return _feature_network(f"random-{seed}", network, shape, device, {"seed": seed})


def _feature_network(
    name: str,
    network: ImageClassifier,
    shape: Shape,
    device: torch.device,
    about: Mapping[str, Any],
    how: Preparation = PREPARATION,
) -> FeatureNetwork:
    return open_network(
        name,
        network.to(device).features,
        how,
        weights_hash(network),
        shape,
        device,
        about={"about": dict(about)},
    )


def weights_hash(network: nn.Module) -> str:
    """SHA-256 of the weights' names, shapes, types and bytes, on any device."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        plain = value.detach().cpu().contiguous()
        digest.update(repr((name, tuple(plain.shape), str(plain.dtype))).encode())
        digest.update(plain.numpy().tobytes())
    return digest.hexdigest()
