import numpy as np
import pytest
import torch

from kelbo.data import array_files
from kelbo.data.arrays import arrays
from kelbo.data.images import SubsetImages
from kelbo.errors import DataCorrupt, DataMissing

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 6, 5), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (20, 6, 5, 3), dtype=np.uint8)


@pytest.fixture
def saved(tmp_path):
    def save(array, name="x.npy"):
        np.save(tmp_path / name, array)
        return tmp_path / name

    return save


def whole(image_set):
    """All images in the order of the file."""
    train, test = image_set.splits["train"], image_set.splits["test"]
    pixels = torch.cat([split.take(torch.arange(len(split))) for split in (train, test)])
    return pixels[torch.cat([train.index, test.index]).argsort()].numpy()


def stored(image_set):
    assert isinstance(image_set.train, SubsetImages)
    return image_set.train.parent.pixels


@pytest.mark.parametrize("layout", ["auto", "NHW"])
def test_grey_images_get_a_channel(saved, layout):
    image_set = arrays(saved(GREY), layout=layout)
    assert (image_set.shape, image_set.levels) == ((1, 6, 5), 256)
    np.testing.assert_array_equal(whole(image_set)[:, 0], GREY)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("told", [True, False])
def test_channels_are_found_at_either_end(saved, channels, layout, told):
    first = RNG.integers(0, 256, (20, channels, 6, 5), dtype=np.uint8)
    file = saved(first if layout == "NCHW" else first.transpose(0, 2, 3, 1))
    image_set = arrays(file, layout=layout if told else "auto")
    assert image_set.shape == (channels, 6, 5)
    np.testing.assert_array_equal(whole(image_set), first)


@pytest.mark.parametrize(
    ("shape", "readings"),
    [
        ((32, 32, 3), ["NHW (32 images of 32×3", "HWN (3 images of 32×32", "HWC (one picture of 32×32"]),
        ((48, 64, 3), ["NHW (48 images of 64×3", "HWC (one picture of 48×64"]),
        ((3, 48, 64), ["NHW (3 images of 48×64", "CHW (one picture of 48×64"]),
        ((1, 28, 28), ["NHW (1 images of 28×28", "CHW (one picture of 28×28"]),
        ((28, 28, 500), ["NHW (28 images of 28×500", "HWN (500 images of 28×28"]),
        ((28, 20, 500), ["NHW (28 images of 20×500", "HWN (500 images of 28×20"]),
        ((20, 3, 6, 4), ["NHWC (20 images of 3×6, 4 channels", "NCHW (20 images of 6×4, 3 channels"]),
        ((32, 32, 3, 4), ["NHWC (32 images of 32×3, 4 channels", "HWCN (4 images of 32×32, 3 channels"]),
        ((4, 32, 32, 3), ["NHWC (4 images of 32×32, 3 channels", "CHWN (3 images of 32×32, 4 channels"]),
    ],
)
def test_a_shape_that_can_be_read_in_several_ways_is_refused_with_all_of_them(saved, shape, readings):
    file = saved(RNG.integers(0, 256, shape, dtype=np.uint8))
    with pytest.raises(DataCorrupt, match="in several ways") as told:
        arrays(file)
    assert all(reading in str(told.value) for reading in readings)
    assert str(told.value).count("×") == len(readings)
    named = readings[0].split(" ")[0]
    if shape[0] > 1:
        count, height, width = (shape[named.index(axis)] for axis in "NHW")
        image_set = arrays(file, layout=named)
        assert (len(image_set.train) + len(image_set.test), image_set.shape[1:]) == (count, (height, width))
        assert f"layout {named}" in image_set.note


@pytest.mark.parametrize("layout", ["HWN", "HWCN", "CHWN"])
def test_images_counted_by_the_last_axis_are_read_as_the_layout_says(saved, layout):
    first = RNG.integers(0, 256, (20, 3, 6, 5), dtype=np.uint8)[:, : 1 if layout == "HWN" else 3]
    letters = "NCHW" if "C" in layout else "NHW"
    source = first if "C" in layout else first[:, 0]
    file = saved(np.ascontiguousarray(source.transpose([letters.index(axis) for axis in layout])))
    np.testing.assert_array_equal(whole(arrays(file, layout=layout)), first)


def test_a_shape_without_channels_is_refused_until_its_layout_is_named(saved):
    file = saved(RNG.integers(0, 256, (20, 6, 5, 2), dtype=np.uint8))
    with pytest.raises(DataCorrupt, match=r"has shape \(20, 6, 5, 2\), and no axis of it can be 1, 3 or 4 channels"):
        arrays(file)
    assert arrays(file, layout="NHWC").shape == (2, 6, 5)


def test_a_layout_that_does_not_fit_is_refused(saved):
    with pytest.raises(DataCorrupt, match=r"should be images in the layout NHWC; its shape is \(20, 6, 5\)"):
        arrays(saved(GREY), layout="NHWC")
    with pytest.raises(DataCorrupt, match=r"should be images, an array of 3 or 4 axes; its shape is \(20, 6\)"):
        arrays(saved(GREY[:, :, 0]))
    with pytest.raises(ValueError, match="layout must be one of auto, NHW, HWN, NHWC, NCHW, HWCN, CHWN; got 'HWC'"):
        arrays(saved(GREY), layout="HWC")


@pytest.mark.parametrize("array", [GREY, COLOUR, COLOUR > 128])
def test_a_file_of_levels_stays_mapped_whatever_its_layout(saved, array):
    pixels = stored(arrays(saved(array)))
    assert isinstance(pixels, np.memmap)
    assert not pixels.flags.writeable
    assert pixels.dtype == np.uint8


def test_bool_images_have_two_levels(saved):
    image_set = arrays(saved(GREY > 100))
    assert image_set.levels == 2
    np.testing.assert_array_equal(whole(image_set)[:, 0], GREY > 100)
    with pytest.raises(ValueError, match="holds bool values, which are 2 levels; got levels 256"):
        arrays(saved(GREY > 100), levels=256)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_values_of_only_0_and_1_must_be_told_their_levels(saved, dtype):
    file = saved((GREY > 100).astype(dtype))
    with pytest.raises(DataCorrupt, match=r"seems to hold only 0 and 1 as .*\. Name its levels: 2, or 256"):
        arrays(file)
    assert arrays(file, levels=2).levels == 2
    assert arrays(file, levels=256).levels == 256


def test_levels_above_the_number_named_are_refused(saved):
    file = saved(GREY // 8)
    assert arrays(file, levels=32).levels == 32
    with pytest.raises(DataCorrupt, match="should hold levels 0 to 15; found 31"):
        arrays(file, levels=16)
    with pytest.raises(ValueError, match="levels must be 2 to 256; got 1"):
        arrays(file, levels=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("levels", [None, 32])
def test_float_intensities_become_the_levels_they_came_from(saved, dtype, levels, monkeypatch):
    monkeypatch.setattr("kelbo.data.arrays.CHUNK_BYTES", 1000)  # several chunks, the last one short
    levels_of = COLOUR if levels is None else COLOUR // 8
    image_set = arrays(saved(levels_of.astype(dtype) / ((levels or 256) - 1)), levels=levels)
    assert image_set.levels == (levels or 256)
    np.testing.assert_array_equal(whole(image_set), levels_of.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            GREY.astype(np.float32),
            r"intensities k/255 in \[0, 1\]; found floats from 0 to 255, .* Save them as uint8 levels",
        ),
        (GREY / 127.5 - 1, "found floats from -1 to 1"),
        (np.where(GREY[-1, 0, 0] == GREY, 0.5, GREY / 255), r"up to 0\.002 off that grid"),
        (GREY / 255 + 2e-6, "up to 2e-06 off that grid"),
        ((GREY / 255).astype(np.float16), "off that grid"),
    ],
)
def test_floats_off_the_grid_of_levels_are_refused_with_their_range(saved, values, told):
    with pytest.raises(DataCorrupt, match=told):
        arrays(saved(values))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(saved, value):
    values = GREY / 255
    values[-1, 2, 3] = value
    with pytest.raises(DataCorrupt, match="holds NaN or infinite values"):
        arrays(saved(values))


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.int8, "U1"])
def test_other_types_are_refused(saved, dtype):
    with pytest.raises(DataCorrupt, match=r"x\.npy should hold uint8, bool or float values; found .* Save it as uint8"):
        arrays(saved((GREY // 100).astype(dtype)))


def test_an_array_without_images_is_refused(saved):
    with pytest.raises(DataCorrupt, match=r"holds no images: its shape is \(0, 6, 5\)"):
        arrays(saved(GREY[:0]))


def test_the_only_array_of_an_archive_that_can_be_images_is_taken(tmp_path):
    file = tmp_path / "x.npz"
    unread = np.array([{"a": "pickled object"}], dtype=object)
    np.savez(file, pixels=GREY, labels=np.arange(20), note=np.array("text"), metadata=unread)
    image_set = arrays(file)
    np.testing.assert_array_equal(whole(image_set)[:, 0], GREY)
    assert image_set.note == f"{file}['pixels'], layout NHW, 256 levels, 0.1 held out by seed 0"


def test_several_candidates_are_listed_until_a_key_is_named(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", a=GREY, b=255 - GREY)
    with pytest.raises(DataCorrupt, match=r"name its key; its arrays: a uint8 \(20, 6, 5\), b uint8 \(20, 6, 5\)"):
        arrays(tmp_path / "x.npz")
    with pytest.raises(DataCorrupt, match=r"x\.npz holds no array 'c'; its arrays: a uint8"):
        arrays(tmp_path / "x.npz", key="c")
    np.testing.assert_array_equal(whole(arrays(tmp_path / "x.npz", key="b"))[:, 0], 255 - GREY)


def test_an_archive_without_images_lists_what_it_holds(tmp_path):
    np.savez(tmp_path / "x.npz", labels=np.arange(20))
    with pytest.raises(
        DataCorrupt, match=r"should hold one array of images, or name its key; its arrays: labels int64"
    ):
        arrays(tmp_path / "x.npz")


def test_a_second_key_is_the_test_split(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=GREY, x_test=GREY[:3], small=GREY[:, :4])
    image_set = arrays(tmp_path / "x.npz", key="x_train", test_key="x_test")
    assert {name: len(images) for name, images in image_set.splits.items()} == {"train": 20, "test": 3}
    with pytest.raises(DataCorrupt, match=r"holds images \(1, 6, 5\), but .*'small'. holds images \(1, 4, 5\)"):
        arrays(tmp_path / "x.npz", key="x_train", test_key="small")


def test_a_single_array_has_no_key(saved):
    with pytest.raises(ValueError, match=r"is a single array; the key 'a' is for \.npz files"):
        arrays(saved(GREY), key="a")


def test_pickled_objects_are_never_read(tmp_path):
    unread = np.array([{}], dtype=object)
    np.save(tmp_path / "x.npy", unread, allow_pickle=True)
    np.savez(tmp_path / "x.npz", a=unread)
    with pytest.raises(DataCorrupt, match=r"x\.npy cannot be read: .*Python objects"):
        arrays(tmp_path / "x.npy")
    with pytest.raises(DataCorrupt, match=r"x\.npz\['a'\] cannot be read: Object arrays cannot be loaded"):
        arrays(tmp_path / "x.npz", key="a")


@pytest.mark.parametrize("kept", [0, 5, 60, 200])
def test_a_file_that_is_cut_off_is_named(saved, kept):
    file = saved(GREY)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(DataCorrupt, match=f"^{file} cannot be read: "):
        arrays(file)


@pytest.mark.parametrize("pixels", [COLOUR, GREY > 100], ids=["levels", "bools"])
def test_a_large_array_of_an_archive_is_mapped_unless_it_is_compressed(tmp_path, monkeypatch, pixels):
    file = tmp_path / "x.npz"
    np.savez(file, pixels=pixels, labels=np.arange(20))
    expected = arrays(file)
    assert not isinstance(stored(expected).base, np.memmap)
    monkeypatch.setattr(array_files, "MAPPED_FROM", 300)
    found = arrays(file)
    assert isinstance(stored(found).base, np.memmap)
    assert (found.note, found.train.fingerprint()) == (expected.note, expected.train.fingerprint())
    whole = file.read_bytes()
    place = whole.index(pixels.tobytes())
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(DataCorrupt, match=rf"^{file}.* cannot be read: .*CRC"):
        arrays(file)
    np.savez_compressed(file, pixels=pixels)
    assert not isinstance(stored(arrays(file)).base, np.memmap)
    np.savez(file, pixels=np.asfortranarray(pixels))
    np.testing.assert_array_equal(stored(arrays(file)), stored(expected))


def test_an_archive_that_is_cut_off_or_altered_is_named(tmp_path):
    file = tmp_path / "x.npz"
    np.savez_compressed(file, a=RNG.integers(0, 256, (50, 40, 40), dtype=np.uint8))
    made = file.read_bytes()
    file.write_bytes(made[: len(made) // 2])
    with pytest.raises(DataCorrupt, match=f"^{file} cannot be read: "):
        arrays(file)
    middle = len(made) // 2
    file.write_bytes(made[:middle] + bytes(byte ^ 0xFF for byte in made[middle : middle + 8]) + made[middle + 8 :])
    with pytest.raises(DataCorrupt, match=rf"^{file}\['a'\] cannot be read: "):
        arrays(file)


def test_an_absent_file_and_one_of_another_kind_are_named(tmp_path):
    with pytest.raises(DataMissing, match=r"There is no file .*x\.npy\. Name a \.npy or \.npz file of images"):
        arrays(tmp_path / "x.npy")
    (tmp_path / "x.h5").touch()
    with pytest.raises(DataCorrupt, match=r"should be a NumPy file, \.npy or \.npz; its name ends in '\.h5'"):
        arrays(tmp_path / "x.h5")


def test_real_archives_are_read_with_their_layouts(real_data):
    faces = arrays(real_data / "frey_faces.npz")
    assert (faces.shape, len(faces.train) + len(faces.splits["test"])) == ((1, 28, 20), 1965)
    frames = arrays(real_data / "dsprites_frames.npz", levels=2)
    assert (frames.shape, frames.levels) == ((1, 64, 64), 2)
    assert arrays(real_data / "shapes3d_frames.npz").shape == (3, 64, 64)
