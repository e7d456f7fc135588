"""Numbers of studies that do not exist."""

import json

import numpy as np
import pytest

from kelbo.metrics import mean_and_error, of_replicates
from kelbo.studies.beta_vae.quirks_entries import compared, measured, value_of
from kelbo.studies.beta_vae.quirks_sets import _of_errors
from kelbo.studies.kept import with_error


def test_the_error_of_one_image_is_null_in_a_studys_numbers():
    assert with_error(np.array([3.0])) == {"mean": 3.0, "standard_error": None}
    assert with_error(np.array([3.0, 5.0])) == {"mean": 4.0, "standard_error": 1.0}


@pytest.mark.parametrize(
    "value",
    [
        measured(3.0, None),
        measured(*mean_and_error(np.array([3.0]))),
        value_of(of_replicates([3.0]), ""),
        value_of(of_replicates([3.0]), "accuracy"),
        compared("a", [3.0], [0.0])["published"],
        _of_errors("a", {way: {"mean": 3.0, "standard_error": None} for way in ("train", "test")})["published"],
    ],
)
def test_the_interval_of_one_value_is_null_rather_than_of_no_width(value):
    assert json.loads(json.dumps(value, allow_nan=False)) == {"value": 3.0, "low": None, "high": None}


def test_a_difference_of_which_one_side_has_no_error_has_none():
    found = _of_errors(
        "a", {"train": {"mean": 3.0, "standard_error": 0.1}, "test": {"mean": 1.0, "standard_error": None}}
    )
    assert found["difference"] == {"value": 2.0, "low": None, "high": None}
