"""Codes as files that other programs read."""

from __future__ import annotations

import importlib.util
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from kelbo.cli.places import require_file
from kelbo.data.factors import FactorImages
from kelbo.data.layout import class_of
from kelbo.errors import DataCorrupt, DataMissing, RecipeError
from kelbo.runs import write_atomic


def write_codes(
    path: Path,
    means: np.ndarray,
    scales: np.ndarray | None,
    *,
    labels: np.ndarray | None = None,
    factors: FactorImages | None = None,
    paths: Sequence[str] | np.ndarray | None = None,
    index: np.ndarray | None = None,
) -> None:
    """Write codes (N, K) and the labels or factors of their images as .npz or .parquet, atomically.

    scales: standard deviations, if the code has any. labels: classes (N,). factors: the whole set, whose images
    the rows are in order. paths: of the images' files within the set (N,), whose folders name classes. index: names of a
    table's rows (N,). The .npz holds `means`, `scales`, `labels`, `factors` (N, F), `names` (F,), `paths`, `classes` and
    `index`, those that exist; `kelbo score` reads it. The table has columns mean_0 …, scale_0 …, `label`, one per factor,
    `path`, `class` and `index`. RecipeError for another ending, or for .parquet without pyarrow.
    """
    arrays = {"means": means}
    if scales is not None:
        arrays["scales"] = scales
    if labels is not None:
        arrays["labels"] = labels
    if factors is not None:
        values = factors.of(torch.arange(len(factors))).numpy()
        arrays |= {"factors": values, "names": np.array(factors.factors.names)}
    if paths is not None:
        arrays["paths"] = np.asarray(paths, np.str_)
        classes = np.array([class_of(each) for each in arrays["paths"].tolist()], np.str_)
        arrays |= {"classes": classes} if classes.any() else {}
    if index is not None:
        arrays["index"] = index
    require_writable(path)
    if path.suffix == ".npz":
        write_arrays(path, arrays)
    else:
        buffer = io.BytesIO()
        pyarrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
        parquet.write_table(pyarrow.table(_columns(arrays)), buffer)
        write_atomic(path, buffer.getvalue())


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as .npz, atomically; text arrays are of plain text, nothing is pickled."""
    write_atomic(path, as_npz(arrays))


def as_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as an .npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]  taken for the keyword allow_pickle
    return buffer.getvalue()


def require_writable(path: Path) -> None:
    """RecipeError if codes cannot be written there: a folder, another ending, or .parquet without pyarrow.

    RunError if the folder cannot be made.
    """
    require_file(path, ".npz", ".parquet")
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise RecipeError(f"{path} needs pyarrow: pip install 'kelbo[parquet]', or write an .npz.")


def _columns(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    columns = {f"mean_{k}": column for k, column in enumerate(arrays["means"].T)}
    columns |= {f"scale_{k}": column for k, column in enumerate(arrays.get("scales", np.empty((0, 0))).T)}
    columns |= {"label": arrays["labels"]} if "labels" in arrays else {}
    if "factors" in arrays:
        columns |= {str(name): column for name, column in zip(arrays["names"], arrays["factors"].T, strict=True)}
    last = {"path": "paths", "class": "classes", "index": "index"}
    return columns | {name: arrays[key] for name, key in last.items() if key in arrays}


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name; nothing in it is unpickled. DataMissing if it is absent, DataCorrupt if it is no .npz."""
    if not path.is_file():
        raise DataMissing(f"There is no file {path}.")
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise DataCorrupt(
                    f"{path} holds one array; save `codes` and `factors` together: np.savez({path.stem!r}, …)."
                )
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataCorrupt(f"{path} cannot be read as an .npz of plain arrays: {error}") from error
