"""Augmented batches equal a plain version, image by image, and depend on seed and step alone, also in several processes."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from kelbo.data.augment import Augmentation, blurred
from kelbo.data.batches import Batches
from kelbo.data.images import ArrayImages
from kelbo.errors import RecipeError
from kelbo.recipes import change, find
from kelbo.seeds import generator

CPU = torch.device("cpu")


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def plainly(image, flip, down, right):
    """One image (…, H, W), flipped and moved, its edge repeated."""
    image = image[..., ::-1] if flip else image
    far = max(abs(down), abs(right))
    padded = np.pad(image, [(0, 0)] * (image.ndim - 2) + [(far, far)] * 2, mode="edge")
    height, width = image.shape[-2:]
    return padded[..., far - down : far - down + height, far - right : far - right + width]


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 6, 9), (4, 3, 5, 7)])
@pytest.mark.parametrize(("flip", "shift"), [(True, 0), (False, 3), (True, 20)])
def test_a_batch_is_changed_image_by_image_as_its_draws_say(shape, flip, shift):
    images = noise(12, *shape)
    found = Augmentation(flip, shift)(torch.from_numpy(images), seed=4, step=7, size=12).numpy()
    draws = generator(4, "augment", 7)
    flipped = (torch.rand(12, generator=draws) < 0.5).tolist()
    moved = torch.randint(-shift, shift + 1, (2, 12), generator=draws).tolist()
    for place in range(12):
        expected = plainly(images[place], flip and flipped[place], moved[0][place], moved[1][place])
        np.testing.assert_array_equal(found[place], expected)
    assert (found != images).any()


def test_half_are_flipped_and_all_moves_are_as_likely():
    images = torch.zeros(4000, 1, 1, 9, dtype=torch.uint8)
    images[..., 3] = 1  # mirrored it is at 5
    flipped = Augmentation(flip=True)(images, 0, 0, 4000)[:, 0, 0, 5].float().mean()
    assert abs(float(flipped) - 0.5) < 0.03
    moved = Augmentation(shift=2)(images, 0, 0, 4000)[:, 0, 0].argmax(1).bincount(minlength=9)
    assert moved[:1].tolist() + moved[6:].tolist() == [0, 0, 0, 0]
    assert (abs(moved[1:6] / 4000 - 0.2) < 0.03).all()


@pytest.mark.parametrize("sigma", [0.5, 1.3])
def test_the_blur_is_scipys(sigma):
    images = noise(3, 2, 10, 8)
    wanted = gaussian_filter(images.astype(float), (0, 0, sigma, sigma), mode="nearest", truncate=3)
    assert np.abs(blurred(torch.from_numpy(images), sigma).numpy() - wanted).max() <= 0.501


def test_levels_stay_levels_and_flat_images_are_not_blurred():
    for level in (0, 1, 255):
        flat = torch.full((1, 1, 6, 6), level, dtype=torch.uint8)
        assert torch.equal(blurred(flat, 2.0), flat)


def test_two_processes_change_a_batch_as_one_does():
    images = ArrayImages(noise(40, 1, 8, 8))
    how = Augmentation(flip=True, shift=2, blur=0.7)
    whole = Batches(images, 8, 3, CPU, augment=how).at(5)
    parts = [Batches(images, 8, 3, CPU, rank, 2, augment=how).at(5) for rank in (0, 1)]
    for _ in range(4):
        assert torch.equal(next(whole).x, torch.cat([next(part).x for part in parts]))


def test_batches_from_any_step_on_are_those_that_an_uninterrupted_order_has():
    images, how = ArrayImages(noise(40, 1, 8, 8)), Augmentation(flip=True, shift=2)
    begun = Batches(images, 8, 3, CPU, augment=how).at(0)
    passed = [next(begun).x for _ in range(6)]
    later = Batches(images, 8, 3, CPU, augment=how).at(4)
    assert torch.equal(next(later).x, passed[4])
    assert torch.equal(next(later).x, passed[5])
    assert not torch.equal(passed[0], next(Batches(images, 8, 3, CPU).at(0)).x)


def test_the_images_that_are_augmented_are_the_same_in_the_same_order():
    images = ArrayImages(np.arange(40, dtype=np.uint8).repeat(4).reshape(40, 1, 2, 2))
    plain, changed = (Batches(images, 8, 3, CPU, augment=how).at(0) for how in (None, Augmentation(True, 1)))
    for _ in range(6):
        assert torch.equal(next(plain).x[:, 0, 0, 0], next(changed).x[:, 0, 0, 0])


def test_at_its_default_it_is_no_part_of_the_fingerprint_and_else_it_is():
    plain = find("digits")
    shifted = change(plain, ["data.augment.shift=1"])
    assert shifted.data.augment.shift == 1  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]
    assert shifted.fingerprint != plain.fingerprint
    assert change(shifted, ["data.augment=none"]).fingerprint == plain.fingerprint
    assert change(plain, ["data.augment.flip=true"]).fingerprint not in (plain.fingerprint, shifted.fingerprint)


def test_tables_and_impossible_amounts_are_refused():
    for setting, told in (("shift=-1", "augment.shift"), ("blur=99", "augment.blur"), ("turn=3", "augment.turn")):
        with pytest.raises(RecipeError, match=told):
            change(find("digits"), [f"data.augment.{setting}"])
    with pytest.raises(RecipeError, match=r"data\.augment"):
        change(find("table-sigma"), ["data.augment.flip=true"])


def test_what_is_done_is_told_in_words():
    assert Augmentation(True, 2, 0.5).words == "blurred (σ = 0.5 pixels), flipped at random, moved by up to 2 pixels"
    assert Augmentation().words == ""
