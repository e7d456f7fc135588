"""Data sets of the hub are kept decoded, as folders are."""

import io
import os

import numpy as np
import pytest
import torch
from PIL import Image

from kelbo.data import decoding, opening
from kelbo.data.hub import hub

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """The library of the extra, with a cache of the test's own and no network."""
    library = pytest.importorskip("datasets", reason="needs the extra `hub`: pip install 'kelbo[hub]'")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    return library


def table(datasets, pixels):
    def png(image):
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG")
        return {"bytes": stream.getvalue(), "path": None}

    features = datasets.Features({"image": datasets.Image()})
    return datasets.Dataset.from_dict({"image": [png(image) for image in pixels]}, features=features)


def every(images):
    return images.take(torch.arange(len(images))).permute(0, 2, 3, 1).numpy()


@pytest.fixture
def decoded(monkeypatch):
    """The pictures that are decoded, of sets that are large enough for the cache."""
    monkeypatch.setattr(decoding, "CACHED_FROM", 3)
    names, real = [], opening.opened
    monkeypatch.setattr(
        opening, "opened", lambda picture, *given: (names.append(picture.path), real(picture, *given))[1]
    )
    return names


def changed(file, write):
    """Replace a file's content; its time changes too, in whole seconds."""
    before = file.stat().st_mtime
    write()
    os.utime(file, (before + 2, before + 2))


def test_a_data_set_is_decoded_once_and_mapped_from_then_on_until_its_files_change(datasets, tmp_path, decoded):
    parquet = tmp_path / "pets"
    (parquet / "data").mkdir(parents=True)
    for split, pixels in (("train", PIXELS[:9]), ("test", PIXELS[9:])):
        table(datasets, pixels).to_parquet(parquet / "data" / f"{split}-00000-of-00001.parquet")
    plain = hub(parquet, 8)
    for expected in (12, 0):
        decoded.clear()
        found = hub(parquet, 8, cache=tmp_path / "kept")
        assert len(decoded) == expected
        np.testing.assert_array_equal(every(found.train), every(plain.train))
        assert isinstance(found.train.pixels, np.memmap)
        assert (found.note, found.names["test"].tolist()) == (plain.note, plain.names["test"].tolist())
    file = parquet / "data" / "test-00000-of-00001.parquet"
    changed(file, lambda: table(datasets, 255 - PIXELS[9:]).to_parquet(file))
    decoded.clear()
    np.testing.assert_array_equal(every(hub(parquet, 8, cache=tmp_path / "kept").test), 255 - PIXELS[9:])
    assert decoded


def test_pictures_that_rows_name_are_decoded_anew_once_they_change(datasets, tmp_path, decoded):
    for i, pixels in enumerate(PIXELS):
        place = tmp_path / "pets" / ("train" if i < 9 else "test")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{i:02}.png")
    hub(tmp_path / "pets", 8, cache=tmp_path / "kept")
    file = tmp_path / "pets" / "train" / "03.png"
    changed(file, lambda: Image.fromarray(255 - PIXELS[3]).save(file))
    found = hub(tmp_path / "pets", 8, cache=tmp_path / "kept")
    np.testing.assert_array_equal(every(found.train)[3], 255 - PIXELS[3])
