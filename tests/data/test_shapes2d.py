"""The drawn 2-D shapes: against original frames, against geometry, and the fast way against the plain one."""

import math

import numpy as np
import pytest
import torch

from kelbo.data.shapes2d import (
    ELLIPSE_HALF_AXES,
    FACTORS,
    HEART_HALF_WIDTH,
    HEART_HEIGHT,
    SHAPES,
    SIZES,
    SQUARE_HALF_SIDE,
    draw_everywhere,
    render,
    shapes2d,
)
from kelbo.errors import DataError

SQUARE, ELLIPSE, HEART = range(3)
COUNT = 737_280


def factors(**chosen):
    """Every combination of the chosen values, one or a list for each factor; 0 where none is chosen."""
    columns = [torch.as_tensor(chosen.get(name, 0)).reshape(-1) for name in FACTORS.names]
    return torch.cartesian_prod(*columns)


def centroids(images):
    """Mean row and column of the pixels that are on, (N,) each."""
    weights = images[:, 0].double()
    places, areas = torch.arange(64.0, dtype=torch.float64), weights.sum((1, 2))
    return weights.sum(2) @ places / areas, weights.sum(1) @ places / areas


@pytest.fixture(scope="module")
def originals(real_data):
    path = real_data / "dsprites_frames.npz"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    with np.load(path) as archive:
        return torch.from_numpy(archive["imgs"]).bool(), torch.from_numpy(archive["latents_classes"][:, 1:])


@pytest.mark.parametrize("shape", [SQUARE, ELLIPSE, HEART], ids=SHAPES)
def test_the_frames_are_the_original_ones_but_for_a_few_pixels(originals, shape):
    frames, classes = (part[originals[1][:, 0] == shape] for part in originals)
    drawn = render(classes)[:, 0].bool()
    overlap = (drawn & frames).sum((1, 2)) / (drawn | frames).sum((1, 2))
    assert len(frames) > 40
    assert overlap.mean() > 0.9995
    assert overlap.min() > 0.98
    assert (drawn != frames).sum() <= 2


def test_an_index_is_the_mixed_radix_of_its_factors_with_the_last_one_fastest():
    assert len(FACTORS) == COUNT
    index = torch.arange(COUNT)
    expected = np.stack(np.unravel_index(np.arange(COUNT), SIZES), axis=1)
    np.testing.assert_array_equal(FACTORS.of(index).numpy(), expected)
    assert torch.equal(FACTORS.index(FACTORS.of(index)), index)


@pytest.mark.parametrize("shape", [SQUARE, ELLIPSE, HEART], ids=SHAPES)
@pytest.mark.parametrize(("scale", "orientation"), [(0, 0), (2, 39), (3, 17), (5, 5)])
def test_drawing_every_position_at_once_equals_drawing_each(shape, scale, orientation):
    at_once = np.unpackbits(draw_everywhere(shape, scale, orientation), axis=-1).reshape(1024, 1, 64, 64)
    places = factors(shape=shape, scale=scale, orientation=orientation, x=range(32), y=range(32))
    assert torch.equal(torch.from_numpy(at_once), render(places))


@pytest.mark.slow
def test_the_whole_set_holds_each_picture_at_its_index():
    whole = shapes2d()
    assert len(whole) == COUNT
    assert whole.images.shape == (1, 64, 64)
    some = torch.randperm(COUNT, generator=torch.Generator().manual_seed(0))[:40_000]
    for index in some.split(256):
        assert torch.equal(whole.images.take(index), render(FACTORS.of(index)))


def test_a_batch_of_mixed_shapes_is_drawn_in_its_own_order():
    mixed = FACTORS.of(torch.randint(0, COUNT, (50,), generator=torch.Generator().manual_seed(0)))
    assert len(mixed[:, 0].unique()) == 3
    assert torch.equal(render(mixed), torch.cat([render(row[None]) for row in mixed]))


def test_no_factors_give_no_pictures():
    assert render(torch.empty(0, 5, dtype=torch.int64)).shape == (0, 1, 64, 64)


def test_pictures_are_bytes_of_zero_and_one():
    drawn = render(factors(shape=range(3)))
    assert drawn.dtype == torch.uint8
    assert drawn.unique().tolist() == [0, 1]


AREAS_AT_THE_FIRST_POSITION = {  # pixels that are on in the original frames, over the six scales
    SQUARE: [100, 144, 196, 256, 324, 400],
    ELLIPSE: [76, 104, 144, 184, 228, 288],
    HEART: [58, 84, 108, 140, 182, 222],
}


@pytest.mark.parametrize("shape", [SQUARE, ELLIPSE, HEART], ids=SHAPES)
def test_areas_over_the_scales_are_those_of_the_original_frames(shape):
    areas = render(factors(shape=shape, scale=range(6))).sum((1, 2, 3)).tolist()
    assert areas == pytest.approx(AREAS_AT_THE_FIRST_POSITION[shape], abs=2)  # two pixels of one heart differ


@pytest.mark.parametrize("scale", [0, 5])
@pytest.mark.parametrize(
    ("shape", "area"),
    [
        (SQUARE, 4 * SQUARE_HALF_SIDE**2),
        (ELLIPSE, math.pi * ELLIPSE_HALF_AXES[0] * ELLIPSE_HALF_AXES[1]),
        (HEART, 180 / 16 * math.pi * HEART_HALF_WIDTH * HEART_HEIGHT),  # 180 π for the curve 16 sin³t, 13 cos t - …
    ],
    ids=SHAPES,
)
def test_the_mean_area_over_all_positions_is_the_area_inside_the_outline(shape, area, scale):
    # The 31 sub-pixel places of a centre cover a pixel evenly (the 32nd is the first again), so their mean is an integral.
    drawn = render(factors(shape=shape, scale=scale, orientation=4, x=range(31), y=range(31)))
    mean = drawn.sum((1, 2, 3)).double().mean().item()
    assert mean == pytest.approx(area * ((5 + scale) / 10) ** 2, rel=2e-3)


def test_the_last_orientation_is_the_first_again():
    first, last = (render(factors(shape=range(3), scale=range(6), orientation=turn, x=range(5))) for turn in (0, 39))
    assert torch.equal(first, last)


def test_orientation_turns_anticlockwise():
    # Upright, a heart's centroid is above its centre; a quarter turn anticlockwise (10 of 39 steps) brings it to the left.
    rows, columns = centroids(render(factors(shape=HEART, scale=5, orientation=[0, 10, 20, 30])))
    up, left, down, right = (15.5 - rows), (15.5 - columns), (rows - 15.5), (columns - 15.5)
    assert up[0] > 1.5
    assert left[1] > 1.5
    assert down[2] > 1.5
    assert right[3] > 1.5


@pytest.mark.parametrize("axis", ["x", "y"])
def test_positions_place_the_centre_from_15_5_to_47_5_pixels(axis):
    rows, columns = centroids(render(factors(shape=ELLIPSE, scale=5, orientation=3, **{axis: range(32)})))
    moving, still = (columns, rows) if axis == "x" else (rows, columns)
    assert moving.numpy() == pytest.approx(15.5 + 32 * np.arange(32) / 31, abs=0.15)
    assert still.numpy() == pytest.approx(15.5, abs=0.15)


def test_no_picture_touches_the_border():
    drawn = render(factors(shape=range(3), scale=5, orientation=range(40), x=[0, 31], y=[0, 31]))[:, 0]
    assert not drawn[:, [0, -1]].any()
    assert not drawn[:, :, [0, -1]].any()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and KELBO_TEST_CUDA=1")
def test_a_cuda_device_draws_the_same_pictures():
    some = FACTORS.of(torch.randint(0, COUNT, (2000,), generator=torch.Generator().manual_seed(0)))
    drawn = render(some.cuda())
    assert drawn.device.type == "cuda"
    assert torch.equal(drawn.cpu(), render(some))


@pytest.mark.parametrize("column", range(5), ids=FACTORS.names)
@pytest.mark.parametrize("function", [render, FACTORS.index])
def test_a_factor_out_of_range_is_refused_by_name(function, column):
    wrong = torch.zeros(3, 5, dtype=torch.int64)
    wrong[1, column] = SIZES[column]
    message = f'Factor "{FACTORS.names[column]}" must be 0 to {SIZES[column] - 1}; got 0 to {SIZES[column]}'
    with pytest.raises(DataError, match=message):
        function(wrong)


def test_factors_of_another_shape_are_refused():
    with pytest.raises(DataError, match=r"must have the shape \(N, 5\).*got \(3, 6\)"):
        render(torch.zeros(3, 6, dtype=torch.int64))


def test_factors_that_are_not_integers_are_refused():
    with pytest.raises(DataError, match=r'"shape" must be integers; got torch\.float32'):
        render(torch.zeros(3, 5))


@pytest.mark.parametrize("index", [-1, COUNT])
def test_an_index_out_of_range_is_refused(index):
    with pytest.raises(DataError, match=f"must be 0 to 737279; got {index} to {index}"):
        FACTORS.of(torch.tensor([index]))
