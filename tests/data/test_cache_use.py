"""Several processes and one cache: each set is decoded once, sets in use stay, and what does not fit makes room or is told."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kelbo.data import cache_size, decoding
from kelbo.data.cache import find, kept, store
from kelbo.data.cache_size import clear, kept_in, limit_of, sweep, used_in
from kelbo.data.cache_use import LOCKS, is_being_made, is_used, making, mark_used
from kelbo.data.decoding import PicturesRefused
from kelbo.data.folder import folder
from kelbo.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 3, 4, 5), dtype=np.uint8)
SIZE = PIXELS.nbytes
A, B, C = ("a" * 32, "b" * 32, "c" * 32)

WORKER = """
import sys, time
from pathlib import Path
from kelbo.data import decoding, opening
decoding.CACHED_FROM, decoding.CHUNK = 10, 4
real, count = opening.opened, []
def slowly(*given):
    count.append(given)
    Path(sys.argv[3]).touch()
    while not Path(sys.argv[4]).exists():
        time.sleep(0.01)
    return real(*given)
opening.opened = slowly
from kelbo.data.folder import folder
try:
    found = folder(sys.argv[1], 4, cache=Path(sys.argv[2]))
    print(len(count), found.train.fingerprint(), type(found.train.parent.pixels).__name__, flush=True)
except Exception as error:
    print(len(count), type(error).__name__, flush=True)
if len(sys.argv) > 5:
    sys.stdin.read()
"""


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    root.mkdir()
    for i in range(18):
        Image.fromarray(np.full((9, 9, 3), i, np.uint8)).save(root / f"{i:02}.png")
    return root


def started(photos, cache, *, stays=False):
    """A process that reads the folder. Before its first decoding it makes the file `begun`, and waits for a file `go`."""
    argv = [sys.executable, "-c", WORKER, photos, cache, cache.with_name("begun"), cache.with_name("go")]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv + ["stays"] * stays, stdout=pipe, stderr=pipe, stdin=pipe, text=True)


def until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
def test_of_several_processes_one_decodes_and_the_others_are_told_and_map_what_it_made(photos, tmp_path):
    first = started(photos, tmp_path / "cache")
    until((tmp_path / "begun").exists)
    others = [started(photos, tmp_path / "cache") for _ in range(2)]
    waits = [other.stderr.readline() for other in others]
    (tmp_path / "go").touch()
    told = [worker.communicate(timeout=60) for worker in (first, *others)]
    counts = sorted(int(out.split()[0]) for out, _ in told)
    assert counts == [0, 0, 18]
    assert {tuple(out.split()[1:]) for out, _ in told} == {(folder(photos, 4).train.fingerprint(), "memmap")}
    assert all(f"18 pictures of {photos} are being decoded by process {first.pid}" in line for line in waits)


@pytest.mark.slow
def test_a_decoder_that_is_killed_frees_the_one_that_waits_and_leaves_nothing_half(photos, tmp_path):
    cache = tmp_path / "cache"
    first = started(photos, cache)
    until((tmp_path / "begun").exists)
    second = started(photos, cache)
    assert "waiting" in second.stderr.readline()
    assert len([*cache.glob("*.partial")]) == 1
    first.send_signal(signal.SIGKILL)
    first.communicate()
    (tmp_path / "go").touch()
    out, _ = second.communicate(timeout=60)
    assert out.split()[0] == "18"
    assert sorted(file.suffix for file in cache.iterdir() if file.name != LOCKS) == [".json", ".npy"]


@pytest.mark.slow
def test_what_one_process_cannot_decode_is_told_to_those_that_wait_and_tried_again_later(photos, tmp_path):
    cache = tmp_path / "cache"
    (photos / "03.png").write_bytes(b"no picture")
    first = started(photos, cache)
    until((tmp_path / "begun").exists)
    second = started(photos, cache)
    assert "waiting" in second.stderr.readline()
    (tmp_path / "go").touch()
    outs = [worker.communicate(timeout=60)[0].split() for worker in (first, second)]
    assert outs == [["18", "PicturesRefused"], ["0", "PicturesRefused"]]
    assert started(photos, cache).communicate(timeout=60)[0].split() == ["18", "PicturesRefused"]


@pytest.mark.slow
def test_a_set_that_a_living_process_uses_stays_and_is_removed_once_it_was_killed(photos, tmp_path):
    cache = tmp_path / "cache"
    (tmp_path / "go").touch()
    worker = started(photos, cache, stays=True)
    worker.stdout.readline()
    [(one, used)] = used_in(cache).items()
    assert used
    assert clear(cache, [one]) == clear(cache, [one], dry_run=True) == []
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    assert clear(cache, [one], dry_run=True) == clear(cache, [one]) == [one]
    assert [file.name for file in cache.rglob("*") if file.is_file()] == ["all.lock"]


def made(cache, key, used=None):
    """A set that no process uses, used last at a time."""
    store(cache, key, (3, 4, 5), 10, [PIXELS], lambda: {"of": f"/{key[0]}"})
    if used:
        os.utime(cache / f"{key}.json", (used, used))


def keys(cache):
    return [one.key[0] for one in kept_in(cache)]


def test_a_mapped_set_is_used_until_its_last_array_is_gone(tmp_path):
    made(tmp_path, A, used=5)
    images, _ = find(tmp_path, A)
    assert is_used(tmp_path, A)
    assert kept_in(tmp_path)[0].used > time.time() - 60
    part = images.pixels[3:5]
    del images
    assert is_used(tmp_path, A)
    del part
    assert not is_used(tmp_path, A)
    assert [*tmp_path.glob(f"{LOCKS}/*.used")] == []


def test_a_process_that_was_forked_ends_no_use(tmp_path):
    made(tmp_path, A)
    images, _ = find(tmp_path, A)
    if (child := os.fork()) == 0:
        del images
        os._exit(0)
    os.waitpid(child, 0)
    assert is_used(tmp_path, A)
    del images
    assert not is_used(tmp_path, A)


def test_what_was_used_least_recently_makes_room_for_what_is_new(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("KELBO_CACHE_SIZE", str(3 * (SIZE + 400)))
    for used, key in ((30, A), (10, B), (20, C)):
        made(tmp_path, key, used)
    assert keys(tmp_path) == ["b", "c", "a"]
    with_room = kept(tmp_path, "d" * 32, (3, 4, 5), 10, "/d", lambda _: [PIXELS])
    assert with_room is not None
    assert keys(tmp_path) == ["c", "a", "d"]
    assert "removed: /b, 1 set" in caplog.text


def test_a_set_in_use_makes_no_room_and_the_next_oldest_does(tmp_path, monkeypatch):
    monkeypatch.setenv("KELBO_CACHE_SIZE", str(3 * (SIZE + 400)))
    for used, key in ((10, A), (20, B), (30, C)):
        made(tmp_path, key, used)
    release = mark_used(tmp_path, A)
    kept(tmp_path, "d" * 32, (3, 4, 5), 10, "/d", lambda _: [PIXELS])
    assert keys(tmp_path) == ["a", "c", "d"]
    release()


@pytest.mark.parametrize("full", [False, True])
def test_what_is_larger_than_the_limit_or_the_disk_is_told_removes_nothing_and_is_read_without_the_cache(
    photos, tmp_path, monkeypatch, caplog, full
):
    made(tmp_path, A)
    monkeypatch.setattr(decoding, "CACHED_FROM", 10)
    if full:
        monkeypatch.setattr(cache_size, "_free", lambda _: 1)
    else:
        monkeypatch.setenv("KELBO_CACHE_SIZE", "0.8kB")
    found = folder(photos, 4, cache=tmp_path)
    assert found.train.fingerprint() == folder(photos, 4).train.fingerprint()
    assert keys(tmp_path) == ["a"]
    assert f"18 pictures of {photos} are not kept decoded: they take 864 bytes" in caplog.text
    monkeypatch.setattr(decoding, "memory", lambda: 1000)
    with pytest.raises(DataError, match="more than half of this machine's memory"):
        folder(photos, 4, cache=tmp_path)


def test_a_cache_that_cannot_be_written_is_told_and_the_set_is_read_without_it(photos, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(decoding, "CACHED_FROM", 10)
    (tmp_path / "file").touch()
    found = folder(photos, 4, cache=tmp_path / "file" / "cache")
    assert found.train.fingerprint() == folder(photos, 4).train.fingerprint()
    assert "cannot be written" in caplog.text


def test_a_set_is_found_in_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    made(tmp_path, A)

    def read_only(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("kelbo.data.cache_use._locks", read_only)
    images, _ = find(tmp_path, A)
    np.testing.assert_array_equal(images.pixels, PIXELS)


@pytest.mark.parametrize(
    ("told", "size"), [("20GB", 20 * 10**9), ("1.5 mb", 1_500_000), ("700", 700), ("0", 0), ("none", None)]
)
def test_the_limit_is_what_the_variable_says(tmp_path, monkeypatch, told, size):
    monkeypatch.setenv("KELBO_CACHE_SIZE", told)
    assert limit_of(tmp_path) == size


def test_the_limit_is_else_half_of_the_disk_without_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_size, "_free", lambda _: 10_000)
    assert limit_of(tmp_path / "absent") == 5000
    made(tmp_path, A)
    assert limit_of(tmp_path) == (10_000 + kept_in(tmp_path)[0].bytes) // 2
    monkeypatch.setenv("KELBO_CACHE_SIZE", "much")
    with pytest.raises(DataError, match="KELBO_CACHE_SIZE should be a size .* got 'much'"):
        limit_of(tmp_path)


def test_what_killed_processes_left_is_swept_and_foreign_files_are_not(tmp_path):
    made(tmp_path, A)
    names = [f"{B}.0.partial", f"{C}.npy", f"{'d' * 32}.0.partial", f"{'e' * 32}.0.partial", "mine.npy", "notes.json"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / LOCKS).mkdir(exist_ok=True)
    for key in (B, C):
        (tmp_path / LOCKS / f"{key}.lock").touch()
    os.utime(tmp_path / names[2], (time.time() - 25 * 3600,) * 2)
    with making(tmp_path, B, "b is being made"):
        assert is_being_made(tmp_path, B)
        sweep(tmp_path)
        left = {file.name for file in tmp_path.iterdir() if file.is_file()}
        assert left == {f"{A}.npy", f"{A}.json", names[0], names[3], "mine.npy", "notes.json"}
    sweep(tmp_path)
    assert not (tmp_path / names[0]).exists()
    assert keys(tmp_path) == ["a"]


def test_where_there_are_no_locks_nothing_is_taken_for_unused_or_left_by_a_killed_process(tmp_path, monkeypatch):
    made(tmp_path, A)
    images, _ = find(tmp_path, A)
    (tmp_path / f"{B}.0.partial").touch()
    (tmp_path / LOCKS / f"{B}.lock").touch()

    def no_locks(*_, **__):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("filelock.FileLock.acquire", no_locks)
    [one] = kept_in(tmp_path)
    assert clear(tmp_path, [one]) == []
    assert (tmp_path / f"{B}.0.partial").exists()
    np.testing.assert_array_equal(images.pixels, PIXELS)


def test_sets_of_an_earlier_version_are_listed_without_what_it_did_not_record(tmp_path):
    store(tmp_path, A, (3, 4, 5), 10, [PIXELS], dict)
    made(tmp_path, B)
    old, new = sorted(kept_in(tmp_path), key=lambda one: one.key)
    assert "of" not in old.about()
    assert (new.about()["of"], new.about()["shape"]) == ("/b", [10, 3, 4, 5])


def test_a_refusal_is_raised_as_before(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "CACHED_FROM", 10)
    (photos / "03.png").write_bytes(b"no picture")
    for _ in range(2):
        with pytest.raises(PicturesRefused, match=r"1 of 18 pictures") as told:
            folder(photos, 4, cache=Path(tmp_path / "cache"))
        assert told.value.count == 18
