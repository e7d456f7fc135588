"""A classifier that tells which attributes an image has, opened for a run's images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kelbo.data.conditions import nearest
from kelbo.errors import DataMissing, DataUnknown, ScoreError
from kelbo.evaluation.classifier import ImageClassifier, load_classifier, preparation_for, weights_hash
from kelbo.evaluation.feature_network import Preparation, Shape
from kelbo.evaluation.features import classifier_path


@dataclass(frozen=True)
class AttributeClassifier:
    """Images (B, C, H, W) to the chance of each of A attributes, (B, A), float32.

    names      of the attributes
    exclusive  whether an image has exactly one of them: they are classes
    about      facts of its training: the set, its accuracy on test images, …
    """

    names: tuple[str, ...]
    exclusive: bool
    network: ImageClassifier
    preparation: Preparation
    device: torch.device
    about: dict[str, Any]

    def __call__(self, images: Tensor, levels: int = 256) -> Tensor:
        """Of levels (integers 0 … levels-1) or intensities (floats), on any device."""
        with torch.no_grad():
            logits = self.network(self.preparation(images.to(self.device), levels)).float()
        return logits.softmax(1) if self.exclusive else logits.sigmoid()

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Everything that its answers depend on, as JSON values."""
        grey = self.preparation.channels == 3
        return {
            "weights": weights_hash(self.network),
            "attributes": list(self.names),
            "grey_to_rgb": grey,
            **self.about,
        }

    def columns(self, names: Sequence[str]) -> list[int]:
        """Where these attributes are among its own. DataUnknown, with the nearest, if it does not know one."""
        for name in names:
            if name not in self.names:
                raise DataUnknown(f"The classifier knows no attribute {name!r}; {nearest(name, self.names)}.")
        return [self.names.index(name) for name in names]


def attribute_classifier(
    name: str, shape: Shape, device: torch.device | None = None, root: Path | str | None = None
) -> AttributeClassifier:
    """The classifier of that name in the data root, or in that .safetensors file, for images of `shape`.

    Grey images are taken as colour by one that was trained on colour. DataMissing without the file; Damaged if it is no
    classifier; ScoreError if it was trained on images of another size, or its file does not name what it tells.
    """
    path = Path(name) if name.endswith(".safetensors") else classifier_path(name, root)
    if not path.is_file():
        raise DataMissing(
            f"There is no classifier at {path}. Train one with `kelbo features train SET`, or name its file.",
            remedy=("features", "data_root"),
        )
    trained = load_classifier(path)
    preparation = preparation_for(trained, shape, path)
    names = trained.about.get("names")
    if not names or len(names) != trained.network.settings["outputs"]:
        raise ScoreError(
            f"{path} does not name the attributes that it tells: an older version wrote it. Train it again."
        )
    device = device or torch.device("cpu")
    about = {key: trained.about[key] for key in ("set", "accuracy", "test_images", "seed", "epochs")}
    exclusive = "classes" in trained.about
    return AttributeClassifier(tuple(names), exclusive, trained.network.to(device), preparation, device, about)
