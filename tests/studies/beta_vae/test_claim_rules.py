"""Rules of the β-VAE report's claims that results of real runs do not come to."""

import math

import pytest
from tests.studies.invented import arm, lane, numbers

from kelbo.studies.beta_vae.claims import CLAIMS
from kelbo.studies.beta_vae.models import BETAS, CLASSIFIERS, LINEAR, MLP
from kelbo.studies.judge import judge

FACTS = {"classifier": "logistic", "pairs": 64, "pairs_sweep": [64]}
MAIN = "score.four.logistic.64"


def judged(claim, *arms, facts=FACTS):
    return judge(next(one for one in CLAIMS if one.id == claim), numbers(*arms, facts=facts))


def part(name, of, courses=None):
    """Two seeds of every β. of: numbers from β and seed."""
    lanes = [(b, seed) for b in BETAS for seed in (1, 2)]
    return arm(name, *(lane(seed, of(b, seed), {"objective.beta": b}, courses=courses) for b, seed in lanes))


def scores(_beta, seed, **beside):
    return {"score.four": 0.7 + 0.1 * seed, MAIN: 0.8, f"{MAIN}.test": 100, **beside}


def test_a_score_without_interval_is_as_sure_as_its_test_points_allow():
    (rise,) = judged("worst-half", part(MLP, scores)).tests
    assert rise.above == pytest.approx(1.96 * math.sqrt(0.8 * 0.2 / 100))


def test_one_number_of_pairs_tells_nothing_of_more_pairs():
    linear = arm(
        "dsprites-linear", *(lane(seed, scores(0, seed), {"kind": kind}) for kind in LINEAR for seed in (1, 2))
    )
    for claim in ("more-pairs-baselines", "more-pairs-contrast", "pairs-narrow"):
        verdict = judged(claim, part(MLP, scores), linear)
        assert (verdict.tests, verdict.outcome) == ((), "not tested")
        assert verdict.missing


def test_of_equally_many_classifiers_those_that_learned_from_more_points_are_compared():
    learned = dict(zip(CLASSIFIERS, (200, 200, 2000, 2000), strict=True))
    of = {f"score.five.{name}.64": 0.8 - 0.1 * (name == "mlp") for name in learned}
    of |= {f"score.five.{name}.64.train": points for name, points in learned.items()}
    (found,) = judged("classifier", part(MLP, lambda *_: of)).tests
    assert found.estimate.value == 0


@pytest.mark.parametrize("distances", [[[1, 3.0], [2, 2.0]], [[1, 3.0], [2, 3.0], [3, 3.0]]], ids=["short", "constant"])
def test_a_course_that_is_short_or_constant_has_no_rank_correlation(distances):
    courses = {"follow.rows.reconstruction": distances, "journal.distortion": [[1, 30.0], [2, 20.0], [3, 10.0]]}
    assert judged("fid-and-likelihood", part("cifar100-conv", lambda *_: {}, courses)).tests == ()


def test_errors_rise_only_if_they_do_on_every_set_that_was_planned():
    ours = part(MLP, lambda b, seed: {"rmse": b + 1e-3 * seed})
    assert judged("error-rises", ours).outcome == "reproduced"
    diverged = arm("mpi3d-conv", lane(1, settings={"objective.beta": 10.0}, state="diverged"))
    verdict = judged("error-rises", ours, diverged)
    assert (len(verdict.tests), verdict.outcome) == (1, "not tested")
