import io
import pickle
import tarfile

import numpy as np
import pytest
import torch

from kelbo.data.cifar import cifar10, cifar100
from kelbo.data.image_set import averaged
from kelbo.errors import DataCorrupt, DataMissing

TEN = [f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)] + ["cifar-10-batches-py/test_batch"]
HUNDRED = ["cifar-100-python/train", "cifar-100-python/test"]
ARCHIVES = {"10": "cifar-10-python.tar.gz", "100": "cifar-100-python.tar.gz"}


def table(seed=0, count=4, **changes):
    rng = np.random.default_rng(seed)
    made = {
        "data": rng.integers(0, 256, (count, 3072), dtype=np.uint8),
        "labels": [seed, 9, 0, 1][:count],
        "fine_labels": [seed, 99, 0, 1][:count],
        "coarse_labels": [seed, 19, 0, 1][:count],
        "filenames": ["a.png"] * count,
    }
    return made | changes


def write_archive(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


@pytest.fixture
def ten(python2_pickle):
    return {name: python2_pickle(table(seed)) for seed, name in enumerate(TEN)}


@pytest.fixture
def hundred(python2_pickle):
    return {name: python2_pickle(table(seed)) for seed, name in enumerate(HUNDRED)}


def pixels(image_set, split):
    return image_set.splits[split].take(torch.arange(len(image_set.splits[split]))).numpy()


@pytest.mark.parametrize("packed", [True, False])
def test_cifar_10_is_its_five_batches_in_order_and_its_test_batch(tmp_path, ten, packed):
    if packed:
        write_archive(tmp_path / ARCHIVES["10"], ten)
    else:
        (tmp_path / "cifar-10-batches-py").mkdir()
        for name, data in ten.items():
            (tmp_path / name).write_bytes(data)
    image_set = cifar10(tmp_path)
    assert averaged(image_set, 8).shape == (3, 8, 8)
    expected = np.concatenate([table(seed)["data"] for seed in range(5)]).reshape(-1, 3, 32, 32)
    np.testing.assert_array_equal(pixels(image_set, "train"), expected)
    np.testing.assert_array_equal(pixels(image_set, "test"), table(5)["data"].reshape(-1, 3, 32, 32))
    assert image_set.labels["train"].tolist() == [label for seed in range(5) for label in (seed, 9, 0, 1)]
    assert image_set.labels["test"].dtype == np.int64
    assert image_set.note == "CIFAR-10's official batches and splits, 20 + 4 images"


@pytest.mark.parametrize(("kind", "second"), [("fine", 99), ("coarse", 19)])
def test_cifar_100_has_fine_and_coarse_labels(tmp_path, hundred, kind, second):
    write_archive(tmp_path / ARCHIVES["100"], hundred)
    image_set = cifar100(tmp_path, labels=kind)
    assert image_set.labels["train"].tolist() == [0, second, 0, 1]
    assert image_set.labels["test"].tolist() == [1, second, 0, 1]
    np.testing.assert_array_equal(pixels(image_set, "test"), table(1)["data"].reshape(-1, 3, 32, 32))


def test_cifar_100_has_no_other_labels(tmp_path):
    with pytest.raises(ValueError, match='labels must be "fine" or "coarse"; got \'medium\''):
        cifar100(tmp_path, labels="medium")


def test_members_of_other_names_are_neither_read_nor_extracted(tmp_path, ten):
    root = tmp_path / "root"
    root.mkdir()
    evil = {"../escaped": b"x", "/tmp/absolute": b"x", "cifar-10-batches-py/batches.meta": b"no pickle"}
    write_archive(root / ARCHIVES["10"], evil | {f"./{name}": data for name, data in ten.items()})
    assert len(cifar10(root).train) == 20
    assert [file.name for file in tmp_path.rglob("*")] == ["root", ARCHIVES["10"]]


def test_a_link_in_an_archive_is_not_followed(tmp_path, ten):
    with tarfile.open(tmp_path / ARCHIVES["10"], "w:gz") as tar:
        for name, data in ten.items():
            info = tarfile.TarInfo("elsewhere" if name.endswith("test_batch") else name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("cifar-10-batches-py/test_batch")
        link.type, link.linkname = tarfile.LNKTYPE, "elsewhere"
        tar.addfile(link)
    with pytest.raises(DataCorrupt, match="lacks cifar-10-batches-py/test_batch"):
        cifar10(tmp_path)


def test_a_missing_set_is_told_with_its_official_names(tmp_path):
    with pytest.raises(DataMissing) as caught:
        cifar10(tmp_path)
    told = str(caught.value)
    assert f"looked for cifar-10-python.tar.gz or the folder cifar-10-batches-py in {tmp_path}." in told
    assert "KELBO_DATA" in told
    with pytest.raises(DataMissing, match=r"cifar-100-python\.tar\.gz or the folder cifar-100-python"):
        cifar100(tmp_path)


def test_an_unpacked_folder_that_lacks_a_batch_is_told_which(tmp_path, ten):
    (tmp_path / "cifar-10-batches-py").mkdir()
    for name in TEN[:3] + TEN[4:]:
        (tmp_path / name).write_bytes(ten[name])
    with pytest.raises(DataMissing, match=f"Some were found, but not {tmp_path}/cifar-10-batches-py/data_batch_4"):
        cifar10(tmp_path)


def test_an_archive_that_lacks_a_batch_is_told_which(tmp_path, ten):
    ten.pop(TEN[2])
    write_archive(tmp_path / ARCHIVES["10"], ten)
    with pytest.raises(DataCorrupt, match=r"tar\.gz lacks cifar-10-batches-py/data_batch_3"):
        cifar10(tmp_path)


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.999])
def test_an_archive_that_is_cut_off_is_named(tmp_path, hundred, kept):
    file = tmp_path / ARCHIVES["100"]
    write_archive(file, hundred)
    made = file.read_bytes()
    file.write_bytes(made[: int(kept * len(made))])
    with pytest.raises(DataCorrupt, match=f"^{file} cannot be unpacked .* cut off or damaged; fetch it again"):
        cifar100(tmp_path)


def test_an_archive_whose_pixels_were_altered_is_named(tmp_path, hundred):
    file = tmp_path / ARCHIVES["100"]
    write_archive(file, hundred)
    made = bytearray(file.read_bytes())
    made[len(made) // 3] ^= 1  # random pixels are stored as they are: only the checksum can tell
    file.write_bytes(made)
    with pytest.raises(DataCorrupt, match=f"^{file} cannot be unpacked .CRC check failed"):
        cifar100(tmp_path)


def test_an_archive_of_other_bytes_is_named(tmp_path):
    (tmp_path / ARCHIVES["100"]).write_bytes(b"<html>not found</html>" * 100)
    with pytest.raises(DataCorrupt, match=r"cifar-100-python\.tar\.gz cannot be unpacked"):
        cifar100(tmp_path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"data": np.zeros((4, 3071), np.uint8)},
            r"'data' should be uint8 of shape \(n, 3072\); found uint8 \(4, 3071\)",
        ),
        (
            {"data": np.zeros((4, 3072), np.int8)},
            r"'data' should be uint8 of shape \(n, 3072\); found int8 \(4, 3072\)",
        ),
        ({"data": np.zeros(3072, np.uint8)}, r"'data' should be uint8 of shape \(n, 3072\); found uint8 \(3072,\)"),
        ({"data": [1, 2]}, r"'data' should be uint8 of shape \(n, 3072\); found list"),
        ({"fine_labels": [0, 1, 2]}, "'fine_labels' should be a list of 4 labels, one an image; found 3"),
        ({"fine_labels": "abcd"}, "'fine_labels' should be a list of 4 labels, one an image; found bytes"),
        ({"fine_labels": [0, 1, 2, 100]}, "'fine_labels' should be numbers 0 to 99; found 100"),
        ({"fine_labels": [0, 1, 2, -1]}, "'fine_labels' should be numbers 0 to 99; found -1"),
        ({"fine_labels": [0, 1, 2, "3"]}, "'fine_labels' should be numbers 0 to 99; found b'3'"),
    ],
)
def test_a_batch_of_another_shape_type_or_label_is_named(tmp_path, python2_pickle, changes, told):
    write_archive(tmp_path / ARCHIVES["100"], {name: python2_pickle(table(**changes)) for name in HUNDRED})
    with pytest.raises(DataCorrupt, match=f"^{tmp_path}/{ARCHIVES['100']}/train: {told}"):
        cifar100(tmp_path)


def test_a_batch_without_labels_is_told_what_it_holds(tmp_path, python2_pickle):
    members = {name: python2_pickle({"data": table()["data"], "names": []}) for name in HUNDRED}
    write_archive(tmp_path / ARCHIVES["100"], members)
    with pytest.raises(DataCorrupt, match="train should hold 'fine_labels'; found 'data', 'names'"):
        cifar100(tmp_path)


def test_batches_without_images_are_refused(tmp_path, python2_pickle):
    write_archive(tmp_path / ARCHIVES["100"], {name: python2_pickle(table(count=0)) for name in HUNDRED})
    with pytest.raises(DataCorrupt, match="0, 3, 32, 32"):
        cifar100(tmp_path)


def test_an_archive_that_asks_to_run_code_is_refused_and_the_function_named(tmp_path, hundred):
    class Harm:
        def __reduce__(self):
            return eval, ("1/0",)

    write_archive(tmp_path / ARCHIVES["100"], hundred | {HUNDRED[1]: pickle.dumps({"data": Harm()}, 2)})
    with pytest.raises(
        DataCorrupt, match=rf"^{tmp_path}/{ARCHIVES['100']}/test: the pickle asks for __builtin__\.eval"
    ):
        cifar100(tmp_path)


def test_the_real_archive_is_read_as_plain_unpickling_reads_it(real_data):
    image_set = cifar10(real_data)
    counts = {name: len(images) for name, images in image_set.splits.items()}
    assert counts == {"train": 5_000, "test": 1_000}
    assert image_set.shape == (3, 32, 32)
    with tarfile.open(real_data / ARCHIVES["10"]) as tar:
        stream = tar.extractfile(TEN[1])
        assert stream is not None
        second = pickle.load(stream, encoding="bytes")
    planes = pixels(image_set, "train")[1_000:2_000]
    np.testing.assert_array_equal(planes.reshape(1_000, 3072), second[b"data"])
    assert image_set.labels["train"][1_000:2_000].tolist() == second[b"labels"]
    # the official training mean of red, green and blue, within the error of 5,000 images
    mean = pixels(image_set, "train").mean((0, 2, 3)) / 255
    assert mean == pytest.approx([0.4914, 0.4822, 0.4465], abs=0.01)
