"""Pictures of more than 8 bits a channel, whose depth Pillow hides: refused, or their full range mapped onto 0–255."""

import io
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from tests.data.handmade import chunk, png, tiff

from kelbo.data.encoded_pictures import EncodedPicture, Refused
from kelbo.data.folder import folder
from kelbo.data.opening import decoding_strictly, opened

RNG = np.random.default_rng(0)
SHAPE = (9, 11)


def read(encoded, name, depth="scale", mode="rgb"):
    with decoding_strictly():
        return np.asarray(opened(EncodedPicture(name, lambda: encoded, name), mode, depth))


def mapped(values, most=65535):
    """The nearest of 0–255 by exact fractions."""
    known = {int(value): round(Fraction(int(value) * 255, most)) for value in np.unique(values)}
    return np.vectorize(known.get, otypes=[np.uint8])(values)


def colours(values):
    return values[..., :3] if values.shape[2] > 2 else values[..., :1].repeat(3, 2)


def random(channels, most=65535, alpha=False):
    values = RNG.integers(0, most + 1, (*SHAPE, channels))
    values[0, 0], values[0, 1], values[0, 2] = most, 0, 255
    if alpha:
        values[..., -1] = most
    return values


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "channels", "alpha"), [(0, 1, False), (2, 3, False), (4, 2, True), (6, 4, True)])
def test_a_png_of_16_bits_keeps_its_values_to_the_nearest_level(colour, channels, alpha, interlaced):
    values = random(channels, alpha=alpha)
    encoded = png(values, 16, colour, interlaced=interlaced)
    np.testing.assert_array_equal(read(encoded, "a.png"), mapped(colours(values)))
    with pytest.raises(Refused, match='has 16 bits a channel; 8 are read. Set depth to "scale"'):
        read(encoded, "a.png", "refuse")


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("photometric", "channels", "extra"), [(0, 1, ()), (1, 1, ()), (2, 3, ()), (2, 4, (1,)), (2, 4, (2,))]
)
def test_a_tiff_of_16_bits_keeps_its_values_to_the_nearest_level(photometric, channels, extra, order, deflate, big):
    values = random(channels, alpha=bool(extra)).astype(np.uint16)
    encoded = tiff(values, photometric, order=order, deflate=deflate, extra=extra, big=big)
    if order == ">" and (big or photometric == 0):  # Pillow reads neither, in 8 bits or 16
        with pytest.raises(Refused, match=r"a\.tif cannot be read as a picture"):
            read(encoded, "a.tif")
        return
    expected = mapped(colours(65535 - values if photometric == 0 else values))
    np.testing.assert_array_equal(read(encoded, "a.tif"), expected)


def test_cmyk_of_16_bits_is_mapped_before_pillow_makes_colours_of_it():
    values = random(4).astype(np.uint16)
    inks = [Image.fromarray(band) for band in np.moveaxis(mapped(values), 2, 0)]
    np.testing.assert_array_equal(read(tiff(values, 5), "a.tif"), np.asarray(Image.merge("CMYK", inks).convert("RGB")))


@pytest.mark.parametrize(("bits", "dtype"), [(12, np.uint16), (32, np.uint32)])
def test_a_tiff_of_other_depths_is_mapped_from_its_own_largest_value(bits, dtype):
    values = RNG.integers(0, 2**bits, (8, 8, 1))
    values[0, :2, 0] = 2**bits - 1, 0
    encoded = tiff(values.astype(dtype), 1, bits=bits if bits == 12 else None)
    np.testing.assert_array_equal(read(encoded, "a.tif"), mapped(values, 2**bits - 1).repeat(3, 2))


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("most", [256, 300, 1023, 4095, 65535])
def test_a_pnm_is_mapped_from_its_own_largest_value(most, channels, plain):
    values = random(channels, most)
    head = f"P{(5 if channels == 1 else 6) - 3 * plain}\n# a comment\n{SHAPE[1]} {SHAPE[0]}\n{most}\n".encode()
    body = " ".join(map(str, values.ravel())).encode() if plain else values.astype(">u2").tobytes()
    np.testing.assert_array_equal(read(head + body, "a.pnm"), mapped(colours(values), most))


def test_a_grey_jpeg_2000_of_16_bits_is_mapped():
    values, stream = RNG.integers(0, 65536, (16, 16), np.uint16), io.BytesIO()
    Image.fromarray(values).save(stream, "JPEG2000")
    np.testing.assert_array_equal(read(stream.getvalue(), "a.jp2", mode="grey"), mapped(values))


@pytest.mark.parametrize(("kind", "dtype"), [("float", "f4"), ("signed", "i2"), ("float", "f8"), ("signed", "i1")])
def test_values_without_a_full_range_are_refused_either_way(kind, dtype):
    encoded = tiff((100 * RNG.random((*SHAPE, 1))).astype(dtype), 1, kind=kind)
    for depth in ("refuse", "scale"):
        with pytest.raises(Refused, match=f"a.tif holds {8 * np.dtype(dtype).itemsize}-bit {kind} values"):
            read(encoded, "a.tif", depth)


def test_depths_that_pillow_cuts_without_a_way_around_are_refused_either_way():
    planes = tiff(random(3).astype(np.uint16), 2, planar=True)
    with pytest.raises(Refused, match="PlanarConfiguration 2"):
        read(planes, "a.tif")
    with pytest.raises(Refused, match=r"a\.tif has 16 bits a channel; 8 are read\. Save it with 8"):
        read(planes, "a.tif", "refuse")
    sgi = bytes.fromhex("01da0002000300080008000300000000") + bytes(496) + bytes(2 * 3 * 64)
    with pytest.raises(Refused, match=r"a\.sgi has 16 bits a channel, of which Pillow gives the upper 8 only"):
        read(sgi, "a.sgi")
    with pytest.raises(Refused, match=r"a\.sgi has 16 bits a channel; 8 are read\. Save it with 8"):
        read(sgi, "a.sgi", "refuse")
    stream = io.BytesIO()
    Image.fromarray(random(3, 255).astype(np.uint8)).save(stream, "JPEG")
    jpeg = stream.getvalue()
    frame = jpeg.index(b"\xff\xc0")
    for depth in ("refuse", "scale"):
        with pytest.raises(Refused, match="12 bits") as told:
            read(jpeg[: frame + 4] + b"\x0c" + jpeg[frame + 5 :], "a.jpg", depth)
        assert "scale" not in str(told.value)


@pytest.mark.parametrize("one", [b"P5 2 1 255\nab", b"P6\n# a P5\n1 1\n255\nP5 ", b"P4 9 1\nab", b"P5 1 1 65535\nab"])
@pytest.mark.parametrize("between", [b"", b"\n"])
def test_a_pnm_file_of_several_pictures_is_refused_and_one_of_a_single_is_not(one, between):
    with pytest.raises(Refused, match="holds several pictures"):
        read(one + between + one, "a.pnm")
    assert read(one + between, "a.pnm").shape[2] == 3


def test_transparency_of_16_bits_is_seen_to_its_last_bit():
    values = random(4, alpha=True)
    values[4, 5, 3] = 65534
    with pytest.raises(Refused, match="transparent"):
        read(png(values, 16, 6), "a.png")
    with pytest.raises(Refused, match="transparent"):
        read(tiff(values.astype(np.uint16), 2, extra=(1,)), "a.tif")
    values = random(3)
    key = values[4, 5].astype(">u2").tobytes()
    with pytest.raises(Refused, match="transparent"):
        read(png(values, 16, 2, chunk(b"tRNS", key)), "a.png")
    key = (values[4, 5] ^ [0, 0, 1]).astype(">u2").tobytes()  # its upper bytes are a colour of the picture, it is not
    np.testing.assert_array_equal(read(png(values, 16, 2, chunk(b"tRNS", key)), "a.png"), mapped(values))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_pictures_are_turned_upright_too(orientation):
    values = random(3).astype(np.uint16)
    turned = read(tiff(values, 2, orientation=orientation), "a.tif")
    flat = read(tiff(mapped(values), 2, orientation=orientation), "a.tif")
    np.testing.assert_array_equal(turned, flat)
    assert turned.shape[:2] == (SHAPE if orientation < 5 else SHAPE[::-1])


def test_a_deep_picture_that_is_cut_off_is_refused():
    encoded = png(random(3), 16, 2)
    with pytest.raises(Refused, match="cannot be read as a picture"):
        read(encoded[: len(encoded) // 2], "a.png")


def test_the_sets_note_says_that_depth_was_mapped(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(png(random(3), 16, 2))
    assert "more than 8 bits mapped onto 0–255" in folder(tmp_path, 8, depth="scale").note
