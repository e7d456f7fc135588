"""The engine comes without baggage, and leaves other imports alone."""

import subprocess
import sys

import pytest


def answer(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_training_does_not_load_the_metrics_library():
    loaded = answer(
        "import sys, kelbo.recipes.experiment; print('torchmetrics' in sys.modules, 'matplotlib' in sys.modules)"
    )
    assert loaded == "False False"


@pytest.mark.slow
def test_the_real_metrics_library_can_be_imported_afterwards():
    assert answer("import kelbo.fabric, torchmetrics; print(hasattr(torchmetrics, 'Metric'))") == "True"


@pytest.mark.slow
def test_one_that_was_imported_before_stays():
    assert (
        answer("import torchmetrics, kelbo.fabric, sys; print(sys.modules['torchmetrics'] is torchmetrics)") == "True"
    )


def test_fabric_still_knows_which_version_there_is():
    code = "import kelbo.fabric, lightning_fabric.utilities.imports as i; print(i._TORCHMETRICS_GREATER_EQUAL_1_0_0)"
    assert answer(code) == "True"
