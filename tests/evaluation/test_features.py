"""A network by name or file, and features of real images that are computed once."""

import numpy as np
import pytest
import torch

from kelbo.data.images import ArrayImages
from kelbo.errors import DataCorrupt, DataError, DataMissing, ScoreError
from kelbo.evaluation.classifier import ImageClassifier, TrainedClassifier, random_network, save_classifier
from kelbo.evaluation.feature_network import features_of
from kelbo.evaluation.features import classifier_path, feature_network
from kelbo.evaluation.reference import evenly, reference

CPU = torch.device("cpu")
SHAPE = (1, 8, 8)


def some_images(count=20, seed=0):
    return ArrayImages(np.random.default_rng(seed).integers(256, size=(count, *SHAPE), dtype=np.uint8))


class Counting:
    """A network that counts the batches it was asked for."""

    def __init__(self, network, monkeypatch):
        self.batches, self.network = 0, network
        called = type(network).__call__

        def counted(*arguments):
            self.batches += 1
            return called(*arguments)

        monkeypatch.setattr(type(network), "__call__", counted)


@pytest.fixture
def counting(monkeypatch):
    return Counting(random_network(0, SHAPE, CPU), monkeypatch)


def test_each_kind_of_name_finds_its_network(script, onnx_of, tmp_path):
    assert feature_network("random-12", SHAPE).name == "random-12"
    assert feature_network(str(script), SHAPE, channels=3).name == "pooled"
    onnx = onnx_of(tmp_path / "means.onnx")
    assert feature_network(str(onnx), SHAPE, resize="antialiased", values="imagenet").name == "means"
    path = classifier_path("shapes", tmp_path)
    save_classifier(path, TrainedClassifier(ImageClassifier(SHAPE, 3), {"set": "shapes"}))
    assert path == tmp_path / "features/shapes.safetensors"
    for name in ("shapes", str(path)):
        assert feature_network(name, SHAPE, root=tmp_path).name == "classifier-shapes"


def test_a_name_that_means_nothing_says_what_there_is(tmp_path):
    with pytest.raises(DataMissing, match="train mnist") as raised:
        feature_network("mnist", SHAPE, root=tmp_path)
    assert str(tmp_path / "features/mnist.safetensors") in str(raised.value)


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("random-0", {"size": (4, 4)}, "ONNX"),
        ("random-0", {"resize": "legacy"}, "random-0"),
        ("inception-2015", {"values": "unit"}, r"^values"),
        ("inception-2015", {"sha256": "0" * 64}, "sha256 f58cb9b6"),
    ],
)
def test_settings_that_do_not_belong_to_a_network_are_refused(name, settings, told):
    with pytest.raises(ScoreError, match=told):
        feature_network(name, SHAPE, **settings)


def test_a_classifiers_hash_is_checked_where_one_is_given(tmp_path):
    save_classifier(tmp_path / "a.safetensors", TrainedClassifier(ImageClassifier(SHAPE, 3), {}))
    with pytest.raises(DataCorrupt, match=f"instead of {'0' * 64}"):
        feature_network(str(tmp_path / "a.safetensors"), SHAPE, sha256="0" * 64)


def test_features_are_computed_once_and_then_read(counting, tmp_path):
    first = reference(counting.network, some_images(), batch_size=8, cache=tmp_path)
    again = reference(counting.network, some_images(), batch_size=5, cache=tmp_path)
    assert counting.batches == 3
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, features_of(counting.network, some_images()), rtol=1e-5, atol=1e-6)


def test_another_network_other_images_or_another_number_are_computed_anew(counting, tmp_path):
    altered = some_images()
    altered.pixels[7, 0, 0, 0] ^= 1
    asked = [(some_images(), None), (some_images(), 10), (some_images(seed=1), None), (altered, None)]
    for images, count in asked:
        reference(counting.network, images, count, cache=tmp_path)
    reference(random_network(1, SHAPE, CPU), some_images(), cache=tmp_path)
    assert counting.batches == len(list(tmp_path.glob("features/*"))) == 5


def test_a_damaged_file_is_computed_anew(counting, tmp_path):
    first = reference(counting.network, some_images(), cache=tmp_path)
    [path] = tmp_path.glob("features/*")
    for content in (b"", path.read_bytes()[:-8]):
        path.write_bytes(content)
        np.testing.assert_array_equal(first, reference(counting.network, some_images(), cache=tmp_path))
    assert counting.batches == 3


def test_features_are_kept_where_the_environment_says_or_nowhere(tmp_path, counting, monkeypatch):
    monkeypatch.setenv("KELBO_CACHE", str(tmp_path / "cache"))
    reference(counting.network, some_images())
    assert [path.suffix for path in (tmp_path / "cache/features").iterdir()] == [".safetensors"]
    monkeypatch.setenv("KELBO_CACHE", "none")
    reference(counting.network, some_images())
    assert counting.batches == 2


def test_features_that_cannot_be_kept_are_told_and_not_lost(tmp_path, caplog, monkeypatch):
    (tmp_path / "file").write_text("")
    network = random_network(0, SHAPE, CPU)
    expected = features_of(network, some_images())
    np.testing.assert_array_equal(expected, reference(network, some_images(), cache=tmp_path / "file"))
    monkeypatch.setenv("KELBO_CACHE_SIZE", "10")
    np.testing.assert_array_equal(expected, reference(network, some_images(), cache=tmp_path / "cache"))
    assert [("cannot be written" in text, "KELBO_CACHE_SIZE" in text) for text in caplog.messages] == [
        (True, False),
        (False, True),
    ]
    assert not (tmp_path / "cache" / "features").exists()


def test_images_are_taken_evenly_from_first_to_last():
    images = ArrayImages(np.arange(11, dtype=np.uint8)[:, None, None, None])
    assert evenly(images, 3).take(torch.arange(3)).flatten().tolist() == [0, 5, 10]
    assert evenly(images, None) is images
    assert evenly(images, 11) is images
    with pytest.raises(DataError, match="at least 1; got 0"):
        evenly(images, 0)
