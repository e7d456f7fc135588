"""Run every benchmark: `make bench`. Makes .venv-peers with the pinned peers first; results go to benchmarks/results/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-peers"
BENCHMARKS = ("burgess_train.py",)


def make_peers() -> None:
    """An environment of the peers' own, so that what they need never meets what kelbo needs."""
    if (PEERS / "bin" / "python").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
    install = [str(PEERS / "bin" / "pip"), "install", "--quiet", "--constraint", str(HERE.parent / "constraints.txt")]
    subprocess.run([*install, "--requirement", str(HERE / "peers.txt")], check=True)


if __name__ == "__main__":
    make_peers()
    for benchmark in BENCHMARKS:
        subprocess.run([sys.executable, str(HERE / benchmark)], check=True)
