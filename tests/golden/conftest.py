"""What the scripts beside the tests know: how a run's folder is read."""

from pathlib import Path

import pytest


@pytest.fixture
def folders(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import folders

    return folders
