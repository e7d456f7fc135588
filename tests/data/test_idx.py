import gzip
import struct

import numpy as np
import pytest
import torch

from kelbo.data.idx import fashion_mnist, mnist, read_idx
from kelbo.errors import DataCorrupt, DataMissing

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
LABELS = np.array([3, 0, 9, 1, 1], np.uint8)


def idx(array, kind=0x08):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


def write(folder, images=IMAGES, labels=LABELS, ending=""):
    """The four official files, of which the test ones hold the first two images."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, count in (("train", len(images)), ("t10k", 2)):
        for name, array in ((f"{prefix}-images-idx3-ubyte", images), (f"{prefix}-labels-idx1-ubyte", labels)):
            made = idx(array[:count])
            (folder / f"{name}{ending}").write_bytes(gzip.compress(made) if ending else made)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(
    ("reader", "place"),
    [
        (mnist, "mnist"),
        (mnist, "MNIST/raw"),
        (mnist, "."),
        (fashion_mnist, "fashion-mnist"),
        (fashion_mnist, "FashionMNIST/raw"),
        (fashion_mnist, "."),
    ],
)
def test_the_official_files_are_found_in_each_customary_folder(tmp_path, reader, place, ending):
    write(tmp_path / place, ending=ending)
    image_set = reader(tmp_path)
    np.testing.assert_array_equal(image_set.train.take(torch.arange(5))[:, 0], IMAGES)
    np.testing.assert_array_equal(image_set.splits["test"].take(torch.arange(2))[:, 0], IMAGES[:2])
    assert image_set.labels["train"].tolist() == LABELS.tolist()
    assert image_set.labels["test"].dtype == np.int64
    assert image_set.name == {mnist: "mnist", fashion_mnist: "fashion-mnist"}[reader]


def test_a_folder_of_one_set_is_not_taken_for_the_other(tmp_path):
    write(tmp_path / "fashion-mnist")
    with pytest.raises(DataMissing, match="MNIST was not found"):
        mnist(tmp_path)


def test_padding_adds_zeros_evenly_around(tmp_path):
    write(tmp_path)
    image_set = mnist(tmp_path, pad=33)
    padded = image_set.train.take(torch.arange(5)).numpy()
    assert image_set.note == "MNIST's official IDX files and splits, padded with zeros to 33×33"
    assert padded.shape == (5, 1, 33, 33)
    np.testing.assert_array_equal(padded[:, 0, 2:30, 2:30], IMAGES)
    assert padded.sum() == IMAGES.sum(dtype=np.int64)


def test_a_pad_to_the_images_own_side_changes_nothing_and_is_not_told(tmp_path):
    write(tmp_path)
    same, plain = mnist(tmp_path, pad=28), mnist(tmp_path)
    assert same.note == plain.note == "MNIST's official IDX files and splits"
    assert same.train.fingerprint() == plain.train.fingerprint()


def test_a_pad_smaller_than_the_images_is_refused(tmp_path):
    write(tmp_path)
    with pytest.raises(ValueError, match="pad must be at least the images' side, 28; got 27"):
        mnist(tmp_path, pad=27)


def test_missing_files_are_named_with_the_folders_searched(tmp_path):
    with pytest.raises(DataMissing) as caught:
        mnist(tmp_path)
    told = str(caught.value)
    assert "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte" in told
    assert f"{tmp_path}/mnist, {tmp_path}/MNIST/raw, {tmp_path}" in told
    assert caught.value.remedy == ("data_root",)


def test_the_one_file_that_is_missing_is_named(tmp_path):
    write(tmp_path / "mnist", ending=".gz")
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataMissing, match=f"Some were found, but not {tmp_path}/mnist/t10k-labels-idx1-ubyte"):
        mnist(tmp_path)


@pytest.mark.parametrize(
    ("damaged", "told"),
    [
        (idx(LABELS), r"should begin with the magic number 0x00000803 .* found 0x00000801"),
        (idx(IMAGES, kind=0x0D), r"0x00000803 \(unsigned bytes, 3 dimensions\); found 0x00000d03"),
        (gzip.compress(idx(IMAGES)), "found 0x1f8b"),
        (b"", "found 0x\\."),
        (idx(IMAGES)[:9], "ends within its header of 16 bytes, at byte 9"),
        (idx(IMAGES)[:-1], r"should hold 3920 values of shape \(5, 28, 28\); it ends after 3919"),
        (idx(IMAGES) + b"\0", r"should hold 3920 values of shape \(5, 28, 28\); more bytes follow"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1) + b"abc", "it ends after 3"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_damaged_file_is_named_with_what_was_expected_and_found(tmp_path, damaged, told, zipped):
    file = tmp_path / ("images.gz" if zipped else "images")
    file.write_bytes(gzip.compress(damaged) if zipped else damaged)
    with pytest.raises(DataCorrupt, match=f"^{file} .*{told}"):
        read_idx(file, dimensions=3)


@pytest.mark.parametrize("length", [0, 5, 1000])
def test_a_gzip_file_that_is_cut_off_is_named(tmp_path, length):
    file = tmp_path / "images.gz"
    file.write_bytes(gzip.compress(idx(IMAGES))[:length])
    with pytest.raises(DataCorrupt, match=f"^{file} "):
        read_idx(file, dimensions=3)


def test_a_gzip_file_with_flipped_bits_is_named(tmp_path):
    file, made = tmp_path / "images.gz", bytearray(gzip.compress(idx(IMAGES)))
    made[200] ^= 0xFF
    file.write_bytes(made)
    with pytest.raises(DataCorrupt, match=f"{file} cannot be unzipped .* cut off or damaged; fetch it again"):
        read_idx(file, dimensions=3)


def test_a_plain_file_named_gz_is_told_apart(tmp_path):
    (tmp_path / "images.gz").write_bytes(idx(IMAGES))
    with pytest.raises(DataCorrupt, match="Not a gzipped file"):
        read_idx(tmp_path / "images.gz", dimensions=3)


def test_images_and_labels_must_be_as_many(tmp_path):
    write(tmp_path, labels=LABELS[:4])
    with pytest.raises(DataCorrupt, match=r"train-images-idx3-ubyte holds 5 images, but .*labels-idx1-ubyte holds 4"):
        mnist(tmp_path)


def test_a_class_above_9_is_refused(tmp_path):
    write(tmp_path, labels=LABELS + 1)
    with pytest.raises(DataCorrupt, match="train-labels-idx1-ubyte should hold classes 0 to 9; found 10"):
        mnist(tmp_path)


def test_mnist_has_the_mean_and_deviation_known_of_it(real_data):
    image_set = mnist(real_data)
    train = image_set.train.take(torch.arange(60_000)).numpy()
    assert train.shape == (60_000, 1, 28, 28)
    mean = train.sum(dtype=np.int64) / train.size / 255
    square = np.square(train, dtype=np.uint16).sum(dtype=np.int64) / train.size / 255**2
    assert mean == pytest.approx(0.130660, abs=5e-7)
    assert (square - mean**2) ** 0.5 == pytest.approx(0.308108, abs=5e-7)
    assert len(image_set.splits["test"]) == 10_000
    assert np.bincount(image_set.labels["test"]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert image_set.labels["train"][:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
