import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from kelbo.data.digits import digits


def whole(image_set):
    """All images and labels in the order of the source."""
    train, test = image_set.splits["train"], image_set.splits["test"]
    order = torch.cat([train.index, test.index]).argsort()
    pixels = torch.cat([split.take(torch.arange(len(split))) for split in (train, test)])
    return pixels[order].numpy(), np.concatenate([image_set.labels["train"], image_set.labels["test"]])[order]


def test_the_digits_at_their_own_size_are_scikit_learns_levels_and_labels():
    pixels, labels = whole(digits(size=8))
    images, target = load_digits().images, load_digits().target
    np.testing.assert_array_equal(pixels[:, 0], images)
    np.testing.assert_array_equal(labels, target)
    assert labels.dtype == np.int64


@pytest.mark.parametrize("size", [16, 32])
def test_enlarging_repeats_pixels_and_makes_no_new_level(size):
    image_set, times = digits(size), size // 8
    pixels, _ = whole(image_set)
    small, _ = whole(digits(8))
    assert image_set.shape == (1, size, size)
    assert image_set.levels == 17
    for down in range(times):
        for right in range(times):
            np.testing.assert_array_equal(pixels[:, :, down::times, right::times], small)


def test_the_default_is_16_pixels_with_a_tenth_held_out():
    image_set = digits()
    assert image_set.shape == (1, 16, 16)
    assert {name: len(split) for name, split in image_set.splits.items()} == {"train": 1617, "test": 180}
    assert "each pixel repeated 2×2; 0.1 held out by seed 0" in image_set.note


@pytest.mark.parametrize("size", [0, 4, 12, 28])
def test_a_size_that_would_mix_pixels_is_refused(size):
    with pytest.raises(ValueError, match=f"size must be a multiple of 8 .* got {size}"):
        digits(size)
