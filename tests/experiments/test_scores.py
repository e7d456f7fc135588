"""A run's scores: the codes are kept, records are not mixed."""

import numpy as np
import pytest
import torch
from tests.records import scores

from kelbo.bound import Batch
from kelbo.data.factors import FactorImages, Factors
from kelbo.data.images import ArrayImages
from kelbo.errors import ScoreError
from kelbo.evaluation.disentanglement import Options
from kelbo.experiments import open_run, train
from kelbo.experiments.scoring import asked_for, factor_codes, score_run
from kelbo.recipes import change, find

FACTORS = Factors(("a", "b"), (20, 20))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(change(find("digits"), ["training.steps=20"]), tmp_path_factory.mktemp("scores") / "run")


@pytest.fixture
def experiment(trained):
    """The run, its images given factors: each of 400 combinations an image of its own."""
    opened = open_run(trained.path)
    pixels = np.random.default_rng(0).integers(0, 17, (400, 1, 8, 8), dtype=np.uint8)
    whole = FactorImages(ArrayImages(pixels, levels=17), FACTORS)
    object.__setattr__(opened.data, "whole", whole)
    return opened


def test_groups_are_opened_and_names_kept_in_order():
    assert asked_for("mig, latents,mig") == ("mig", "latents")
    assert asked_for("all")[-3:] == ("latents", "images", "calibration")
    with pytest.raises(ScoreError, match="'fid'"):
        asked_for("fid")


def test_scores_of_two_commands_stand_in_one_record(experiment):
    score_run(experiment, ["mig"])
    score_run(experiment, ["irs"])
    record = scores(experiment.run)["disentanglement"]
    assert set(record["scores"]) == {"mig", "irs"}
    assert record["settings"]["factors"] == ["a", "b"]


def kept(experiment):
    return {name: set(record["scores"]) for name, record in scores(experiment.run).items()}


def test_scores_of_another_seed_stand_in_a_record_of_their_own(experiment):
    score_run(experiment, ["mig"])
    score_run(experiment, ["irs"], seed=1)
    found = kept(experiment)
    assert "mig" in found["disentanglement"]
    assert found["disentanglement-seed1"] == {"irs"}


def test_scores_of_other_codes_or_options_stand_in_records_of_their_own(experiment):
    score_run(experiment, ["modularity"], codes=200)
    score_run(experiment, ["beta_vae"], codes=200, options=Options(pairs=4))
    found = kept(experiment)
    assert found["disentanglement-200codes"] == {"modularity"}
    assert found["disentanglement-200codes-pairs4"] == {"beta_vae"}
    assert scores(experiment.run)["disentanglement-200codes-pairs4"]["settings"]["pairs"] == 4


def test_a_foreign_file_among_the_records_costs_nothing(experiment):
    (experiment.run.path / "scores").mkdir(exist_ok=True)
    foreign = experiment.run.path / "scores" / "note.json"
    foreign.write_text("{bad")
    assert "latents" in score_run(experiment, ["latents"])
    foreign.unlink()


def test_codes_are_the_encoders_answer_for_every_tuple_of_factors(experiment):
    codes, image = factor_codes(experiment), experiment.data.whole.take(torch.tensor([[1, 2]]))
    assert codes.factors[22].tolist() == [1, 2]
    assert codes.names == ("a", "b")
    with torch.no_grad():
        posterior = experiment.model.posterior(Batch(image).as_intensities(17))
    np.testing.assert_allclose(codes.means[22], posterior.mean[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(codes.scales[22], posterior.scale[0], rtol=1e-5)


def test_codes_are_encoded_once_and_kept_with_the_run(experiment):
    counts = []
    first = factor_codes(experiment, 300, counts.append)
    assert sum(counts) == 300
    again = factor_codes(experiment, 300, counts.append)
    assert sum(counts) == 300
    np.testing.assert_array_equal(first.means, again.means)
    np.testing.assert_array_equal(first.scales, again.scales)


def test_a_draw_of_images_keeps_their_own_factors(experiment):
    everything, some = factor_codes(experiment), factor_codes(experiment, 100)
    rows = FACTORS.index(torch.as_tensor(some.factors)).numpy()
    assert len(set(rows.tolist())) == 100
    np.testing.assert_allclose(some.means, everything.means[rows], rtol=1e-5, atol=1e-6)


def test_only_all_leaves_out_what_does_not_exist(experiment):
    with pytest.raises(ScoreError, match="feature network") as caught:
        score_run(experiment, ["images"])
    assert caught.value.remedy == ("features",)
    assert "feature network" in score_run(experiment, ["images"], lenient=True)["images"]["none"]
