"""Every claim of the σ-VAE study comes out as it did before the study stood on the engine of studies."""

import gzip
import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.golden.old_sigma import converted

from kelbo.studies.frame import Numbers
from kelbo.studies.judge import verdicts
from kelbo.studies.sigma_vae.claims import CLAIMS
from kelbo.studies.sigma_vae.derived import DERIVED
from kelbo.studies.sigma_vae.tested import PAPER

HERE = Path(__file__).parent
OUTCOMES = {
    name: told for name, told in json.loads((HERE / "claims.json").read_text()).items() if name.startswith("sigma_vae ")
}
STUDY = SimpleNamespace(name="sigma-vae", paper=PAPER, budgets={}, derived=DERIVED, names={})


@cache
def kept():
    return json.loads(gzip.decompress((HERE / "claims_results.json.gz").read_bytes()))


def results(name):
    parts, case = kept()["parts"], kept()["cases"][name]
    listed = {key: [parts[index] for index in case[key]] for key in ("lanes", "baselines", "quirks") if key in case}
    whole = {"asked": [], "data": "mnist", "flattery": [], "machine": {}, "mode": "corrected", "seconds": {}}
    return converted(whole | case | listed)  # some cases lack a part, which no claim reads


def judged(name):
    return {verdict.claim.id: verdict for verdict in verdicts(CLAIMS, Numbers(STUDY, results(name)))}


def differences(name):
    """What is not as it was: outcomes, and numbers with their ends and sides, in any order."""
    now = judged(name)
    for claim, told in OUTCOMES[name].items():
        found = now[claim]
        if found.outcome != told["outcome"]:
            yield f"{claim}: {told['outcome']} → {found.outcome}"
        ours = [(test.side, *test.estimate[:3], test.above, test.below) for test in found.tests]
        theirs = [tuple(each[key] for key in ("side", *NUMBERS)) for each in told["evidence"]]
        if not alike(ours, theirs):
            yield f"{claim}: {theirs} → {ours}"


NUMBERS = ("value", "low", "high", "above", "below")


def alike(ours, theirs):
    pairs = zip(*(sorted(rows, key=lambda row: row[1]) for rows in (ours, theirs)), strict=False)
    return len(ours) == len(theirs) and all(
        a[0] == b[0]
        and all(x == y or pytest.approx(y, rel=1e-7, abs=1e-9) == x for x, y in zip(a[1:], b[1:], strict=True))
        for a, b in pairs
    )


QUICK = [name for number, name in enumerate(OUTCOMES) if number % 12 == 0 or ".json" in name]


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in OUTCOMES]
)
def test_claims_come_out_as_before(name):
    assert list(differences(name)) == []
