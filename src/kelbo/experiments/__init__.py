"""Doing what a recipe says: train a run, open it, evaluate and measure it.

Names are loaded when they are first asked for: a page that needs only thresholds loads no PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kelbo.experiments.experiment import Experiment, open_run
    from kelbo.experiments.measure import evaluate_run
    from kelbo.experiments.own_pictures import read_pictures
    from kelbo.experiments.training_run import train

__all__ = ["Experiment", "evaluate_run", "open_run", "read_pictures", "train"]

_HOMES = {
    "Experiment": "experiment",
    "open_run": "experiment",
    "evaluate_run": "measure",
    "read_pictures": "own_pictures",
    "train": "training_run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
