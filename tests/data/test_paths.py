import os
import random
import tracemalloc
from pathlib import PurePath

import numpy as np
import pytest

from kelbo.data.cache import key_of, key_of_many
from kelbo.data.formats import suffix_of
from kelbo.data.listing import listed
from kelbo.data.paths import GrowingNames, Paths

LETTERS = ["a", "B", "-", ".", "0", "ö", "\udcff", "\ue000", "😀"]
SOME = ["a/1.png", "a/2.png", "b.png", "b/c/3.png", "ö/\udcff.png"]


def test_paths_are_the_text_that_they_were_made_of():
    paths = Paths.of(SOME)
    assert len(paths) == len(SOME)
    assert [*paths] == [paths[i] for i in range(len(SOME))] == paths.tolist() == np.asarray(paths).tolist() == SOME
    assert [*paths.file_names()] == [path.rpartition("/")[2] for path in SOME]
    assert [paths.folders[number] for number in paths.folder_of_each()] == ["a", "a", "", "b/c", "ö"]
    assert paths[-1] == SOME[-1]
    with pytest.raises(IndexError):
        paths[len(SOME)]


def test_slices_and_arrays_of_places_give_subsets_that_share_the_text():
    paths = Paths.of(SOME)
    assert paths[1:3].tolist() == SOME[1:3]
    some = paths[np.array([4, 0, 3])]
    assert some.tolist() == [SOME[4], SOME[0], SOME[3]]
    assert some[np.array([True, False, True])].tolist() == [SOME[4], SOME[3]]
    assert some[1] == SOME[0]
    assert some.names is paths.names
    assert some.places_of_all().tolist() == [4, 0, 3]


@pytest.mark.parametrize("longest", [1, 2**20])
def test_names_are_sorted_as_text_is_whatever_their_letters_and_lengths(longest):
    rng = random.Random(0)
    names = {"".join(rng.choices(LETTERS, k=rng.randint(1, 12))) for _ in range(2000)} | {"x" * longest}
    growing = GrowingNames()
    for name in names:
        growing.add(name)
    found = growing.in_order()
    assert [found.text(place) for place in range(len(found))] == sorted(names)
    assert [found.part(3, 5).text(place) for place in range(2)] == sorted(names)[3:5]


def test_paths_from_several_folders_are_sorted_as_text_is(tmp_path):
    names = [
        "b/z.png",
        "a.png",
        "a/b.png",
        "a-b/c.png",
        "ab.png",
        "a/b/c.png",
        "a.b/d.png",
        "B.png",
        "ö.png",
        "\udcff.png",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = listed(tmp_path)
    assert found.pictures.paths.tolist() == sorted(names)
    assert found.folders == ("a", "a-b", "a.b", "a/b", "b")
    assert [picture.name for picture in found.pictures] == [str(tmp_path / name) for name in sorted(names)]


def test_a_listing_holds_no_object_for_each_file(tmp_path):
    (tmp_path / "a").mkdir()
    first = tmp_path / "first.png"
    first.touch()
    for number in range(3000):
        os.link(first, tmp_path / "a" / f"{number:08}.png")
    listed(tmp_path)
    tracemalloc.start()
    try:
        found = listed(tmp_path)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.pictures) == 3001
    assert held < 40 * 3000
    assert peak < 150 * 3000


def test_stamps_tell_a_files_size_and_time_and_the_files_that_are_absent(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"1234")
    os.utime(tmp_path / "a.png", ns=(5, 6))
    (tmp_path / "c.png").symlink_to(tmp_path / "gone")
    pictures = listed(tmp_path).pictures
    stamps = [*pictures.stamps()]
    assert stamps[0] == (str(tmp_path / "a.png"), 4, 6)
    assert stamps[2] == (str(tmp_path / "c.png"), "absent")
    assert [*pictures[np.array([2, 0])].stamps()] == [stamps[2], stamps[0]]


@pytest.mark.parametrize("count", [0, 1, 4096, 4097])
def test_the_key_of_many_stamps_is_that_of_their_list(count):
    stamps = [(f"ö\udcff{number}", number, None) for number in range(count)]
    assert key_of_many(iter(stamps), {"size": (4, 4)}, "skip") == key_of(stamps, {"size": (4, 4)}, "skip")


def test_suffixes_are_those_of_pathlib():
    names = ["a.PNG", "a", ".png", "a/b.c/d", "a.b/.png", "a..png", "a.tar.gz", "x/y.z"]
    assert [suffix_of(name) for name in names] == [PurePath(name).suffix.lower() for name in names]
