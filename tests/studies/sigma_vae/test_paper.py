"""The σ-VAE paper's numbers are those that the tables print, and models find theirs."""

from pathlib import Path

import pandas as pd
import pytest

from kelbo.studies.paper import paper
from kelbo.studies.sigma_vae import models
from kelbo.studies.sigma_vae.models import OPTIMAL, SHARED, TUNED, UNIT, grid

PAPER = paper(Path(models.__file__).with_name("paper.toml"))


def test_every_number_of_the_paper_is_there_once():
    places = ["place", "data", "model", "quantity"]
    assert pd.DataFrame(PAPER.rows).groupby(["place", "data"]).size().to_dict() == {
        ("Table 1", "svhn"): 13,
        ("Table 2", "bair"): 16,
        ("Table 2", "celeba"): 20,
        ("Table 2", "cifar10"): 20,
        ("Table 2", "svhn"): 20,
        ("Table 3", "mnist"): 9,
    }
    assert not pd.DataFrame(PAPER.rows).duplicated(places).any()


@pytest.mark.parametrize(
    ("model", "quantity", "data", "place", "value"),
    [
        (UNIT, "loss", "mnist", "", 740.5),
        (SHARED, "fid", "mnist", "", 32.18),
        (UNIT, "fid", "svhn", "", 112.5),
        (grid(1.0), "fid", "svhn", "", 70.39),
        (OPTIMAL, "fid", "svhn", "", 27.25),
        (OPTIMAL, "fid", "svhn", "Table 1", 22.25),
        (TUNED, "fid", "cifar10", "", 103.0),
    ],
)
def test_models_find_their_numbers(model, quantity, data, place, value):
    assert PAPER.find(model, quantity, data, place).value == value


def test_no_other_model_of_the_grid_is_the_papers_gaussian():
    assert grid(1.0) == UNIT != grid(0.1)


def test_every_erratum_is_of_some_number():
    assert {row["erratum"] for row in PAPER.rows if "erratum" in row} == PAPER.errata.keys()
