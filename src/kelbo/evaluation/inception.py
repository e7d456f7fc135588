"""The 2015 Inception features, which define FID (Heusel et al., 2017), from NVIDIA's TorchScript export.

The export's forward takes RGB values 0 … 255 of any size, resizes to 299×299 as TensorFlow 1 did (bilinear, no antialiasing, no
half-pixel centres), and with return_features returns the 2,048 values of the last pooling layer.

The address is that of the stylegan2-ada-pytorch and stylegan3 releases; k-diffusion and several other projects check the same
size and SHA-256.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from kelbo.data.sources import File, PublicSet
from kelbo.errors import DataCorrupt, DataMissing, ScoreError
from kelbo.evaluation.feature_files import read_checked, scripted
from kelbo.evaluation.feature_network import FeatureNetwork, Preparation, Resize, Shape, open_network

NAME = "inception-2015"
SIZE = (299, 299)

INCEPTION_FILE = File(
    "inception-2015-12-05.pt",
    ("https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt",),
    size=95_607_719,
    sha256="f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
)
INCEPTION = PublicSet(
    name=NAME,
    title="The 2015 Inception network",
    files=(INCEPTION_FILE,),
    place="features",
    page="https://github.com/NVlabs/stylegan3",
    licence="Google's weights (Szegedy et al., 2015), Apache 2.0; the export NVIDIA's, of the stylegan2-ada-pytorch release",
)
"""for `kelbo.data.download.fetch`"""


def inception(
    path: Path, shape: Shape, device: torch.device, resize: Resize = "network", file: File = INCEPTION_FILE
) -> FeatureNetwork:
    """The features that define "FID", from the file at `path`, for images of `shape`.

    resize: "network" as the original FID; "legacy" as pytorch-fid; "antialiased" as clean-fid. file: the expected content.
    Raises DataMissing if the file does not exist, DataCorrupt if it is another file (nothing in it is run), and ScoreError as
    `open_network` does, and if resize is "none".
    """
    if resize == "none":
        raise ScoreError(
            "resize must be network, legacy or antialiased for the Inception network, whose input is 299×299; got 'none'."
        )
    if not path.is_file():
        raise DataMissing(
            f"The Inception network is not at {path}. Run `kelbo features fetch` to download it ({file.size or 0:,} bytes), "
            f"or save {file.urls[0] if file.urls else file.name} there.",
            remedy=("data_root",),
        )
    content, digest = read_checked(path, None)
    if digest != file.sha256:
        raise DataCorrupt(
            f"{path} is not the published Inception network: its sha256 is {digest} instead of {file.sha256}. It was not "
            "loaded. Delete it and fetch it again; another network can be used by its path, but not as FID."
        )
    network = scripted(content, path, device)

    def pooled(x: Tensor) -> Tensor:
        return network(x, return_features=True)

    how = Preparation(channels=3, size=SIZE, resize=resize, values="levels")
    return open_network(NAME, pooled, how, digest, shape, device, official=digest == INCEPTION_FILE.sha256)
