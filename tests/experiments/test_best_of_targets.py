"""The best checkpoint of a run that is held at a target: the least of the rest among those that hold it."""

import math

import pytest
from tests.experiments.test_best_checkpoint import recipe, three_splits

from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.validating import by_target
from kelbo.objectives import Standing
from kelbo.recipes import readers
from kelbo.runs.checkpoints import Best, best as best_checkpoint
from kelbo.training.best import Judged


@pytest.fixture
def validated(monkeypatch):
    monkeypatch.setattr(readers, "image_data", three_splits)


HELD = ("objective.kind=distortion_target", "objective.form=log_odds", "optimizer.learning_rate=0.01")


@pytest.mark.parametrize("target", [10.0, pytest.param(0.1, marks=pytest.mark.slow)])
def test_of_a_run_that_is_held_the_best_has_the_least_rate_of_those_that_hold_the_target_else_it_is_the_nearest(
    validated, tmp_path, target
):
    run = train(recipe("training.steps=24", *HELD, f"objective.target={target}"), tmp_path / "run")
    rows = [row for row in run.journal.rows() if "validation_slack" in row]
    for row in rows:
        assert row["validation_slack"] == pytest.approx(row["validation_squared_error"] - target)
    held = [row for row in rows if abs(row["validation_slack"]) <= 0.02 * target]
    nearest = min(rows, key=lambda row: abs(row["validation_slack"]))
    least = min(held, key=lambda row: row["validation_rate"], default=None)
    best = best_checkpoint(run)
    assert (best.step, best.by) == ((least or nearest)["step"], "rate" if held else "distance")
    experiment = open_run(run.path, checkpoint="best")
    assert experiment.circumstances["best_by"] == best.by
    found = evaluate_run(experiment, "validation")["target"]
    row = next(row for row in rows if row["step"] == best.step)
    assert found["value"] == pytest.approx(row["validation_squared_error"], rel=1e-5)


def test_weights_that_hold_a_target_are_better_than_any_that_do_not_and_then_compare_by_the_rest():
    best, found = None, []
    for step, (value, rate) in enumerate([(9.0, 1.0), (6.0, 2.0), (8.0, 1.0), (5.05, 7.0), (4.0, 0.1), (4.95, 6.0)]):
        standing = Standing("squared_error", value, 5.0, "squared_error", value, 5.0)
        judged = by_target({"validation_rate": rate}, standing)
        if judged.better_than(best):
            best = Best(step, judged.cost, judged.by)
        found.append((best.step, best.by))
    assert found == [(0, "distance"), *[(1, "distance")] * 2, *[(3, "rate")] * 2, (5, "rate")]


def test_a_best_checkpoint_of_an_older_version_gives_way_to_the_first_that_is_judged_by_the_target():
    assert Judged("distance", 3.0).better_than(Best(10, 0.5))
    assert not Judged("distance", math.nan).better_than(Best(10, 0.5))
