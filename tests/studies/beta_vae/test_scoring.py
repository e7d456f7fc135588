import numpy as np
import pytest

from kelbo.errors import ScoreError
from kelbo.evaluation.codes import Codes
from kelbo.studies.beta_vae.asked import BUDGETS
from kelbo.studies.beta_vae.models import CLASSIFIERS
from kelbo.studies.beta_vae.scoring import Wanted, asked_by_group, scores

NAMES = ("shape", "scale", "x")


@pytest.fixture
def table():
    factors = np.random.default_rng(0).integers(0, 6, (1_500, 3))
    return of_factors(factors)


def of_factors(factors, names=NAMES):
    return Codes(factors.astype(np.float32), factors=factors, names=names)


def wanted(**changes):
    settings = {"factors": "five", "classifier": "logistic", "pairs": 8, "train": 200, "test": 100, "replicates": 3}
    return Wanted(**{**settings, "as_published": False, **changes})


def test_codes_that_are_the_factors_are_told_and_noise_is_not(table):
    codes = {"factors": table.factors.astype(np.float32), "noise": np.random.default_rng(1).normal(size=(1_500, 3))}
    found = scores(table, codes, wanted())
    assert found["factors"]["value"] > 0.98
    assert found["noise"]["low"] < 1 / 3 < found["noise"]["high"]
    assert found["noise"]["of"] == "fresh images and pairs"
    assert (found["noise"]["train"], found["noise"]["test"]) == (200, 100)


def test_without_shape_the_shape_is_never_asked_for(table):
    half = table.factors[:, :1].astype(np.float32)  # a code of the shape alone
    assert scores(table, {"vae": half}, wanted(factors="five"))["vae"]["value"] > 0.5  # shape, or one of the others
    four = scores(table, {"vae": half}, wanted(factors="four"))["vae"]
    assert four["low"] < 1 / 2 < four["high"]
    with pytest.raises(ScoreError, match="no shape"):
        scores(of_factors(table.factors, ("a", "b", "c")), {"vae": half}, wanted(factors="four"))


def test_equal_codes_have_equal_scores_beside_any_others(table):
    codes = np.random.default_rng(2).normal(size=(1_500, 4)) + table.factors[:, :1]
    alone = scores(table, {"vae": codes}, wanted())["vae"]
    assert scores(table, {"other": -codes, "vae": codes}, wanted())["vae"] == alone


def test_one_replicate_has_no_interval_and_sees_the_whole_table(table):
    found = scores(table, {"vae": table.factors.astype(np.float32)}, wanted(replicates=1))["vae"]
    assert (found["low"], found["high"], found["of"]) == (None, None, "fresh pairs")


def test_a_whole_set_keeps_all_its_images_in_every_replicate():
    factors = np.stack(np.meshgrid(range(3), range(3), range(4), indexing="ij"), -1).reshape(-1, 3)
    whole, part = (of_factors(some) for some in (factors, factors[:-1]))
    # a third of 36 images would leave values with one image, which no pair can be drawn from
    assert scores(whole, {"vae": whole.means}, wanted())["vae"]["of"] == "fresh pairs"
    with pytest.raises(ScoreError):
        scores(part, {"vae": part.means}, wanted(replicates=12))


def test_as_published_is_another_score_of_the_same_name(table):
    asked = wanted(classifier="linear", factors="four", replicates=1, as_published=True)
    codes = {"vae": table.factors + np.random.default_rng(3).normal(0, 4, (1_500, 3))}
    published, corrected = (scores(table, codes, asked._replace(as_published=way))["vae"] for way in (True, False))
    assert published["value"] > 0.4
    assert published["value"] != corrected["value"]
    assert asked.key == "score.four.linear.8"


def test_the_tables_classifier_is_the_studys_network_as_published_and_on_its_points():
    for mode, main, points in (("corrected", "logistic", (10_000, 5_000)), ("as-published", "linear", (1_000, 501))):
        groups = asked_by_group(BUDGETS["hours"], mode, "dsprites")
        assert [one.key for one in groups["scores"]] == [f"score.{factors}.{main}.64" for factors in ("five", "four")]
        assert {(one.train, one.test, one.replicates) for one in groups["scores"]} == {(*points, 5)}
        assert {one.pairs for one in groups["pairs"]} == {16, 128, 256}
        assert {one.classifier for one in (*groups["scores"], *groups["classifiers"])} == {*CLASSIFIERS}
        assert {one.as_published for every in groups.values() for one in every} == {mode == "as-published"}
    assert [one.factors for one in asked_by_group(BUDGETS["hours"], "corrected", "mpi3d")["scores"]] == ["five"]
