"""The feature network by which images are compared."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from kelbo.errors import RecipeError
from kelbo.evaluation.feature_network import FeatureNetwork, Shape
from kelbo.evaluation.features import classifier_path, feature_network, features_folder
from kelbo.evaluation.inception import INCEPTION_FILE, NAME


class Features(NamedTuple):
    """A network by its name and the hash of its weights. legacy: resize as pytorch-fid does, as the β-VAE study did."""

    name: str
    weights: str
    shape: Shape
    root: Path | None
    legacy: bool

    @property
    def title(self) -> str:
        """Its name; of a file, the name without its folder."""
        return Path(self.name).stem if Path(self.name).is_absolute() else self.name

    def open(self, device: torch.device | None = None) -> FeatureNetwork:
        """The network. Raises as `kelbo.evaluation.features.feature_network` does."""
        resize = "legacy" if self.legacy else None
        return feature_network(self.name, self.shape, device, root=self.root, resize=resize)


def settled(asked: str | None) -> str | None:
    """A network as a user named it, a file with its whole path, since a study saves it. RecipeError for an empty name."""
    if asked is not None and not asked.strip():
        raise RecipeError(
            "The feature network has no name; it is inception-2015, a data set's name, random-SEED, or a file.",
            remedy=("features",),
        )
    return str(Path(asked).resolve()) if asked and Path(asked).is_file() else asked


def features_for(own: str, shape: Shape, asked: str | None, root: Path | None, *, legacy: bool = False) -> Features:
    """The network asked for; by default FID's if it was fetched, else the set's own classifier if trained, else random-0.

    own: the set's name. shape: of its images. legacy: as in `Features`, if the network is FID's.
    """
    name = asked
    if name is None:
        known = [(NAME, features_folder(root) / INCEPTION_FILE.name), (own, classifier_path(own, root))]
        name = next((each for each, path in known if path.is_file()), "random-0")
    found = Features(name, "", shape, root.resolve() if root else None, legacy and name == NAME)
    return found._replace(weights=found.open().weights)
