"""Training comes without baggage, and leaves other imports alone."""

import subprocess
import sys

import pytest


def answer(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_training_loads_nothing_that_only_scores_and_files_need_and_fabric_knows_its_metrics_library(tmp_path):
    code = f"""
import sys
from pathlib import Path
from kelbo.experiments import train
from kelbo.recipes import change, find
import lightning_fabric.utilities.imports as i
train(change(find("digits"), ["training.steps=1"]), Path({str(tmp_path / "run")!r}))
heavy = {{"torchmetrics", "matplotlib", "scipy", "sklearn", "pandas", "h5py", "pyarrow", "datasets", "av", "ray"}}
print(heavy & sys.modules.keys(), i._TORCHMETRICS_GREATER_EQUAL_1_0_0)
"""
    assert answer(code) == "set() True"


@pytest.mark.slow
def test_the_real_metrics_library_can_be_imported_afterwards():
    assert answer("import kelbo.distributed.fabric, torchmetrics; print(hasattr(torchmetrics, 'Metric'))") == "True"


@pytest.mark.slow
def test_one_that_was_imported_before_stays():
    assert (
        answer("import torchmetrics, kelbo.distributed.fabric, sys; print(sys.modules['torchmetrics'] is torchmetrics)")
        == "True"
    )


@pytest.mark.slow
def test_training_needs_no_metrics_library():
    code = """
import sys
from importlib import metadata
known = metadata.version
def version(name):
    if name == "torchmetrics":
        raise metadata.PackageNotFoundError(name)
    return known(name)
metadata.version = version
class Hidden:
    def find_spec(self, name, *_):
        if name.split(".")[0] == "torchmetrics":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
import kelbo.experiments.training_run, kelbo.metrics, lightning_fabric.utilities.imports as i
print(i._TORCHMETRICS_GREATER_EQUAL_1_0_0)
"""
    assert answer(code) == "False"
