"""MPI3D's official archives, laid out here at a small size."""

import tracemalloc
import zipfile
from collections import deque

import numpy as np
import pytest
import torch

from kelbo.data import mpi3d as module, unpacked
from kelbo.data.factors import Factors
from kelbo.data.mpi3d import FACTORS as OFFICIAL, _read, mpi3d
from kelbo.errors import DataCorrupt, DataError, DataMissing

FACTORS = Factors(OFFICIAL.names, (2, 2, 2, 3, 3, 2, 2))
COUNT = len(FACTORS)
EVERY = FACTORS.of(torch.arange(COUNT))
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, 64, 64, 3), dtype=np.uint8)
FILE = "mpi3d_toy.npz"


def write(path, packed=False, **arrays):
    (np.savez_compressed if packed else np.savez)(path, **(arrays or {"images": PIXELS}))
    return path


def every(images):
    return images.take(torch.arange(len(images))).permute(0, 2, 3, 1).numpy()


@pytest.fixture
def small(monkeypatch):
    """Official files have the small factors."""
    monkeypatch.setattr(module, "FACTORS", FACTORS)


@pytest.mark.parametrize(
    ("variant", "name"),
    [("toy", FILE), ("realistic", "mpi3d_realistic.npz"), ("real", "mpi3d_real.npz"), ("real", "mpi3d/real.npz")],
)
@pytest.mark.parametrize("packed", [True, False])
def test_every_picture_of_each_variant_is_that_of_its_factors(tmp_path, small, variant, name, packed):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    write(tmp_path / name, packed)
    whole = mpi3d(tmp_path, variant, tmp_path / "cache")
    assert np.array_equal(every(whole.images), PIXELS)
    assert np.array_equal(whole.take(EVERY[[3, 200]]).permute(0, 2, 3, 1).numpy(), PIXELS[[3, 200]])
    assert (tmp_path / "cache").exists() == packed  # what lies there as it is, is mapped in its place


def test_the_official_factors_are_a_million_pictures():
    assert len(OFFICIAL) == 1_036_800
    assert OFFICIAL.values[0] == ("white", "green", "red", "blue", "brown", "olive")


def test_a_stored_archive_is_mapped_and_read_where_a_batch_needs_it(tmp_path):
    path = write(tmp_path / FILE)
    tracemalloc.start()
    images = _read(path, FACTORS, None)
    taken = images.take(torch.tensor([5, 250]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(taken.permute(0, 2, 3, 1).numpy(), PIXELS[[5, 250]])
    assert peak < PIXELS.nbytes / 10
    assert not images.pixels.flags.writeable


def test_a_stored_member_behind_others_is_found_in_its_place(tmp_path):
    path = write(tmp_path / FILE, first=np.arange(1001), images=PIXELS, last=np.arange(3))
    assert np.array_equal(every(_read(path, FACTORS, None)), PIXELS)


def test_parts_of_any_length_give_the_same_pictures(tmp_path):
    path = write(tmp_path / FILE, packed=True)
    for rows in (1, 7, COUNT, COUNT + 1):
        assert np.array_equal(every(_read(path, FACTORS, None, rows)), PIXELS)


def test_a_compressed_archive_is_unpacked_part_by_part_and_once(tmp_path, monkeypatch):
    stored = []
    real = unpacked.kept.store
    monkeypatch.setattr(unpacked.kept, "store", lambda *given: (stored.append(given), real(*given))[1])
    path = write(tmp_path / FILE, packed=True)
    for _ in range(2):
        images = _read(path, FACTORS, tmp_path / "cache", rows=4)
    assert len(stored) == 1
    assert isinstance(images.pixels, np.memmap)


def test_unpacking_holds_a_part_but_never_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "unpacked", lambda *given: deque(given[3](), maxlen=0))
    path = write(tmp_path / FILE, packed=True)
    tracemalloc.start()
    _read(path, FACTORS, None, rows=4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < PIXELS.nbytes / 10


def test_pixels_that_have_no_place_in_memory_are_refused_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacked, "memory", lambda: PIXELS.nbytes)
    with pytest.raises(DataError, match=f"{FILE} holds .* MB of pixels.*KELBO_CACHE"):
        _read(write(tmp_path / FILE, packed=True), FACTORS, None)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"imgs": PIXELS}, "holds no array 'images'; its arrays: imgs"),
        ({"images": PIXELS[:128]}, r"should be uint8 \(288, 64, 64, 3\); found uint8 \(128, 64, 64, 3\)"),
        ({"images": PIXELS[:9].astype(np.float32)}, "found float32"),
        ({"images": np.asfortranarray(PIXELS)}, "in column order"),
        ({"images": np.array([{}], dtype=object)}, "found object"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_an_archive_of_something_else_is_refused(tmp_path, arrays, told, packed):
    with pytest.raises(DataCorrupt, match=f"{FILE}.*{told}"):
        _read(write(tmp_path / FILE, packed, **arrays), FACTORS, tmp_path / "cache")


@pytest.mark.parametrize("packed", [True, False])
def test_a_damaged_archive_is_refused_and_nothing_half_is_kept(tmp_path, packed):
    whole = write(tmp_path / FILE, packed).read_bytes()
    cases = [b"", b"no archive", whole[: len(whole) // 2]]
    if packed:  # a map is not compared with the checksum
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 0xFF
        cases.append(bytes(flipped))
    for damaged in cases:
        (tmp_path / FILE).write_bytes(damaged)
        with pytest.raises(DataCorrupt, match=f"{FILE}.*cannot be read"):
            _read(tmp_path / FILE, FACTORS, tmp_path / "cache")
    assert [file for file in tmp_path.glob("cache/*") if file.name != "locks"] == []


def test_a_directory_that_leads_elsewhere_is_refused(tmp_path):
    path = write(tmp_path / FILE, first=np.zeros((COUNT, 64, 64, 1), np.uint8), images=PIXELS)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = archive.start_dir + data[archive.start_dir :].rfind(b"PK\x01\x02")
    data[entry + 42 : entry + 46] = bytes(4)  # images.npy is said to lie at the start
    path.write_bytes(data)
    with pytest.raises(DataCorrupt, match=FILE):
        _read(path, FACTORS, None)


def test_an_encrypted_archive_is_refused(tmp_path):
    path = write(tmp_path / FILE)
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataCorrupt, match="encrypted"):
        _read(path, FACTORS, None)


def test_an_unknown_variant_is_refused(tmp_path):
    with pytest.raises(ValueError, match="variant must be one of toy, realistic, real; got 'complex'"):
        mpi3d(tmp_path, "complex")


@pytest.mark.parametrize("variant", ["toy", "realistic", "real"])
def test_an_absent_archive_is_told_with_its_home_and_its_place(tmp_path, variant):
    with pytest.raises(DataMissing) as raised:
        mpi3d(tmp_path, variant)
    for told in (f"mpi3d_{variant}.npz", "https://github.com/rr-learning/disentanglement_dataset", str(tmp_path)):
        assert told in str(raised.value)
