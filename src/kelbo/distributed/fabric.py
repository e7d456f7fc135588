"""Import Lightning Fabric, the engine under the training loop, without importing torchmetrics.

If torchmetrics is installed, Fabric imports it only to read its version, and with it SciPy's signal processing and
Matplotlib: a second and about 100 MB in every process. A module that contains only the version is enough. It is removed
afterwards, so that `import torchmetrics` gives the real one.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import metadata
from types import ModuleType
from typing import Literal

import torch

from kelbo.errors import RecipeError

__all__ = ["Fabric", "best_accelerator", "find_device"]

_NAME = "torchmetrics"


class _StandIn(ModuleType):
    __version__ = "0"


if _NAME not in sys.modules:
    with suppress(metadata.PackageNotFoundError):  # not installed: Fabric handles that
        _StandIn.__version__ = metadata.version(_NAME)
        sys.modules[_NAME] = _StandIn(_NAME)
try:
    from lightning_fabric import Fabric
    from lightning_fabric.accelerators.cuda import CUDAAccelerator
    from lightning_fabric.accelerators.mps import MPSAccelerator
finally:
    if isinstance(sys.modules.get(_NAME), _StandIn):
        del sys.modules[_NAME]


def best_accelerator() -> Literal["cuda", "mps", "cpu"]:
    """The kind of device that Fabric(accelerator="auto") chooses on this machine: the default everywhere."""
    if MPSAccelerator.is_available():
        return "mps"
    return "cuda" if CUDAAccelerator.is_available() else "cpu"


def find_device(name: str | None) -> torch.device:
    """The device of that name, or Fabric's automatic choice for None. RecipeError if this machine does not have it."""
    if name is None:
        return torch.device(best_accelerator())
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ValueError) as error:
        raise RecipeError(f"Device {name!r} is not available on this machine: {str(error).splitlines()[0]}") from error
    return device
