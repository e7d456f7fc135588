import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from kelbo.data.folder import folder
from kelbo.errors import DataCorrupt, DataMissing

RNG = np.random.default_rng(0)


def picture(width=8, height=8):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def whole(image_set):
    """All images in the order of their paths."""
    train, test = image_set.splits["train"], image_set.splits["test"]
    pixels = torch.cat([split.take(torch.arange(len(split))) for split in (train, test)])
    return pixels[torch.cat([train.index, test.index]).argsort()].permute(0, 2, 3, 1).numpy()


def test_pictures_of_all_depths_are_sorted_by_path_and_keep_their_pixels(tmp_path):
    names = ["b.png", "a/z.PNG", "a/b/c.bmp", "a.webp", "c d.png"]
    made = {name: picture() for name in names}
    for name, pixels in made.items():
        save(tmp_path / name, pixels, **({"lossless": True} if name.endswith("webp") else {}))
    (tmp_path / "notes.txt").write_text("passed over")
    save(tmp_path / ".hidden.png", picture())
    save(tmp_path / ".trash/x.png", picture())
    image_set = folder(tmp_path, 8)
    expected = [made[name] for name in ("a.webp", "a/b/c.bmp", "a/z.PNG", "b.png", "c d.png")]
    np.testing.assert_array_equal(whole(image_set), expected)
    assert image_set.shape == (3, 8, 8)
    assert image_set.note == (
        f"{tmp_path}, 5 pictures used (3 .png, 1 .bmp, 1 .webp), 3 files left out (2 hidden, 1 .txt), "
        "rgb 8×8, crop centre, resized by lanczos, 0.1 held out by seed 0"
    )


def test_many_threads_put_every_picture_in_its_place(tmp_path):
    made = [save(tmp_path / f"{i:03}.png", np.full((4, 4, 3), i, np.uint8)) for i in range(200)]
    assert len(made) == 200
    np.testing.assert_array_equal(whole(folder(tmp_path, 4))[:, 0, 0, 0], np.arange(200))


@pytest.mark.parametrize(
    ("crop", "kept"),
    [
        ("centre", (slice(0, 6), slice(2, 8))),
        (4, (slice(1, 5), slice(3, 7))),
        ((1, 2, 9, 6), (slice(2, 6), slice(1, 9))),
        ("whole", (slice(None), slice(None))),
    ],
)
def test_a_crop_without_a_size_keeps_just_those_pixels(tmp_path, crop, kept):
    made = [picture(10, 6), picture(10, 6)]
    for i, pixels in enumerate(made):
        save(tmp_path / f"{i}.png", pixels)
    np.testing.assert_array_equal(whole(folder(tmp_path, None, crop=crop)), [pixels[kept] for pixels in made])


@pytest.mark.parametrize(
    ("picture_size", "kept"),
    [
        ((12, 12), (slice(1, 10), slice(None))),  # 12×9 of what is square
        ((20, 6), (slice(None), slice(6, 14))),  # 8×6 of what is wider
        ((8, 6), (slice(None), slice(None))),
        ((6, 20), (slice(8, 12), slice(None))),  # 6×4.5 of what is higher, in whole pixels
    ],
)
def test_a_central_crop_keeps_the_largest_part_of_the_sizes_proportions(tmp_path, picture_size, kept):
    made = [picture(*picture_size), picture(*picture_size)]
    for i, pixels in enumerate(made):
        save(tmp_path / f"{i}.png", pixels)
    image_set = folder(tmp_path, (6, 8), resize="bicubic")
    assert image_set.shape == (3, 6, 8)
    assert "rgb 6 high and 8 wide" in image_set.note
    for got, source in zip(whole(image_set), made, strict=True):
        expected = Image.fromarray(source[kept]).resize((8, 6), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(got, np.asarray(expected))


def test_a_square_crop_of_so_many_pixels_is_refused_for_a_size_that_is_not_square(tmp_path):
    with pytest.raises(ValueError, match=r"The crop 4 is a square, and the size 6×8 is not.* Name a box"):
        folder(tmp_path, (6, 8), crop=4)
    for i in range(2):
        save(tmp_path / f"{i}.png", picture(12, 12))
    assert folder(tmp_path, (6, 8), crop=(0, 0, 8, 6)).shape == (3, 6, 8)
    assert folder(tmp_path, (6, 8), crop="whole").shape == (3, 6, 8)


@pytest.mark.parametrize("resize", ["lanczos", "bicubic", "bilinear", "box", "nearest"])
def test_resizing_is_pillows_with_the_filter_named(tmp_path, resize):
    made = [picture(12, 12), picture(12, 12)]
    for i, pixels in enumerate(made):
        save(tmp_path / f"{i}.png", pixels)
    pixels = whole(folder(tmp_path, 5, resize=resize))
    for got, source in zip(pixels, made, strict=True):
        expected = Image.fromarray(source).resize((5, 5), Image.Resampling[resize.upper()])
        np.testing.assert_array_equal(got, np.asarray(expected))


def test_a_box_halves_a_picture_by_means_of_four_pixels(tmp_path):
    made = [picture(8, 8), picture(8, 8)]
    for i, pixels in enumerate(made):
        save(tmp_path / f"{i}.png", pixels)
    means = np.array(made).reshape(2, 4, 2, 4, 2, 3).mean((2, 4))
    off = np.abs(whole(folder(tmp_path, 4, resize="box")) - means)
    assert off.max() <= 1  # Pillow rounds once a direction


def test_grey_is_the_luma_of_601_and_grey_files_stay_exact(tmp_path):
    colour, grey = picture(), RNG.integers(0, 256, (8, 8), dtype=np.uint8)
    save(tmp_path / "a.png", colour)
    save(tmp_path / "b.png", grey)
    image_set = folder(tmp_path, 8, mode="grey")
    assert image_set.shape == (1, 8, 8)
    luma, kept = whole(image_set)[..., 0]
    assert np.abs(luma - colour @ [0.299, 0.587, 0.114]).max() <= 1
    np.testing.assert_array_equal(kept, grey)


def test_pictures_are_turned_as_their_exif_tag_says(tmp_path):
    pixels = picture(8, 4)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise by a quarter
    for name in "ab":
        save(tmp_path / f"{name}.png", pixels, exif=exif)
    np.testing.assert_array_equal(whole(folder(tmp_path, None, crop="whole"))[0], np.rot90(pixels, -1))


def test_palettes_bits_and_opaque_alpha_are_read(tmp_path):
    pixels = picture()
    Image.fromarray(pixels).convert("P").save(tmp_path / "a.png")
    Image.fromarray(pixels).convert("1").save(tmp_path / "b.png")
    save(tmp_path / "c.png", np.dstack([pixels, np.full((8, 8), 255, np.uint8)]))
    read = whole(folder(tmp_path, 8))
    np.testing.assert_array_equal(read[0], np.asarray(Image.fromarray(pixels).convert("P").convert("RGB")))
    assert set(np.unique(read[1])) == {0, 255}
    np.testing.assert_array_equal(read[2], pixels)


def test_a_picture_of_another_size_is_named_with_both_sizes(tmp_path):
    save(tmp_path / "a.png", picture(8, 8))
    odd = save(tmp_path / "b.png", picture(9, 10))
    with pytest.raises(DataCorrupt, match=f"^{odd} is 9×10 pixels; 8×8 are expected .* Name a size and a"):
        folder(tmp_path, None, crop="whole")
    with pytest.raises(DataCorrupt, match=f"^{odd} is 9×10 pixels; 8×8 are expected"):
        folder(tmp_path, 8, crop="whole", resize=None)


@pytest.mark.parametrize("crop", [9, (0, 0, 8, 9)])
def test_a_picture_smaller_than_the_crop_is_named(tmp_path, crop):
    small = save(tmp_path / "a.png", picture(8, 8))
    with pytest.raises(DataCorrupt, match=f"^{small} is 8×8 pixels, too small for the crop "):
        folder(tmp_path, 8, crop=crop)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.6])
def test_an_unreadable_picture_is_named(tmp_path, ending, kept):
    for i in range(3):
        save(tmp_path / f"{i}.{ending}", picture(32, 32))
    damaged = tmp_path / f"1.{ending}"
    made = damaged.read_bytes()
    damaged.write_bytes(made[: int(kept * len(made))])
    with pytest.raises(DataCorrupt, match=f"^{damaged} cannot be read as a picture .* Remove or replace it"):
        folder(tmp_path, 8)


def test_a_picture_too_large_to_decode_safely_is_named(tmp_path, monkeypatch):
    large = save(tmp_path / "a.png", picture(20, 20))
    for limit in (300, 100):  # Pillow warns above the limit and refuses above twice of it
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(
            DataCorrupt, match=rf"^{large} claims to be larger than Pillow decodes safely: .*400 pixels"
        ):
            folder(tmp_path, 8)


def test_pixels_of_16_bits_are_refused(tmp_path):
    deep = save(tmp_path / "a.png", np.full((8, 8), 40_000, np.uint16))
    with pytest.raises(DataCorrupt, match=rf"^{deep} has 16 bits a channel; 8 are read. Set depth to \"scale\""):
        folder(tmp_path, 8)


def test_transparent_pixels_are_refused(tmp_path):
    clear = save(tmp_path / "a.png", np.dstack([picture(), np.full((8, 8), 254, np.uint8)]))
    with pytest.raises(DataCorrupt, match=f"^{clear} has transparent pixels. Save it over a background"):
        folder(tmp_path, 8)


@pytest.mark.parametrize("ending", ["png", "webp"])
def test_animations_are_refused(tmp_path, ending):
    frames = [Image.fromarray(picture()) for _ in range(3)]
    frames[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:])
    with pytest.raises(DataCorrupt, match=rf"a\.{ending} is an animation of 3 frames. Save each as a separate picture"):
        folder(tmp_path, 8)


def test_an_absent_folder_and_one_without_pictures_are_missing_data(tmp_path):
    with pytest.raises(DataMissing, match=r"There is no folder .*/none\. Name a folder of pictures \(\.png"):
        folder(tmp_path / "none")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataMissing, match=f"{tmp_path} holds no pictures .*: 1 file left out \\(1 \\.txt\\)"):
        folder(tmp_path)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"size": 0}, "size must be 1 or more pixels, or such a height and width; got 0"),
        ({"resize": "sharp"}, "resize must be one of lanczos, bicubic, bilinear, box, nearest or None; got 'sharp'"),
        ({"mode": "cmyk"}, "mode must be one of rgb, grey; got 'cmyk'"),
        ({"crop": "left"}, r'crop must be "centre", "whole", pixels or \(left, top, right, bottom\); got \'left\''),
        ({"crop": 0}, "crop must be .* got 0"),
        ({"crop": (4, 0, 4, 8)}, r"crop must be .* got \(4, 0, 4, 8\)"),
    ],
)
def test_impossible_options_are_refused(tmp_path, options, told):
    with pytest.raises(ValueError, match=told):
        folder(tmp_path, **options)


def test_real_faces_are_read_with_the_customary_crop(real_data, tmp_path):
    with zipfile.ZipFile(real_data / "celeba" / "img_align_celeba.zip") as archive:
        for name in archive.namelist()[:100]:
            (tmp_path / name.rsplit("/", 1)[-1]).write_bytes(archive.read(name))
    image_set = folder(tmp_path, 32, crop=74)
    faces = whole(image_set)
    assert faces.shape == (100, 32, 32, 3)
    red, green, blue = faces[:, 8:24, 8:24].mean((0, 1, 2))  # skin, in the middle
    assert red > green > blue
