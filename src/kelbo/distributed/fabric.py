"""Lightning Fabric, the engine under the training loop, imported without a metrics library that it only looks at.

If torchmetrics is installed, Fabric asks for its version by importing all of it, and SciPy's signal processing and
Matplotlib with it: a second and about 100 MB in every process. A module that knows its version and nothing else answers
as well. It is removed afterwards, so that `import torchmetrics` gives the real one.
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
    with suppress(metadata.PackageNotFoundError):  # then Fabric finds that out by itself
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
    """What Fabric(accelerator="auto") chooses on this machine, and so what everything takes where no device is named."""
    if MPSAccelerator.is_available():
        return "mps"
    return "cuda" if CUDAAccelerator.is_available() else "cpu"


def find_device(name: str | None) -> torch.device:
    """The device of that name, or where None the one that Fabric's "auto" is. RecipeError where this machine has none such."""
    if name is None:
        return torch.device(best_accelerator())
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ValueError) as error:
        raise RecipeError(f"Device {name!r} is not available on this machine: {str(error).splitlines()[0]}") from error
    return device
