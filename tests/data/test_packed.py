"""Binary images as bits."""

import numpy as np
import pytest
import torch

from kelbo.data.images import ArrayImages
from kelbo.data.packed import PackedImages, unpack_by_shifts
from kelbo.errors import DataCorrupt

SHAPES = [(1, 64, 64), (1, 3, 5), (3, 7, 7), (1, 1, 1), (2, 2, 2)]


def noise(shape, count=40):
    return torch.randint(0, 2, (count, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", SHAPES)
def test_packing_loses_nothing_whether_or_not_the_pixels_fill_whole_bytes(shape):
    pixels = noise(shape)
    packed = PackedImages.pack(pixels)
    assert packed.shape == shape
    assert packed.levels == 2
    assert len(packed) == 40
    taken = packed.take(torch.arange(40))
    assert taken.dtype == torch.uint8
    assert torch.equal(taken, pixels)


def test_take_gives_the_images_asked_for_in_that_order_with_repeats():
    pixels = noise((1, 9, 9))
    index = torch.tensor([7, 0, 39, 7])
    assert torch.equal(PackedImages.pack(pixels).take(index), pixels[index])


def test_an_array_packs_as_a_tensor_does():
    pixels = noise((1, 5, 5))
    assert torch.equal(PackedImages.pack(pixels.numpy()).bits, PackedImages.pack(pixels).bits)


def test_packed_images_take_an_eighth_of_the_memory():
    assert PackedImages.pack(noise((1, 64, 64))).nbytes * 8 == ArrayImages(noise((1, 64, 64))).nbytes


def test_packed_images_have_the_fingerprint_of_the_same_images_unpacked():
    pixels = noise((3, 7, 7))
    assert PackedImages.pack(pixels).fingerprint() == ArrayImages(pixels, levels=2).fingerprint()


def test_no_copy_is_made_to_stay_on_a_device():
    packed = PackedImages.pack(noise((1, 3, 5)))
    assert packed.device == torch.device("cpu")
    assert packed.to(torch.device("cpu")).bits.data_ptr() == packed.bits.data_ptr()


@pytest.mark.parametrize("dims", [1, 8, 15, 4096])
def test_unpacking_by_shifts_equals_numpy(dims):
    rows = torch.randint(0, 256, (30, (dims + 7) // 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    expected = np.unpackbits(rows.numpy(), axis=1, count=dims)
    np.testing.assert_array_equal(unpack_by_shifts(rows, dims).numpy(), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and KELBO_TEST_CUDA=1")
@pytest.mark.parametrize("shape", SHAPES)
def test_a_cuda_device_unpacks_the_same_pixels(shape):
    pixels = noise(shape)
    packed = PackedImages.pack(pixels).to(torch.device("cuda"))
    taken = packed.take(torch.arange(40, device="cuda"))
    assert taken.device.type == "cuda"
    assert torch.equal(taken.cpu(), pixels)


def test_a_level_above_one_is_refused():
    pixels = noise((1, 3, 3))
    pixels[2, 0, 1, 1] = 255
    with pytest.raises(DataCorrupt, match="Only levels 0 and 1 can be packed into bits; got level 255"):
        PackedImages.pack(pixels)


@pytest.mark.parametrize("pixels", [torch.zeros(4, 3, 3), noise((1, 3, 3))[0], noise((1, 3, 3), count=0)])
def test_pixels_of_another_type_or_rank_or_none_at_all_are_refused(pixels):
    with pytest.raises(DataCorrupt, match=r"must be non-empty uint8 \(N, C, H, W\); got"):
        PackedImages.pack(pixels)


@pytest.mark.parametrize(
    "bits",
    [
        torch.zeros(4, 3, dtype=torch.uint8),
        torch.zeros(4, 2),
        torch.zeros(2, dtype=torch.uint8),
        torch.zeros(0, 2, dtype=torch.uint8),
    ],
)
def test_bits_that_do_not_fit_the_shape_are_refused(bits):
    with pytest.raises(DataCorrupt, match=r"shape \(1, 3, 5\) must be non-empty uint8 \(N, 2\); got"):
        PackedImages(bits, (1, 3, 5))
