"""Every claim of the β-VAE study comes out as it did before the study stood on the engine of studies."""

import gzip
import json
from functools import cache
from pathlib import Path

import pytest
from tests.golden.old_beta import converted

from kelbo.studies.beta_vae.study import STUDY
from kelbo.studies.frame import Numbers
from kelbo.studies.judge import verdicts

HERE = Path(__file__).parent
OUTCOMES = {
    name: told for name, told in json.loads((HERE / "claims.json").read_text()).items() if name.startswith("beta_vae ")
}
NUMBERS = ("value", "low", "high", "above", "below")


@cache
def kept():
    return json.loads(gzip.decompress((HERE / "claims_results.json.gz").read_bytes()))


def results(name):
    parts, case = kept()["parts"], kept()["cases"][name]
    listed = {key: [parts[index] for index in case[key]] for key in ("lanes", "baselines", "quirks")}
    return converted(case | listed)


def differences(name):
    """What is not as it was: outcomes, and numbers with their ends and sides, in any order."""
    now = {verdict.claim.id: verdict for verdict in verdicts(STUDY.claims, Numbers(STUDY, results(name)))}
    assert now.keys() == OUTCOMES[name].keys()
    for claim, told in OUTCOMES[name].items():
        found = now[claim]
        if found.outcome != told["outcome"]:
            yield f"{claim}: {told['outcome']} → {found.outcome}"
        ours = [(test.side, *test.estimate[:3], test.above, test.below) for test in found.tests]
        theirs = [tuple(each[key] for key in ("side", *NUMBERS)) for each in told["evidence"]]
        if not alike(ours, theirs):
            yield f"{claim}: {theirs} → {ours}"


def alike(ours, theirs):
    """Whether each row of one is a row of the other."""
    left = list(ours)
    for row in theirs:
        same = next((own for own in left if own[0] == row[0] and all(map(near, own[1:], row[1:]))), None)
        if same is None:
            return False
        left.remove(same)
    return not left


def near(ours, theirs):
    """Equal to the nine digits that were kept."""
    return ours == theirs or theirs == pytest.approx(ours, rel=5.1e-9, abs=1e-9)


QUICK = [name for number, name in enumerate(OUTCOMES) if number % 12 == 0 or "as_published" in name]


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in OUTCOMES]
)
def test_claims_come_out_as_before(name):
    assert list(differences(name)) == []
