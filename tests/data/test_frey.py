import numpy as np
import pytest
import torch
from scipy.io import savemat

from kelbo.data.frey import frey
from kelbo.errors import DataCorrupt, DataMissing

FRAMES = np.random.default_rng(0).integers(0, 256, (40, 28, 20), dtype=np.uint8)


def every(images):
    return images.take(torch.arange(len(images)))[:, 0].numpy()


@pytest.mark.parametrize("place", ["frey", "."])
@pytest.mark.parametrize("kind", ["mat", "npz"])
def test_both_files_hold_the_frames_in_order_and_the_last_are_held_out(tmp_path, place, kind):
    (tmp_path / place).mkdir(exist_ok=True)
    if kind == "mat":
        savemat(tmp_path / place / "frey_rawface.mat", {"ff": FRAMES.reshape(40, 560).T})
    else:
        np.savez(tmp_path / place / "frey_faces.npz", images=FRAMES)
    image_set = frey(tmp_path, held_out=0.25)
    assert (image_set.shape, image_set.levels) == ((1, 28, 20), 256)
    np.testing.assert_array_equal(every(image_set.train), FRAMES[:30])
    np.testing.assert_array_equal(every(image_set.test), FRAMES[30:])
    assert image_set.note.endswith("the last 10 of 40 frames held out, since neighbours are near copies")


def test_nothing_there_is_missing_data(tmp_path):
    with pytest.raises(DataMissing, match=r"Frey faces was not found: looked for frey_rawface.mat or frey_faces.npz"):
        frey(tmp_path)


@pytest.mark.parametrize("fraction", [0, 1, -0.5])
def test_a_hold_out_of_nothing_or_everything_is_refused(tmp_path, fraction):
    with pytest.raises(ValueError, match=f"above 0 and below 1; got {fraction}"):
        frey(tmp_path, fraction)


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        (FRAMES.astype(float), r"npz\['images'\] should be uint8 N×28×20; found float64"),
        (FRAMES.transpose(0, 2, 1), r"found uint8 \(40, 20, 28\)"),
        (FRAMES[:0], r"found uint8 \(0, 28, 20\)"),
    ],
)
def test_an_array_of_something_else_is_refused(tmp_path, frames, told):
    np.savez(tmp_path / "frey_faces.npz", images=frames)
    with pytest.raises(DataCorrupt, match=told):
        frey(tmp_path)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"ff": FRAMES.reshape(40, 560)}, "'ff' should be 560×N numbers; found 40×560"),
        ({"ff": FRAMES.reshape(40, 560).T / 255}, "'ff' should be uint8; found float64"),
        ({"faces": FRAMES}, "should hold 'ff'; found 'faces'"),
    ],
)
def test_a_matlab_file_of_something_else_is_refused(tmp_path, variables, told):
    savemat(tmp_path / "frey_rawface.mat", variables)
    with pytest.raises(DataCorrupt, match=f"frey_rawface.mat.*{told}"):
        frey(tmp_path)


def test_the_real_faces_change_slowly_and_are_split_in_time(real_data):
    image_set = frey(real_data)
    assert (len(image_set.train), len(image_set.test)) == (1769, 196)
    frames = np.concatenate([every(image_set.train), every(image_set.test)]).astype(float)
    assert np.abs(np.diff(frames, axis=0)).mean() < 0.5 * np.abs(frames - frames[::-1]).mean()
