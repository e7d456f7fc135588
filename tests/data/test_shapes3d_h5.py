"""3D Shapes' official HDF5 file, laid out here at a small size."""

import tracemalloc
from collections import deque

import h5py
import numpy as np
import pytest
import torch

from kelbo.data import shapes3d_h5 as module, unpacked
from kelbo.data.factors import Factors
from kelbo.data.shapes3d_h5 import FACTORS as OFFICIAL, FILE, _read, shapes3d_h5
from kelbo.errors import DataCorrupt, DataError, DataMissing

FACTORS = Factors(OFFICIAL.names, (2, 3, 2, 3, 4, 2))
COUNT = len(FACTORS)
EVERY = FACTORS.of(torch.arange(COUNT))
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, 64, 64, 3), dtype=np.uint8)
LABELS = np.stack([np.linspace(-1, 1, size)[EVERY[:, i]] for i, size in enumerate(FACTORS.sizes)], axis=1)


def write(path, images=PIXELS, labels=LABELS, **how):
    with h5py.File(path, "w") as file:
        if images is not None:
            file.create_dataset("images", data=images, **({"chunks": (5, 16, 16, 1), "compression": "gzip"} | how))
        if labels is not None:
            file.create_dataset("labels", data=labels)
    return path


def every(images):
    return images.take(torch.arange(len(images))).permute(0, 2, 3, 1).numpy()


@pytest.fixture
def small(monkeypatch):
    """Official files have the small factors."""
    monkeypatch.setattr(module, "FACTORS", FACTORS)


@pytest.mark.parametrize("place", ["", "3dshapes"])
@pytest.mark.parametrize("cached", [True, False])
def test_every_picture_is_that_of_its_factors(tmp_path, small, place, cached):
    (tmp_path / place).mkdir(exist_ok=True)
    write(tmp_path / place / FILE)
    whole = shapes3d_h5(tmp_path, tmp_path / "cache" if cached else None)
    assert whole.images.shape == (3, 64, 64)
    assert np.array_equal(every(whole.images), PIXELS)
    assert np.array_equal(whole.take(EVERY[[7, 100]]).permute(0, 2, 3, 1).numpy(), PIXELS[[7, 100]])
    assert isinstance(whole.images.pixels, np.memmap) == cached


def test_the_file_is_unpacked_once_and_again_when_it_changed(tmp_path, monkeypatch):
    stored = []
    real = unpacked.kept.store
    monkeypatch.setattr(unpacked.kept, "store", lambda *given: (stored.append(given), real(*given))[1])
    path = write(tmp_path / FILE)
    for _ in range(2):
        _read(path, FACTORS, tmp_path / "cache")
    assert len(stored) == 1
    write(path, images=255 - PIXELS, chunks=(7, 8, 8, 3))
    assert np.array_equal(every(_read(path, FACTORS, tmp_path / "cache")), 255 - PIXELS)
    assert len(stored) == 2


@pytest.mark.parametrize("how", [{}, {"chunks": (COUNT, 8, 8, 3)}, {"chunks": None, "compression": None}])
def test_parts_of_any_length_give_the_same_pictures(tmp_path, how):
    path = write(tmp_path / FILE, **how)
    for rows in (1, 7, COUNT, COUNT + 1):
        assert np.array_equal(every(_read(path, FACTORS, None, rows)), PIXELS)


def test_reading_holds_a_part_but_never_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "unpacked", lambda *given: deque(given[3](), maxlen=0))
    path = write(tmp_path / FILE)
    tracemalloc.start()
    _read(path, FACTORS, None, rows=5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < PIXELS.nbytes / 10


def test_pixels_that_have_no_place_in_memory_are_refused_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacked, "memory", lambda: PIXELS.nbytes)
    with pytest.raises(DataError, match=r"3dshapes\.h5 holds 3\.5 MB of pixels.*KELBO_CACHE"):
        _read(write(tmp_path / FILE), FACTORS, None)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"images": None}, "holds no 'images'; it holds labels"),
        ({"images": PIXELS[:9].astype(np.int32)}, r"'images' should be uint8 \(288, 64, 64, 3\); found int32"),
        ({"images": PIXELS[:-1]}, r"found uint8 \(287, 64, 64, 3\)"),
        ({"labels": None}, "holds no 'labels'"),
        ({"labels": LABELS[:, :5]}, r"'labels' should be float64 \(288, 6\); found float64 \(288, 5\)"),
        ({"labels": LABELS[::-1]}, "'floor_hue' should rise"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, changes, told):
    with pytest.raises(DataCorrupt, match=f"{FILE}.*{told}"):
        _read(write(tmp_path / FILE, **changes), FACTORS, None)


@pytest.mark.parametrize("value", [0.123, np.nan])
def test_a_label_that_is_not_the_mixed_radix_is_told_with_its_row(tmp_path, value):
    labels = LABELS.copy()
    labels[201, 4] = value
    with pytest.raises(DataCorrupt, match=f"{FILE}: row 201 of 'labels' should have .* for 'shape'.*found {value}"):
        _read(write(tmp_path / FILE, labels=labels), FACTORS, None)


@pytest.mark.parametrize("link", [h5py.SoftLink("/labels"), h5py.ExternalLink("other.h5", "/images")])
def test_links_out_of_the_file_are_not_followed(tmp_path, link):
    write(tmp_path / "other.h5")
    with h5py.File(write(tmp_path / FILE, images=None), "a") as file:
        file["images"] = link
    with pytest.raises(DataCorrupt, match=f"{FILE} holds no 'images'"):
        _read(tmp_path / FILE, FACTORS, None)


def test_pixels_that_lie_in_another_file_are_refused(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(PIXELS.nbytes))
    with h5py.File(write(tmp_path / FILE, images=None), "a") as file:
        outside = [(str(tmp_path / "secret"), 0, PIXELS.nbytes)]
        file.create_dataset("images", PIXELS.shape, np.uint8, external=outside)
    with pytest.raises(DataCorrupt, match="'images' should be an array within the file"):
        _read(tmp_path / FILE, FACTORS, None)


@pytest.mark.parametrize("cached", [True, False])
def test_a_damaged_file_is_refused_and_nothing_half_is_kept(tmp_path, cached):
    whole = write(tmp_path / FILE).read_bytes()
    with h5py.File(tmp_path / FILE) as file:
        chunk = file["images"].id.get_chunk_info(file["images"].id.get_num_chunks() - 1).byte_offset
    flipped = bytearray(whole)
    flipped[chunk + 2 : chunk + 40] = bytes(38)
    for damaged in (b"", b"no such format", whole[: len(whole) // 2], bytes(flipped)):
        (tmp_path / FILE).write_bytes(damaged)
        with pytest.raises(DataCorrupt, match=f"{FILE} cannot be read as HDF5"):
            _read(tmp_path / FILE, FACTORS, tmp_path / "cache" if cached else None)
    assert [file for file in tmp_path.glob("cache/*") if file.name != "locks"] == []


def test_an_absent_file_is_told_with_its_home_and_its_place(tmp_path):
    with pytest.raises(DataMissing) as raised:
        shapes3d_h5(tmp_path)
    for told in (FILE, "https://github.com/google-deepmind/3d-shapes", str(tmp_path / "3dshapes")):
        assert told in str(raised.value)
    assert "`kelbo data fetch 3dshapes`" in str(raised.value)
