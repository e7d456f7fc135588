"""A statistic never lags behind the weights that it is reported with: σ is estimated under those that a run keeps."""

import json
import math
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.records import as_older, evaluations, page_of
from typer.testing import CliRunner

from kelbo.bound import Batch
from kelbo.cli.main import app
from kelbo.errors import DataError
from kelbo.evaluation.sigma import solve_sigma
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.scoring import score_run
from kelbo.recipes import change, find
from kelbo.runs import Run

SMALL = [
    *("model.network.width=24", "model.latents=4", "training.batch_size=32", "optimizer.learning_rate=3e-3"),
    *("training.steps=40", "training.checkpoint_every=30", "training.log_every=20", "training.pictures_every=1000"),
]


def recipe(*settings):
    return change(find("digits"), [*SMALL, *settings])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A short run with averaged weights, whose images are a file of its own."""
    folder = tmp_path_factory.mktemp("finished")
    pixels = open_pixels()
    np.save(folder / "images.npy", pixels)
    data = ["data.kind=array", f'data.root="{folder / "images.npy"}"', "data.levels=17"]
    return train(recipe(*data, "training.ema=0.9"), folder / "run")


def open_pixels():
    from kelbo.data.digits import digits

    return digits(size=8).train.spread(600).numpy()[:, 0]


@pytest.fixture
def run(finished, tmp_path):
    """A copy to be changed; its images lie where they lay."""
    shutil.copytree(finished.path, tmp_path / "run")
    return Run.open(tmp_path / "run")


def error_of(experiment, draws=20):
    """The mean squared error on all training images, over many draws of the latents."""
    data, model = experiment.data, experiment.model
    batch = Batch(data.train.spread(len(data.train))).as_intensities(data.levels)
    torch.manual_seed(5)
    with model.evaluating():
        return float(torch.stack([model.squared_errors(batch).mean() for _ in range(draws)]).mean())


@pytest.mark.parametrize("average", [False, True])
def test_sigma_is_that_of_the_very_weights_that_are_opened(finished, average):
    experiment = open_run(finished.path, average=average)
    record = evaluate_run(experiment)
    assert record["decoder"]["sigma"] ** 2 == pytest.approx(error_of(experiment), rel=0.02)
    assert record["settings"]["weights"] == ("moving average" if average else "last step")
    assert experiment.sigma.images == record["settings"]["sigma_images"] == len(experiment.data.train)


def test_what_training_tracked_of_it_would_have_been_far_too_large(finished):
    """Else this file would hold nothing."""
    tracked = load_file(finished.checkpoint(40) / "weights.safetensors")["likelihood.running_variance"]
    assert tracked > 1.3 * finished.sigma(40)["last step"]["variance"]


def test_training_keeps_it_with_its_last_checkpoint_for_both_kinds_of_weights(finished):
    assert finished.checkpoint_steps() == [30, 40]
    assert finished.sigma(30) == {}
    kept = finished.sigma(40)
    assert kept["last step"]["images"] == kept["moving average"]["images"] == 540
    assert kept["last step"]["variance"] != kept["moving average"]["variance"]


@pytest.mark.parametrize("average", [False, True])
def test_evaluation_estimates_what_a_checkpoint_lacks_and_keeps_it(run, finished, average):
    (run.checkpoint(40) / "sigma.json").unlink()
    experiment = open_run(run.path, average=average)
    kept = finished.sigma(40)[experiment.weights]
    assert experiment.sigma._asdict() == kept
    assert run.sigma(40)[experiment.weights] == kept
    assert experiment.model.likelihood.running_variance == torch.tensor(kept["variance"])


def test_a_checkpoint_in_mid_training_has_its_own(run):
    shutil.rmtree(run.checkpoint(40))
    experiment = open_run(run.path)
    assert experiment.step == 30
    assert experiment.sigma.variance == pytest.approx(error_of(experiment), rel=0.02)


def test_a_folder_that_cannot_be_written_is_opened_all_the_same(run, monkeypatch):
    (run.checkpoint(40) / "sigma.json").unlink()

    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Run, "save_sigma", refuse)
    assert open_run(run.path).sigma.images == 540
    assert run.sigma(40) == {}


def test_a_removed_checkpoint_does_not_come_back_as_a_folder_of_sigma_alone(run):
    shutil.rmtree(run.checkpoint(30))
    with pytest.raises(OSError, match="sigma.json"):
        run.save_sigma(30, {})
    assert run.checkpoint_steps() == [40]


@pytest.mark.parametrize(
    "damage",
    [
        "{",
        '{"of": "other weights", "last step": {"variance": 9.0, "images": 540}}',
        '{"of": OF, "last step": {"variance": NaN, "images": 540}}',
        '{"of": OF, "last step": {"variance": -1.0, "images": 540}}',
        '{"of": OF, "last step": 3}',
        '{"of": OF, "last step": {"variance": 9.0}}',
    ],
)
def test_a_sigma_of_other_weights_or_none_at_all_is_never_used(run, finished, damage):
    path = run.checkpoint(40) / "sigma.json"
    path.write_text(damage.replace("OF", json.dumps(run.sigma(40)["of"])))
    assert open_run(run.path, average=False).sigma._asdict() == finished.sigma(40)["last step"]
    assert run.sigma(40)["last step"] == finished.sigma(40)["last step"]


# ── without data ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_noise_is_drawn_from_a_finished_run_without_its_data(run, tmp_path):
    text = run.recipe_path.read_text()
    run.recipe_path.write_text(text.replace("images.npy", "gone.npy"))
    assert "gone.npy" in run.recipe_path.read_text()
    done = CliRunner().invoke(app, ["sample", str(run.path), "--noise", "-n", "4", "--out", str(tmp_path / "s.png")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "s.png").exists()
    with pytest.raises(DataError):
        open_run(run.path)
    (run.checkpoint(40) / "sigma.json").unlink()  # now they are needed
    with pytest.raises(DataError):
        open_run(run.path, read_data=False)


def test_a_run_opened_without_its_data_is_the_same_run_and_reads_them_when_asked(finished):
    one, other = open_run(finished.path), open_run(finished.path, read_data=False)
    for name, value in one.model.state_dict().items():
        assert torch.equal(value, other.model.state_dict()[name])
    assert one.data.train.fingerprint() == other.data.train.fingerprint()


# ── training goes on as if nothing had been read ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ema", ["none", "0.9"])
def test_a_finished_run_given_more_steps_is_the_run_that_had_them_from_the_start(tmp_path, ema):
    settings = [f"training.ema={ema}", "training.checkpoint_every=10"]
    short, long = recipe(*settings, "training.steps=20"), recipe(*settings, "training.steps=40")
    straight = train(long, tmp_path / "straight")
    train(short, tmp_path / "extended")
    extended = train(long, tmp_path / "extended", resume=True)
    for path in straight.checkpoint(40).glob("*.safetensors"):
        one, other = load_file(path), load_file(extended.checkpoint(40) / path.name)
        assert one.keys() == other.keys()
        assert all(torch.equal(value, other[name]) for name, value in one.items()), path.name
    assert extended.sigma(40) == straight.sigma(40)
    rows = [[{**row, "images_per_second": 0} for row in run.journal.rows()] for run in (straight, extended)]
    assert rows[0] == rows[1]


def test_the_estimate_leaves_model_and_generators_as_they_were(finished):
    experiment = open_run(finished.path)
    model = experiment.model.train()
    before, state = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
    first, again = (solve_sigma(model, experiment.data.train, count=100) for _ in range(2))
    assert first == again
    assert first.images == 100
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_of_the_journal_has_the_sigma_of_the_weights_at_its_step(finished):
    row = finished.journal.rows()[-1]
    sigma = math.sqrt(finished.sigma(40)["last step"]["variance"])
    assert row["step"] == 40
    assert row["sigma"] == pytest.approx(sigma, rel=0.03)  # 256 training images speak for all
    assert row["equivalent_sigma"] == pytest.approx(row["sigma"] * math.sqrt(row["beta"]))


@pytest.mark.usefixtures("unrendered")
def test_the_page_and_the_console_say_from_how_many_images_it_is(run):
    assert "from 540 training images" in page_of(open_run(run.path)).read_text()
    done = CliRunner().invoke(app, ["evaluate", str(run.path)], env={"COLUMNS": "200"})
    assert "from 540 training images" in " ".join(done.output.split())


@pytest.mark.usefixtures("unrendered")
def test_a_page_does_not_show_a_record_of_a_sigma_that_lagged(run):
    """As older versions wrote them: of the same step and weights."""
    record = evaluate_run(open_run(run.path))
    del record["settings"]["sigma_images"]
    record["decoder"]["sigma"] = 9.0
    as_older(run, "evaluations", "test", record)
    as_older(run, "evaluations", "test-iw5", record)
    html = page_of(open_run(run.path)).read_text()
    assert evaluations(run)["test"]["settings"]["sigma_images"] == 540
    assert "from 540 training images" in html
    assert "Images that σ is from" in html


def test_a_record_of_scores_says_from_how_many_images_sigma_is(run):
    found = score_run(open_run(run.path), ["calibration"])
    assert found["calibration"]["settings"]["sigma_images"] == 540


def test_a_decoder_that_does_not_solve_for_its_sigma_has_nothing_of_this(tmp_path):
    run = train(recipe("likelihood.kind=shared_gaussian"), tmp_path / "run")
    experiment = open_run(run.path)
    assert experiment.sigma is None
    assert not (run.checkpoint(40) / "sigma.json").exists()
    assert "sigma_images" not in evaluate_run(experiment)["settings"]
    with pytest.raises(TypeError, match="SharedGaussian"):
        experiment.model.likelihood.settle(0.1)
