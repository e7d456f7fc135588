"""Several hundred odd pictures, and what each holds: every mode that Pillow saves in each format, and what it cannot save."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import OPEN_INFO
from tests.data.handmade import SIDE, Odd, chunk, made, png, saved, tiff
from tests.data.odd_depths import of_low_and_high_bits

MODES = (
    "1",
    "L",
    "LA",
    "La",
    "P",
    "PA",
    "RGB",
    "RGBX",
    "RGBA",
    "RGBa",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I",
    "I;16",
    "F",
)
FORMATS = {
    "PNG": "png",
    "JPEG": "jpg",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "DIB": "dib",
    "TIFF": "tif",
    "PPM": "ppm",
    "TGA": "tga",
    "ICO": "ico",
    "JPEG2000": "jp2",
    "AVIF": "avif",
    "SGI": "sgi",
    "PCX": "pcx",
    "QOI": "qoi",
    "DDS": "dds",
    "MSP": "msp",
    "XBM": "xbm",
    "BLP": "blp",
}
OPTIONS = {"WEBP": {"lossless": True}, "ICO": {"sizes": [(SIDE, SIDE)]}}
TIFF_COMPRESSIONS = ("tiff_lzw", "tiff_adobe_deflate", "packbits")


def in_mode(mode: str, seed: int = 0) -> Image.Image:
    picture = made(seed)
    if mode == "I":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.int32) * 200)
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    if mode == "F":
        return picture.convert("F")
    if mode == "PA":
        return picture.convert("P").convert("PA")
    if mode in ("La", "RGBa"):
        return picture.convert({"La": "LA", "RGBa": "RGBA"}[mode]).convert(mode)
    if mode == "LAB":
        return Image.merge("LAB", picture.split())
    return picture.convert(mode)


def odd_pictures() -> Iterator[Odd]:
    yield from saved_by_pillow()
    yield from of_low_and_high_bits()
    yield from with_transparency()
    yield from turned()
    yield from of_several_frames()
    yield from with_more_than_colours()
    yield from cut_off()


def saved_by_pillow() -> Iterator[Odd]:
    """Every mode in every format that takes it."""
    for form, end in FORMATS.items():
        for number, mode in enumerate(MODES):
            if (encoded := saved(in_mode(mode, number), form, **OPTIONS.get(form, {}))) is not None:
                padded = "more channels" if (form, mode) == ("TIFF", "RGBX") else None
                yield Odd(f"{form}/{mode.replace(';', '')}.{end}", encoded, padded)
    for compression in TIFF_COMPRESSIONS:
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"):
            if (encoded := saved(in_mode(mode), "TIFF", compression=compression)) is not None:
                yield Odd(f"{compression}/{mode.replace(';', '')}.tiff", encoded)
    for mode in ("L", "RGB", "CMYK", "YCbCr"):
        yield Odd(f"tiff_jpeg/{mode}.tiff", saved(in_mode(mode), "TIFF", compression="jpeg") or b"")
    for subsampling in (0, 1, 2):
        for progressive in (False, True):
            options = {"subsampling": subsampling, "progressive": progressive, "quality": 90}
            yield Odd(f"jpeg/{subsampling}{progressive}.jfif", saved(made(), "JPEG", **options) or b"")


def with_transparency() -> Iterator[Odd]:
    rng = np.random.default_rng(8)
    pixels = np.asarray(made())
    clear = np.full((SIDE, SIDE), 255, np.uint8)
    clear[3:9, 4:9] = 120
    half = Image.fromarray(np.dstack([pixels, clear]))
    for form in ("PNG", "WEBP", "TIFF", "TGA", "ICO", "JPEG2000", "AVIF", "SGI", "QOI", "DDS", "BMP", "PSD"):
        encoded = saved(half, form, **OPTIONS.get(form, {}))
        if encoded is not None and "A" in Image.open(io.BytesIO(encoded)).mode:
            yield Odd(f"clear/{form}.{FORMATS[form]}", encoded, "transparent")
    for bits in (1, 2, 4, 8):
        values = rng.integers(1, 2**bits, (SIDE, SIDE, 1))
        values[2, 3] = 0
        for key in range(min(2**bits, 4)):
            there = (values == key).any()
            grey = (values * (255 // (2**bits - 1))).astype(np.uint8).repeat(3, 2)
            colour = chunk(b"tRNS", struct.pack(">H", key))
            yield Odd(f"clear/grey-{bits}-{key}.png", png(values, bits, 0, colour), "transparent" if there else grey)
        palette = rng.integers(0, 256, (2**bits, 3)).astype(np.uint8)
        for alpha in (b"\xff" * 2**bits, b"\xff" + b"\x80" * (2**bits - 1)):
            extra = chunk(b"PLTE", palette.tobytes()) + chunk(b"tRNS", alpha)
            expected = "transparent" if min(alpha) < 255 else palette[values[..., 0]]
            yield Odd(f"clear/palette-{bits}-{min(alpha)}.png", png(values, bits, 3, extra), expected)
    for key in (tuple(pixels[5, 6]), (1, 2, 3)):
        there = (pixels == key).all(2).any()
        extra = chunk(b"tRNS", struct.pack(">3H", *key))
        yield Odd(f"clear/rgb-{there}.png", png(pixels, 8, 2, extra), "transparent" if there else pixels)
    grey = rng.integers(0, 256, (SIDE, SIDE, 2)).astype(np.uint8)
    kinds = {"multiplied": (1,), "straight": (2,)}
    for name, extra in kinds.items():
        if ("II", 1, (1,), 1, (8, 8), extra) not in {(k[0].decode(), *k[1:]) for k in OPEN_INFO}:
            continue  # older versions of Pillow know no multiplied alpha beside grey
        yield Odd(f"clear/{name}-grey.tif", tiff(grey, 1, extra=extra), "transparent")
        opaque = np.dstack([grey[..., :1], np.full((SIDE, SIDE, 1), 255, np.uint8)])
        yield Odd(f"clear/{name}-opaque.tif", tiff(opaque, 1, extra=extra), grey[..., :1].repeat(3, 2))
    small = saved(made().crop((0, 0, 8, 8)).convert("P"), "GIF") or b""
    yield Odd(
        "clear/smaller-than-its-canvas.gif", small[:6] + struct.pack("<HH", SIDE, SIDE) + small[10:], "transparent"
    )


def turned() -> Iterator[Odd]:
    pixels = np.asarray(made())
    ways = {1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1], 5: pixels.transpose(1, 0, 2)}
    ways |= {6: np.rot90(pixels, -1), 7: pixels[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(pixels)}
    for orientation, expected in ways.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        for form in ("PNG", "WEBP", "TIFF"):
            encoded = saved(made(), form, exif=exif, **OPTIONS.get(form, {})) or b""
            yield Odd(f"turned/{orientation}.{FORMATS[form]}", encoded, expected)
        for form in ("JPEG", "AVIF"):
            if encoded := saved(made(), form, exif=exif):
                yield Odd(f"turned/{orientation}.{FORMATS[form]}", encoded)
        for deflate in (False, True):
            yield Odd(
                f"turned/{orientation}-{deflate}.tif",
                tiff(pixels, 2, orientation=orientation, deflate=deflate),
                expected,
            )


def of_several_frames() -> Iterator[Odd]:
    for count in (1, 2, 5):
        frames = [made(seed) for seed in range(count)]
        for form in ("GIF", "PNG", "WEBP", "TIFF", "AVIF"):
            options = {"save_all": True, "append_images": frames[1:], "lossless": form == "WEBP"}
            if encoded := saved(frames[0], form, **options):
                told = "pages" if form == "TIFF" else "animation"
                yield Odd(f"frames/{count}.{FORMATS[form]}", encoded, f"{told}" if count > 1 else None)
    still = saved(made(), "PNG", save_all=True, default_image=True, append_images=[made(1)]) or b""
    yield Odd("frames/poster.apng", still, "animation")
    sizes = saved(made().resize((64, 64)), "ICO", sizes=[(16, 16), (32, 32)]) or b""
    yield Odd("frames/2.ico", sizes, "2 pictures")
    yield Odd("frames/8.icns", saved(made(), "ICNS") or b"", "8 pictures")
    inside = saved(made(), "PNG") or b""
    yield Odd(
        "frames/1.icns",
        b"icns" + struct.pack(">L4sL", 16 + len(inside), b"icp4", 8 + len(inside)) + inside,
        np.asarray(made()),
    )
    second = io.BytesIO()
    made().save(second, "MPO", save_all=True, append_images=[made(1)])
    yield Odd("frames/stereo.mpo", second.getvalue(), np.asarray(Image.open(second)))


def with_more_than_colours() -> Iterator[Odd]:
    rng = np.random.default_rng(9)
    for channels, photometric in ((2, 1), (4, 2), (5, 2), (5, 5)):
        values = rng.integers(0, 256, (SIDE, SIDE, channels)).astype(np.uint8)
        more = channels - {1: 1, 2: 3, 5: 4}[photometric]
        yield Odd(f"more/{channels}-{photometric}.tif", tiff(values, photometric, extra=(0,) * more), "more channels")
    for mode, channels in ((7, 4), (3, 3)):
        values = rng.integers(0, 256, (channels, SIDE, SIDE)).astype(np.uint8)
        head = b"8BPS" + struct.pack(">H6xHLLHH", 1, channels, SIDE, SIDE, 8, mode) + bytes(12) + struct.pack(">H", 0)
        expected = "multichannel" if mode == 7 else values.transpose(1, 2, 0)
        yield Odd(f"more/{mode}.psd", head + values.tobytes(), expected)
    for merged in (0, 1):
        values = rng.integers(0, 256, (3, SIDE, SIDE)).astype(np.uint8)
        version = b"8BIM" + struct.pack(">HHL", 1057, 0, 6) + struct.pack(">LBB", 1, merged, 0)
        head = b"8BPS" + struct.pack(">H6xHLLHH", 1, 3, SIDE, SIDE, 8, 3) + bytes(4) + struct.pack(">L", len(version))
        expected = values.transpose(1, 2, 0) if merged else "layers"
        yield Odd(f"more/merged-{merged}.psd", head + version + bytes(6) + values.tobytes(), expected)
    for colour, expected in (("#FFFF00001111", "12 hexadecimal"), ("#F01", "3 hexadecimal"), ("#FF0011", (255, 0, 17))):
        rows = ",\n".join(f'"{"a" * SIDE}"' for _ in range(SIDE))
        text = f'/* XPM */\nstatic char * x[] = {{\n"{SIDE} {SIDE} 1 1",\n"a c {colour}",\n{rows}\n}};\n'
        told = expected if isinstance(expected, str) else np.full((SIDE, SIDE, 3), expected, np.uint8)
        yield Odd(f"more/{len(colour)}.xpm", text.encode(), told)
    deep = b"8BPS" + struct.pack(">H6xHLLHH", 1, 3, SIDE, SIDE, 16, 3) + bytes(14 + 6 * SIDE * SIDE)
    yield Odd("more/16.psd", deep, "16 bits")


def cut_off() -> Iterator[Odd]:
    """Cut after a part of their bytes; a name's number is that part in percent. The whole one lies beside them."""
    for form, end in FORMATS.items():
        if encoded := saved(made().convert("1") if form in ("MSP", "XBM") else made(), form, **OPTIONS.get(form, {})):
            yield Odd(f"cut/{form}-100.{end}", encoded)
            for percent in (0, 1, 10, 50, 90):
                yield Odd(f"cut/{form}-{percent}.{end}", encoded[: len(encoded) * percent // 100])
