import json
import os
import time

import numpy as np
import pytest

from kelbo.data.cache import find, store

PIXELS = np.zeros((10, 3, 4, 5), np.uint8)
A, B = "a" * 32, "b" * 32


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of two sets, of which the first was not used for ten days."""
    place = tmp_path / "cache"
    monkeypatch.setenv("KELBO_CACHE", str(place))
    for key, of, split in ((A, "/data/cats", "train"), (B, "/data/[dogs]", "all")):
        store(place, key, (3, 4, 5), 10, [PIXELS], lambda of=of, split=split: {"of": of, "split": split})
    before = time.time() - 10 * 24 * 3600
    os.utime(place / f"{A}.json", (before, before))
    return place


def kept(cache):
    return sorted(file.stem[0] for file in cache.glob("*.npy"))


def test_the_list_tells_what_each_set_was_made_from_and_the_last_used_first(kelbo, cache):
    code, out, err = kelbo("data", "cache", "list")
    assert code == 0, err
    head, _, first, second = out.splitlines()
    assert head.startswith(f"{cache}: 2 sets, ")
    assert first.startswith("bbbbbbbb  10 ")
    assert first.endswith("/data/[dogs]")
    assert second.endswith("/data/cats (train)")


def test_the_list_as_json(kelbo, cache, monkeypatch):
    monkeypatch.setenv("KELBO_CACHE_SIZE", "2MB")
    images, _ = find(cache, B)
    told = json.loads(kelbo("data", "cache", "list", "--json")[1])
    assert (told["cache"], told["limit"]) == (str(cache), 2_000_000)
    assert [(one["key"], one["of"], one["in_use"]) for one in told["sets"]] == [
        (B, "/data/[dogs]", True),
        (A, "/data/cats", False),
    ]
    assert told["sets"][0]["shape"] == list(images.pixels.shape)


@pytest.mark.parametrize(
    ("asked", "left"),
    [([], ""), (["aaaa"], "b"), (["/data/[dogs]"], "a"), (["--older-than", 9], "b"), ([B, "--older-than", 9], "ab")],
)
def test_all_or_some_are_cleared_and_what_was_freed_is_told(kelbo, cache, asked, left):
    size = sum(file.stat().st_size for file in cache.glob("*.*"))
    for dry in (["--dry-run"], []):
        code, out, err = kelbo("data", "cache", "clear", *asked, *dry)
        assert code == 0, err
        assert kept(cache) == (["a", "b"] if dry else [*left])
        assert f"{'would free' if dry else 'freed'} {2 - len(left)} set" in out.splitlines()[-1]
        told = f"{'would remove' if dry else 'removed'} aaaaaaaa /data/cats (train)"
        assert (told in out.splitlines()) is ("a" not in left)
    if not left:
        assert f"{size / 1000:.1f} kB" in out.splitlines()[-1]


def test_a_set_in_use_is_left_and_told(kelbo, cache):
    images, _ = find(cache, A)
    code, out, _ = kelbo("data", "cache", "clear")
    assert (code, kept(cache)) == (0, ["a"])
    assert "left aaaaaaaa /data/cats (train): a process uses it" in out
    assert len(images) == 10


def test_a_name_of_nothing_is_refused(kelbo, cache):
    for name in ("cccc", "", "/data"):
        code, _, err = kelbo("data", "cache", "clear", name)
        assert (code, kept(cache)) == (2, ["a", "b"])
        assert repr(name) in err


def test_without_a_cache_nothing_is_listed_or_cleared(kelbo, tmp_path, monkeypatch):
    monkeypatch.setenv("KELBO_CACHE", "none")
    for command in (["list"], ["clear"]):
        code, out, _ = kelbo("data", "cache", *command)
        assert (code, "there is no cache" in out) == (0, True)
    assert json.loads(kelbo("data", "cache", "list", "--json")[1])["sets"] == []
    monkeypatch.setenv("KELBO_CACHE", str(tmp_path / "absent"))
    assert "0 sets" in kelbo("data", "cache", "list")[1]
    assert not (tmp_path / "absent").exists()
