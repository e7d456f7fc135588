"""Feed damaged files to every reader: each must end in images or in one of kelbo's own errors, and leave nothing behind.

    python benchmarks/fuzz_campaign.py --cases 2000     # writes benchmarks/results/fuzz_campaign.json

A case is a good file made here, damaged by a seeded mutation: bytes flipped, cut, repeated, zeroed or swapped, or extreme
numbers put where a header may be. Compressed formats are also damaged inside and packed again, so that their checksums
do not catch everything. Warnings are errors; any other exception than a KelboError fails the campaign.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import pickle
import random
import resource
import shutil
import sys
import tarfile
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from kelbo.errors import KelboError
from kelbo.recipes import change, dump, find, load
from kelbo.recipes.sets import read
from kelbo.runs import write_json

RESULT = Path(__file__).parent / "results" / "fuzz_campaign.json"
MEMORY = 6 * 2**30
Maker = Callable[[Path, random.Random], tuple[str, Path | None]]
"""Writes one damaged input below a folder; returns the data set's name ("" for a recipe) and where it lies."""


def damaged(content: bytes, draw: random.Random) -> bytes:
    """One to four random mutations."""
    data = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(data)) if draw.random() < 0.6 else draw.randrange(min(len(data), 64))
        length = min(draw.choice([1, 2, 4, 8, 64]), len(data) - place)
        kind = draw.choice(["flip", "cut", "repeat", "zero", "extreme", "swap"])
        if kind == "flip":
            data[place] ^= 1 << draw.randrange(8)
        elif kind == "cut" and place:
            del data[place:]
        elif kind == "repeat":
            data[place:place] = data[place : place + length] * draw.choice([1, 50])
        elif kind == "zero":
            data[place : place + length] = bytes(length)
        elif kind == "extreme":
            data[place : place + length] = draw.choice([b"\xff", b"\x7f", b"\x80"]) * length
        elif kind == "swap":
            other = draw.randrange(len(data) - length + 1)
            data[place : place + length], data[other : other + length] = (
                data[other : other + length],
                data[place : place + length],
            )
    return bytes(data)


def pixels(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(count, *shape), dtype=np.uint8)


def idx_files(folder: Path, draw: random.Random) -> tuple[str, Path]:
    """MNIST's four files, one of them damaged, in its packing or inside."""
    contents = {}
    for split, count in (("train", 12), ("t10k", 6)):
        images, labels = pixels(count, 28, 28), pixels(count) % 10
        header = b"\x00\x00\x08" + bytes([3]) + np.array(images.shape, ">i4").tobytes()
        contents[f"{split}-images-idx3-ubyte"] = header + images.tobytes()
        contents[f"{split}-labels-idx1-ubyte"] = (
            b"\x00\x00\x08\x01" + np.array([count], ">i4").tobytes() + labels.tobytes()
        )
    victim, inside = draw.choice(list(contents)), draw.random() < 0.5
    for name, content in contents.items():
        packed = gzip.compress(damaged(content, draw) if name == victim and inside else content)
        (folder / f"{name}.gz").write_bytes(damaged(packed, draw) if name == victim and not inside else packed)
    return "mnist", folder


def cifar_archive(folder: Path, draw: random.Random) -> tuple[str, Path]:
    """The python archive of CIFAR-10, damaged in the archive, in its gzip or in a pickled batch."""
    level, buffer = draw.choice(["pickle", "tar", "gzip"]), io.BytesIO()
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    victim = draw.choice(names)
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            batch = {b"data": pixels(4, 3072), b"labels": [0, 1, 2, 3], b"batch_label": name.encode()}
            content = pickle.dumps(batch, protocol=2)
            content = damaged(content, draw) if level == "pickle" and name == victim else content
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    tar = damaged(buffer.getvalue(), draw) if level == "tar" else buffer.getvalue()
    packed = gzip.compress(tar)
    (folder / "cifar-10-python.tar.gz").write_bytes(damaged(packed, draw) if level == "gzip" else packed)
    return "cifar10", folder


def pictures(folder: Path, draw: random.Random) -> tuple[str, Path]:
    """A folder of four pictures, one damaged."""
    victim = draw.randrange(4)
    for i in range(4):
        kind, buffer = draw.choice(["PNG", "JPEG", "WEBP", "BMP"]), io.BytesIO()
        Image.fromarray(pixels(1, 24, 24, 3)[0]).save(buffer, kind)
        content = damaged(buffer.getvalue(), draw) if i == victim else buffer.getvalue()
        (folder / f"{i}.{kind.lower()}").write_bytes(content)
    return "folder", folder


def array(folder: Path, draw: random.Random) -> tuple[str, Path]:
    """A .npy or .npz of levels or intensities, damaged, or holding NaN or values out of [0, 1]."""
    images: np.ndarray = pixels(12, 16, 16)
    if draw.random() < 0.4:
        images = (images / 255).astype(draw.choice([np.float32, np.float64]))
        if draw.random() < 0.5:
            images[draw.randrange(12), 3, 4] = draw.choice([np.nan, np.inf, -0.1, 1.5, 0.5001])
    buffer, zipped = io.BytesIO(), draw.random() < 0.5
    if zipped:
        np.savez_compressed(buffer, images=images)
    else:
        np.save(buffer, images)
    path = folder / ("a.npz" if zipped else "a.npy")
    path.write_bytes(damaged(buffer.getvalue(), draw) if draw.random() < 0.8 else buffer.getvalue())
    return "array", path


def recipe_file(folder: Path, draw: random.Random) -> tuple[str, None]:
    """A recipe's TOML, damaged in its bytes or with an odd value in a line."""
    text = dump(find(draw.choice(["digits", "mnist-sigma", "shapes2d-beta"])))
    path = folder / "r.toml"
    if draw.random() < 0.5:
        path.write_bytes(damaged(text.encode(), draw))
    else:
        lines = text.splitlines()
        chosen = draw.choice([i for i, line in enumerate(lines) if " = " in line and not line.endswith("[")])
        lines[chosen] = f"{lines[chosen].partition(' = ')[0]} = {draw.choice(ODD_VALUES)}"
        path.write_text("\n".join(lines))
    change(load(path), [draw.choice(["objective.beta=4", "training.steps=7", "likelihood.kind=laplace", "seed=1"])])
    return "", None


ODD_VALUES = [
    "-1",
    "0",
    "1e400",
    "nan",
    "true",
    '""',
    '"x"',
    "[]",
    "{}",
    "99999999999999999999",
    "1979-05-27",
    '"\\u0000"',
]

MAKERS: list[Maker] = [idx_files, cifar_archive, pictures, array, recipe_file]


def campaign(cases: int, seed: int, folder: Path) -> dict:
    """Run `cases` cases. Raises what a reader raised, with the case's number, where that is no KelboError."""
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))  # a lying header must not take the machine's memory
    ends: Counter[str] = Counter()
    for case in range(cases):
        draw, place = random.Random(f"{seed}:{case}"), folder / "case"
        place.mkdir()
        maker = MAKERS[case % len(MAKERS)]
        before: set[Path] = set()
        try:
            name, root = maker(place, draw)
            before = set(place.rglob("*"))
            if root is not None:
                read(name, root, ["size=null", "crop=whole"] if name == "folder" else [])
            ends[f"{maker.__name__}: read"] += 1
        except KelboError as error:
            ends[f"{maker.__name__}: {type(error).__name__}"] += 1
            if not str(error).strip() or "\n\n" in str(error):
                raise RuntimeError(f"case {case} has no clear message: {error!r}") from error
        except Exception as error:
            raise RuntimeError(f"case {case} ({maker.__name__}, seed {seed}) ended in {error!r}") from error
        if before and set(place.rglob("*")) != before:
            raise RuntimeError(f"case {case} left {set(place.rglob('*')) - before}")
        shutil.rmtree(place)
    return {"cases": cases, "seed": seed, "ends": dict(sorted(ends.items()))}


def main(cases: int, seed: int) -> None:
    from kelbo.machine import describe

    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        record = campaign(cases, seed, Path(folder))
    write_json(RESULT, record | {"seconds": round(time.perf_counter() - begun, 1), "machine": describe()})
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(main(arguments.cases, arguments.seed))
