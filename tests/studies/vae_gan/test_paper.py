"""Printed numbers are those that are recalled of the paper's table, and said to be recalled."""

import pytest

from kelbo.studies.vae_gan.claims import PAPER
from kelbo.studies.vae_gan.models import TOLD_GAN, TOLD_VAE, TOLD_VAEGAN


@pytest.mark.parametrize(
    ("model", "cosine", "error"), [(TOLD_VAE, 0.9030, 27.59), (TOLD_GAN, 0.8892, 27.89), (TOLD_VAEGAN, 0.9114, 22.39)]
)
def test_models_that_are_told_attributes_find_their_numbers(model, cosine, error):
    assert PAPER.find(model, "cosine", "lfw").value == cosine
    assert PAPER.find(model, "squared_error", "lfw").value == error


def test_every_number_is_said_to_be_recalled():
    assert all("ecalled" in PAPER.errata[row["erratum"]] for row in PAPER.rows)
    assert {row["erratum"] for row in PAPER.rows} == PAPER.errata.keys()
