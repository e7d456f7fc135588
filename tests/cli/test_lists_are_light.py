"""A list of runs opens no weights, so it loads nothing that could."""

import subprocess
import sys

from kelbo.recipes import dump, find
from kelbo.runs import Run, write_json


def test_listing_runs_with_checkpoints_does_not_load_torch(tmp_path):
    run = Run.create(tmp_path / "run", dump(find("digits")), {})
    write_json(run.checkpoint(7) / "state.json", {"format": 2, "step": 7, "best": {"step": 7, "cost": 1.5}})
    script = (
        "import sys; from pathlib import Path; from kelbo.cli.runs import list_runs;"
        f"list_runs(Path({str(tmp_path)!r}), True); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"cost": 1.5' in done.stdout
