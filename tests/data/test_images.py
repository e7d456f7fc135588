import re

import numpy as np
import pytest
import torch

from kelbo.data.image_set import ImageSet, hold_out, quantized
from kelbo.data.images import ArrayImages, SubsetImages, _copied
from kelbo.errors import DataCorrupt


def images(count=10, levels=256, seed=0):
    rng = np.random.default_rng(seed)
    return ArrayImages(rng.integers(0, levels, (count, 3, 4, 5), dtype=np.uint8), levels)


def test_a_channel_last_map_gives_the_same_contiguous_batch_as_an_array_in_memory(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    mapped = ArrayImages(np.load(tmp_path / "x.npy", mmap_mode="r").transpose(0, 3, 1, 2))
    batch = mapped.take(torch.tensor([5, 0, 0]))
    assert batch.is_contiguous()
    np.testing.assert_array_equal(batch, pixels[[5, 0, 0]].transpose(0, 3, 1, 2))
    assert mapped.fingerprint() == ArrayImages(torch.from_numpy(pixels).permute(0, 3, 1, 2)).fingerprint()


@pytest.mark.parametrize("chunk_bytes", [1, 100, 10**6])
def test_a_map_is_carried_to_a_device_in_chunks_of_any_size(tmp_path, chunk_bytes):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 4, 5, 3), dtype=np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r").transpose(0, 3, 1, 2)
    copied = _copied(mapped, torch.device("cpu"), chunk_bytes)
    assert copied.is_contiguous()
    np.testing.assert_array_equal(copied, mapped)


def test_a_read_only_map_is_carried_to_another_device_without_a_warning(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((7, 1, 4, 5), np.uint8))
    carried = ArrayImages(np.load(tmp_path / "x.npy", mmap_mode="r"), levels=4).to(torch.device("meta"))
    assert carried.device.type == "meta"
    assert (len(carried), carried.shape, carried.levels) == (7, (1, 4, 5), 4)


def test_a_hold_out_shares_all_images_between_the_splits_and_depends_on_the_seed():
    splits = hold_out(images(50), 0.2, seed=0)
    assert (len(splits["train"]), len(splits["test"])) == (40, 10)
    assert sorted([*splits["train"].index.tolist(), *splits["test"].index.tolist()]) == list(range(50))
    assert torch.equal(splits["test"].index, hold_out(images(50), 0.2, seed=0)["test"].index)
    assert not torch.equal(splits["test"].index, hold_out(images(50), 0.2, seed=1)["test"].index)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_a_hold_out_of_nothing_or_everything_is_refused(fraction):
    with pytest.raises(ValueError, match="fraction to hold out must be above 0 and below 1; got"):
        hold_out(images(), fraction, seed=0)


def test_a_single_image_cannot_be_held_out():
    with pytest.raises(DataCorrupt, match="1 image; 2 or more are needed"):
        hold_out(images(1), 0.5, seed=0)


@pytest.mark.parametrize("bits", range(1, 9))
def test_quantised_images_are_the_most_significant_bits(bits):
    parent = images(40)
    made = quantized(ImageSet("noise", {"train": parent}, "noise"), bits)
    index = torch.arange(40)
    taken = made.train.take(index)
    assert made.levels == made.train.levels == 2**bits
    assert taken.dtype == torch.uint8
    assert torch.equal(taken, parent.take(index) // 2 ** (8 - bits))
    assert made.shape == (3, 4, 5)
    assert (made.train.nbytes, made.train.device) == (parent.nbytes, parent.device)
    assert made.name == f"noise-{bits}bit"
    assert made.note == f"noise; the {bits} most significant bits of each pixel"


def test_quantising_keeps_labels_and_every_split():
    splits = {"train": images(4), "test": SubsetImages(images(4), torch.tensor([2]))}
    made = quantized(ImageSet("noise", splits, "noise", {"train": np.arange(4)}), 5)
    assert len(made.splits["test"]) == 1
    assert made.labels["train"].tolist() == [0, 1, 2, 3]
    assert made.train.to(torch.device("cpu")).levels == 32


def test_only_images_of_256_levels_can_be_quantised():
    with pytest.raises(ValueError, match="Only images of 256 levels can be quantised by bits; these have 17"):
        quantized(ImageSet("few", {"train": images(levels=17)}, ""), 4)


@pytest.mark.parametrize("bits", [0, 9])
def test_bits_outside_1_to_8_are_refused(bits):
    with pytest.raises(ValueError, match=f"bits must be 1 to 8; got {bits}"):
        quantized(ImageSet("noise", {"train": images()}, ""), bits)


def test_pixels_of_another_shape_or_type_are_no_images():
    for shape in ((3,), (0, 1, 4, 5)):
        with pytest.raises(DataCorrupt, match=re.escape(f"got shape {shape}")):
            ArrayImages(np.zeros(shape, np.uint8))
    with pytest.raises(DataCorrupt, match="must be uint8 levels; got float64"):
        ArrayImages(np.zeros((3, 1, 4, 5)))


def test_the_middles_of_equal_parts_are_one_of_each():
    images = ArrayImages(np.zeros((9, 1, 2, 2), np.uint8))
    assert images.middle_index(3).tolist() == [1, 4, 7]
    assert images.middle_index(2).tolist() == [2, 6]
    assert images.middle_index(20).tolist() == list(range(9))
