"""Factors and indices are one another's inverse; draws are uniform; a set of images knows its factors."""

import numpy as np
import pytest
import torch

from kelbo.data.factors import FactorImages, Factors
from kelbo.data.image_set import ImageSet, hold_out, quantized
from kelbo.data.images import ArrayImages
from kelbo.errors import DataCorrupt, DataError

FACTORS = Factors(("colour", "size", "turn"), (4, 2, 5))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def whole(levels=256):
    """40 images of 2×3 pixels: the first three pixels are the factors, the rest the index."""
    index = torch.arange(40)
    pixels = torch.cat([FACTORS.of(index), index[:, None].expand(-1, 3)], dim=1)
    return FactorImages(ArrayImages(pixels.to(torch.uint8).view(40, 1, 2, 3), levels), FACTORS)


def test_an_index_is_the_mixed_radix_of_its_factors_with_the_last_one_fastest():
    expected = np.stack(np.unravel_index(np.arange(40), FACTORS.sizes), axis=1)
    np.testing.assert_array_equal(FACTORS.of(torch.arange(40)), expected)
    assert FACTORS.index(torch.from_numpy(expected)).tolist() == list(range(40))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32])
def test_narrow_integers_do_not_overflow(dtype):
    factors = Factors(("a", "b"), (100, 100))
    assert factors.index(torch.tensor([[99, 98]], dtype=dtype)).tolist() == [9998]


def test_no_factors_are_no_indices():
    assert FACTORS.index(torch.zeros(0, 3, dtype=torch.int64)).shape == (0,)
    assert FACTORS.of(torch.zeros(0, dtype=torch.int64)).shape == (0, 3)


def test_draws_are_uniform_and_independent():
    drawn = FACTORS.sample(40_000, generator())
    assert drawn.shape == (40_000, 3)
    counts = torch.bincount(FACTORS.index(drawn), minlength=40).double()
    # each count is binomial with mean 1000 and variance 975; the sum of squares is χ² of 39 degrees of freedom
    assert 15 < float(((counts - 1000) ** 2 / 1000).sum()) < 75


def test_what_is_held_is_all_that_differs_between_draws_of_one_seed():
    free, held = FACTORS.sample(50, generator()), FACTORS.sample(50, generator(), size=1, turn=4)
    assert held[:, 1:].unique(dim=0).tolist() == [[1, 4]]
    assert torch.equal(free[:, 0], held[:, 0])
    assert free[:, 1:].unique(dim=0).shape[0] == 10


@pytest.mark.parametrize(
    ("fixed", "told"),
    [
        ({"hue": 0}, "There is no factor 'hue'; there is colour, size, turn"),
        ({"turn": 5}, 'Factor "turn" must be 0 to 4; got 5'),
        ({"turn": -1}, 'Factor "turn" must be 0 to 4; got -1'),
        ({"turn": 1.5}, 'Factor "turn" must be integers'),
    ],
)
def test_what_cannot_be_held_is_refused(fixed, told):
    with pytest.raises(DataError, match=told):
        FACTORS.sample(3, generator(), **fixed)


@pytest.mark.parametrize("column", range(3))
def test_a_factor_out_of_range_is_refused_by_name(column):
    wrong = torch.zeros(3, 3, dtype=torch.int64)
    wrong[2, column] = FACTORS.sizes[column]
    with pytest.raises(DataError, match=f'Factor "{FACTORS.names[column]}" must be 0 to'):
        FACTORS.index(wrong)


@pytest.mark.parametrize("index", [-1, 40])
def test_an_index_out_of_range_is_refused(index):
    with pytest.raises(DataError, match=f"must be 0 to 39; got {index} to {index}"):
        FACTORS.of(torch.tensor([index]))


@pytest.mark.parametrize("wrong", [torch.zeros(3, 2, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)])
def test_factors_of_another_shape_are_refused(wrong):
    with pytest.raises(DataError, match=r"must have the shape \(N, 3\)"):
        FACTORS.index(wrong)


@pytest.mark.parametrize("wrong", [torch.zeros(3, 3), torch.zeros(3, 3, dtype=torch.bool)])
def test_factors_that_are_not_integers_are_refused(wrong):
    with pytest.raises(DataError, match='"colour" must be integers'):
        FACTORS.index(wrong)


@pytest.mark.parametrize(
    ("names", "sizes", "values"),
    [((), (), ()), (("a",), (1, 2), ()), (("a", "a"), (1, 2), ()), (("a",), (0,), ()), (("a",), (2,), (("one",),))],
)
def test_factors_that_do_not_fit_one_another_are_refused(names, sizes, values):
    with pytest.raises(DataError, match="actor"):
        Factors(names, sizes, values)


def test_images_are_taken_by_their_factors():
    factors = FACTORS.sample(20, generator())
    assert torch.equal(whole().take(factors).flatten(1)[:, :3], factors.to(torch.uint8))


def test_images_that_are_not_one_for_each_combination_are_refused():
    with pytest.raises(DataCorrupt, match="colour 4 × size 2 × turn 5 need 40 images, one each; there are 39"):
        FactorImages(ArrayImages(np.zeros((39, 1, 2, 2), np.uint8)), FACTORS)


def test_a_set_at_fewer_levels_keeps_its_factors_and_quantises_their_images():
    images = whole()
    image_set = quantized(ImageSet("made", hold_out(images.images, 0.25, 0), "made by a test", whole=images), 5)
    assert image_set.whole is not None
    assert image_set.whole.factors == FACTORS
    assert image_set.whole.images.levels == image_set.train.levels == 32
    factors = FACTORS.sample(20, generator())
    assert torch.equal(image_set.whole.take(factors), images.take(factors) >> 3)


def test_a_set_without_factors_says_so():
    images = ArrayImages(np.zeros((4, 1, 2, 2), np.uint8))
    assert ImageSet("made", {"train": images}, "made by a test").whole is None
    assert quantized(ImageSet("made", {"train": images}, "made by a test"), 3).whole is None


def test_images_of_some_combinations_are_found_by_their_factors_in_any_order():
    combinations = torch.tensor([31, 2, 17])
    found = FactorImages(ArrayImages(whole().images.take(combinations)), FACTORS, combinations)
    assert (len(found), found.complete, whole().complete) == (3, False, True)
    told = found.of(torch.tensor([2, 0]))
    assert torch.equal(told, FACTORS.of(torch.tensor([17, 31])))
    assert found.index(told).tolist() == [2, 0]
    assert torch.equal(found.take(told).flatten(1)[:, :3], told.to(torch.uint8))
    with pytest.raises(DataError, match="no image of colour=0, size=0, turn=3: the set has 3 of 40"):
        found.index(FACTORS.of(torch.tensor([2, 3])))
    with pytest.raises(DataError, match="must be 0 to 2"):
        found.of(torch.tensor([3]))
    with pytest.raises(DataCorrupt, match="Several images"):
        FactorImages(found.images, FACTORS, torch.tensor([1, 2, 1]))
