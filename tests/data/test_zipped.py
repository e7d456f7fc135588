"""Zips of pictures: the same images as a folder, and nothing of a stranger's archive but its pictures."""

import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from kelbo.data.folder import folder
from kelbo.errors import DataCorrupt, DataMissing

RNG = np.random.default_rng(0)


def png(pixels=None):
    stream = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8) if pixels is None else pixels).save(stream, "PNG")
    return stream.getvalue()


def pack(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def patched(archive, field, size, value, member=b""):
    """The archive with one field of the central entry of `member` changed."""
    whole = bytearray(archive.read_bytes())
    entry = whole.rindex(member) - 46  # the name follows 46 bytes of the central directory's entry
    assert whole[entry : entry + 4] == b"PK\x01\x02"
    whole[entry + field : entry + field + size] = value.to_bytes(size, "little")
    archive.write_bytes(whole)


def every(images):
    return images.take(torch.arange(len(images)))


def test_a_zip_gives_the_same_images_as_the_folder_that_was_zipped(tmp_path):
    members = {f"a/{i}.png": png() for i in range(6)} | {f"b/{i}.PNG": png() for i in range(6)}
    archive = pack(tmp_path / "photos.zip", members)
    for name, content in members.items():
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(content)
    unpacked = folder(tmp_path / "photos", 4, mode="grey")
    before = sorted(tmp_path.rglob("*"))
    zipped = folder(archive, 4, mode="grey")
    assert sorted(tmp_path.rglob("*")) == before
    assert zipped.name == unpacked.name == "photos"
    assert zipped.note == unpacked.note.replace("photos,", "photos.zip,")
    for split in ("train", "test"):
        assert torch.equal(every(zipped.splits[split]), every(unpacked.splits[split]))


@pytest.mark.parametrize("around", ["", "photos/"])
def test_top_folders_named_as_splits_are_the_splits_also_below_one_folder_around_all(tmp_path, around):
    members = {f"{around}train/{i}.png": png() for i in range(3)} | {f"{around}test/x/0.png": png()}
    image_set = folder(pack(tmp_path / "x.zip", members), 8)
    assert {split: len(images) for split, images in image_set.splits.items()} == {"train": 3, "test": 1}
    assert image_set.sources == {"train": f"{around}train/", "test": f"{around}test/"}


def test_hidden_files_and_files_of_other_kinds_are_passed_over(tmp_path):
    others = [".hidden.png", ".trash/a.png", "__MACOSX/._0.png", "notes.txt", "program.exe"]
    archive = pack(tmp_path / "x.zip", {"0.png": png(), "1.png": png()} | dict.fromkeys(others, b"no picture"))
    assert len(folder(archive, 8).train) == 1


@pytest.mark.parametrize("name", ["../out.png", "a/../../out.png", "/etc/out.png", "..\\out.png", "C:\\out.png"])
def test_a_name_that_leads_out_of_the_archive_is_refused_and_nothing_is_written(tmp_path, name):
    archive = pack(tmp_path / "in.zip", {name: png()})
    with pytest.raises(
        DataCorrupt, match=r"in\.zip holds '.*out\.png', a name that leads out of the archive. Nothing was"
    ):
        folder(archive)
    assert sorted(tmp_path.rglob("*")) == [archive]


def test_a_name_held_twice_is_refused(tmp_path):
    archive = pack(tmp_path / "x.zip", {"0.png": png()})
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("0.png", png())
    with pytest.raises(DataCorrupt, match="holds '0.png' twice"):
        folder(archive)


def test_an_encrypted_picture_is_named_with_the_way_out(tmp_path):
    archive = pack(tmp_path / "x.zip", {"0.png": png(), "1.png": png()})
    patched(archive, 8, 2, 1, b"1.png")
    with pytest.raises(DataCorrupt, match=r"x.zip/1.png is encrypted. Unpack the archive with its password"):
        folder(archive, 8)


def test_a_picture_with_a_wrong_checksum_is_named_or_skipped_on_request(tmp_path):
    archive = pack(tmp_path / "x.zip", {f"{i}.png": png() for i in range(5)})
    patched(archive, 16, 4, 0xBAD, b"3.png")
    with pytest.raises(DataCorrupt, match=r"x.zip/3.png cannot be read from the archive \(Bad CRC-32 .*\). Make the"):
        folder(archive, 8)
    image_set = folder(archive, 8, unreadable="skip", held_out=0.25)
    assert (len(image_set.train), len(image_set.test)) == (3, 1)
    assert (
        f"1 file left out (1 refused) (the first refused: {archive}/3.png cannot be read from the archive"
        in image_set.note
    )


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_whose_output_has_no_bound_are_refused(tmp_path, method):
    archive = pack(tmp_path / "x.zip", {"0.png": png()}, method)
    with pytest.raises(
        DataCorrupt, match=f"0.png is compressed by method {method}. Make a zip that stores or deflates"
    ):
        folder(archive)


def test_a_bomb_that_declares_its_size_is_refused_before_it_is_read(tmp_path):
    archive = pack(tmp_path / "x.zip", {"0.png": bytes(129 * 2**20)})
    assert archive.stat().st_size < 2**18
    with pytest.raises(DataCorrupt, match=r"0.png claims 135,266,304 bytes; pictures of up to 134,217,728 are read"):
        folder(archive)


def test_a_bomb_that_hides_its_size_gives_no_more_bytes_than_it_declares(tmp_path):
    archive = pack(tmp_path / "x.zip", {"0.png": bytes(300 * 2**20)})
    patched(archive, 24, 4, 1000, b"0.png")
    tracemalloc.start()
    try:
        with pytest.raises(DataCorrupt, match=r"x.zip/0.png cannot be read"):
            folder(archive)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * 2**20


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(tmp_path):
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    chunks = [b"IHDR" + header, b"IDAT" + zlib.compress(bytes(1000))]
    framed = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(framed)
    archive = pack(tmp_path / "x.zip", {"0.png": bomb})
    with pytest.raises(DataCorrupt, match=r"0.png claims to be larger than Pillow decodes safely: .*1600000000 pixels"):
        folder(archive)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_an_archive_cut_off_is_named(tmp_path, kept):
    archive = pack(tmp_path / "x.zip", {f"{i}.png": png() for i in range(5)})
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(DataCorrupt, match=f"^{archive} is not a readable zip archive .*: it is cut off or damaged"):
        folder(archive)


def test_an_absent_archive_and_one_without_pictures_are_missing_data(tmp_path):
    with pytest.raises(DataMissing, match=r"There is no archive .*none.zip. Name a .zip of pictures"):
        folder(tmp_path / "none.zip")
    with pytest.raises(DataMissing, match=r"x.zip holds no pictures \(.png, .jpg"):
        folder(pack(tmp_path / "x.zip", {"notes.txt": b""}))


def test_mutated_archives_end_in_images_or_in_one_clear_error(tmp_path):
    whole = pack(tmp_path / "x.zip", {f"{i}.png": png() for i in range(4)}).read_bytes()
    archive, ends, rng = tmp_path / "y.zip", set(), np.random.default_rng(1)
    for _ in range(300):
        mutated = np.frombuffer(whole, np.uint8).copy()
        mutated[rng.integers(0, len(whole), 3)] = rng.integers(0, 256, 3)
        archive.write_bytes(mutated.tobytes())
        try:
            ends.add(len(folder(archive, 8).train))
        except (DataCorrupt, DataMissing) as error:
            ends.add("named" if "y.zip" in str(error) else str(error))
    too_few = "A split of the data is empty: there are too few images to hold any out."
    assert {3, "named"} <= ends <= {1, 2, 3, "named", too_few}  # a changed ending makes a picture another kind of file
