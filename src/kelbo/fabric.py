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

__all__ = ["Fabric"]

_NAME = "torchmetrics"


class _StandIn(ModuleType):
    __version__ = "0"


if _NAME not in sys.modules:
    with suppress(metadata.PackageNotFoundError):  # then Fabric finds that out by itself
        _StandIn.__version__ = metadata.version(_NAME)
        sys.modules[_NAME] = _StandIn(_NAME)
try:
    from lightning_fabric import Fabric
finally:
    if isinstance(sys.modules.get(_NAME), _StandIn):
        del sys.modules[_NAME]
