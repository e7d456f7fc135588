"""The paper's numbers are those that its figures and captions print, and models find theirs."""

import pytest

from kelbo.studies.mind_your_bits.models import single
from kelbo.studies.mind_your_bits.sets import CELEBA, SVHN
from kelbo.studies.mind_your_bits.tested import PAPER


@pytest.mark.parametrize(("target", "rate"), [(64, 1.1), (32, 7.47), (8, 37.5), (2, 116.0), (0.5, 355.3)])
def test_models_find_their_rates(target, rate):
    assert PAPER.find(single(target), "rate", "svhn").value == rate


@pytest.mark.parametrize(("data", "targets"), [("svhn", SVHN), ("celeba", CELEBA)])
def test_the_papers_targets_are_those_of_its_captions(data, targets):
    assert PAPER.find("primary", "target", data).value == targets.primary
    assert [PAPER.find(f"final={target:g}", "target", data).value for target in targets.finals] == list(targets.finals)


def test_every_erratum_is_of_some_number():
    assert {row["erratum"] for row in PAPER.rows if "erratum" in row} == PAPER.errata.keys()
