"""Attributes, classes and the values of factors are asked for by name, as 0 and 1 of each image."""

import numpy as np
import pytest
import torch

from kelbo.data.attribute_values import attribute_values, attributes_offered
from kelbo.data.factors import FactorImages, Factors
from kelbo.data.given import conditioned
from kelbo.data.image_set import ImageSet, hold_out, quantized
from kelbo.data.images import ArrayImages
from kelbo.errors import DataUnknown


def images(count, seed=0):
    return ArrayImages(np.random.default_rng(seed).integers(0, 256, (count, 1, 8, 8), np.uint8))


def faces():
    splits = {"train": images(6), "test": images(3)}
    attributes = {
        name: (np.arange(2 * len(some)).reshape(-1, 2) % 3 == 0).astype(np.int8) for name, some in splits.items()
    }
    labels = {"train": np.array([0, 1, 2, 0, 1, 2]), "test": np.array([2, 2, 0])}
    return ImageSet(
        "faces",
        splits,
        "",
        labels=labels,
        class_names=("ann", "bob", "cem"),
        attributes=attributes,
        attribute_names=("A", "B"),
    )


def shapes(bits=8):
    factors = Factors(("shape", "scale"), (2, 3), (("square", "heart"), ("0.5", "0.75", "1")))
    whole = FactorImages(images(6), factors)
    found = ImageSet("shapes", hold_out(whole.images, 0.5, 1), "", whole=whole)
    return found if bits == 8 else quantized(conditioned(found, "factors:scale"), bits)


def test_attributes_and_classes_are_offered_by_their_names():
    found = faces()
    assert attributes_offered(found) == ("A", "B", "ann", "bob", "cem")
    values = attribute_values(found, ["B", "cem"], "train")
    assert values.dtype == np.int8
    np.testing.assert_array_equal(values[:, 0], found.attributes["train"][:, 1])
    assert values[:, 1].tolist() == [0, 0, 1, 0, 0, 1]


def test_classes_without_names_are_numbers():
    found = ImageSet("digits", {"train": images(3)}, "", labels={"train": np.array([3, 0, 3])})
    assert attributes_offered(found) == ("0", "1", "2", "3")
    assert attribute_values(found, ["3"], "train")[:, 0].tolist() == [1, 0, 1]


@pytest.mark.parametrize("bits", [8, 5])
@pytest.mark.parametrize("split", ["train", "test"])
def test_each_value_of_a_factor_is_an_attribute_whatever_was_made_of_its_images(split, bits):
    found = shapes(bits)
    assert attributes_offered(found)[:3] == ("shape=square", "shape=heart", "scale=0.5")
    index = shapes().splits[split].index  # pyright: ignore[reportAttributeAccessIssue]
    told = shapes().whole.factors.of(index)  # pyright: ignore[reportOptionalMemberAccess]
    values = attribute_values(found, ["shape=heart", "scale=1"], split)
    np.testing.assert_array_equal(values, torch.stack([told[:, 0] == 1, told[:, 1] == 2], 1).numpy())


@pytest.mark.parametrize(
    ("names", "told"),
    [(["a"], "nearest|there is A"), (["cemm"], "nearest is cem"), (["A", "B", "A"], "A is named twice")],
)
def test_a_name_that_does_not_exist_is_told_the_nearest(names, told):
    with pytest.raises(DataUnknown, match=told):
        attribute_values(faces(), names, "train")


def test_a_set_of_which_nothing_is_known_or_not_in_this_split_is_refused():
    with pytest.raises(DataUnknown, match="plain neither attributes"):
        attribute_values(ImageSet("plain", {"train": images(3)}, ""), ["A"], "train")
    found = ImageSet("half", {"train": images(3), "test": images(2)}, "", labels={"train": np.array([0, 1, 0])})
    with pytest.raises(DataUnknown, match="labels in its split test"):
        attribute_values(found, ["1"], "test")
