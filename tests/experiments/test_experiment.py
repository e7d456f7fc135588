"""A recipe trained, stopped, resumed, broken and brought back."""

import json

import pytest
import torch
from safetensors.torch import load_file
from tests.records import evaluations

from kelbo.errors import Divergence, RunError
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.parts import Parts
from kelbo.recipes import build
from kelbo.recipes.files import change, load
from kelbo.recipes.named import digits
from kelbo.runs import Run
from kelbo.training import LossUpdate

TINY = [
    "data.size=16",
    "objective.warmup=0",
    "optimizer.kind=adam",
    "optimizer.weight_decay=0",
    "model.network.kind=burgess",
    "model.network.channels=4",
    "model.network.hidden=16",
    "model.latents=3",
    "training.batch_size=64",
    "training.log_every=3",
    "training.checkpoint_every=6",
    "training.pictures_every=6",
]


def tiny(*settings):
    return change(digits(), [*TINY, *settings])


def weights(run, name="weights"):
    return load_file(run.checkpoint(run.checkpoint_steps()[-1]) / f"{name}.safetensors")


def journal(run):
    return [{key: value for key, value in row.items() if key != "images_per_second"} for row in run.journal.rows()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(tiny("training.steps=12"), tmp_path_factory.mktemp("runs") / "tiny")


def test_a_run_is_a_folder_with_everything_about_it(trained):
    files = {path.relative_to(trained.path).as_posix() for path in trained.path.rglob("*") if path.is_file()}
    assert {"recipe.toml", "provenance.json", "journal.jsonl"} <= files
    assert {"pictures/00000006-reconstructions.png", "pictures/00000012-samples.png"} <= files
    assert {
        f"checkpoints/00000012/{name}" for name in ("weights.safetensors", "training.safetensors", "state.json")
    } <= files
    assert any(name.startswith("events/events.out.tfevents") for name in files)
    assert not any(".partial" in name for name in files)


def test_the_run_keeps_the_resolved_recipe(trained):
    assert load(trained.recipe_path) == tiny("training.steps=12")


def test_provenance_tells_versions_hardware_seed_and_data(trained):
    told = trained.provenance()
    assert told["machine"]["torch"] == torch.__version__
    assert told["data"]["splits"]["train"]["images"] + told["data"]["splits"]["test"]["images"] == 1797
    assert len(told["data"]["splits"]["train"]["fingerprint"]) == 16
    assert told["seed"] == 0


def test_every_row_balances_and_names_the_equivalents(trained):
    rows = trained.journal.rows()
    assert [row["step"] for row in rows] == [3, 6, 9, 12]
    for row in rows:
        assert row["elbo"] == pytest.approx(-(row["rate"] + row["distortion"]))
        assert row["equivalent_beta"] == pytest.approx(row["sigma"] ** 2 * row["beta"])
        assert row["equivalent_sigma"] ** 2 == pytest.approx(row["equivalent_beta"])


def test_the_last_steps_have_a_row_though_the_interval_is_not_full(tmp_path):
    run = train(tiny("training.steps=4"), tmp_path / "run")
    assert [row["step"] for row in run.journal.rows()] == [3, 4]


def test_only_the_newest_two_checkpoints_are_kept(trained):
    assert trained.checkpoint_steps() == [6, 12]


def test_an_existing_folder_is_never_overwritten(trained):
    before = journal(trained)
    with pytest.raises(RunError, match="exists already") as caught:
        train(tiny("training.steps=12"), trained.path)
    assert caught.value.remedy == ("out", "resume")
    assert journal(trained) == before


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("training.ema=0.9", "training.clip=1.0", "schedule.kind=cosine", "schedule.warmup=4"),
        ("objective.kind=capacity", "objective.steps=20", "likelihood.kind=shared_gaussian", "optimizer.kind=adamw"),
        ("optimizer.kind=adagrad", "objective.warmup=9", "likelihood.kind=bernoulli"),
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(settings, tmp_path):
    """Stopped two steps after a checkpoint and one row into the journal; 28 steps pass the border of an epoch."""
    recipe = tiny("training.steps=28", *settings)

    def stop(state, values):
        if state.step == 20:
            raise KeyboardInterrupt

    whole = train(recipe, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "stopped", hooks=[stop])
    assert Run(tmp_path / "stopped").checkpoint_steps() == [12, 18]
    resumed = train(recipe, tmp_path / "stopped", resume=True)
    assert whole.checkpoint_steps() == resumed.checkpoint_steps() == [24, 28]
    for name in ("weights", "training", *(["ema"] if recipe.training.ema else [])):
        first, second = weights(whole, name), weights(resumed, name)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first), name
    assert journal(whole) == journal(resumed)


def test_a_run_is_finished_only_once_its_last_row_is_written(tmp_path):
    seen = []
    run, recipe = Run(tmp_path / "run"), tiny("training.steps=4")
    train(recipe, run.path, sinks=[lambda row: seen.append((row["step"], run.checkpoint_steps()))])
    assert seen == [(3, []), (4, [])]
    assert run.checkpoint_steps() == [4]


def test_a_finished_run_goes_on_when_given_more_steps(tmp_path):
    whole = train(tiny("training.steps=9", "schedule.kind=constant"), tmp_path / "whole")
    train(tiny("training.steps=6", "schedule.kind=constant"), tmp_path / "longer")
    longer = train(tiny("training.steps=9", "schedule.kind=constant"), tmp_path / "longer", resume=True)
    assert all(torch.equal(value, weights(longer)[key]) for key, value in weights(whole).items())
    assert load(longer.recipe_path).training.steps == 9


def test_resuming_with_another_recipe_shows_the_difference_and_changes_nothing(trained):
    before = weights(trained)
    with pytest.raises(RunError, match=r"objective.beta: 1.0 → 4.0"):
        train(tiny("training.steps=12", "objective.beta=4"), trained.path, resume=True)
    assert all(torch.equal(value, weights(trained)[key]) for key, value in before.items())


def test_resuming_to_fewer_steps_is_refused(trained):
    with pytest.raises(RunError, match="training.steps: 12 → 5"):
        train(tiny("training.steps=5"), trained.path, resume=True)


def test_there_is_nothing_to_resume_in_an_empty_folder(tmp_path):
    with pytest.raises(RunError, match=r"recipe.toml"):
        train(tiny("training.steps=6"), tmp_path, resume=True)


def test_a_damaged_checkpoint_is_named_with_the_way_out(tmp_path):
    run = train(tiny("training.steps=12"), tmp_path / "run")
    (run.checkpoint(12) / "weights.safetensors").write_bytes(b"torn")
    with pytest.raises(RunError, match="00000012"):
        open_run(run.path)


def test_divergence_stops_with_step_and_term_and_keeps_the_last_good_checkpoint(tmp_path):
    def poison(state, values):
        if state.step == 8:
            with torch.no_grad():
                state.network.decoder.features[0].weight.fill_(float("nan"))

    with pytest.raises(Divergence, match=r"step 9\b.*step 6\b"):
        train(tiny("training.steps=30"), tmp_path / "run", hooks=[poison])
    run = Run.open(tmp_path / "run")
    assert run.checkpoint_steps() == [6]
    assert all(torch.isfinite(value).all() for value in weights(run).values())


class Judged(LossUpdate):
    """Gives a scalar of its own, which is not finite."""

    def apply(self, state, bound, loss, memory):
        return {**super().apply(state, bound, loss, memory), "accuracy": torch.tensor(float("nan"))}


def judged(recipe, fabric):
    plain = build.update(recipe, fabric)
    return Judged(fabric, plain.objective, plain.schedule, plain.clip)


def test_a_scalar_of_ones_own_that_is_not_finite_is_not_blamed_on_the_learning_rate(tmp_path):
    with pytest.raises(Divergence, match="accuracy was nan") as diverged:
        train(tiny("training.steps=3"), tmp_path / "run", parts=Parts(update=judged))
    assert "learning_rate" not in str(diverged.value)


def test_an_absurd_learning_rate_ends_in_a_message_not_in_a_checkpoint_of_nans(tmp_path):
    with pytest.raises(Divergence, match=r"optimizer\.learning_rate.*training.clip"):
        train(tiny("training.steps=30", "optimizer.learning_rate=1e20", "likelihood.kind=bernoulli"), tmp_path / "run")
    assert all(
        torch.isfinite(v).all()
        for step in Run(tmp_path / "run").checkpoint_steps()
        for v in weights(Run(tmp_path / "run")).values()
    )


def test_the_same_recipe_gives_the_same_run_and_another_seed_another(tmp_path):
    first = train(tiny("training.steps=4"), tmp_path / "a")
    second = train(tiny("training.steps=4"), tmp_path / "b")
    other = train(tiny("training.steps=4", "seed=1"), tmp_path / "c")
    a, b, c = weights(first), weights(second), weights(other)
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not all(torch.equal(a[key], c[key]) for key in a)


def test_evaluation_covers_every_image_once_and_is_kept_with_the_run(trained):
    record = evaluate_run(open_run(trained.path), batch_size=77)
    assert record["settings"]["images"] == 180
    assert record["elbo"]["mean"] == pytest.approx(-(record["rate"]["mean"] + record["distortion"]["mean"]))
    assert record["bits_per_dim"] is None
    assert "dequantized" in record["bits_per_dim_reason"]
    assert evaluations(trained)["test-batch77"] == json.loads(json.dumps(record))


def test_evaluation_does_not_depend_on_the_batch_size_beyond_its_noise(trained):
    experiment = open_run(trained.path)
    small, large = (evaluate_run(experiment, batch_size=size) for size in (7, 180))
    assert small["rate"]["mean"] == pytest.approx(large["rate"]["mean"], rel=1e-5)
    assert small["reconstruction"]["psnr"]["mean"] == pytest.approx(large["reconstruction"]["psnr"]["mean"], rel=1e-5)
    assert abs(small["distortion"]["mean"] - large["distortion"]["mean"]) < 3 * small["distortion"]["standard_error"]


def test_a_dequantised_density_has_bits_per_dim(trained):
    record = evaluate_run(open_run(trained.path), dequantized=True)
    assert record["bits_per_dim"] == pytest.approx(-record["elbo"]["mean"] / (256 * 0.6931471805599453))
    assert record["elbo"]["unit"] == "nats per image, density on the 0–17 scale"


def test_more_importance_samples_never_lower_the_bound_by_more_than_noise(trained):
    experiment = open_run(trained.path)
    one, many = (evaluate_run(experiment, samples=samples)["importance_weighted"] for samples in (1, 50))
    assert many["samples"] == 50
    assert many["mean"] > one["mean"] - 3 * one["standard_error"]


def test_an_autoencoder_reports_no_bound(tmp_path):
    run = train(tiny("training.steps=3", "model.kind=autoencoder"), tmp_path / "ae")
    record = evaluate_run(open_run(run.path))
    assert record["elbo"] is record["rate"] is record["bits_per_dim"] is None
    assert record["bits_per_dim_reason"] == "a plain autoencoder has no rate, so no bound"
    assert record["distortion"]["mean"] > 0 or record["distortion"]["mean"] < 0
