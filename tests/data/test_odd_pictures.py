import io
import warnings
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile, ImageOps
from tests.data.odd_pictures import odd_pictures

from kelbo.data.decoding import PicturesRefused
from kelbo.data.folder import folder

WHOLE = {"size": None, "crop": "whole"}


@pytest.fixture(scope="module")
def odd():
    return {picture.name: picture for picture in odd_pictures()}


@pytest.fixture(scope="module")
def root(odd, tmp_path_factory):
    root = tmp_path_factory.mktemp("odd") / "odd"
    for name, picture in odd.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture.encoded)
    return root


def read(place, **options):
    """The pixels of every picture that is used by its name, and the message of every other one by its name."""
    image_set = folder(place, **(WHOLE | {"unreadable": "skip"} | options))
    used = {}
    for split, images in image_set.splits.items():
        pixels = images.take(torch.arange(len(images))).permute(0, 2, 3, 1).numpy()
        used |= dict(zip(map(str, image_set.names[split]), pixels, strict=True))
    refused = {}
    for message in image_set.left_out:
        assert message.startswith(f"{place}/")
        name = message.removeprefix(f"{place}/").split(" ", 1)
        refused[name[0]] = name[1]
    return used, refused


def by_pillow(encoded):
    """Pillow's own conversion to RGB, or why it does not say everything."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))
        except OSError:  # older versions do not read all that they write
            return "cannot be read as a picture"
        if image.mode[0] in "IF":
            return "bits"
        if image.mode == "La":
            image = image.convert("LA")
        if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            return "transparent"
        return np.asarray(image.convert("RGBA").convert("RGB") if image.mode == "PA" else image.convert("RGB"))


def test_every_odd_picture_is_read_to_the_pixel_or_named_with_its_reason_in_one_pass(odd, root):
    used, refused = read(root)
    assert len(odd) >= 300
    assert used.keys() | refused.keys() == odd.keys()
    assert not used.keys() & refused.keys()
    wrong = {}
    for name, picture in odd.items():
        if name.startswith("cut/") and not name.split(".")[0].endswith("-100"):
            continue  # of these, see below
        expected = by_pillow(picture.encoded) if picture.expected is None else picture.expected
        if isinstance(expected, str):
            right = expected in refused.get(name, "")
        else:
            right = name in used and np.array_equal(used[name], expected)
        if not right:
            wrong[name] = (expected if isinstance(expected, str) else "pixels", refused.get(name, "used"))
    assert not wrong, "\n".join(f"{name}: {why}" for name, why in wrong.items())


def test_refused_pictures_are_all_told_at_once_however_many_there_are(root):
    _, refused = read(root)
    with pytest.raises(PicturesRefused) as told:
        folder(root, **WHOLE)
    assert len(told.value.reasons) == len(refused) > 100
    assert told.value.reasons[0] in str(told.value)
    assert f"{len(refused) - 5} more" in str(told.value)


def test_a_zip_gives_the_same_pictures_and_the_same_reasons(root, tmp_path):
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        for file in root.rglob("*.*"):
            archive.write(file, file.relative_to(root))
    there, here = read(root), read(tmp_path / "odd.zip")
    assert there[0].keys() == here[0].keys()
    assert all(np.array_equal(there[0][name], here[0][name]) for name in there[0])
    assert there[1] == here[1]


def test_a_picture_that_is_cut_off_stays_refused_where_a_program_lets_pillow_fill_it_up(root, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert read(root / "cut")[1].keys() >= {"PNG-50.png", "JPEG-90.jpg", "GIF-50.gif", "BMP-50.bmp", "TIFF-90.tif"}
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_grey_pictures_are_pillows_own_conversion_too(odd, root):
    used, _ = read(root, mode="grey")
    for name in used:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(odd[name].encoded)))
            image = image.convert("LA") if image.mode == "La" else image
            straight = image.convert("RGBA") if image.has_transparency_data else image
            np.testing.assert_array_equal(used[name][..., 0], np.asarray(straight.convert("L")), err_msg=name)


def test_a_picture_that_is_cut_off_is_named_or_as_good_as_whole(odd, root):
    used, refused = read(root / "cut")
    for name in used:
        whole = f"{name.split('-')[0]}-100.{name.split('.')[-1]}"
        np.testing.assert_array_equal(used[name], used[whole], err_msg=name)
    assert len(refused) > 70
