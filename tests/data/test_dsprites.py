"""dSprites' official archive, laid out here at a small size."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch

from kelbo.data import dsprites as module
from kelbo.data.dsprites import FILE, _read, dsprites
from kelbo.data.factors import Factors
from kelbo.data.shapes2d import FACTORS as OFFICIAL, render
from kelbo.errors import DataCorrupt, DataMissing

FACTORS = Factors(OFFICIAL.names, (3, 2, 4, 4, 4))
COUNT = len(FACTORS)
EVERY = FACTORS.of(torch.arange(COUNT))


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def contents(**changes):
    """The arrays of a small archive: pictures of the sparse factors, drawn by the renderer."""
    arrays = {
        "imgs": render(EVERY * torch.tensor([1, 5, 9, 10, 10]))[:, 0].numpy(),
        "latents_classes": np.concatenate([np.zeros((COUNT, 1), np.int64), EVERY.numpy()], axis=1),
        "latents_values": EVERY.numpy().astype(np.float64),
        "metadata": np.array({"bomb": Bomb()}, dtype=object),
    }
    return {name: values for name, values in (arrays | changes).items() if values is not None}


def write(path, **changes):
    np.savez_compressed(path, **contents(**changes))
    return path


@pytest.fixture
def small(monkeypatch):
    """Official files have the small factors."""
    monkeypatch.setattr(module, "FACTORS", FACTORS)


@pytest.mark.parametrize("place", ["", "dsprites", "dSprites"])
def test_every_picture_is_that_of_its_factors_and_no_pickle_is_opened(tmp_path, small, place):
    (tmp_path / place).mkdir(exist_ok=True)
    write(tmp_path / place / FILE)
    whole = dsprites(tmp_path)
    assert whole.factors.names == ("shape", "scale", "orientation", "x", "y")
    assert torch.equal(whole.take(EVERY)[:, 0], torch.from_numpy(contents()["imgs"]))
    assert whole.images.levels == 2
    assert whole.images.nbytes == COUNT * 512


def test_parts_of_any_length_give_the_same_pictures(tmp_path):
    path = write(tmp_path / FILE)
    expected = _read(path, FACTORS).bits
    for rows in (1, 7, COUNT - 1, COUNT, COUNT + 5):
        assert torch.equal(_read(path, FACTORS, rows).bits, expected)


def test_reading_holds_the_bits_and_a_part_but_never_the_whole(tmp_path):
    path = write(tmp_path / FILE)
    _read(path, FACTORS)
    tracemalloc.start()
    _read(path, FACTORS, rows=8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * COUNT * 64 * 64  # an eighth is the bits


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"imgs": None}, "holds no array 'imgs'; its arrays: latents_classes"),
        ({"imgs": np.zeros((COUNT, 64, 64), np.int64)}, r"should be uint8 \(384, 64, 64\); found int64"),
        ({"imgs": np.zeros((COUNT, 32, 32), np.uint8)}, r"found uint8 \(384, 32, 32\)"),
        ({"imgs": np.zeros((COUNT - 1, 64, 64), np.uint8)}, r"found uint8 \(383, 64, 64\)"),
        ({"imgs": np.full((COUNT, 64, 64), 255, np.uint8)}, "should hold levels 0 and 1; found 255"),
        ({"imgs": np.zeros((COUNT, 64, 64), np.uint8, order="F")}, "values are in column order"),
        ({"imgs": np.array([Bomb()], dtype=object)}, "should be uint8"),
        ({"latents_classes": None}, "holds no array 'latents_classes'"),
        ({"latents_classes": np.zeros((COUNT, 5), np.int64)}, r"should be int64 \(384, 6\); found int64 \(384, 5\)"),
    ],
)
def test_an_archive_of_something_else_is_refused(tmp_path, changes, told):
    with pytest.raises(DataCorrupt, match=f"{FILE}.*{told}"):
        _read(write(tmp_path / FILE, **changes), FACTORS)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (200, 3), (COUNT - 1, 5)])
def test_a_class_that_is_not_the_mixed_radix_is_told_with_its_row(tmp_path, row, column):
    classes = contents()["latents_classes"].copy()
    classes[row, column] += 1
    with pytest.raises(DataCorrupt, match=rf"{FILE}.*row {row} should be .*found \[{classes[row, 0]}, "):
        _read(write(tmp_path / FILE, latents_classes=classes), FACTORS, rows=3)


def test_a_damaged_archive_is_refused(tmp_path):
    whole = write(tmp_path / FILE).read_bytes()
    with zipfile.ZipFile(tmp_path / FILE) as archive:
        begin = archive.getinfo("imgs.npy").header_offset
    flipped = bytearray(whole)
    flipped[begin + 400] ^= 0xFF
    for damaged in (b"", b"no archive", whole[: len(whole) // 2], bytes(flipped)):
        (tmp_path / FILE).write_bytes(damaged)
        with pytest.raises(DataCorrupt, match=f"{FILE}.*cannot be read"):
            _read(tmp_path / FILE, FACTORS)


def test_an_array_that_claims_more_than_it_holds_is_refused(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (COUNT, 64, 64)})
    write(tmp_path / FILE, imgs=None)
    with zipfile.ZipFile(tmp_path / FILE, "a") as archive:
        archive.writestr("imgs.npy", stream.getvalue())
    with pytest.raises(DataCorrupt, match=f"{FILE}.*holds 128 bytes, which does not match its shape"):
        _read(tmp_path / FILE, FACTORS)


def test_an_absent_archive_is_told_with_its_home_and_its_place(tmp_path):
    with pytest.raises(DataMissing) as raised:
        dsprites(tmp_path)
    for told in (FILE, "https://github.com/google-deepmind/dsprites-dataset", str(tmp_path / "dsprites")):
        assert told in str(raised.value)
    assert "`kelbo data fetch dsprites`" in str(raised.value)


def test_the_original_frames_in_an_archive_are_read_as_they_are(real_data, tmp_path):
    with np.load(real_data / "dsprites_frames.npz", allow_pickle=False) as originals:
        frames = originals["imgs"][:256]
    factors = Factors(OFFICIAL.names, (2, 2, 4, 4, 4))
    classes = np.concatenate([np.zeros((256, 1), np.int64), factors.of(torch.arange(256)).numpy()], axis=1)
    np.savez_compressed(tmp_path / FILE, imgs=frames, latents_classes=classes)
    read = _read(tmp_path / FILE, factors).take(torch.arange(256))
    assert np.array_equal(read[:, 0].numpy(), frames)
