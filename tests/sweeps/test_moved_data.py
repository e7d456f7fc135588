"""A sweep whose data were moved: the message names the option, and with it the sweep goes on."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from kelbo.runs import Sweep


@pytest.fixture
def data(tmp_path):
    images = (load_digits().images * 15).astype(np.uint8)
    np.savez(tmp_path / "data.npz", x_train=images[:200], x_test=images[200:240])
    return tmp_path / "data.npz"


@pytest.mark.slow
def test_a_sweep_is_resumed_by_its_folder_with_data_that_were_moved(kelbo, data, tmp_path):
    out, elsewhere = tmp_path / "s", tmp_path / "elsewhere.npz"
    small = ["--set", "model.network.width=8", "--set", "data.kind=array", "--steps", 3, "--how", "stack"]
    begin = ["sweep", "digits", *small, "--set", f"data.root={data}", "--over", "objective.beta=1,2", "--out", out]
    assert kelbo(*begin)[0] == 0
    assert kelbo("sweep", "--resume", "--out", out)[0] == 0
    (out / "lanes" / "beta=1,seed=0" / "checkpoints" / "00000003").rename(tmp_path / "lost")
    data.rename(elsewhere)
    code, _, err = kelbo("sweep", "--resume", "--out", out, "--how", "stack")
    assert (code, "--data-root PATH" in err) == (1, True)
    code, _, err = kelbo("sweep", "--resume", "--out", out, "--how", "stack", "--data-root", elsewhere)
    assert code == 0, err
    assert str(elsewhere) in Sweep(out).run("beta=1,seed=0").recipe_path.read_text()
