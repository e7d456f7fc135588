"""What every disentanglement score must obey. A new one is one more line in SCORES.

Codes are of four factors of three values each, in all combinations about equally often.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest

from kelbo.errors import ScoreError
from kelbo.metrics.beta_score import beta_score
from kelbo.metrics.dci import dci
from kelbo.metrics.factor_score import factor_score
from kelbo.metrics.infomec import infomec
from kelbo.metrics.irs import irs
from kelbo.metrics.mig import continuous_mig, mig
from kelbo.metrics.modularity import explicitness, modularity
from kelbo.metrics.sap import sap

PERMUTATION, SCALE, NEGATION, ORDER = "permutation", "scale", "negation", "order"


@dataclass(frozen=True, eq=False)
class Law:
    """One score and what its definition lets it obey.

    score      codes (N, K), factors (N, F) to one number
    perfect    the least that a code equal to the factors may score
    chance     the most that a code which knows nothing may score
    turned     the most that a perfect code may score when pairs of latents are mixed, by 45°; None where that does nothing
    keeps      what leaves the score as it is: PERMUTATION of latents, SCALE or NEGATION of each, ORDER of the rows
    within     how far those, or a constant latent more, may move it: rounding, unless solvers stop at a tolerance
    """

    score: Callable[[np.ndarray, np.ndarray], float]
    perfect: float
    chance: float
    turned: float | None
    keeps: frozenset[str] | set[str]
    within: float = 1e-9

    @cached_property
    def between(self) -> float:
        """Of the code that is compared with its changes."""
        return self.score(BETWEEN, FACTORS)

    @cached_property
    def nothing(self) -> float:
        """Of the code that knows nothing."""
        return self.score(NOTHING, FACTORS)


SCORES = {
    # scale changes what the penalty of the logistic regression means
    "β-VAE": Law(
        lambda c, f: beta_score(c, f, train=1500, test=1500).value, 0.999, 0.3, 0.6, {PERMUTATION, NEGATION}, 3e-3
    ),
    # the deviation under which a latent has no vote is in the units of the codes, but no latent here comes near it
    "FactorVAE": Law(
        lambda c, f: factor_score(c, f, train=2000, test=1000).value, 0.999, 0.32, 0.6, {PERMUTATION, SCALE, NEGATION}
    ),
    "MIG": Law(lambda c, f: mig(c, f).value, 0.98, 0.01, 0.1, {PERMUTATION, SCALE, NEGATION, ORDER}),
    # scales of 0.05 are given: another scale of the means is another posterior; draws of noise go by column and row
    "MIG, continuous": Law(
        lambda c, f: continuous_mig(c[:1500], np.full_like(c[:1500], 0.05), f[:1500]).value, 0.98, 0.03, 0.1, set()
    ),
    # order decides between latents whose splits save the same; completeness and lasso's chance are in the score's own tests
    "DCI, disentanglement": Law(
        lambda c, f: dci(c, f, train=600, test=300).disentanglement,
        0.99,
        0.01,
        0.6,
        {PERMUTATION, SCALE, NEGATION},
        5e-3,
    ),
    # a group's quantile is below the largest deviation of all, so noise is not at 0; latents weigh by how far they go
    "IRS": Law(lambda c, f: irs(c, f).value, 1 - 1e-9, 0.4, 0.55, {PERMUTATION, NEGATION, ORDER}),
    # a classifier reads all latents together, turned or not; the other two are ratios, which noise may have any of
    "InfoMEC, explicitness": Law(
        lambda c, f: infomec(c[:2000], f[:2000]).explicitness, 0.99, 0.01, None, {PERMUTATION, SCALE, NEGATION}, 1e-5
    ),
    # noise tells some factor more than others, so its modularity is not 0; of_used, since `value` counts constant latents
    "modularity": Law(lambda c, f: modularity(c, f).of_used, 0.999, 0.8, 0.7, {PERMUTATION, SCALE, NEGATION, ORDER}),
    # a classifier of all latents reads a turned code as well
    "explicitness": Law(
        lambda c, f: explicitness(c, f, train=2000, test=1000).value,
        0.98,
        0.53,
        None,
        {PERMUTATION, SCALE, NEGATION},
        1e-3,
    ),
    # scale changes what the penalty of the support vector machine means; a constant latent's guess may beat a poor second
    "SAP": Law(lambda c, f: sap(c, f, train=2000, test=1000).value, 0.6, 0.03, 0.1, {PERMUTATION, NEGATION}, 0.02),
    "SAP, continuous": Law(
        lambda c, f: sap(c, f, continuous=True).value, 0.98, 0.01, 0.01, {PERMUTATION, SCALE, NEGATION, ORDER}
    ),
}
every_score = pytest.mark.parametrize("law", SCORES.values(), ids=SCORES.keys())

ROWS = 10_000
FACTORS = np.random.default_rng(0).integers(0, 3, (ROWS, 4))
PERFECT = FACTORS - 1.0
NOTHING = np.random.default_rng(1).normal(size=(ROWS, 4))
TURN = np.kron(np.eye(2), np.array([[1, -1], [1, 1]]) / np.sqrt(2))
LEAN = np.kron(np.eye(2), np.array([[0.8, -0.6], [0.6, 0.8]]))
BETWEEN = PERFECT @ LEAN + 0.5 * NOTHING  # at neither end, where most changes would go unseen
CHANGES = {
    PERMUTATION: lambda codes: codes[:, [2, 0, 3, 1]],
    SCALE: lambda codes: codes * np.array([0.5, 3.0, 1.7, 20.0]),
    NEGATION: lambda codes: codes * np.array([-1.0, 1.0, -1.0, -1.0]),
}


@every_score
def test_a_code_equal_to_the_factors_scores_one(law):
    assert law.perfect <= law.score(PERFECT, FACTORS) <= 1


@every_score
def test_a_code_that_knows_nothing_scores_by_chance(law):
    assert 0 <= law.nothing <= law.chance


@every_score
def test_a_perfect_code_turned_by_45_degrees_lies_between(law):
    turned = law.score(PERFECT @ TURN, FACTORS)
    if law.turned is None:
        assert turned >= law.perfect
    else:
        assert law.nothing < turned <= law.turned


@pytest.mark.parametrize(
    ("law", "change"),
    [
        pytest.param(law, CHANGES[kept], id=f"{name}-{kept}")
        for name, law in SCORES.items()
        for kept in sorted(law.keeps & CHANGES.keys())
    ],
)
def test_changes_of_the_latents_that_the_definition_does_not_see_do_nothing(law, change):
    assert law.score(change(BETWEEN), FACTORS) == pytest.approx(law.between, abs=law.within)


@pytest.mark.parametrize("law", [law for law in SCORES.values() if ORDER in law.keeps])
def test_the_order_of_rows_does_nothing_to_a_score_without_chance(law):
    order = np.random.default_rng(2).permutation(ROWS)
    assert law.score(BETWEEN[order], FACTORS[order]) == pytest.approx(law.between, abs=law.within)


@every_score
@pytest.mark.parametrize("constant", [0.0, 0.1])
def test_a_constant_latent_changes_nothing(law, constant):
    more = np.hstack([BETWEEN, np.full((ROWS, 1), constant)])
    assert law.score(more, FACTORS) == pytest.approx(law.between, abs=law.within)


@every_score
def test_a_score_is_the_same_when_asked_again(law):
    assert law.score(BETWEEN.copy(), FACTORS.copy()) == law.between


@every_score
def test_a_code_that_is_not_finite_is_refused(law):
    codes = PERFECT.copy()
    codes[7, 2] = np.nan
    with pytest.raises(ScoreError, match="^codes has 1 .* nan, is in row 7, column 2"):
        law.score(codes, FACTORS)
