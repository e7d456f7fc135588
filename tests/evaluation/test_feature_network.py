"""Every network sees the same images: 8 bits, RGB, its size, its range; and says what its features depend on."""

import numpy as np
import pytest
import torch
from PIL import Image

from kelbo.data.images import ArrayImages
from kelbo.errors import ScoreError
from kelbo.evaluation.feature_network import Preparation, eight_bits, features_of, open_network

CPU = torch.device("cpu")


def pixels(*shape, seed=0):
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def means(x):
    return x.mean((2, 3))


def network(preparation=None, shape=(3, 8, 8), run=means, **more):
    return open_network("means", run, preparation or Preparation(), "0" * 64, shape, CPU, **more)


def test_levels_of_any_number_become_eight_bits():
    levels = torch.arange(32, dtype=torch.uint8).reshape(1, 1, 4, 8)
    assert torch.equal(eight_bits(levels, 32).float(), (levels.float() / 31 * 255).round())
    assert eight_bits(torch.tensor([0, 1], dtype=torch.uint8).reshape(1, 1, 1, 2), 2).tolist() == [[[[0, 255]]]]


def test_a_decoders_floats_are_clipped_and_rounded_as_in_a_file():
    floats = torch.tensor([-0.5, 0.0, 0.4999 / 255, 0.5001 / 255, 1.0, 7.0]).reshape(1, 1, 1, 6)
    assert eight_bits(floats).flatten().tolist() == [0, 0, 0, 1, 255, 255]
    real = pixels(4, 3, 8, 8)
    assert torch.equal(network()(real), network()(real / 255))


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_images_that_are_not_finite_are_refused(broken):
    with pytest.raises(ScoreError, match="not finite"):
        network()(torch.full((1, 3, 8, 8), broken))


def test_levels_out_of_range_are_refused():
    with pytest.raises(ScoreError, match=r"be 0\b to 31\b; got 0\b to 32\b"):
        eight_bits(torch.tensor([0, 32], dtype=torch.uint8).reshape(1, 1, 1, 2), 32)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ("levels", [0.0] * 3, [255.0] * 3),
        ("unit", [0.0] * 3, [1.0] * 3),
        ("signed", [-1.0] * 3, [1.0] * 3),
        ("imagenet", [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], [0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]),
    ],
)
def test_black_and_white_lie_where_the_range_says(values, low, high):
    ends = network(Preparation(values=values))(torch.stack([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)]))
    torch.testing.assert_close(ends, torch.tensor([low, high]), rtol=1e-6, atol=1e-6)


def test_grey_is_repeated_where_the_network_wants_rgb_and_nothing_else_is():
    grey = pixels(2, 1, 8, 8)
    seen = network(Preparation(channels=3), (1, 8, 8))
    torch.testing.assert_close(seen(grey), (grey / 255).mean((2, 3)).expand(2, 3))
    assert seen.fingerprint["grey_to_rgb"]
    with pytest.raises(ScoreError, match=r"of 1\b.*have 3\b"):
        network(Preparation(channels=1))


def test_the_antialiased_resize_is_pillows():
    image = pixels(1, 1, 40, 28)
    ours = Preparation(size=(13, 17), resize="antialiased", values="levels")(image)[0, 0].numpy()
    pillows = Image.fromarray(image[0, 0].numpy().astype(np.float32)).resize((17, 13), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(ours, np.clip(np.asarray(pillows), 0, 255), atol=0.01)


def test_the_legacy_resize_looks_at_the_nearest_pixels_only():
    image = torch.zeros(1, 1, 16, 16, dtype=torch.uint8)
    image[..., 0] = 255  # 16 to 2 columns: the centres fall between columns 3 and 4, and 11 and 12
    assert Preparation(size=(2, 2), resize="legacy")(image).abs().max() == 0
    assert Preparation(size=(2, 2), resize="antialiased")(image)[..., 0].min() > 0.01


def test_images_of_the_right_size_are_not_resized():
    image = pixels(1, 3, 8, 8)
    for resize in ("none", "legacy", "antialiased"):
        assert torch.equal(Preparation(size=(8, 8), resize=resize, values="levels")(image), image.float())


def test_another_size_without_a_resize_is_refused_when_the_network_is_opened():
    with pytest.raises(ScoreError, match=r"16×16.*8×8"):
        network(Preparation(size=(16, 16)))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"values": "bytes"}, r"^values"),
        ({"resize": "best"}, r"^resize"),
        ({"resize": "legacy"}, "^resize 'legacy' needs size"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, told):
    with pytest.raises(ScoreError, match=told):
        Preparation(**settings)(pixels(1, 3, 8, 8))


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (lambda x: x, r"shape \(2, d\) for 2 images; got \(2, 3, 8, 8\)"),
        (lambda x: x.flatten(), r"got \(384,\)"),
        (lambda x: [x], "got list"),
        (lambda x: means(x)[:1], r"got \(1, 3\)"),
        (lambda x: means(x) / 0, "not finite"),
        (lambda x: x.flatten(1) @ torch.ones(7, 2), r"3, 8, 8\b"),
    ],
)
def test_a_network_that_gives_no_features_is_refused_when_it_is_opened(run, told):
    with pytest.raises(ScoreError, match=told):
        network(run=run)


def test_images_of_another_shape_than_it_was_opened_for_are_refused():
    with pytest.raises(ScoreError, match=r"3, 8, 8\b.*1, 3, 9, 8\b"):
        network()(pixels(1, 3, 9, 8))


def test_the_fingerprint_tells_all_that_features_depend_on():
    seen = network(Preparation(3, (4, 4), "legacy", "signed"), (1, 8, 8), about={"seed": 7})
    assert seen.fingerprint == {
        "name": "means",
        "weights": "0" * 64,
        "resize": "legacy",
        "size": [4, 4],
        "grey_to_rgb": True,
        "quantised": True,
        "values": "signed",
        "dims": 3,
        "seed": 7,
    }


def test_only_the_official_weights_are_called_fid_and_another_resize_is_named():
    assert network().distance == "Fréchet distance (means)"
    assert network(Preparation(3, (9, 9), "network"), official=True).distance == "FID"
    assert network(Preparation(3, (9, 9), "legacy"), official=True).distance == "FID (legacy resize)"


def test_features_of_a_split_do_not_depend_on_the_batch_size():
    images = ArrayImages(pixels(10, 3, 8, 8))
    whole = features_of(network(), images, batch_size=100)
    assert whole.dtype == np.float32
    assert whole.shape == (10, 3)
    np.testing.assert_array_equal(whole, features_of(network(), images, batch_size=3))
    np.testing.assert_array_equal(whole, features_of(network(), (images.take(torch.arange(i, i + 5)) for i in (0, 5))))
    np.testing.assert_array_equal(whole, features_of(network(), [images.take(torch.arange(10)).numpy() / 255]))


def test_no_images_have_no_features():
    with pytest.raises(ScoreError, match="no images"):
        features_of(network(), [])
