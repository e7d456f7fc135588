"""Pictures of 1 to 64 bits a channel, unsigned, signed and float, in every format that has them."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image
from tests.data.handmade import SIDE, Odd, chunk, made, png, saved, tiff


def of_low_and_high_bits() -> Iterator[Odd]:
    rng = np.random.default_rng(7)
    for bits in (1, 2, 4, 8, 16):
        for colour, channels in ((0, 1), (2, 3), (4, 2), (6, 4)):
            if colour and bits < 8:
                continue
            values = rng.integers(0, 2**bits, (SIDE, SIDE, channels))
            values[..., 3 if channels == 4 else channels :] = 0
            if channels in (2, 4):
                values[..., -1] = 2**bits - 1
            colours = values[..., :3] if channels > 2 else values[..., :1].repeat(3, 2)
            expected = "16 bits" if bits == 16 else (colours * (255 // (2**bits - 1))).astype(np.uint8)
            for interlaced in (False, True):
                name = f"bits/{bits}-{colour}-{interlaced}.png"
                yield Odd(name, png(values, bits, colour, interlaced=interlaced), expected)
    for bits in (1, 2, 4, 8):
        palette = rng.integers(0, 256, (2**bits, 3)).astype(np.uint8)
        values = rng.integers(0, 2**bits, (SIDE, SIDE, 1))
        yield Odd(
            f"bits/palette-{bits}.png", png(values, bits, 3, chunk(b"PLTE", palette.tobytes())), palette[values[..., 0]]
        )
    low = rng.integers(0, 256, (SIDE, SIDE, 3))  # values whose upper bytes are all zero: black, if these were all
    yield Odd("bits/upper-byte-zero.png", png(low, 16, 2), "16 bits")
    yield from _tiffs(rng)
    yield from _pnms(rng)
    yield from _containers(rng)


def _pnms(rng: np.random.Generator) -> Iterator[Odd]:
    for most in (1, 7, 255, 256, 1023, 65535):
        for channels in (1, 3):
            values = rng.integers(0, most + 1, (SIDE, SIDE, channels))
            scaled = np.rint(values * (255 / most)).astype(np.uint8).repeat(4 - channels if channels == 1 else 1, 2)
            expected = "bits" if most > 255 else scaled
            for plain in (False, True):
                kind = (5 if channels == 1 else 6) - 3 * plain
                body = (
                    " ".join(map(str, values.ravel())).encode()
                    if plain
                    else values.astype(">u2" if most > 255 else "u1")
                )
                head = f"P{kind}\n# said by nobody\n{SIDE} {SIDE}\n{most}\n".encode()
                yield Odd(f"bits/{most}-{channels}-{plain}.pnm", head + bytes(body), expected)
    yield Odd(
        "bits/float.pfm",
        f"Pf\n{SIDE} {SIDE}\n-1.0\n".encode() + rng.random((SIDE, SIDE), np.float32).tobytes(),
        "float",
    )


def _containers(rng: np.random.Generator) -> Iterator[Odd]:
    """What no header but the format's own tells, and icons that hold a deep PNG."""
    sgi = struct.pack(">HBBHHHHll", 474, 0, 2, 3, SIDE, SIDE, 3, 0, 65535).ljust(512, b"\0")
    yield Odd("bits/16.sgi", sgi + rng.integers(0, 65536, (3, SIDE, SIDE)).astype(">u2").tobytes(), "16 bits")
    twelve = saved(made(), "JPEG") or b""
    frame = twelve.index(b"\xff\xc0")
    yield Odd("bits/12.jpg", twelve[: frame + 4] + b"\x0c" + twelve[frame + 5 :], "12 bits")
    if avif := saved(made(), "AVIF"):
        place = avif.index(b"av1C") + 6
        yield Odd("bits/10.avif", avif[:place] + bytes([avif[place] | 64]) + avif[place + 1 :], "10 bits")
    deep = io.BytesIO()
    Image.fromarray(rng.integers(0, 65536, (SIDE, SIDE)).astype(np.uint16)).save(deep, "JPEG2000")
    yield Odd("bits/16.jp2", deep.getvalue(), "16 bits")
    inside = png(rng.integers(0, 65536, (SIDE, SIDE, 4)), 16, 6)
    yield Odd(
        "bits/16.ico",
        struct.pack("<HHHBBBBHHLL", 0, 1, 1, SIDE, SIDE, 0, 0, 1, 64, len(inside), 22) + inside,
        "16 bits",
    )
    yield Odd(
        "bits/16.icns", b"icns" + struct.pack(">L4sL", 16 + len(inside), b"icp4", 8 + len(inside)) + inside, "16 bits"
    )


def _tiffs(rng: np.random.Generator) -> Iterator[Odd]:
    for order in "<>":
        for deflate in (False, True):
            about = f"{'little' if order == '<' else 'big'}-{deflate}"
            for photometric, channels, extra in (
                (0, 1, ()),
                (1, 1, ()),
                (2, 3, ()),
                (2, 4, (2,)),
                (2, 4, (1,)),
                (5, 4, ()),
            ):
                values = rng.integers(0, 65536, (SIDE, SIDE, channels)).astype(np.uint16)
                name = f"bits/{about}-{photometric}-{channels}{extra[:1]}.tif"
                yield Odd(name, tiff(values, photometric, order=order, deflate=deflate, extra=extra), "16 bits")
            eight = rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
            yield Odd(f"bits/{about}-8.tif", tiff(eight, 2, order=order, deflate=deflate), eight)
            yield Odd(f"bits/{about}-planar.tif", tiff(eight, 2, order=order, deflate=deflate, planar=True), eight)
            for kind, dtype in (
                ("float", "f4"),
                ("float", "f8"),
                ("float", "f2"),
                ("signed", "i1"),
                ("signed", "i2"),
                ("signed", "i4"),
            ):
                values = (100 * rng.random((SIDE, SIDE, 1))).astype(dtype)
                yield Odd(f"bits/{about}-{dtype}.tif", tiff(values, 1, kind=kind, order=order, deflate=deflate), kind)
    for bits in (1, 2, 4):
        values = rng.integers(0, 2**bits, (SIDE, SIDE, 1)).astype(np.uint8)
        grey = (values * (255 // (2**bits - 1))).repeat(3, 2)
        yield Odd(f"bits/{bits}.tif", tiff(values, 1, bits=bits), grey)
        yield Odd(f"bits/{bits}-white-is-zero.tif", tiff(values, 0, bits=bits), 255 - grey)
    palette = rng.integers(0, 256, (256, 3))
    places = rng.integers(0, 256, (SIDE, SIDE, 1)).astype(np.uint8)
    colours = palette[places[..., 0]].astype(np.uint8)
    yield Odd("bits/palette-257.tif", tiff(places, 3, colours=257 * palette), colours)
    yield Odd("bits/palette-256.tif", tiff(places, 3, colours=256 * palette), colours)
    yield Odd("bits/palette-16.tif", tiff(places, 3, colours=256 * palette + 7), "16 bits")
    yield Odd("bits/12.tif", tiff(rng.integers(0, 4096, (SIDE, SIDE, 1)).astype(np.uint16), 1, bits=12), "12 bits")
    yield Odd("bits/32.tif", tiff(rng.integers(0, 2**32, (SIDE, SIDE, 1)).astype(np.uint32), 1), "32 bits")
