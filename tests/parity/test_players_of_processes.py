"""Players that take gradients themselves stay one model in several processes. Run as a script, this file is one of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.toys import three_players

from kelbo.cli.launching import launch
from kelbo.experiments import train
from kelbo.runs import Run

WORLD, ROOT = 2, Path(__file__).parents[2]


@pytest.mark.slow
def test_every_process_has_the_weights_of_the_others(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run([sys.executable, __file__, str(tmp_path)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    one, another = (load_file(tmp_path / f"{rank}.safetensors") for rank in range(WORLD))
    first = load_file(Run(tmp_path / "run").checkpoint(3) / "weights.safetensors")
    assert one.keys() == another.keys() == first.keys()
    for name, value in one.items():
        assert torch.equal(value, another[name]), name
        assert not torch.equal(value, first[name]), name


if __name__ == "__main__":
    out, fabric = Path(sys.argv[1]), launch("cpu", WORLD, None)

    def keep(state, _):
        save_file(state.network.state_dict(), out / f"{fabric.global_rank}.safetensors")

    train(three_players.RECIPE, out / "run", fabric=fabric, parts=three_players.PARTS, hooks=[keep])
