"""Pictures read without a set are read as the set reads its own: the law for every kind of data."""

import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from tests.data import test_celeba as faces, test_idx as numbers, test_svhn as houses

from kelbo.data.likeness import pictures_like
from kelbo.errors import DataCorrupt, DataError, DataMissing
from kelbo.recipes import data_specs as d
from kelbo.recipes.readers import image_data, likeness_of

RNG = np.random.default_rng(1)


def save(path, pixels, levels=256):
    """An image (C, H, W) of so many levels as a PNG."""
    shown = np.rint(pixels.astype(float) * 255 / (levels - 1)).astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(shown[:, :, 0] if shown.shape[2] == 1 else shown).save(path)
    return path


def exported(image_set, folder, split="test"):
    """The first two images of a split, and files of them."""
    images = image_set.splits[split].take(torch.arange(2)).numpy()
    files = [folder / f"{place}.png" for place in range(2)]
    return images, [save(file, image, image_set.levels) for file, image in zip(files, images, strict=True)]


def read(spec, image_set, paths):
    return pictures_like(likeness_of(spec, image_set.shape, image_set.levels, image_set.frame), paths)


def photo(folder, width=60, height=40, mode="RGB"):
    """A picture of a white field with a black edge on the left."""
    image = Image.new(mode, (width, height), "white")
    image.paste(0 if mode == "L" else (0,) * len(mode), (0, 0, 5, height))
    image.save(folder / "photo.png")
    return folder / "photo.png"


# ── its own pictures are its images ───────────────────────────────────────────────────────────────────────────────────


def made(kind, folder):
    """A set's recipe, its images and files of them."""
    match kind:
        case "digits":
            spec = d.DigitsSpec(size=8)
        case "digits, enlarged":
            spec = d.DigitsSpec(size=16)
        case "mnist" | "mnist, padded" | "mnist, padded and averaged":
            numbers.write(folder / "mnist")
            size = 16 if "averaged" in kind else None
            spec = d.MnistSpec(kind="mnist", root=folder, pad=32 if "padded" in kind else 28, size=size)
        case "svhn at 16" | "svhn at 28":
            for name in ("train", "test"):
                houses.save(folder / f"{name}_32x32.mat", *houses.crops(3))
            spec = d.SvhnSpec(root=folder, size=16 if kind.endswith("16") else 28)
        case "grey array" | "colours of 5 levels":
            shape, levels = ((30, 9, 12), 256) if kind == "grey array" else ((30, 9, 12, 3), 5)
            np.save(folder / "array.npy", RNG.integers(0, levels, shape, np.uint8))
            spec = d.ArraysSpec(root=folder / "array.npy", levels=levels)
    image_set = image_data(spec)
    return spec, image_set, *exported(image_set, folder)


@pytest.mark.parametrize(
    "kind",
    [
        *("digits", "digits, enlarged", "mnist", "mnist, padded", "mnist, padded and averaged"),
        *("svhn at 16", "svhn at 28", "grey array", "colours of 5 levels"),
    ],
)
def test_an_image_that_was_saved_as_a_file_is_read_as_it_was(tmp_path, kind):
    spec, image_set, images, files = made(kind, tmp_path)
    found = read(spec, image_set, files)
    np.testing.assert_array_equal(found.images.take(torch.arange(2)), images)
    assert found.images.levels == image_set.levels
    assert found.names.tolist() == [*map(str, files)]


def test_a_digit_of_mnist_is_padded_as_the_sets_are(tmp_path):
    numbers.write(tmp_path / "mnist")
    spec = d.MnistSpec(kind="mnist", root=tmp_path, pad=32)
    files = [save(tmp_path / f"{place}.png", numbers.IMAGES[None, place]) for place in range(2)]
    found = read(spec, image_set := image_data(spec), files)
    np.testing.assert_array_equal(found.images.pixels, image_set.test.take(torch.arange(2)))
    assert found.notes == ()


def test_a_house_number_of_32_pixels_is_resized_as_the_sets_are(tmp_path):
    held = {name: houses.crops(3) for name in ("train", "test")}
    for name, (images, labels) in held.items():
        houses.save(tmp_path / f"{name}_32x32.mat", images, labels)
    spec = d.SvhnSpec(root=tmp_path, size=28)
    files = [save(tmp_path / f"{place}.png", held["test"][0][place].transpose(2, 0, 1)) for place in range(2)]
    found = read(spec, image_set := image_data(spec), files)
    np.testing.assert_array_equal(found.images.pixels, image_set.test.take(torch.arange(2)))


def test_an_image_of_full_size_is_averaged_as_the_sets_are(tmp_path):
    for name in ("train", "test"):
        houses.save(tmp_path / f"{name}_32x32.mat", *houses.crops(3))
    images, files = exported(image_data(d.SvhnSpec(root=tmp_path)), tmp_path)
    found = read(spec := d.SvhnSpec(root=tmp_path, size=8), image_set := image_data(spec), files)
    made = found.images.take(torch.arange(2)).float()
    assert torch.equal(made, image_set.test.take(torch.arange(2)).float())
    assert (made - torch.nn.functional.avg_pool2d(torch.as_tensor(images).float(), 4)).abs().max() <= 0.5


def test_sizes_that_squares_of_pixels_do_not_fill_are_refused():
    with pytest.raises(ValueError, match="does not divide"):
        d.MnistSpec(kind="mnist", size=16)


@pytest.mark.parametrize("options", [{}, {"crop": (10, 20, 110, 170), "size": (30, 20)}])
def test_a_face_of_celeba_is_cropped_as_the_sets_are(tmp_path, options):
    root = faces.lay(tmp_path, [faces.face(120, 180) for _ in faces.PARTS])
    spec = d.CelebaSpec(root=root, **({"crop": 100} | options))
    files = [root / "img_align_celeba" / faces.name(place) for place in (4, 5)]
    found = read(spec, image_set := image_data(spec), files)
    np.testing.assert_array_equal(found.images.pixels, image_set.test.take(torch.arange(2)))
    twice = Image.open(files[0]).resize((240, 360))
    twice.save(tmp_path / "twice.png")
    other = read(spec, image_set, [tmp_path / "twice.png"])
    assert "240×360" in other.notes[0]
    assert "120×180" in other.notes[0]
    assert np.abs(other.images.pixels[0].astype(int) - found.images.pixels[0]).mean() < 20


@pytest.mark.parametrize(
    "options",
    [{"size": 16}, {"size": (8, 16), "crop": "whole", "mode": "grey"}, {"size": 16, "crop": 30}, {"size": None}],
)
def test_a_picture_of_a_folder_is_read_as_the_folders_are(tmp_path, options):
    for place in range(4):
        Image.fromarray(RNG.integers(0, 256, (40, 60, 3), np.uint8)).save(tmp_path / f"{place}.png")
    spec = d.PicturesSpec(root=tmp_path, **options)
    image_set = image_data(spec)
    for paths in ([tmp_path], sorted(tmp_path.iterdir())):
        found = read(spec, image_set, paths)
        order = image_set.train.index if hasattr(image_set.train, "index") else torch.arange(3)
        np.testing.assert_array_equal(found.images.pixels[order], image_set.train.take(torch.arange(3)))
        assert found.notes == ()


# ── others are brought to it ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_larger_picture_loses_its_sides_is_resized_and_rounded_to_levels_which_is_told(tmp_path):
    found = pictures_like(likeness_of(d.DigitsSpec(size=16), (1, 16, 16), 17, None), [photo(tmp_path)])
    assert found.images.pixels.shape == (1, 1, 16, 16)
    assert (
        found.images.pixels.min() == 16
    )  # the black edge is outside of the central square, white is the highest level
    assert "60×40" in found.notes[0]
    assert "its central 40×40" in found.notes[0]
    assert "8×8 by box" in found.notes[0]


def test_channels_are_the_sets(tmp_path):
    spec = d.ArraysSpec(root=tmp_path / "any.npy")
    for mode, channels in (("L", 3), ("RGB", 1)):
        found = pictures_like(likeness_of(spec, (channels, 40, 60), 256, None), [photo(tmp_path, mode=mode)])
        assert found.images.shape == (channels, 40, 60)
        assert found.images.pixels[0, :, 0, 0].tolist() == [0] * channels


def test_pictures_in_folders_and_zips_keep_their_paths_and_those_that_are_named_their_names(tmp_path):
    (tmp_path / "cats").mkdir()
    file = photo(tmp_path / "cats")
    with zipfile.ZipFile(tmp_path / "dogs.zip", "w") as archive:
        archive.write(file, "old/dog.png")
    likeness = likeness_of(d.PicturesSpec(root=tmp_path), (3, 64, 64), 256, None)
    assert pictures_like(likeness, [tmp_path / "cats"]).names.tolist() == ["photo.png"]
    several = pictures_like(likeness, [tmp_path / "dogs.zip", file, tmp_path / "cats"]).names.tolist()
    assert several == [f"{tmp_path}/dogs.zip/old/dog.png", str(file), f"{tmp_path}/cats/photo.png"]


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────


def spoiled(folder):
    """Pictures that no reader takes, by what is told of them."""
    photo(folder, mode="RGBA").rename(folder / "ghost.png")
    with Image.open(folder / "ghost.png") as image:
        image.putalpha(90)
        image.save(folder / "ghost.png")
    Image.fromarray(np.full((40, 60), 40_000, np.uint16)).save(folder / "deep.png")
    (folder / "broken.png").write_bytes(photo(folder).read_bytes()[:60])
    photo(folder, 20, 20).rename(folder / "small.png")
    return {"ghost.png": "transparent", "deep.png": "16 bits", "broken.png": "cannot be read", "small.png": "too small"}


def test_every_picture_that_cannot_be_used_is_named_with_its_reason(tmp_path):
    reasons = spoiled(tmp_path)
    likeness = likeness_of(d.PicturesSpec(root=tmp_path, crop=30), (3, 64, 64), 256, None)
    with pytest.raises(DataCorrupt) as refused:
        pictures_like(likeness, [*(tmp_path / name for name in reasons), tmp_path / "absent.png", photo(tmp_path)])
    told = str(refused.value).splitlines()
    for line, (name, why) in zip(told, reasons.items(), strict=False):
        assert name in line
        assert why in line
    assert "absent.png" in told[4]
    assert "5 of 6" in told[5]


def test_in_a_folder_they_are_left_out_if_the_runs_own_are(tmp_path):
    reasons, good = spoiled(tmp_path), photo(tmp_path)
    likeness = likeness_of(d.PicturesSpec(root=tmp_path, crop=30), (3, 64, 64), 256, None)
    found = pictures_like(likeness, [tmp_path], skip=True)
    assert found.names.tolist() == ["photo.png"]
    assert len(found.left_out) == len(reasons)
    with pytest.raises(DataCorrupt, match="small"):
        pictures_like(likeness, [tmp_path / "small.png", good], skip=True)
    good.unlink()
    with pytest.raises(DataCorrupt, match="4 of 4"):
        pictures_like(likeness, [tmp_path], skip=True)


def test_of_many_pictures_some_are_read_and_the_others_are_not_looked_at(tmp_path):
    for place in range(5):
        photo(tmp_path, 60 + place).rename(tmp_path / f"{place}.png")
    (tmp_path / "1.png").write_bytes(b"?")
    found = pictures_like(likeness_of(d.PicturesSpec(root=tmp_path), (3, 64, 64), 256, None), [tmp_path], most=3)
    assert (found.names.tolist(), found.found) == (["0.png", "2.png", "4.png"], 5)


def test_without_pictures_there_is_an_error(tmp_path):
    likeness = likeness_of(d.PicturesSpec(root=tmp_path), (3, 64, 64), 256, None)
    for paths in ([], [tmp_path]):
        with pytest.raises(DataMissing):
            pictures_like(likeness, paths)


@pytest.mark.parametrize(("shape", "levels", "told"), [((13,), None, "no images"), ((2, 8, 8), 256, "2 channels")])
def test_examples_that_no_picture_can_be_made_like_are_refused(shape, levels, told):
    with pytest.raises(DataError, match=told):
        likeness_of(d.ArraysSpec(root="any.npy"), shape, levels, None)
