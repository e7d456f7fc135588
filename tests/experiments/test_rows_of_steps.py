"""A row of the journal says what its own steps used, not what the next step will use."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import change, find
from kelbo.sweeps.stacked import train_stacked

TINY = [
    "model.network.width=16",
    "model.latents=3",
    "training.batch_size=32",
    "training.pictures_every=100",
    "training.checkpoint_every=3",
]
WARM = ["objective.warmup=4", "objective.beta=2"]
USED = [0, 0.5, 1, 1.5, 2, 2]


def recipe(*settings):
    return change(find("digits"), [*TINY, *settings])


def betas(run):
    return [row["beta"] for row in run.journal.rows()]


def test_a_rows_beta_and_equivalents_are_those_of_its_own_step(tmp_path):
    run = train(recipe(*WARM, "training.steps=6", "training.log_every=1"), tmp_path / "run")
    assert betas(run) == pytest.approx(USED, abs=1e-6)
    for row, beta in zip(run.journal.rows(), USED, strict=True):
        assert row["equivalent_beta"] == pytest.approx(beta * row["sigma"] ** 2, abs=1e-9)
        assert row["loss"] == pytest.approx(row["distortion"] + beta * row["rate"], rel=1e-4, abs=1e-3)


def test_of_several_steps_a_row_has_the_mean_of_what_each_used(tmp_path):
    run = train(recipe(*WARM, "training.steps=6", "training.log_every=4"), tmp_path / "run")
    assert betas(run) == pytest.approx([sum(USED[:4]) / 4, 2], abs=1e-6)


def test_of_more_steps_than_speak_a_row_has_their_mean_all_the_same(tmp_path):
    settings = ["objective.warmup=400", "training.steps=150", "training.log_every=150"]
    run = train(recipe(*settings, "training.checkpoint_every=150"), tmp_path / "run")
    assert betas(run) == pytest.approx([74.5 / 400], rel=1e-3)


def test_a_rising_capacity_pulls_in_a_row_as_it_did_in_its_steps(tmp_path):
    settings = ["objective.kind=capacity", "objective.gamma=1", "objective.capacity=4000", "objective.steps=4"]
    run = train(recipe(*settings, "training.steps=3", "training.log_every=1"), tmp_path / "run")
    assert betas(run) == pytest.approx([1, -1, -1])  # at the first step the capacity is 0, below any rate


def test_a_resumed_runs_rows_go_on_with_what_their_steps_used(tmp_path):
    settings = [*WARM, "training.log_every=2"]
    train(recipe(*settings, "training.steps=3"), tmp_path / "run")
    run = train(recipe(*settings, "training.steps=6"), tmp_path / "run", resume=True)
    assert [(row["step"], row["beta"]) for row in run.journal.rows()] == [
        (2, pytest.approx(0.25, abs=1e-6)),
        (3, pytest.approx(1, abs=1e-6)),
        (4, pytest.approx(1.5, abs=1e-6)),
        (6, pytest.approx(2, abs=1e-6)),
    ]


def test_stacked_lanes_have_the_rows_of_lanes_alone(tmp_path):
    recipes = [recipe(*WARM, "training.steps=6", "training.log_every=1", f"seed={seed}") for seed in (0, 1)]
    folders = [tmp_path / "a", tmp_path / "b"]
    assert [outcome.error for outcome in train_stacked(recipes, folders)] == [None, None]
    for folder in folders:
        run = open_run(folder).run
        assert betas(run) == pytest.approx(USED, abs=1e-6)


def test_tensorboard_has_the_same_beta_as_the_journal(tmp_path):
    run = train(recipe(*WARM, "training.steps=6", "training.log_every=1"), tmp_path / "run")
    events = EventAccumulator(str(run.events))
    events.Reload()
    assert [event.value for event in events.Scalars("beta")] == pytest.approx(USED, abs=1e-6)


def test_an_evaluation_has_the_beta_of_the_step_that_made_its_weights(tmp_path):
    run = train(recipe(*WARM, "training.steps=3", "training.log_every=1"), tmp_path / "run")
    decoder = evaluate_run(open_run(run.path))["decoder"]
    assert decoder["equivalent_beta"] == pytest.approx(1.0 * decoder["sigma"] ** 2, rel=1e-5)


def test_a_rows_learning_rate_is_the_one_that_its_step_used(tmp_path):
    used = []
    settings = ["schedule.warmup=4", "training.steps=4", "training.log_every=1"]
    run = train(
        recipe(*settings),
        tmp_path / "run",
        hooks=[lambda state, *_: used.append(state.optimizer.param_groups[0]["lr"])],
    )
    assert [row["learning_rate"] for row in run.journal.rows()] == used
    assert [rate / used[-1] for rate in used] == pytest.approx([0.25, 0.5, 0.75, 1])
