import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from kelbo.data.celeba import celeba
from kelbo.errors import DataCorrupt, DataMissing

RNG = np.random.default_rng(0)
NAMES = ("Bald", "Male", "Young")
VALUES = np.array([[1, -1, 1], [-1, 1, -1], [1, 1, -1], [-1, -1, -1], [1, 1, 1], [-1, -1, 1]])
PARTS = (0, 0, 0, 1, 2, 2)


def face(width=178, height=218):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def name(place):
    return f"{place + 1:06}.jpg"


def attribute_list(values=VALUES, claimed=None):
    rows = [f"{name(i)} {'  '.join(f'{value:2}' for value in row)}" for i, row in enumerate(values)]
    return "\n".join([str(claimed or len(rows)), " ".join(NAMES) + " ", *rows, ""])


def partition_list(parts=PARTS):
    return "".join(f"{name(i)} {part}\n" for i, part in enumerate(parts))


def lay(folder, faces):
    """The official layout with an unpacked folder."""
    (folder / "img_align_celeba").mkdir(parents=True)
    for i, pixels in enumerate(faces):
        Image.fromarray(pixels).save(folder / "img_align_celeba" / name(i), quality=95)
    (folder / "list_attr_celeba.txt").write_text(attribute_list())
    (folder / "list_eval_partition.txt").write_text(partition_list())
    return folder


def pack(folder, prefix="img_align_celeba/"):
    """The pictures moved into the official archive."""
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for file in sorted((folder / "img_align_celeba").iterdir()):
            archive.write(file, prefix + file.name)
            file.unlink()
    (folder / "img_align_celeba").rmdir()
    return folder / "img_align_celeba.zip"


@pytest.fixture
def root(tmp_path):
    return lay(tmp_path, [face() for _ in PARTS])


def every(images):
    return images.take(torch.arange(len(images))).permute(0, 2, 3, 1).numpy()


def test_the_partition_and_the_attributes_are_the_lists(root):
    image_set = celeba(root, 16)
    assert {split: len(images) for split, images in image_set.splits.items()} == {
        "train": 3,
        "validation": 1,
        "test": 2,
    }
    assert image_set.attribute_names == NAMES
    assert image_set.attributes["train"].dtype == np.int8
    np.testing.assert_array_equal(image_set.attributes["train"], VALUES[:3] == 1)
    np.testing.assert_array_equal(image_set.attributes["validation"], VALUES[3:4] == 1)
    np.testing.assert_array_equal(image_set.attributes["test"], VALUES[4:] == 1)
    counts = "6 pictures used (6 .jpg), no file left out"
    plan = "rgb 16×16, crop (15, 40, 163, 188), resized by lanczos"
    assert image_set.note == f"CelebA's official partition, {counts}, {plan}"


def test_the_default_crop_is_that_of_the_vae_gan_release(root):
    read = np.asarray(Image.open(root / "img_align_celeba" / name(3)))
    image_set = celeba(root, 148)
    np.testing.assert_array_equal(every(image_set.splits["validation"])[0], read[40:188, 15:163])


def test_a_box_is_taken_as_it_is_and_resized_by_the_filter_named(root):
    read = Image.open(root / "img_align_celeba" / name(3)).crop((10, 20, 110, 120))
    image_set = celeba(root, 50, crop=(10, 20, 110, 120), resize="box")
    np.testing.assert_array_equal(every(image_set.splits["validation"])[0], read.resize((50, 50), Image.Resampling.BOX))


@pytest.mark.parametrize("prefix", ["img_align_celeba/", ""])
def test_the_archive_gives_the_same_faces_as_the_folder_and_nothing_is_unpacked(root, prefix):
    unpacked = celeba(root, 16)
    with zipfile.ZipFile(pack(root, prefix), "a") as archive:
        archive.writestr("__MACOSX/img_align_celeba/._000001.jpg", b"not a picture")
        archive.writestr("elsewhere/000002.jpg", b"not a picture")
        archive.writestr("notes.txt", b"passed over")
    before = sorted(root.rglob("*"))
    zipped = celeba(root, 16)
    assert sorted(root.rglob("*")) == before
    for split, images in unpacked.splits.items():
        np.testing.assert_array_equal(every(zipped.splits[split]), every(images))


@pytest.mark.parametrize("place", ["celeba", "CelebA"])
def test_files_are_found_in_every_customary_folder(tmp_path, place):
    lay(tmp_path / place, [face() for _ in PARTS])
    assert len(celeba(tmp_path, 8).train) == 3


def test_lists_passed_around_as_csv_are_read_too(root):
    official = celeba(root, 8)
    (root / "list_attr_celeba.txt").unlink()
    (root / "list_eval_partition.txt").unlink()
    rows = [",".join([name(i), *map(str, row)]) for i, row in enumerate(VALUES)]
    (root / "list_attr_celeba.csv").write_text("\n".join([",".join(["image_id", *NAMES]), *rows]))
    parts = [f"{name(i)},{part}" for i, part in enumerate(PARTS)]
    (root / "list_eval_partition.csv").write_text("\n".join(["image_id,partition", *parts]))
    image_set = celeba(root, 8)
    assert image_set.attribute_names == NAMES
    for split in official.splits:
        np.testing.assert_array_equal(image_set.attributes[split], official.attributes[split])
        np.testing.assert_array_equal(every(image_set.splits[split]), every(official.splits[split]))


def test_faces_smaller_than_the_crop_are_told_which_crop_keeps_the_same_part(tmp_path):
    lay(tmp_path, [face(89, 109) for _ in PARTS])
    with pytest.raises(
        DataCorrupt, match=r"000001.jpg is 89×109 pixels, too small for the crop 148, .* crop: 74 keeps"
    ):
        celeba(tmp_path)
    assert "crop (7, 20, 81, 94)" in celeba(tmp_path, 8, crop=74).note


def test_missing_files_are_named(root):
    (root / "list_attr_celeba.txt").unlink()
    with pytest.raises(DataMissing, match=r"CelebA was not found: .* Some were found, but not .*list_attr_celeba.txt"):
        celeba(root)
    with pytest.raises(DataMissing, match=r"looked for img_align_celeba.zip \(or the folder img_align_celeba\)"):
        celeba(root / "none")


@pytest.mark.parametrize("packed", [True, False])
def test_a_picture_of_the_partition_that_is_not_there_is_named(root, packed):
    (root / "img_align_celeba" / name(2)).unlink()
    place = pack(root) if packed else root / "img_align_celeba"
    with pytest.raises(DataCorrupt, match=f"^{place} lacks 1 of the partition's 6 pictures, 000003.jpg first"):
        celeba(root)


def test_absent_pictures_are_left_out_counted_and_named_if_that_is_asked(root):
    for gone in (2, 3):
        (root / "img_align_celeba" / name(gone)).unlink()
    (root / "img_align_celeba" / "000099.jpg").write_bytes(b"none of the partition's")
    with pytest.raises(DataCorrupt, match=r"lacks 2\b.*000003\.jpg.*data\.unreadable=skip"):
        celeba(root, 64)
    found = celeba(root, 64, unreadable="skip")
    assert {split: some.tolist() for split, some in found.names.items()} == {
        "train": ["000001.jpg", "000002.jpg"],
        "test": ["000005.jpg", "000006.jpg"],
    }
    assert (found.attributes["test"] == (VALUES[4:] > 0)).all()
    assert [why.split()[0] for why in found.left_out] == ["000003.jpg", "000004.jpg"]
    assert "2 absent" in found.used
    assert "1 not in the partition" in found.used
    for file in (root / "img_align_celeba").iterdir():
        file.unlink()
    (root / "img_align_celeba" / "000099.jpg").write_bytes(b"")
    with pytest.raises(DataCorrupt, match="lacks 6"):
        celeba(root, 64, unreadable="skip")


@pytest.mark.parametrize("packed", [True, False])
def test_an_unreadable_picture_is_named_or_skipped_with_its_attributes(root, packed):
    for place in (0, 4):
        (root / "img_align_celeba" / name(place)).write_bytes(b"no picture")
    if packed:
        pack(root)
    with pytest.raises(
        DataCorrupt, match=r"000001.jpg cannot be read as a picture \(its content is in no supported format"
    ):
        celeba(root, 8)
    image_set = celeba(root, 8, unreadable="skip")
    np.testing.assert_array_equal(image_set.attributes["train"], VALUES[1:3] == 1)
    np.testing.assert_array_equal(image_set.attributes["test"], VALUES[5:] == 1)
    assert (len(image_set.train), len(image_set.test)) == (2, 1)
    assert "2 files left out (2 refused) (the first refused: " in image_set.note
    assert "000001.jpg" in image_set.note


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("000001.jpg 3\n", "should hold lines like '000001.jpg 0', 0, 1 or 2; found '000001.jpg 3'"),
        ("000001.jpg\n", ".* found '000001.jpg'"),
        ("../000001.jpg 0\n", r".* found '\.\./000001.jpg 0'"),
        ("000001.jpg 0\n000001.jpg 0\n", "lists 000001.jpg twice"),
        ("000001.jpg 0\n", r"lists no picture of the split test \(2\)"),
        ("", "lists no picture of the split train"),
        ("000001.jpg 0\n\xe9", "cannot be read as a list"),
    ],
)
def test_a_partition_of_something_else_is_refused(root, text, told):
    (root / "list_eval_partition.txt").write_text(text, encoding="latin1")
    with pytest.raises(DataCorrupt, match=f"list_eval_partition.txt {told}"):
        celeba(root)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "should hold the attributes' names and a line for each picture; it is cut off"),
        (attribute_list(claimed=9), "claims 9 lines and has 6"),
        (attribute_list(VALUES[:5]), "lacks 1 pictures of the partition, 000006.jpg first"),
        (attribute_list(VALUES * 2), "should hold a name and 3 numbers, -1 or 1, in each line; found '000001.jpg"),
        (attribute_list(VALUES[:, :2]), "should hold a name and 3 numbers"),
    ],
)
def test_attributes_of_something_else_are_refused(root, text, told):
    (root / "list_attr_celeba.txt").write_text(text)
    with pytest.raises(DataCorrupt, match=f"list_attr_celeba.txt {told}"):
        celeba(root)


def test_impossible_options_are_refused(root):
    with pytest.raises(ValueError, match=r"crop must be pixels or \(left, top, right, bottom\); got 'centre'"):
        celeba(root, crop="centre")
    with pytest.raises(ValueError, match='unreadable must be "refuse" or "skip"; got \'ignore\''):
        celeba(root, unreadable="ignore")


def test_the_real_faces_are_read_from_their_archive(real_data):
    image_set = celeba(real_data, 32, crop=74)
    assert {split: len(images) for split, images in image_set.splits.items()} == {
        "train": 2400,
        "validation": 300,
        "test": 300,
    }
    assert len(image_set.attribute_names) == 40
    blond = image_set.attributes["train"][:, image_set.attribute_names.index("Blond_Hair")] == 1
    hair = every(image_set.train)[:, :4].mean((1, 2, 3))  # the top of the picture
    assert hair[blond].mean() > hair[~blond].mean() + 20
