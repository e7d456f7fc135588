import errno
import json

import numpy as np
import pytest
from PIL import Image

from kelbo.errors import RunError
from kelbo.runs import Journal, Run, save_grid, tile, write_atomic, write_json


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "record.json"
    write_json(path, {"elbo": 1.0})
    with pytest.raises(ValueError, match="Out of range"):
        write_json(path, {"elbo": float("nan")})
    with pytest.raises(TypeError):
        write_atomic(path, 3)  # pyright: ignore
    assert json.loads(path.read_text()) == {"elbo": 1.0}
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]


def test_a_full_disk_is_told_with_the_file_that_it_refused(tmp_path, monkeypatch):
    def refuse(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space") as caught:
        write_atomic(tmp_path / "record.json", "{}")
    assert caught.value.filename == str(tmp_path / "record.json")
    assert list(tmp_path.iterdir()) == []


def test_the_journal_survives_a_torn_last_line(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append({"step": 1, "elbo": -2.0})
    with journal.path.open("a") as file:
        file.write('{"step": 2, "el')
    assert journal.rows() == [{"step": 1, "elbo": -2.0}]


def test_the_journal_is_cut_back_to_a_checkpoint(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    for step in (5, 10, 15):
        journal.append({"step": step})
    journal.cut_after(10)
    assert [row["step"] for row in journal.rows()] == [5, 10]


def test_what_is_not_finite_is_null_in_the_journal(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append({"step": 1, "rate": float("inf"), "sigma": None})
    assert json.loads(journal.path.read_text()) == {"step": 1, "rate": None, "sigma": None}


def test_a_run_begins_in_an_empty_folder_and_never_in_another(tmp_path):
    run = Run.create(tmp_path / "run", 'name = "x"\n', {"seed": 0})
    assert Run.open(run.path).provenance() == {"seed": 0}
    with pytest.raises(RunError, match="exists already"):
        Run.create(run.path, "", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="exists already"):
        Run.create(tmp_path / "file", "", {})


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(RunError, match=r"recipe.toml"):
        Run.open(tmp_path)


def test_a_checkpoint_without_its_last_file_does_not_count(tmp_path):
    run = Run(tmp_path)
    for step in (3, 12):
        run.checkpoint(step).mkdir(parents=True)
    (run.checkpoint(3) / "state.json").write_text("{}")
    (run.checkpoints / ".00000020.partial").mkdir()
    assert run.checkpoint_steps() == [3]


def test_a_grid_keeps_every_pixel_in_its_place(tmp_path):
    images = np.zeros((3, 3, 2, 2), np.float32)
    images[1, 0] = 1.0  # the second image is red
    picture = tile(images, columns=2)
    assert picture.shape == (5, 5, 3)
    assert picture[0, 3].tolist() == [255, 0, 0]
    assert picture[2, 2].tolist() == [255, 255, 255]  # the gap
    assert picture[4, 4].tolist() == [255, 255, 255]  # no fourth image
    save_grid(tmp_path / "grid.png", images, columns=2)
    assert np.asarray(Image.open(tmp_path / "grid.png"))[0, -1].tolist() == [255, 0, 0]


def test_grey_becomes_rgb_and_out_of_range_is_clipped():
    picture = tile(np.array([[[[-1.0, 0.5, 7.0]]]]), columns=1)
    assert picture[0, :, 0].tolist() == [0, 128, 255]
    assert (picture == picture[..., :1]).all()


def test_pictures_of_one_kind_are_listed_oldest_first(tmp_path):
    run = Run.create(tmp_path / "run", "", {})
    for step, name in ((500, "samples"), (20, "samples"), (20, "reconstructions")):
        run.picture(step, name).parent.mkdir(exist_ok=True)
        run.picture(step, name).touch()
    assert run.pictures("samples") == [run.picture(20, "samples"), run.picture(500, "samples")]
    assert [path.name for path in run.pictures("reconstructions")] == ["00000020-reconstructions.png"]
