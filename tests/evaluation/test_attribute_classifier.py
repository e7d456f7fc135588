"""A classifier's file is opened for images of its size, names what it tells, and takes grey images as colour."""

import numpy as np
import pytest
import torch

from kelbo.errors import DataMissing, DataUnknown, ScoreError
from kelbo.evaluation.attribute_classifier import attribute_classifier
from kelbo.evaluation.classifier import ImageClassifier, TrainedClassifier, classifier_network, save_classifier

CPU = torch.device("cpu")
FACTS = {"set": "faces", "accuracy": 0.9, "test_images": 5, "seed": 0, "epochs": 1}


@pytest.fixture
def saved(tmp_path):
    """Writes an untrained classifier: `saved(shape, **facts)`."""

    def write(shape=(3, 8, 8), **facts):
        torch.manual_seed(0)
        network = ImageClassifier(shape, 2, features=8, width=4).eval()
        path = tmp_path / "faces.safetensors"
        save_classifier(path, TrainedClassifier(network, FACTS | {"attributes": 2, "names": ["Hat", "Old"]} | facts))
        return path

    return write


def noise(channels):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, channels, 8, 8), np.uint8))


def test_chances_are_named_and_of_each_attribute_by_itself(saved):
    found = attribute_classifier(str(saved()), (3, 8, 8))
    chances = found(noise(3))
    assert (found.names, found.exclusive) == (("Hat", "Old"), False)
    assert chances.shape == (4, 2)
    assert ((chances > 0) & (chances < 1)).all()
    assert not torch.allclose(chances.sum(1), torch.ones(4))
    assert found.columns(["Old", "Hat"]) == [1, 0]
    assert found.fingerprint["accuracy"] == 0.9


def test_classes_exclude_one_another(saved):
    path = saved()
    save_classifier(path, TrainedClassifier(ImageClassifier((3, 8, 8), 2), FACTS | {"classes": 2, "names": ["a", "b"]}))
    found = attribute_classifier(str(path), (3, 8, 8))
    assert found.exclusive
    torch.testing.assert_close(found(noise(3)).sum(1), torch.ones(4))


def test_levels_and_intensities_are_told_alike(saved):
    found = attribute_classifier(str(saved()), (3, 8, 8))
    torch.testing.assert_close(found(noise(3)), found(noise(3) / 255))


def test_grey_images_are_taken_as_colour_and_the_fingerprint_says_so(saved):
    path = saved()
    grey, colour = attribute_classifier(str(path), (1, 8, 8)), attribute_classifier(str(path), (3, 8, 8))
    torch.testing.assert_close(grey(noise(1)), colour(noise(1).expand(-1, 3, -1, -1)))
    assert (grey.fingerprint["grey_to_rgb"], colour.fingerprint["grey_to_rgb"]) == (True, False)
    assert classifier_network(path, (1, 8, 8), CPU)(noise(1)).shape == (4, 8)


def test_a_file_of_another_size_or_of_grey_images_is_refused(saved):
    with pytest.raises(ScoreError, match=r"3, 8, 8\b.*3, 16, 16\b"):
        attribute_classifier(str(saved()), (3, 16, 16))
    with pytest.raises(ScoreError, match=r"1, 8, 8\b.*3, 8, 8\b"):
        attribute_classifier(str(saved((1, 8, 8))), (3, 8, 8))


def test_a_file_without_names_and_an_absent_one_are_refused(saved, tmp_path):
    with pytest.raises(ScoreError, match="does not name"):
        attribute_classifier(str(saved(names=None)), (3, 8, 8))
    with pytest.raises(DataMissing, match=r"features.*faces\.safetensors"):
        attribute_classifier("faces", (3, 8, 8), root=tmp_path / "nowhere")


def test_an_attribute_that_it_does_not_know_is_told_the_nearest(saved):
    with pytest.raises(DataUnknown, match="nearest is Hat"):
        attribute_classifier(str(saved()), (3, 8, 8)).columns(["Hats"])
