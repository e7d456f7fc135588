"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) from their official archives for Python, packed or unpacked.

Each member is a pickled dictionary: `data`, uint8 (n, 3072), an image's red, green and blue planes of 32×32 one after
the other, and lists of labels. Members are read from the archive's stream; nothing is extracted to disk.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from kelbo.data.image_set import ImageSet
from kelbo.data.images import ArrayImages
from kelbo.data.roots import missing
from kelbo.data.unpickle import load_table
from kelbo.errors import DataCorrupt

SHAPE = (3, 32, 32)
VALUES = 3072
CHUNK = 2**20


@dataclass(frozen=True)
class _Layout:
    """How one of the two sets is stored on disk."""

    name: str
    title: str
    archive: str
    folder: str
    members: Mapping[str, tuple[str, ...]]
    about: str = ""
    """the file that names the classes, if it is read"""

    @property
    def files(self) -> list[str]:
        return [file for files in self.members.values() for file in files]


CIFAR10 = _Layout(
    name="cifar10",
    title="CIFAR-10",
    archive="cifar-10-python.tar.gz",
    folder="cifar-10-batches-py",
    members={"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)},
)
CIFAR100 = _Layout(
    name="cifar100",
    title="CIFAR-100",
    archive="cifar-100-python.tar.gz",
    folder="cifar-100-python",
    members={"train": ("train",), "test": ("test",)},
    about="meta",
)
CIFAR100_CLASSES = {"fine": 100, "coarse": 20}
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def cifar10(root: Path | str) -> ImageSet:
    """CIFAR-10's training and test images, (N, 3, 32, 32), with labels 0 … 9.

    root: a folder holding `cifar-10-python.tar.gz` or the folder `cifar-10-batches-py`. Batches of any number of images
    are read. Raises DataMissing if neither exists, DataCorrupt (naming the file) if one is damaged, asks to run
    code, or holds other shapes, types or labels.
    """
    return replace(_image_set(CIFAR10, Path(root), "labels", 10), class_names=CIFAR10_CLASSES)


def cifar100(root: Path | str, labels: Literal["fine", "coarse"] = "fine") -> ImageSet:
    """CIFAR-100 as `cifar10` returns it, with its 100 fine or 20 coarse labels, named if its file `meta` is there.

    root: a folder holding `cifar-100-python.tar.gz` or the folder `cifar-100-python`.
    """
    if labels not in CIFAR100_CLASSES:
        raise ValueError(f'labels must be "fine" or "coarse"; got {labels!r}.')
    return _image_set(CIFAR100, Path(root), f"{labels}_labels", CIFAR100_CLASSES[labels])


def _image_set(layout: _Layout, root: Path, key: str, classes: int) -> ImageSet:
    source, members = _members(layout, root)
    names = _class_names(members.pop(layout.about, None), f"{source}/{layout.about}", f"{key[:-1]}_names", classes)
    batches = {file: _batch(f"{source}/{file}", members.pop(file), key, classes) for file in layout.files}
    splits, labels = {}, {}
    for split, files in layout.members.items():
        splits[split] = ArrayImages(np.concatenate([batches[file][0] for file in files]))
        labels[split] = np.concatenate([batches[file][1] for file in files])
    counts = " + ".join(f"{len(images):,}" for images in splits.values())
    note = f"{layout.title}'s official batches and splits, {counts} images"
    sources = {split: f"{', '.join(files)} in {source}" for split, files in layout.members.items()}
    return ImageSet(layout.name, splits, note, labels, class_names=names, sources=sources)


def _class_names(pickled: bytes | None, source: str, key: str, classes: int) -> tuple[str, ...]:
    """The classes' names in the file about the set; () without it, and then classes are called by their numbers."""
    found = [] if pickled is None else load_table(pickled, source).get(key)
    if found and (not isinstance(found, list) or len(found) != classes):
        raise DataCorrupt(f"{source}: {key!r} should be a list of {classes} names.")
    return tuple(name.decode("latin1") if isinstance(name, bytes) else str(name) for name in found or ())


def _members(layout: _Layout, root: Path) -> tuple[Path, dict[str, bytes]]:
    """The pickles by name, and their place: the unpacked folder if it is complete, else the archive."""
    archive, folder = root / layout.archive, root / layout.folder
    present = [file for file in layout.files if (folder / file).is_file()]
    if len(present) == len(layout.files):
        files = [*layout.files, *([layout.about] if layout.about and (folder / layout.about).is_file() else [])]
        return folder, {file: (folder / file).read_bytes() for file in files}
    if archive.is_file():
        return archive, _unpacked(archive, layout)
    lacking = [str(folder / file) for file in layout.files if present and file not in present]
    raise missing(layout.title, f"{layout.archive} or the folder {layout.folder}", [root], lacking)


def _unpacked(archive: Path, layout: _Layout) -> dict[str, bytes]:
    wanted = {PurePosixPath(layout.folder, file): file for file in (*layout.files, layout.about) if file}
    found: dict[str, bytes] = {}
    try:
        with gzip.open(archive) as unzipped:
            with tarfile.open(fileobj=unzipped, mode="r|") as tar:
                for member in tar:
                    file = wanted.get(PurePosixPath(member.name))
                    stream = tar.extractfile(member) if file and member.isreg() and not member.issparse() else None
                    if file and stream:
                        found[file] = stream.read()
            while unzipped.read(CHUNK):  # to the end, for gzip verifies its checksum there
                pass
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataCorrupt(
            f"{archive} cannot be unpacked ({error}): it is cut off or damaged; fetch it again."
        ) from error
    lacking = [str(path) for path, file in wanted.items() if file not in found and file != layout.about]
    if lacking:
        raise DataCorrupt(f"{archive} lacks {', '.join(lacking)}; fetch the official archive.")
    return found


def _batch(source: str, pickled: bytes, key: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """A member's images, uint8 (n, 3, 32, 32), and labels, int64 (n,)."""
    table = load_table(pickled, source)
    for name in ("data", key):
        if name not in table:
            raise DataCorrupt(f"{source} should hold {name!r}; found {', '.join(map(repr, sorted(table)))}.")
    data, labels = table["data"], table[key]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != VALUES:
        found = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise DataCorrupt(f"{source}: 'data' should be uint8 of shape (n, {VALUES}); found {found}.")
    if not isinstance(labels, list) or len(labels) != len(data):
        found = f"{len(labels)}" if isinstance(labels, list) else type(labels).__name__
        raise DataCorrupt(f"{source}: {key!r} should be a list of {len(data)} labels, one an image; found {found}.")
    for label in labels:
        if type(label) is not int or not 0 <= label < classes:
            raise DataCorrupt(f"{source}: {key!r} should be numbers 0 to {classes - 1}; found {label!r}.")
    return data.reshape(-1, *SHAPE), np.array(labels, np.int64)
