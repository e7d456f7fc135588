"""The study in docs/studies.md is the one that the tests run."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("file", ["toy.py", "toy.toml"])
def test_the_example_is_the_file_that_runs(file):
    assert (ROOT / "tests/studies" / file).read_text().rstrip() in (ROOT / "docs/studies.md").read_text()
