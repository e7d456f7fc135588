"""Short trainings give what they gave before, bit by bit; `record.py` says how the record is made."""

import subprocess
import sys
from pathlib import Path

import pytest

RECORD, OTHER_MACHINE = Path(__file__).with_name("record.py"), 3


@pytest.mark.slow
def test_no_number_has_changed():
    done = subprocess.run([sys.executable, RECORD, "--check"], capture_output=True, text=True)
    if done.returncode == OTHER_MACHINE:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
