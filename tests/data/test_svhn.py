import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from kelbo.data.svhn import svhn
from kelbo.errors import DataCorrupt, DataMissing

RNG = np.random.default_rng(0)


def crops(count):
    """Images (N, 32, 32, 3) and their labels as MATLAB has them, 1 … 10."""
    return RNG.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8), np.arange(count) % 10 + 1


def save(path, images, labels, compressed=True, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    variables = {"X": images.transpose(1, 2, 3, 0), "y": np.asarray(labels, np.uint8)[:, None], **more}
    savemat(path, variables, do_compression=compressed)
    return path


@pytest.fixture
def made(tmp_path):
    """A folder of two files, and what they hold."""
    held = {"train": crops(25), "test": crops(12)}
    for name, (images, labels) in held.items():
        save(tmp_path / f"{name}_32x32.mat", images, labels)
    return tmp_path, held


def every(images):
    return images.take(torch.arange(len(images))).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("chunk", [4096, 10])
def test_images_keep_their_pixels_and_a_label_of_10_is_the_digit_0(made, monkeypatch, chunk):
    monkeypatch.setattr("kelbo.data.svhn.CHUNK", chunk)
    root, held = made
    image_set = svhn(root)
    assert (image_set.shape, image_set.levels) == ((3, 32, 32), 256)
    for split, (images, labels) in held.items():
        np.testing.assert_array_equal(every(image_set.splits[split]), images)
        assert image_set.labels[split].dtype == np.int64
        assert image_set.labels[split].tolist() == [label % 10 for label in labels.tolist()]
    assert image_set.note == "SVHN's official cropped digits and splits"


@pytest.mark.parametrize("place", ["svhn", "SVHN", "."])
def test_files_are_found_in_every_customary_folder(tmp_path, place):
    for name in ("train", "test"):
        save(tmp_path / place / f"{name}_32x32.mat", *crops(3), compressed=False)
    assert len(svhn(tmp_path).train) == 3


def test_28_pixels_are_pillows_antialiased_bilinear_resize(made):
    root, held = made
    image_set = svhn(root, 28)
    expected = [
        np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BILINEAR)) for image in held["test"][0]
    ]
    np.testing.assert_array_equal(every(image_set.test), expected)
    assert image_set.note.endswith("resized to 28×28 by Pillow's antialiased bilinear filter")
    with pytest.raises(ValueError, match="size must be 28 or 32; got 30"):
        svhn(root, 30)


def test_the_extra_images_follow_the_training_images(made):
    root, held = made
    images, labels = crops(7)
    save(root / "extra_32x32.mat", images, labels)
    image_set = svhn(root, extra=True)
    np.testing.assert_array_equal(every(image_set.train), np.concatenate([held["train"][0], images]))
    assert len(image_set.labels["train"]) == 32
    assert "and its extra images to train on" in image_set.note


def test_missing_files_are_named(made):
    root, _ = made
    with pytest.raises(
        DataMissing,
        match=r"^SVHN's extra images was not found: .* not .*extra_32x32.mat\. Run `kelbo data fetch svhn-extra`",
    ):
        svhn(root, extra=True)
    with pytest.raises(DataMissing, match=r"SVHN was not found: looked for train_32x32.mat, test_32x32.mat in "):
        svhn(root / "none")


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.99])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_file_cut_off_anywhere_is_named(made, share, compressed):
    root, held = made
    file = save(root / "test_32x32.mat", *held["test"], compressed)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataCorrupt, match=rf"^{file}( .*cut off|: .*more than its)"):
        svhn(root)


def test_bytes_altered_in_the_middle_are_noticed_by_the_checksum(made):
    root, _ = made
    file = root / "train_32x32.mat"
    whole = bytearray(file.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 16] = bytes(byte ^ 0xFF for byte in whole[middle : middle + 16])
    file.write_bytes(whole)
    with pytest.raises(DataCorrupt, match=f"^{file} cannot be read as a MATLAB file"):
        svhn(root)


@pytest.mark.parametrize("head", [b"MATLAB 7.3 MAT-file, Platform: GLNXA64", b"\x89HDF\r\n\x1a\n"])
def test_version_7_3_is_refused_with_what_to_do(made, head):
    root, _ = made
    (root / "test_32x32.mat").write_bytes(head.ljust(1000, b"\0"))
    with pytest.raises(
        DataCorrupt, match=r"test_32x32.mat is a MATLAB file of version 7.3, .* Save it with `save -v7`"
    ):
        svhn(root)


def test_a_header_that_claims_more_than_the_file_can_hold_takes_no_memory(made):
    root, held = made
    file = save(root / "test_32x32.mat", *held["test"], compressed=False)
    whole = file.read_bytes()
    dimensions = np.array([32, 32, 3, 12], "<i4").tobytes()
    assert whole.count(dimensions) == 1
    file.write_bytes(whole.replace(dimensions, np.array([32, 32, 3, 2_000_000_000], "<i4").tobytes()))
    with pytest.raises(DataCorrupt, match="'X' claims 32×32×3×2000000000 values and has 36864 bytes"):
        svhn(root)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"z": np.ones(3)}, "should hold 'X'; found 'z'"),
        ({"X": np.ones((32, 32, 3, 4), np.uint8)}, "should hold 'y'; found 'X'"),
        (
            {"X": np.ones((4, 32, 32, 3), np.uint8), "y": np.ones((4, 1))},
            "'X' should be 32×32×3×N numbers; found 4×32×32",
        ),
        ({"X": np.ones((32, 32, 3, 4)), "y": np.ones((4, 1))}, "'X' should be uint8; found float64"),
        ({"X": np.ones((32, 32, 3, 4), np.uint8), "y": np.ones((1, 4))}, "'y' should be N×1 numbers; found 1×4"),
        ({"X": np.ones((32, 32, 3, 4), np.uint8), "y": np.ones((5, 1))}, "as many labels as images, .* found 5 and 4"),
        (
            {"X": np.ones((32, 32, 3, 2), np.uint8), "y": np.array([[1], [0]])},
            "'y' should be labels 1 to 10, .* found 0",
        ),
        ({"X": np.ones((32, 32, 3, 2), np.uint8), "y": np.array([[1], [2.5]])}, "found 2.5"),
        ({"X": np.array(["text"]), "y": np.ones((1, 1))}, "'X' should be 32×32×3×N numbers; found 1×4 of type char"),
        ({"X": {"field": 1}, "y": np.ones((1, 1))}, "found 1×1 of type struct"),
    ],
)
def test_other_contents_are_refused_by_name(made, variables, told):
    root, _ = made
    savemat(root / "test_32x32.mat", variables)
    with pytest.raises(DataCorrupt, match=f"test_32x32.mat.*{told}"):
        svhn(root)


def test_mutated_files_end_in_images_or_in_one_clear_error(made):
    root, held = made
    file, rng, ends = root / "test_32x32.mat", np.random.default_rng(1), set()
    for compressed in (True, False):
        whole = save(file, *held["test"], compressed).read_bytes()
        for _ in range(150):
            mutated = np.frombuffer(whole, np.uint8).copy()
            # half of the changes fall on the headers
            reach = len(whole) if rng.random() < 0.5 else 250
            mutated[rng.integers(0, reach, 3)] = rng.integers(0, 256, 3)
            file.write_bytes(mutated.tobytes())
            try:
                ends.add(len(svhn(root).test))
            except DataCorrupt as error:
                ends.add("named" if "test_32x32.mat" in str(error) else str(error))
    assert ends == {"named", 12}
