"""The β-VAE report's numbers are those that it prints, and models find theirs."""

import pandas as pd
import pytest

from kelbo.studies.beta_vae.models import ARMS, MLP, beta, linear
from kelbo.studies.beta_vae.tested import PAPER


def test_every_number_of_the_report_is_there_once():
    places = ["place", "data", "model", "quantity"]
    assert pd.DataFrame(PAPER.rows).groupby(["place", "data"]).size().to_dict() == {
        ("Table 1", "dsprites"): 24,
        ("Higgins et al.", "dsprites"): 4,
        ("Table 2", "dsprites"): 4,
        ("Table 2", "3dshapes"): 4,
        ("Table 2", "mpi3d"): 4,
        ("Table 3", "cifar10"): 5,
        ("Table 3", "cifar100"): 4,
        ("§4.1", "dsprites"): 1,
        ("§3.1.2", "dsprites"): 2,
    }
    assert not pd.DataFrame(PAPER.rows).duplicated(places).any()
    assert [(row["data"], row["network"]) for row in PAPER.content["architectures"]] == list(ARMS)


@pytest.mark.parametrize(
    ("model", "quantity", "data", "place", "value"),
    [
        (beta(MLP, 4.0), "score.four", "dsprites", "", 89.09),
        (beta(MLP, 4.0), "score.four.median", "dsprites", "", 95.15),
        (beta(MLP, 4.0), "score.four", "dsprites", "Higgins et al.", 99.23),
        (linear("dsprites", "ica"), "score.five", "dsprites", "", 68.99),
        (beta("cifar100-conv", 0.1), "fid", "cifar100", "", 132.1),
    ],
)
def test_models_find_their_numbers(model, quantity, data, place, value):
    assert PAPER.find(model, quantity, data, place).value == value


def test_every_erratum_is_of_some_number():
    assert {row["erratum"] for row in PAPER.rows if "erratum" in row} == PAPER.errata.keys()
