"""A run of a model that reads no examples is trained, resumed, sampled, compared with images and shown; the rest refuses it."""

import pytest
import torch
from safetensors.torch import load_file
from tests.toys.generator import PARTS, RECIPE

from kelbo.errors import ScoreError
from kelbo.evaluation import sample
from kelbo.evaluation.features import feature_network
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.doctor import examine_run
from kelbo.experiments.pictures import measure_page, measure_without_data
from kelbo.experiments.scoring import score_run
from kelbo.reports.run_page import write_page
from kelbo.runs import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(RECIPE, tmp_path_factory.mktemp("generator") / "run", parts=PARTS)


@pytest.fixture(scope="module")
def opened(run):
    return open_run(run.path, device="cpu", parts=PARTS)


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(run, tmp_path):
    def stop(state, values):
        if state.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, tmp_path / "run", hooks=[stop], parts=PARTS)
    resumed = train(RECIPE, tmp_path / "run", resume=True, parts=PARTS)
    for name in ("weights", "ema"):
        one, another = (load_file(each.checkpoint(6) / f"{name}.safetensors") for each in (run, resumed))
        assert one.keys() == another.keys()
        assert all(torch.equal(one[part], another[part]) for part in one)


def test_its_rows_tell_of_its_players_and_of_no_bound(run):
    for row in run.journal.rows():
        assert {"loss/decoder", "loss/discriminator", "learning_rate/decoder"} <= row.keys()
        assert not {"elbo", "rate", "distortion", "rmse", "sigma", "beta"} & row.keys()


def test_samples_are_drawn_and_kept_as_pictures(run, opened):
    assert sample(opened.generator, 5).shape == (5, 1, 8, 8)
    assert run.picture(6, "samples").exists()
    assert not run.picture(6, "reconstructions").exists()


def test_distances_are_of_its_samples_alone(opened):
    network = feature_network("random-0", (1, 8, 8), torch.device("cpu"))
    found = score_run(opened, ("images",), network=network)["images"]
    assert found["scores"].keys() >= {"sample"}
    assert "reconstruction" not in found["scores"]


@pytest.mark.parametrize(
    "measured", [evaluate_run, examine_run, lambda opened: opened.model], ids=["bound", "doctor", ""]
)
def test_what_needs_a_reading_is_refused(opened, measured):
    with pytest.raises(ScoreError, match="TwoPlayers only draws"):
        measured(opened)


@pytest.mark.parametrize("measured", [measure_page, measure_without_data])
def test_its_page_shows_samples_and_says_what_it_is(run, opened, measured, tmp_path):
    measured(opened)
    text = write_page(Run.open(run.path), out=tmp_path / "page.html").read_text()
    assert "TwoPlayers" in text
    assert (tmp_path / "page" / "samples.png").exists()
    assert "autoencoder" not in text
    assert 'id="reconstructions"' not in text


def test_the_provenance_says_that_it_reads_nothing(run):
    assert run.provenance()["model"]["reads"] is False
