"""The rendered 3-D shapes: against original frames, against geometry, and the fast way against the plain one."""

import colorsys
import math

import numpy as np
import pytest
import torch

from kelbo.data.shapes3d import (
    COLOUR_STEPS,
    DIVISOR,
    FACTORS,
    GEOMETRIES,
    LIGHT_STEPS,
    SKY,
    ShadedImages,
    light_of,
    palette,
    render,
    shapes3d,
)
from kelbo.errors import DataError

COUNT = 480_000


@pytest.fixture(scope="module")
def originals(real_data):
    path = real_data / "shapes3d_frames.npz"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    with np.load(path) as archive:
        return archive["images"].astype(float), torch.from_numpy(archive["latents_classes"])


def object_mask(pictures, hue):
    """Saturated pixels nearest to a hue of 0 … 9, of pictures (N, 64, 64, 3) of one object hue."""
    high, low = pictures.max(-1), pictures.min(-1)
    red, green, blue = np.moveaxis(pictures, -1, 0)
    found = np.degrees(np.arctan2(math.sqrt(3) * (green - blue), 2 * red - green - blue))
    return (np.abs((found - 36 * hue + 180) % 360 - 180) < 18) & (high - low > 0.6 * high)


def test_the_pictures_are_of_the_scene_of_the_original_frames(originals):
    frames, classes = originals
    drawn = render(classes).permute(0, 2, 3, 1).numpy().astype(float)
    assert np.abs(drawn - frames).mean() < 4  # levels, of a GIF of few colours
    green = (classes[:, 2] == 3).numpy()  # before a blue wall, on a red floor
    one, other = (object_mask(pictures[green], 3) for pictures in (frames, drawn))
    overlap = (one & other).sum((1, 2)) / (one | other).sum((1, 2))
    assert len(overlap) == 25
    assert overlap.min() > 0.9
    assert overlap.mean() > 0.96


def test_an_index_is_the_mixed_radix_of_its_factors_with_the_last_one_fastest():
    assert len(FACTORS) == COUNT
    assert FACTORS.names == ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    assert FACTORS.index(torch.tensor([[0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0]])).tolist() == [1, COUNT // 10]
    assert FACTORS.values[3] == ("0.750", "0.821", "0.893", "0.964", "1.036", "1.107", "1.179", "1.250")
    assert FACTORS.values[5][::7] == ("-30.0°", "0.0°", "30.0°")


@pytest.mark.slow
def test_the_whole_set_holds_each_picture_at_its_index():
    whole = shapes3d()
    assert len(whole) == COUNT
    assert whole.images.shape == (3, 64, 64)
    some = torch.randperm(COUNT, generator=torch.Generator().manual_seed(0))[:300]
    assert torch.equal(whole.images.take(some), render(FACTORS.of(some)))
    assert torch.equal(whole.take(FACTORS.of(some)), whole.images.take(some))


def small_set():
    """The set with two geometries of the 480."""
    return ShadedImages(light_of(torch.tensor([17, 300])), palette())


def test_a_picture_is_the_same_in_every_batch_and_equals_the_sum_of_whole_numbers():
    images = small_set()
    index = torch.randint(0, len(images), (50,), generator=torch.Generator().manual_seed(0))
    together = images.take(index)
    assert torch.equal(together, torch.cat([images.take(one[None]) for one in index]))
    light, colours = images.light.numpy().astype(int), images.colours.numpy().astype(int)
    sums = colours[index // 2] @ light[index % 2]
    assert np.array_equal(together.flatten(2), np.rint(sums / DIVISOR).clip(max=255))


def test_a_lower_precision_around_it_changes_no_picture():
    images, index = small_set(), torch.arange(0, 2000, 61)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = images.take(index)
    assert torch.equal(inside, images.take(index))


def test_bytes_multiply_exactly_in_bfloat16():
    every = torch.arange(256, dtype=torch.float32)
    assert torch.equal(every.bfloat16().float(), every)
    assert 5 * 255 * 255 < 2**24  # sums of five products are whole numbers that float32 holds


def test_no_factors_give_no_pictures():
    assert small_set().take(torch.empty(0, dtype=torch.int64)).shape == (0, 3, 64, 64)


def test_a_batch_of_mixed_geometries_is_drawn_in_its_own_order():
    mixed = FACTORS.of(torch.randint(0, COUNT, (6,), generator=torch.Generator().manual_seed(0)))
    assert torch.equal(render(mixed), torch.cat([render(row[None]) for row in mixed]))


def test_bytes_of_light_and_colour_multiply_to_levels():
    assert LIGHT_STEPS * COLOUR_STEPS / DIVISOR == 255
    hues = [colorsys.hsv_to_rgb(hue / 10, 1, 1) for hue in range(10)]
    for row, (floor, wall, own) in ((0, (0, 0, 0)), (123, (1, 2, 3)), (999, (9, 9, 9))):
        expected = np.array([hues[floor], hues[wall], hues[own], SKY, (1, 1, 1)]).T
        np.testing.assert_allclose(palette()[row] / COLOUR_STEPS, expected, atol=0.5 / COLOUR_STEPS)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and KELBO_TEST_CUDA=1")
@pytest.mark.parametrize("precision", ["highest", "medium"])
def test_a_cuda_device_composes_the_same_pictures(precision):
    images, before = small_set(), torch.get_float32_matmul_precision()
    index = torch.randint(0, len(images), (2000,), generator=torch.Generator().manual_seed(0))
    torch.set_float32_matmul_precision(precision)
    try:
        composed = images.to(torch.device("cuda")).take(index.cuda())
    finally:
        torch.set_float32_matmul_precision(before)
    assert composed.device.type == "cuda"
    assert torch.equal(composed.cpu(), images.take(index))


@pytest.mark.parametrize("column", range(6), ids=FACTORS.names)
def test_a_factor_out_of_range_is_refused_by_name(column):
    wrong = torch.zeros(3, 6, dtype=torch.int64)
    wrong[1, column] = FACTORS.sizes[column]
    with pytest.raises(DataError, match=f'Factor "{FACTORS.names[column]}" must be 0 to {FACTORS.sizes[column] - 1}'):
        render(wrong)


def test_geometries_are_the_last_three_factors():
    assert math.prod(FACTORS.sizes[3:]) == GEOMETRIES
    assert len(palette()) == math.prod(FACTORS.sizes[:3])
