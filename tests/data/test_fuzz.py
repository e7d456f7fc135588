"""Damaged files of every format end in images or in one clear error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def campaign(cases, folder):
    """The campaign in a process of its own, whose memory it limits."""
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import fuzz_campaign; "
        "print(fuzz_campaign.campaign(int(sys.argv[2]), 3, pathlib.Path(sys.argv[3]))['cases'])"
    )
    command = [sys.executable, "-c", code, str(BENCHMARKS), str(cases), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def test_damaged_files_are_read_or_refused(tmp_path):
    done = campaign(150, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "150"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_two_thousand_damaged_files_are_read_or_refused(tmp_path):
    done = campaign(2000, tmp_path)
    assert done.returncode == 0, done.stderr
