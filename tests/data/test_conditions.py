"""What a model is given, as numbers and in words."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kelbo.data.conditions import Condition, Variable
from kelbo.data.factors import FactorImages, Factors
from kelbo.data.given import conditioned
from kelbo.data.image_set import ImageSet, hold_out, quantized
from kelbo.data.images import ArrayImages
from kelbo.errors import DataError, DataUnknown

DIGIT = Condition("labels", (Variable("label", ("cat", "dog", "zebra")),))
FACE = Condition("attributes", (Variable("Smiling", ("0", "1")), Variable("Male", ("0", "1"))))
SHAPE = Condition("factors", (Variable("shape", ("cube", "ball")), Variable("size", ("1", "2", "3"))))
EVERY = {"labels": DIGIT, "attributes": FACE, "factors": SHAPE}
NAMED = pytest.mark.parametrize("condition", EVERY.values(), ids=EVERY)


def numbered(count=12):
    return ArrayImages(np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1))


def labelled():
    splits = {"train": numbered(6), "test": numbered(3)}
    labels = {"train": np.array([0, 1, 2, 0, 1, 2]), "test": np.array([2, 1, 0])}
    return ImageSet("animals", splits, "", labels=labels, class_names=("cat", "dog", "zebra"))


def with_factors():
    whole = FactorImages(numbered(), Factors(("shape", "size", "hue"), (2, 3, 2)))
    return ImageSet("solids", hold_out(whole.images, 0.25, 0), "", whole=whole)


@NAMED
def test_rows_and_values_are_inverse(condition):
    values = torch.tensor(list(condition.each()))
    rows = condition.encode(values)
    assert rows.shape == (condition.combinations, condition.columns)
    assert torch.equal(condition.decode(rows), values)
    assert len({tuple(row) for row in rows.tolist()}) == condition.combinations


@NAMED
def test_words_name_the_values_that_they_were_made_of(condition):
    for values in condition.each():
        assert condition.parse(condition.words(values)) == values


@NAMED
def test_a_condition_survives_json(condition):
    assert Condition.from_json(condition.as_json()) == condition


def test_an_attribute_is_one_column_and_a_class_is_one_hot():
    assert FACE.encode(torch.tensor([[1, 0]])).tolist() == [[1, 0]]
    assert DIGIT.encode(torch.tensor([[1]])).tolist() == [[0, 1, 0]]


@pytest.mark.parametrize(
    ("condition", "text", "named"),
    [
        (DIGIT, "zebre", "zebra"),
        (DIGIT, "dig=cat", "label"),
        (FACE, "Smilling=1,Male=0", "Smiling"),
        (FACE, "Smiling=2,Male=0", "0, 1"),
        (FACE, "Smiling=1", "Male"),
        (FACE, "Smiling=1,Smiling=0,Male=0", "twice"),
        (FACE, "Smiling", "Smiling=1"),
        (SHAPE, "", "shape"),
    ],
)
def test_words_that_name_nothing_are_refused_with_what_there_is(condition, text, named):
    with pytest.raises(DataUnknown) as error:
        condition.parse(text)
    assert named in str(error.value)


def test_variables_that_are_not_named_may_keep_their_values():
    assert FACE.parse("Male=1", rest=(1, 0)) == (1, 1)


def test_each_split_gives_the_class_of_each_example():
    for split, images in conditioned(labelled(), "labels").splits.items():
        rows = images.given_at(torch.arange(len(images)))["labels"]
        assert rows.argmax(1).tolist() == labelled().labels[split].tolist()


def test_factors_are_those_of_the_image_in_splits_and_in_the_whole_set():
    known = conditioned(with_factors(), "factors:size,shape")
    factors = with_factors().whole.factors
    for images in (*known.splits.values(), known.whole.images):
        index = torch.arange(len(images))
        expected = factors.of(images.take(index).flatten())[:, [1, 0]]
        assert torch.equal(known.condition.decode(images.given_at(index)["factors"]), expected)


def test_conditions_stay_when_levels_become_fewer():
    few = quantized(conditioned(with_factors(), "factors"), 5)
    assert few.given == {"factors": (1 + 3 + 1,)}  # two values take one column
    assert few.condition is not None


def test_conditions_are_part_of_what_the_data_are():
    plain = labelled()
    assert conditioned(plain, "labels").train.fingerprint() != plain.train.fingerprint()


@pytest.mark.parametrize(
    ("data", "asked", "named"),
    [
        (labelled, "attributes", "labels"),
        (labelled, "factors:shape", "labels"),
        (with_factors, "labels", "factors"),
        (with_factors, "factors:shap", "shape"),
        (lambda: ImageSet("bare", {"train": numbered()}, ""), "labels", "model.given"),
    ],
)
def test_a_set_that_lacks_what_is_asked_for_says_what_it_has(data, asked, named):
    with pytest.raises(DataUnknown) as error:
        conditioned(data(), asked)
    assert named in str(error.value)


def test_what_all_training_examples_share_is_no_condition():
    """A model would take the other value without a word, and has never seen it."""
    attributes = {split: np.ones((len(images), 1), np.int8) for split, images in labelled().splits.items()}
    fat = replace(labelled(), attributes=attributes, attribute_names=("fat",))
    with pytest.raises(DataError, match="fat=1"):
        conditioned(fat, "attributes")
