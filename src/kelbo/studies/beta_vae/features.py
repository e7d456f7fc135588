"""Through which network the images of a set without factors are compared."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from kelbo.evaluation.feature_network import FeatureNetwork, Shape
from kelbo.evaluation.features import classifier_path, feature_network, features_folder
from kelbo.evaluation.inception import INCEPTION_FILE, NAME

SHAPE: Shape = (3, 32, 32)
"""CIFAR's"""


class Features(NamedTuple):
    """A network by its name and the hash of its weights. legacy: resized as pytorch-fid does, as the study did."""

    name: str
    weights: str
    root: Path | None
    legacy: bool

    def open(self, device: torch.device | None = None) -> FeatureNetwork:
        """The network. Raises as `kelbo.evaluation.features.feature_network` does."""
        resize = "legacy" if self.legacy else None
        return feature_network(self.name, SHAPE, device, root=self.root, resize=resize)


def features_for(role: str, asked: str | None, root: Path | None, as_published: bool) -> Features:
    """The network asked for; else FID's where it was fetched, the set's own classifier where it was trained, or random-0."""
    name = asked
    if name is None:
        own = [(NAME, features_folder(root) / INCEPTION_FILE.name), (role, classifier_path(role, root))]
        name = next((known for known, path in own if path.is_file()), "random-0")
    found = Features(name, "", root.resolve() if root else None, as_published and name == NAME)
    return found._replace(weights=found.open().weights)
