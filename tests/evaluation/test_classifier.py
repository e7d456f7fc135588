"""The classifier learns, keeps what it learned and says how well; its features know classes, random ones images."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from kelbo.data.digits import digits
from kelbo.data.images import ArrayImages
from kelbo.errors import Damaged, DataError, Divergence, ScoreError
from kelbo.evaluation.classifier import (
    ImageClassifier,
    classifier_network,
    load_classifier,
    random_network,
    save_classifier,
    weights_hash,
)
from kelbo.evaluation.feature_network import features_of
from kelbo.evaluation.train_classifier import train_classifier

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.fixture(scope="module")
def trained(data):
    return train(data, epochs=6)


def train(data, **settings):
    return train_classifier(
        data.train,
        data.labels["train"],
        data.test,
        data.labels["test"],
        **({"name": "digits", "width": 8, "features": 32, "batch_size": 64} | settings),
    )


def test_it_learns_the_digits_and_says_how_well(trained, data):
    assert trained.about["accuracy"] > 0.95
    assert trained.about | {"accuracy": 0} == {
        "set": "digits",
        "images": data.train.fingerprint(),
        "classes": 10,
        "accuracy": 0,
        "test_images": len(data.test),
        "seed": 0,
        "epochs": 6,
    }


def test_its_accuracy_is_the_share_of_test_images_it_names(trained, data):
    x = data.test.take(torch.arange(len(data.test))) / (data.levels - 1)
    with torch.no_grad():
        # by hand: 8 bits, then [-1, 1]
        guess = trained.network((x * 255).round() / 127.5 - 1).argmax(1).numpy()
    assert trained.about["accuracy"] == (guess == data.labels["test"]).mean()


def test_a_seed_gives_one_network_and_another_seed_another(data):
    first, again, other = (weights_hash(train(data, epochs=1, seed=seed).network) for seed in (1, 1, 2))
    assert first == again != other


def test_attributes_are_learned_each_by_itself(data):
    attributes = {split: np.stack([labels % 2, labels > 4], 1).astype(np.int8) for split, labels in data.labels.items()}
    trained = train_classifier(
        data.train,
        attributes["train"],
        data.test,
        attributes["test"],
        name="odd",
        names=("odd", "large"),
        epochs=6,
        width=8,
        batch_size=64,
    )
    assert trained.about["names"] == ["odd", "large"]
    by_attribute = trained.about["by_attribute"]
    assert sum(found["accuracy"] for found in by_attribute.values()) / 2 == pytest.approx(trained.about["accuracy"])
    assert min(found["f1"] for found in by_attribute.values()) > 0.9
    assert trained.network.settings["outputs"] == trained.about["attributes"] == 2
    assert trained.about["accuracy"] > 0.93


def test_it_is_kept_without_pickles_and_comes_back_the_same(trained, data, tmp_path):
    path = tmp_path / "digits.safetensors"
    save_classifier(path, trained)
    back = load_classifier(path)
    assert back.about == trained.about
    assert weights_hash(back.network) == weights_hash(trained.network)
    network = classifier_network(path, data.shape, CPU)
    assert network.name == "classifier-digits"
    assert network.distance == "Fréchet distance (classifier-digits)"
    assert network.fingerprint["about"]["accuracy"] == trained.about["accuracy"]
    features = features_of(network, data.test)
    assert features.shape == (len(data.test), 32)
    assert features.min() == 0.0


def test_its_features_tell_classes_apart_better_than_random_ones(trained, data, tmp_path):
    save_classifier(tmp_path / "digits.safetensors", trained)
    labels = data.labels["test"]

    def between_over_within(network):
        features = features_of(network, data.test).astype(np.float64)
        centres = np.stack([features[labels == digit].mean(0) for digit in range(10)])
        return centres.var(0).sum() / np.square(features - centres[labels]).mean(0).sum()

    learned = between_over_within(classifier_network(tmp_path / "digits.safetensors", data.shape, CPU))
    assert learned > 2 * between_over_within(random_network(0, data.shape, CPU))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 20), (1, 28, 28), (3, 33, 64), (4, 128, 9)])
def test_it_takes_images_of_any_shape_from_8_pixels_on(shape):
    network = random_network(0, shape, CPU)
    images = torch.randint(256, (3, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    features = network(images)
    assert features.shape == (3, 128)
    assert (features[0] - features[1]).norm() > 0


def test_smaller_images_are_refused():
    with pytest.raises(ScoreError, match=r"8×8 pixels; got 7×28"):
        ImageClassifier((1, 7, 28), 10)


def test_random_features_are_their_seeds_and_leave_the_generators_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = (random_network(seed, (1, 8, 8), CPU) for seed in (3, 3, 4))
    assert torch.rand(1) == expected
    assert first.fingerprint == again.fingerprint
    assert first.weights != other.weights
    assert (first.name, first.fingerprint["about"]) == ("random-3", {"seed": 3})


def test_images_of_another_shape_than_it_was_trained_on_are_refused(trained, tmp_path):
    save_classifier(tmp_path / "digits.safetensors", trained)
    with pytest.raises(ScoreError, match=r"1, 16, 16\b.*3, 8, 8\b"):
        classifier_network(tmp_path / "digits.safetensors", (3, 8, 8), CPU)


def header(**changed):
    told = {"kind": "classifier", "format": 1, "about": {}}
    told["settings"] = {"shape": [1, 8, 8], "outputs": 10, "features": 32, "width": 8}
    return {"kelbo": json.dumps(told | changed)}


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        (None, "kelbo's files"),
        (header(kind="encoder"), r"classifier.*encoder"),
        (header(format=2), r"format 2\b.*reads 1\b"),
        (header(settings={"shape": [1, 8, 8]}), "outputs"),
        (header(settings={"shape": 3, "outputs": 1, "features": 1, "width": 1}), "a classifier"),
        (header(settings={"shape": [1, 8, 8], "outputs": 10, "features": 10**9, "width": 10**6}), "size mismatch"),
        ({"kelbo": "{"}, "be read"),
    ],
)
def test_a_file_that_tells_something_else_is_refused(trained, tmp_path, metadata, told):
    path = tmp_path / "a.safetensors"
    save_file(
        {
            name: value.clone(memory_format=torch.contiguous_format)
            for name, value in trained.network.state_dict().items()
        },
        path,
        metadata,
    )
    with pytest.raises(Damaged, match=told):
        load_classifier(path)


def test_weights_that_do_not_fit_or_are_cut_off_are_refused(trained, tmp_path):
    path = tmp_path / "a.safetensors"
    save_classifier(path, trained)
    tensors = load_file(path)
    tensors.pop("last.bias")
    save_file(tensors, tmp_path / "less.safetensors", header())
    with pytest.raises(Damaged, match=r"last\.bias"):
        load_classifier(tmp_path / "less.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(Damaged, match="be read"):
        load_classifier(path)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.zeros(9, np.int64), "10 images and 9 labels"),
        (np.zeros(10), "integer classes"),
        (np.zeros((10, 2, 2), np.int64), "integer classes"),
        (np.arange(10) - 1, "must be 0 to 8; got -1 to 8"),
        (np.zeros(10, np.int64), "two classes"),
        (np.full((10, 2), 2), "must be 0 to 1; got 2 to 2"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, told):
    images = ArrayImages(np.zeros((10, 1, 8, 8), np.uint8))
    with pytest.raises(DataError, match=told):
        train_classifier(images, labels, images, labels, name="none")


def test_names_of_another_number_are_refused(data):
    with pytest.raises(DataError, match=r"10\b.* 2 are named"):
        train(data, epochs=1, names=("a", "b"))


def test_a_loss_that_is_not_finite_ends_training(data):
    with pytest.raises(Divergence, match="is nan"):
        train(data, epochs=3, learning_rate=float("inf"))
