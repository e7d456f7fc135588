"""Fixtures that several rooms' tests share."""

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # the tests' models are tiny: threads would only wait for one another


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets in their official formats, none of which is part of the project."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("KELBO_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: name a folder of official files with KELBO_TEST_DATA")
    return folder
