"""A run's pictures become films of one size a frame, in every format."""

import io

import numpy as np
import pytest
from PIL import Image

from kelbo.errors import RecipeError, RunError
from kelbo.reports.run_film import as_film, frames_of, kept_grids
from kelbo.runs import Run, save_grid, write_json


def pictured(folder, steps, reconstructions=True, **data):
    """A run of 8×8 images with pictures of these steps, whose brightness rises."""
    run = Run(folder)
    write_json(run.provenance_path, {"data": {"shape": [1, 8, 8], **data}})
    for place, step in enumerate(steps):
        images = np.full((32, 1, 8, 8), (1 + place) / (1 + len(steps)))
        if reconstructions:
            save_grid(run.picture(step, "reconstructions"), images[:16], 8)
        save_grid(run.picture(step, "samples"), images, 8)
    return run


def test_there_is_a_frame_a_moment_of_originals_reconstructions_and_samples(tmp_path):
    frames = frames_of(pictured(tmp_path, [5, 50, 1500]), columns=3, sampled=2)
    assert len(frames) == 3
    assert len({frame.size for frame in frames}) == 1
    width, height = frames[0].size
    assert height == 4 * (112 + 8) + 8
    assert 3 * 112 < width < 5 * 112
    means = [np.asarray(frame, float).mean() for frame in frames]
    assert means == sorted(means)


def test_fewer_frames_keep_the_first_and_the_last(tmp_path):
    run = pictured(tmp_path, [1, 2, 3, 4, 5])
    assert [step for step, _ in kept_grids(run, "samples", (8, 8), 4, most=3)] == [1, 3, 5]
    assert [step for step, _ in kept_grids(run, "samples", (8, 8), 4, until=3)] == [1, 2, 3]
    assert len(frames_of(run, frames=2)) == 2


def test_a_model_that_reads_no_examples_has_samples_alone(tmp_path):
    frames = frames_of(pictured(tmp_path, [5, 10], reconstructions=False), sampled=1)
    assert [frame.height for frame in frames] == [112 + 16] * 2


def test_runs_without_pictures_are_refused_with_the_setting(tmp_path):
    with pytest.raises(RunError, match=r"training\.pictures_every"):
        frames_of(pictured(tmp_path / "none", []))
    with pytest.raises(RunError, match="table"):
        frames_of(pictured(tmp_path / "table", [1], columns=["a"]))


@pytest.mark.parametrize(("ending", "kind"), [(".gif", "GIF"), (".apng", "PNG"), (".webp", "WEBP")])
def test_films_have_the_frames_and_their_times(tmp_path, ending, kind):
    frames = frames_of(pictured(tmp_path, [5, 10, 15]), columns=2, sampled=1)
    with Image.open(io.BytesIO(as_film(frames, ending, 0.2))) as film:
        assert (film.format, film.n_frames, film.size) == (kind, 3, frames[0].size)  # pyright: ignore[reportAttributeAccessIssue]


def test_an_mp4_plays_the_frames_and_the_last_one_longer(tmp_path):
    av = pytest.importorskip("av", reason="MP4 needs PyAV")
    frames = frames_of(pictured(tmp_path, [5, 10, 15]), columns=2, sampled=1)
    with av.open(io.BytesIO(as_film(frames, ".mp4", 0.2))) as film:
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert float(film.streams.video[0].average_rate) == pytest.approx(5)
    assert len(shown) == 3 + 3
    height, width = shown[0].shape[:2]
    assert (width - frames[0].width, height - frames[0].height) in {(x, y) for x in (0, 1) for y in (0, 1)}
    for one, frame in zip(shown, frames, strict=False):
        assert np.abs(one[: frame.height, : frame.width].astype(float) - np.asarray(frame, float)).mean() < 4


def test_without_pyav_an_mp4_is_refused_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(RecipeError, match=r"kelbo\[video\]"):
        as_film(frames_of(pictured(tmp_path, [5])), ".mp4", 0.2)
