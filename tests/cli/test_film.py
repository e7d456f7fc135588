"""`kelbo film` writes what a run kept of its training, without the model or its data."""

import numpy as np
import pytest
from PIL import Image

from kelbo.runs import Run, save_grid, write_json


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    write_json(run.provenance_path, {"data": {"shape": [1, 8, 8]}})
    run.save_recipe("")
    for step in (10, 20, 30):
        save_grid(run.picture(step, "reconstructions"), np.full((16, 1, 8, 8), step / 40), 8)
        save_grid(run.picture(step, "samples"), np.full((32, 1, 8, 8), step / 40), 8)
    return run.path


def frames(path):
    with Image.open(path) as film:
        return getattr(film, "n_frames", 1)


def test_a_gif_lies_beside_the_runs_pictures(kelbo, run):
    code, out, err = kelbo("film", run)
    assert code == 0, err
    assert out.splitlines() == ["3 frames", str(run / "pictures" / "training.gif")]
    assert frames(run / "pictures" / "training.gif") == 3


def test_files_are_written_by_their_endings(kelbo, run, tmp_path):
    paths = [tmp_path / "a.webp", tmp_path / "a.apng"]
    outs = [part for path in paths for part in ("--out", path)]
    code, _, err = kelbo("film", run, *outs, "--frames", "2", "--samples", "0", "-n", "3")
    assert code == 0, err
    assert [frames(path) for path in paths] == [2, 2]


@pytest.mark.parametrize(
    ("what", "told"), [(["--out", "a.avi"], r".gif or .apng or .webp or .mp4"), (["--seconds", "0"], "0.02")]
)
def test_other_endings_and_times_are_refused(kelbo, run, what, told):
    code, _, err = kelbo("film", run, *what)
    assert (code, told in err) == (2, True), err


def test_a_folder_that_is_no_run_is_refused(kelbo, tmp_path):
    code, _, err = kelbo("film", tmp_path)
    assert (code, "no run" in err) == (2, True), err
