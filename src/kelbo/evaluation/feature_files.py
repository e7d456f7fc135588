"""Feature networks from third-party files: TorchScript and ONNX.

Both contain programs. TorchScript runs in torch's own interpreter and ONNX in its runtime, neither in Python; still, load only
files that you trust, and give the SHA-256 that you expect: it is compared before anything is loaded.
"""

from __future__ import annotations

import hashlib
import io
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kelbo.errors import DataCorrupt, DataMissing, ScoreError
from kelbo.evaluation.feature_network import FeatureNetwork, Preparation, Shape, open_network
from kelbo.shortage import raise_shortage


def torchscript(
    path: Path,
    shape: Shape,
    device: torch.device,
    preparation: Preparation,
    *,
    sha256: str | None = None,
) -> FeatureNetwork:
    """The network of a TorchScript file whose forward maps (B, C, H, W) to (B, d).

    sha256: the expected hash of the file. Raises DataMissing as `read_checked` does,
    DataCorrupt if the hash differs or the file is not TorchScript (a pickle, for example, of which nothing is run), and
    ScoreError as `open_network` does.
    """
    content, digest = read_checked(path, sha256)
    module = scripted(content, path, device)
    return open_network(path.stem, module, preparation, digest, shape, device)


def read_checked(path: Path, sha256: str | None) -> tuple[bytes, str]:
    """A file's bytes and their SHA-256, read once, so that exactly the checked bytes are loaded.

    Raises DataMissing if the file does not exist or cannot be read, and DataCorrupt if its hash is not `sha256`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataMissing(f"The feature network {path} cannot be read: {error}.") from error
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and digest != sha256.lower():
        raise DataCorrupt(
            f"{path} is not the expected feature network: its sha256 is {digest} instead of {sha256.lower()}. "
            "It was not loaded. Fetch it again, or correct sha256."
        )
    return content, digest


def scripted(content: bytes, path: Path, device: torch.device) -> Callable[..., Tensor]:
    """The TorchScript module in these bytes, in evaluation mode on `device`. Raises DataCorrupt if they hold none."""
    wrong = f"{path} is not a TorchScript file (made by torch.jit.save); nothing in it was run."
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataCorrupt(f"{wrong} It is a plain pickle, truncated or damaged: {error}.") from error
    if not any(name.endswith("/constants.pkl") for name in names):
        raise DataCorrupt(
            f"{wrong} It holds only weights, no network. Export the network with torch.jit.trace, or as ONNX."
        )
    try:
        with warnings.catch_warnings():
            # torch recommends torch.export, whose programs cannot yet be loaded across versions
            warnings.filterwarnings("ignore", r"`torch\.jit\.load` is deprecated", DeprecationWarning)
            return torch.jit.load(io.BytesIO(content), map_location=device).eval()
    except (RuntimeError, ValueError) as error:
        raise_shortage(error, f"reading {path}")
        raise DataCorrupt(f"{path} cannot be loaded as TorchScript: {str(error).splitlines()[0]}") from error


def onnx(
    path: Path,
    shape: Shape,
    device: torch.device,
    preparation: Preparation,
    *,
    sha256: str | None = None,
) -> FeatureNetwork:
    """The network of an ONNX file with one float32 input (batch, C, H, W) of any batch size; its first output are the features.

    The file's fixed channels and size replace those that are None in `preparation`. Raises as `torchscript` does, and
    ScoreError if onnxruntime is not installed or the batch size is fixed.
    """
    content, digest = read_checked(path, sha256)
    session = _session(content, path, device)
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
        found = ", ".join(f"{one.name}: {one.type} {one.shape}" for one in inputs)
        raise ScoreError(f"{path} must have one input, float32 (batch, C, H, W); it has {found}.")
    batch, channels, *size = inputs[0].shape
    if isinstance(batch, int):
        raise ScoreError(f"{path} takes only batches of {batch}. Export it with a dynamic batch size.")
    preparation = Preparation(
        preparation.channels or (channels if isinstance(channels, int) else None),
        preparation.size or ((size[0], size[1]) if all(isinstance(side, int) for side in size) else None),
        preparation.resize,
        preparation.values,
    )

    def run(x: Tensor) -> Tensor:
        try:
            [features, *_] = session.run(None, {inputs[0].name: np.ascontiguousarray(x.cpu().numpy())})
        except Exception as error:  # the runtime's errors have no common class
            raise_shortage(error, f"reading {path}")
            raise ScoreError(f"{path} cannot take input of shape {tuple(x.shape)}: {error}") from error
        return torch.as_tensor(features).float().to(device)

    return open_network(path.stem, run, preparation, digest, shape, device)


def _session(content: bytes, path: Path, device: torch.device) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ScoreError(f"{path} needs onnxruntime: pip install 'kelbo[onnx]'.") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors are raised; warnings would go to standard error
    wanted = ["CUDAExecutionProvider"] if device.type == "cuda" else []
    offered = [*wanted, "CPUExecutionProvider"]
    providers = [one for one in offered if one in onnxruntime.get_available_providers()]
    try:
        return onnxruntime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # as above
        raise_shortage(error, f"reading {path}")
        raise DataCorrupt(f"{path} cannot be loaded as ONNX: {error}") from error
