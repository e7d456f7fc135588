import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kelbo.data import decoding, opening
from kelbo.data.cache import find, key_of, store
from kelbo.data.cache_size import cache_root
from kelbo.data.cache_use import LOCKS
from kelbo.data.folder import folder
from kelbo.errors import DataCorrupt, DataError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (10, 3, 4, 5), dtype=np.uint8)


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of pictures, enough of them for the cache."""
    monkeypatch.setattr(decoding, "CACHED_FROM", 10)
    monkeypatch.setattr(decoding, "CHUNK", 4)  # several chunks, the last one short
    root = tmp_path / "photos"
    root.mkdir()
    for i in range(18):
        Image.fromarray(RNG.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(root / f"{i:02}.png")
    return root


@pytest.fixture
def decoded_pictures(monkeypatch):
    """Counts the pictures that are decoded."""
    count = []
    real = opening.opened
    monkeypatch.setattr(opening, "opened", lambda *given: (count.append(given), real(*given))[1])
    return count


def files(cache):
    """Names of the files that are kept, and of nothing half."""
    return sorted(file.name for file in cache.iterdir() if file.name != LOCKS)


def every(images):
    return images.take(torch.arange(len(images)))


def equal(a, b):
    return all(torch.equal(every(a.splits[split]), every(b.splits[split])) for split in a.splits)


def test_a_big_folder_is_decoded_once_and_mapped_from_then_on(photos, tmp_path, decoded_pictures):
    plain = folder(photos, 4)
    for _ in range(2):
        decoded_pictures.clear()
        first = folder(photos, 4, cache=tmp_path / "cache")
    assert decoded_pictures == []
    assert isinstance(first.train.parent.pixels, np.memmap)
    assert not first.train.parent.pixels.flags.writeable
    assert equal(first, plain)
    assert first.note == plain.note
    assert [Path(name).suffix for name in files(tmp_path / "cache")] == [".json", ".npy"]


def test_a_small_folder_is_not_kept(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "CACHED_FROM", 19)
    folder(photos, 4, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda _: {"size": 5},
        lambda _: {"crop": 6},
        lambda _: {"resize": "box"},
        lambda _: {"mode": "grey"},
        lambda _: {"size": (4, 6)},
        lambda _: {"depth": "scale"},
        lambda photos: Image.new("RGB", (9, 9)).save(photos / "03.png"),
        lambda photos: (photos / "03.png").unlink(),
        lambda photos: (photos / "03.png").rename(photos / "99.png"),
        lambda photos: os.utime(photos / "03.png", (1, 1)),
    ],
    ids=["size", "crop", "resize", "mode", "height", "depth", "content", "fewer", "renamed", "touched"],
)
def test_other_options_or_other_files_are_decoded_anew(photos, tmp_path, decoded_pictures, change):
    folder(photos, 4, cache=tmp_path / "cache")
    decoded_pictures.clear()
    changed = change(photos)
    options = {"size": 4} | (changed if isinstance(changed, dict) else {})
    again = folder(photos, cache=tmp_path / "cache", **options)
    assert len(decoded_pictures) >= 17
    assert equal(again, folder(photos, **options))


@pytest.mark.parametrize("end", [".npy", ".json"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole + b"more",
        lambda whole: whole[:-40] + bytes(byte ^ 0xFF for byte in whole[-40:]),
        lambda whole: bytes(byte ^ 0x55 for byte in whole[:20]) + whole[20:],
    ],
    ids=["empty", "half", "longer", "altered", "header"],
)
def test_a_damaged_cache_is_made_anew(photos, tmp_path, decoded_pictures, end, damage):
    kept = folder(photos, 4, cache=tmp_path / "cache")
    images = every(kept.train).clone()
    file = next((tmp_path / "cache").glob(f"*{end}"))
    del kept
    file.write_bytes(damage(file.read_bytes()))
    decoded_pictures.clear()
    again = folder(photos, 4, cache=tmp_path / "cache")
    assert len(decoded_pictures) == 18
    assert torch.equal(every(again.train), images)
    decoded_pictures.clear()
    folder(photos, 4, cache=tmp_path / "cache")
    assert decoded_pictures == []


def test_the_pictures_left_out_are_remembered(photos, tmp_path):
    (photos / "05.png").write_bytes(b"no picture")
    (photos / "11.png").write_bytes(b"no picture")
    notes = {folder(photos, 4, unreadable="skip", cache=tmp_path / "cache").note for _ in range(2)}
    assert len(notes) == 1
    assert f"2 files left out (2 refused) (the first refused: {photos / '05.png'} cannot be read" in notes.pop()
    with pytest.raises(DataCorrupt, match="05.png cannot be read"):
        folder(photos, 4, cache=tmp_path / "cache")
    assert len(files(tmp_path / "cache")) == 2


def test_a_folder_without_a_single_picture_that_can_be_read_leaves_no_cache(photos, tmp_path):
    for file in photos.iterdir():
        file.write_bytes(b"no picture")
    with pytest.raises(DataCorrupt, match="18 of 18 pictures cannot be used"):
        folder(photos, 4, unreadable="skip", cache=tmp_path / "cache")
    assert files(tmp_path / "cache") == []


def test_a_set_is_found_as_it_was_stored(tmp_path):
    images, record = store(tmp_path, "key", (3, 4, 5), 10, [PIXELS[:7], PIXELS[7:]], lambda: {"more": [1]})
    np.testing.assert_array_equal(every(images), PIXELS)
    found = find(tmp_path, "key")
    assert found is not None
    np.testing.assert_array_equal(every(found[0]), PIXELS)
    assert found[1] == record
    assert record["more"] == [1]
    assert find(tmp_path, "other") is None


def test_a_record_that_was_altered_is_not_believed(tmp_path):
    store(tmp_path, "key", (3, 4, 5), 10, [PIXELS], lambda: {"more": 1})
    text = (tmp_path / "key.json").read_text()
    for old, new in (('"more": 1', '"more": 2'), ('"more"', '"less"'), (text, "[1, 2]"), (text, "{}"), (text, "null")):
        (tmp_path / "key.json").write_text(text.replace(old, new))
        assert find(tmp_path, "key") is None
    (tmp_path / "key.json").write_text(text)
    assert find(tmp_path, "key") is not None


def test_fewer_images_than_announced_are_a_whole_set_too(tmp_path):
    store(tmp_path, "key", (3, 4, 5), 10**12, [PIXELS[:3]], dict)
    found = find(tmp_path, "key")
    assert found is not None
    np.testing.assert_array_equal(every(found[0]), PIXELS[:3])


def test_nothing_half_is_left_where_making_it_fails(tmp_path):
    def chunks():
        yield PIXELS
        raise DataCorrupt("one is broken")

    with pytest.raises(DataCorrupt, match="one is broken"):
        store(tmp_path, "key", (3, 4, 5), 20, chunks(), dict)
    assert files(tmp_path) == []


def test_a_full_disk_is_told_with_the_way_out(tmp_path):
    def chunks():
        yield PIXELS
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match=r"cannot be written to .*No space left.* Make room there, .* KELBO_CACHE"):
        store(tmp_path, "key", (3, 4, 5), 20, chunks(), dict)
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=f"cannot be written to {tmp_path / 'file' / 'cache'}"):
        store(tmp_path / "file" / "cache", "key", (3, 4, 5), 10, [PIXELS], dict)


def test_two_that_make_the_same_set_at_once_both_succeed(tmp_path):
    together = threading.Barrier(2)

    def make(_):
        together.wait(10)
        for _ in range(50):
            store(tmp_path, "key", (3, 4, 5), 10, [PIXELS[:5], PIXELS[5:]], dict)
            images, _ = find(tmp_path, "key")
            assert np.array_equal(images.pixels, PIXELS)
        return True

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(make, range(2))) == [True, True]
    assert files(tmp_path) == ["key.json", "key.npy"]


def test_the_cache_lies_where_the_variable_or_the_system_says(monkeypatch):
    monkeypatch.setenv("KELBO_CACHE", "/mine")
    assert cache_root() == Path("/mine")
    monkeypatch.setenv("KELBO_CACHE", "none")
    assert cache_root() is None
    monkeypatch.delenv("KELBO_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_root() == Path("/caches/kelbo")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == Path.home() / ".cache" / "kelbo"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_root() == Path.home() / "Library/Caches/kelbo"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert cache_root() == Path("/local/kelbo/cache")


def test_a_key_depends_on_every_part():
    assert key_of([["a", 1, 2]], [4, 4]) == key_of([("a", 1, 2)], (4, 4))
    assert len({key_of("a", 1), key_of("a", 2), key_of("b", 1), key_of("a1")}) == 4
