"""Feature networks by a name or a file."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import torch

from kelbo.data.roots import data_root
from kelbo.errors import DataMissing, ScoreError
from kelbo.evaluation.classifier import classifier_network, random_network
from kelbo.evaluation.feature_files import onnx, read_checked, torchscript
from kelbo.evaluation.feature_network import FeatureNetwork, Preparation, Resize, Shape, Values
from kelbo.evaluation.inception import INCEPTION, INCEPTION_FILE, inception


def features_folder(root: Path | str | None = None) -> Path:
    """The folder of feature networks: features/ in the data root (`root`, or KELBO_DATA, or ./data)."""
    return data_root(root) / INCEPTION.place


def classifier_path(name: str, root: Path | str | None = None) -> Path:
    """The file of the classifier of the data set of that name."""
    return features_folder(root) / f"{name}.safetensors"


def feature_network(
    name: str,
    shape: Shape,
    device: torch.device | None = None,
    *,
    root: Path | str | None = None,
    sha256: str | None = None,
    resize: Resize | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    values: Values | None = None,
) -> FeatureNetwork:
    """The feature network `name`, for images of `shape`:

    inception-2015     the features of FID, fetched into the data root; resize: network (default), legacy or antialiased
    random-SEED        seeded random weights, without a file
    a file             .pt or .ts (TorchScript), .onnx, or .safetensors (a classifier trained by kelbo)
    a data set's name  the classifier trained on it, in the data root

    sha256: the expected hash of the file. resize, size, channels and values describe the input of a TorchScript or ONNX file,
    see `Preparation`; values are "unit" by default. Raises ScoreError for settings that do not apply to the network,
    DataMissing if there is no network of that name, and DataMissing, DataCorrupt or Damaged as reading its file does.
    """
    device, path = device or torch.device("cpu"), Path(name)
    foreign = path.suffix in (".pt", ".ts", ".onnx")
    settings = {"size": size, "channels": channels, "values": values}
    if not foreign and (given := [key for key, value in settings.items() if value is not None]):
        raise ScoreError(f"{', '.join(given)} can be set for TorchScript and ONNX files only, not for {name}.")
    if foreign:
        load = onnx if path.suffix == ".onnx" else torchscript
        how = Preparation(channels, size, resize or "none", values or "unit")
        return load(path, shape, device, how, sha256=sha256)
    if name == INCEPTION.name:
        if sha256 not in (None, INCEPTION_FILE.sha256):
            raise ScoreError(
                f"{name} is the published file with sha256 {INCEPTION_FILE.sha256}; give another file by its path."
            )
        return inception(features_folder(root) / INCEPTION_FILE.name, shape, device, resize or "network")
    if resize is not None:
        raise ScoreError(f"resize cannot be set for {name}, which takes images as they are.")
    if seed := re.fullmatch(r"random-(\d+)", name):
        return random_network(int(seed[1]), shape, device)
    path = path if path.suffix == ".safetensors" else classifier_path(name, root)
    if not path.is_file():
        raise DataMissing(
            f"There is no feature network {name!r}: it is neither {INCEPTION.name} nor random-SEED, and {path} does not exist. "
            f"Train a classifier with `kelbo features train {shlex.quote(path.stem)}`, or give a file (.pt, .ts, .onnx, "
            ".safetensors).",
            remedy=("features", "data_root"),
        )
    if sha256 is not None:
        read_checked(path, sha256)
    return classifier_network(path, shape, device)
