"""Run every benchmark: `make bench`. Makes .venv-peers with the pinned peers first; results go to benchmarks/results/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-peers"
BENCHMARKS = (
    ("train_speed.py", "burgess"),
    ("train_speed.py", "higgins"),
    ("encode_speed.py",),
    ("data_speed.py",),
    ("layers_speed.py",),
    ("frechet_speed.py",),
    ("score_speed.py",),
    ("sweep_speed.py",),
)


def make_peers() -> None:
    """An environment of the peers' own, so that what they need never meets what kelbo needs."""
    if (PEERS / "bin" / "python").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
    install = [str(PEERS / "bin" / "pip"), "install", "--quiet", "--constraint", str(HERE.parent / "constraints.txt")]
    subprocess.run([*install, "--requirement", str(HERE / "peers.txt")], check=True)


if __name__ == "__main__":
    make_peers()
    for script, *arguments in BENCHMARKS:
        subprocess.run([sys.executable, str(HERE / script), *arguments], check=True)
