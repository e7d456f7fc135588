"""Every claim of both studies comes out as it did before they stood on the engine of studies."""

import gzip
import json
from functools import cache
from pathlib import Path

import pytest
from tests.golden import old_beta, old_sigma

from kelbo.studies.beta_vae.study import STUDY as BETA_VAE
from kelbo.studies.frame import Numbers
from kelbo.studies.judge import verdicts
from kelbo.studies.sigma_vae.study import STUDY as SIGMA_VAE

HERE = Path(__file__).parent
STUDIES = {"beta_vae": (BETA_VAE, old_beta.converted), "sigma_vae": (SIGMA_VAE, old_sigma.converted)}
OUTCOMES = json.loads((HERE / "claims.json").read_text())
ABSENT = {"asked": [], "data": "mnist", "flattery": [], "machine": {}, "mode": "corrected", "seconds": {}}
"""parts that some cases lack, which no claim reads"""


@cache
def kept():
    return json.loads(gzip.decompress((HERE / "claims_results.json.gz").read_bytes()))


def judged(name):
    """Verdicts by claim on a recorded case, whose name begins with its study's."""
    study, converted = STUDIES[name.partition(" ")[0]]
    parts, case = kept()["parts"], kept()["cases"][name]
    listed = {key: [parts[index] for index in case[key]] for key in ("lanes", "baselines", "quirks") if key in case}
    found = verdicts(study.claims, Numbers(study, converted(ABSENT | case | listed)))
    return {verdict.claim.id: verdict for verdict in found}


def differences(name):
    """What is not as it was: outcomes, and numbers with their ends and sides, in any order."""
    now = judged(name)
    assert now.keys() == OUTCOMES[name].keys()
    for claim, told in OUTCOMES[name].items():
        found = now[claim]
        if found.outcome != told["outcome"]:
            yield f"{claim}: {told['outcome']} → {found.outcome}"
        ours = [(test.side, *test.known[:3], test.above, test.below) for test in found.tests]
        theirs = [
            tuple(each[key] for key in ("side", "value", "low", "high", "above", "below")) for each in told["evidence"]
        ]
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


QUICK = [name for number, name in enumerate(OUTCOMES) if number % 12 == 0 or "as_published" in name or ".json" in name]


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in OUTCOMES]
)
def test_claims_come_out_as_before(name):
    assert list(differences(name)) == []
