"""Lightning Fabric, the engine under the training loop, imported without a metrics library that it only looks at.

On import Fabric asks for torchmetrics' version by importing all of it, and SciPy's signal processing and Matplotlib with
it: a second and about 100 MB in every process. A module that knows its version and nothing else answers as well. It is
gone again afterwards, so that `import torchmetrics` gives the real one.
"""

from __future__ import annotations

import sys
from importlib import metadata
from types import ModuleType

__all__ = ["Fabric"]

_NAME = "torchmetrics"


class _Version(ModuleType):
    __version__ = metadata.version(_NAME)


_stand_in = sys.modules.setdefault(_NAME, _Version(_NAME))
try:
    from lightning_fabric import Fabric
finally:
    if isinstance(_stand_in, _Version):
        del sys.modules[_NAME]
