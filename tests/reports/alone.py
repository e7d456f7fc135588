"""A page written in a process that has neither PyTorch nor weights nor data."""

import re
import shutil
import subprocess
import sys

WRITE = """
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "safetensors", "lightning"):
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Refuse())
from kelbo.reports import run_page, sweep_page
from kelbo.runs import Run, Sweep
folder = Path(sys.argv[1])
if (folder / "sweep.json").exists():
    sweep_page.write_page(Sweep.open(folder))
else:
    run_page.write_page(Run(folder))
assert "torch" not in sys.modules
assert not [name for name in sys.modules if name.startswith("kelbo.data")]
"""


def written_alone(run, folder):
    """The page of a copy of the run, or the sweep, without its weights, from a process without PyTorch."""
    shutil.copytree(run.path, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "report.html").unlink()
    done = subprocess.run([sys.executable, "-c", WRITE, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "report.html").read_text()


def undated(html):
    return re.sub(r"Written by kelbo on .*", "", html)
