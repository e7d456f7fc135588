"""Samples of a model that draws under conditions need them, one for each sample."""

import numpy as np
import pytest
import torch
from tests.toys import two_conditions, vectors

from kelbo.errors import ScoreError
from kelbo.evaluation import sample

GIVEN = {"labels": torch.eye(2), "picture": torch.zeros(2, 1, 4, 4)}


@pytest.fixture
def model():
    return two_conditions.model(two_conditions.RECIPE, two_conditions.data(two_conditions.RECIPE), {})


def test_a_condition_that_is_missing_is_named(model):
    with pytest.raises(ScoreError, match="not given: picture"):
        sample(model, 2, given={"labels": GIVEN["labels"]})


def test_as_many_samples_are_drawn_as_there_are_conditions(model):
    assert len(sample(model, 2, given=GIVEN)) == 2
    with pytest.raises(ScoreError, match="3 samples .* 'labels' has 2"):
        sample(model, 3, given=GIVEN)


@pytest.mark.parametrize("temperature", [np.float32(0.5), np.array([0.5])])
def test_a_temperature_may_be_numpys(temperature):
    model = vectors.model(vectors.RECIPE, vectors.data(vectors.RECIPE), {})
    np.testing.assert_array_equal(sample(model, 3, temperature=temperature), sample(model, 3, temperature=0.5))
