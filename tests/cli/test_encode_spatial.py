"""`kelbo encode` of latents that keep the layout of pictures."""

import numpy as np
import pytest
from typer.testing import CliRunner

from kelbo.cli.code_files import read_arrays
from kelbo.cli.main import app
from kelbo.experiments import train
from kelbo.recipes import change, find

SPATIAL = [
    "model.kind=spatial",
    "model.widths=[4,8]",
    "model.blocks=1",
    "model.groups=2",
    "model.latents=2",
    "data.size=8",
]
SHORT = ["training.steps=1", "training.batch_size=8", "training.pictures_every=100"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(change(find("digits"), [*SPATIAL, *SHORT]), tmp_path_factory.mktemp("runs") / "run")


def encoded(run, out, *more):
    return CliRunner().invoke(app, ["encode", str(run.path), "--out", str(out), *more])


@pytest.mark.slow
def test_codes_are_tensors_with_the_factor_beside_them_which_is_applied_if_it_is_asked_for(run, tmp_path):
    assert encoded(run, tmp_path / "plain.npz").exit_code == 0
    assert encoded(run, tmp_path / "scaled.npz", "--scaled").exit_code == 0
    plain, scaled = (read_arrays(tmp_path / f"{name}.npz") for name in ("plain", "scaled"))
    assert plain["means"].shape[1:] == (2, 4, 4)
    assert len(plain["labels"]) == len(plain["means"])
    for name in ("means", "scales"):
        np.testing.assert_allclose(scaled[name], plain["factor"] * plain[name], rtol=1e-5)


@pytest.mark.slow
def test_a_table_of_tensors_is_refused(run, tmp_path):
    result = encoded(run, tmp_path / "codes.parquet")
    assert result.exit_code != 0
