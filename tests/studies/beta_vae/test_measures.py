"""What the β-VAE study measures of a run, of PCA and ICA, and shows of them."""

import numpy as np
import pytest

from kelbo.experiments import train
from kelbo.recipes.data_specs import ArmSpec, Shapes2dSpec
from kelbo.reports.scores import _disentanglement
from kelbo.runs import Run
from kelbo.studies.beta_vae import subjects
from kelbo.studies.beta_vae.architectures import architectures
from kelbo.studies.beta_vae.baselines import baselines_of
from kelbo.studies.beta_vae.measures import information_gap, layouts, planes, score, seen, strip, traversals
from kelbo.studies.beta_vae.parts import part_recipe
from kelbo.studies.beta_vae.scoring import Wanted
from kelbo.studies.beta_vae.subjects import subject_of
from kelbo.studies.measures import bound
from kelbo.studies.measuring import kept, measure_lane
from kelbo.sweeps.measured import numbers

MAIN = Wanted("five", "logistic", 8, 200, 100, 2, as_published=False)


@pytest.fixture(scope="module")
def lane(tmp_path_factory):
    """The convolutional network on 2Dshapes, of two steps."""
    recipe = part_recipe("dsprites-conv", Shapes2dSpec(), 2)
    return train(recipe, tmp_path_factory.mktemp("lanes") / "lane").path


@pytest.mark.slow
def test_a_score_is_measured_once_and_has_two_names(lane):
    short, long = (score(MAIN, 2_000, "scores", key) for key in ("score.five", ""))
    gap = information_gap(2_000, 737_280)
    measure_lane(lane, [short, gap, long], None, tell=lambda _: None)
    found = kept(Run(lane), [short, gap, long])
    kept_scores = [one for one in Run(lane).measurements.all("disentanglement") if one.name.endswith("beta_vae")]
    assert len(kept_scores) == 1
    assert found["score.five"].value == found["score.five.logistic.8"].value
    assert 0 < found["score.five"].value["scores"]["beta_vae"]["value"] < 1
    assert 0 <= found["mig"].value["scores"]["mig"]["value"] < 0.2
    assert kept(Run(lane), [score(MAIN._replace(pairs=16), 2_000, "pairs")]) == {}


def test_a_lanes_own_page_and_table_show_its_scores(lane):
    every = [score(MAIN, 2_000, "scores"), score(MAIN._replace(pairs=16), 2_000, "pairs")]
    measure_lane(lane, every, None, tell=lambda _: None)
    shown = [one for one in numbers(Run(lane)) if one.quantity == "beta_vae"]
    assert [(one.unit, one.conditions["pairs"]) for one in shown] == [("share", "16"), ("share", "8")]
    measured = {
        one.label: one.record for one in Run(lane).measurements.newest("disentanglement") if "scores" in one.value
    }
    rows = [row for record in measured.values() for row in _disentanglement(record["scores"])]
    assert {row.count for row in rows if "L = 8" in row.phrase} == {"1,000"}  # two replicates with images of their own


def test_the_bound_as_published_is_of_training_images(lane):
    both = [bound(split, split, 1_000, 64) for split in ("train", "test")]
    measure_lane(lane, both, None, tell=lambda _: None)
    found = kept(Run(lane), both)
    assert found["train"].value["distortion"] != found["test"].value["distortion"]
    assert 0 < found["test"].value["decoder"]["rmse"] < 1


def test_pictures_are_kept_with_what_is_said_of_them(lane):
    every = [strip(), layouts(), traversals(1.96), planes()]
    measure_lane(lane, every, None, tell=lambda _: None)
    found = kept(Run(lane), every)
    assert found["strip"].arrays()["images"].shape == (8, 1, 64, 64)
    assert found["layouts"].arrays()["images"].shape == (24, 1, 64, 64)
    moved = found["traversals-study"]
    assert moved.arrays()["images"].shape == (6, 7, 1, 64, 64)
    assert sorted(moved.value["rates"], reverse=True) == moved.value["rates"]
    assert moved.value["span"] == 1.96
    assert "means" in found["factor-codes"].arrays()


def test_layouts_are_what_was_fitted_and_what_was_read(colour_subject):
    fitted, applied, read = np.split(seen(colour_subject.images, 3), 3)
    np.testing.assert_allclose(applied / 255, read, rtol=1e-6)
    channels = applied.transpose(0, 2, 3, 1).reshape(3, 3, 64, 64)  # they were read as rows of whole channels
    np.testing.assert_allclose(channels.transpose(0, 2, 3, 1), fitted.transpose(0, 2, 3, 1), atol=1e-6)


def test_a_lane_whose_codes_hold_nothing_is_called_collapsed(lane, monkeypatch):
    for rate, called in ((0.02, "VAE, β = 4 (collapsed)"), (7.0, "VAE, β = 4")):
        value = {"rate": {"mean": rate}, "distortion": {"mean": 9.0, "standard_error": 1.0}}
        told = type("Told", (), {"value": value})
        monkeypatch.setattr(subjects, "evaluation_of", lambda *_, told=told, **__: told)
        assert subject_of(lane, "dsprites", "VAE, β = 4", 300, 16, (120, 120)).called("vae") == called


def linear(data, scores, runs=(), as_published=False):
    how = {"seed": 123, "latents": 10, "fitted": (200, 150), "codes": 1_500, "as_published": as_published}
    found = baselines_of(
        runs, data=data.model_dump(mode="json"), scores=[one._asdict() for one in scores], root=None, **how
    )
    return {one["settings"]["kind"]: one for one in found["lanes"]}


@pytest.mark.slow
def test_as_published_the_baselines_learn_after_the_lane_of_their_seed(lane, few_fitted):
    wanted = MAIN._replace(classifier="linear", train=60, test=40, replicates=1, as_published=True)
    after, alone = (linear(Shapes2dSpec(), [wanted], runs, as_published=True) for runs in ((lane,), ()))
    assert [after[kind]["fitted"] for kind in ("pca", "ica")] == [240, 230]  # the study's numbers, which are fewer here
    assert after["pca"]["score"] != alone["pca"]["score"]
    assert after["ica"]["score"] == alone["ica"]["score"]  # which had an optimiser of its own


def test_pca_and_ica_are_scored_as_lanes_are():
    # the last test but one, since a rendered set takes the place of the one before
    found = linear(ArmSpec(), [MAIN, MAIN._replace(pairs=16)])
    for kind in ("pca", "ica"):
        assert found[kind]["fitted"] == 150  # of colour images the second number
        five = found[kind]["score"]["five"]
        assert 1 / 7 < five["value"] < 1
        assert five["value"] == five["logistic"]["8"]["value"]
        assert set(five["logistic"]) == {"8", "16"}


def test_every_parts_network_is_counted_also_without_its_images():
    found = architectures((), official_sets=["cifar10"], as_published=False)["entries"]
    assert [one["sweep"] for one in found][-1] == "cifar100-conv"
    mlp = found[0]
    assert (mlp["set"], mlp["encoder"], mlp["input"]) == ("shapes2d", ["FC 1200 ×2", "FC 20", "ReLU"], [1, 64, 64])
    assert sum("Conv 32×4×4 (stride 2)" in layer for layer in found[1]["encoder"]) == 1
