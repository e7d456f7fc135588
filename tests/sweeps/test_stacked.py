"""Stacked lanes: which can be stacked, what they leave, how they end. `tests/parity` holds them to their runs alone."""

import pytest
import torch

from kelbo.distributed.fabric import Fabric
from kelbo.errors import NotSaved, RecipeError
from kelbo.experiments import evaluate_run, open_run
from kelbo.networks import BurgessEncoder, HigginsEncoder
from kelbo.recipes import change
from kelbo.runs import Run
from kelbo.sweeps.definition import prepare_sweep, require_all_done, train_lanes
from kelbo.sweeps.jobs import Job
from kelbo.sweeps.stackable import groups, stackable
from kelbo.sweeps.stacked import train_stacked, work_off_stacked
from kelbo.sweeps.stacked_data import Pool
from kelbo.sweeps.stacked_models import Stack

LAPLACE = ["likelihood.kind=laplace"]


def test_lanes_are_grouped_with_those_that_they_can_be_stacked_with(small):
    other = change(small, ["likelihood.kind=student_t"])
    assert groups([small, other, change(small, ["seed=7"]), change(other, ["objective.beta=4"])]) == [[0, 2], [1, 3]]


@pytest.mark.parametrize(
    ("base", "setting"),
    [
        ([], "seed=7"),
        ([], "objective.beta=4"),
        ([], "objective.kind=capacity"),
        ([], "optimizer.learning_rate=1e-4"),
        ([], "optimizer.betas=[0.5,0.9]"),
        ([], "optimizer.weight_decay=0"),
        ([], "schedule.kind=cosine"),
        ([], "training.clip=1"),
        ([], "training.ema=0.9"),
        (["likelihood.kind=fixed_gaussian"], "likelihood.sigma=0.1"),
        ([*LAPLACE, "likelihood.scale=1"], "likelihood.scale=0.1"),
    ],
)
def test_lanes_may_differ_in_numbers(small, base, setting):
    recipe = change(small, base)
    assert change(recipe, [setting]) != recipe
    stackable([recipe, change(recipe, [setting])])


@pytest.mark.parametrize(
    ("base", "setting", "words"),
    [
        ([], "data.size=16", "data.size.*8 .*16"),
        ([], "data.held_out=0.2", "data.held_out.*0.1"),
        ([], "model.latents=4", "model.latents.*3 .*4"),
        ([], "model.network.width=8", "model.network.width is 16"),
        ([], "model.network.kind=burgess", "model.network.kind.*'higgins'.*'burgess'"),
        ([], "likelihood.kind=bernoulli", "likelihood.kind.*'optimal_gaussian'.*'bernoulli'"),
        ([], "likelihood.detach=true", "likelihood.detach.*False"),
        (LAPLACE, "likelihood.scale=1", "likelihood.scale.*none.*1.0"),
        ([], "optimizer.kind=adam", "optimizer.kind.*'adamw'.*'adam'"),
        ([], "training.steps=13", "training.steps is 12"),
        ([], "training.batch_size=16", "training.batch_size is 32"),
        ([], "training.checkpoint_every=5", "training.checkpoint_every is 4"),
        ([], "training.precision=bf16-mixed", "training.precision.*'32-true'"),
    ],
)
def test_lanes_that_differ_in_more_are_sent_to_the_queue(small, base, setting, words):
    recipe = change(small, base)
    with pytest.raises(RecipeError, match=words) as caught:
        stackable([recipe, recipe, change(recipe, [setting])])
    assert (caught.value.exit_code, caught.value.remedy) == (2, ("how",))


def test_a_graph_needs_cuda(small, tmp_path):
    with pytest.raises(RecipeError, match="cpu"):
        train_stacked([small], [tmp_path / "a"], fabric=Fabric(accelerator="cpu", devices=1), graph=True)
    assert not (tmp_path / "a").exists()


def test_a_sweep_is_trained_as_one_program_and_its_lanes_are_ordinary_runs(small, tmp_path):
    heard = []
    laid = prepare_sweep(small, ["objective.beta=0.5,4"], [1, 2], tmp_path / "sweep")
    train_lanes(laid, work=work_off_stacked, watch=lambda name, told: heard.append((name, told)))
    require_all_done(laid)
    last = laid.lanes[-1].name
    rows = [told for name, told in heard if name == last]
    assert rows[0] == {"state": "begun", "attempt": 1}
    assert rows[-1]["state"] == "done"
    assert [told["step"] for told in rows if "elbo" in told] == [4, 8, 12]
    assert all(told["steps"] == 12 for told in rows if "step" in told)
    for lane in laid.lanes:
        run = laid.sweep.run(lane.name)
        assert laid.sweep.status(lane.name) == {"state": "done", "error": None}
        assert run.checkpoint_steps() == [8, 12]
        assert run.provenance()["machine"]["stacked lanes"] == 4
        assert list(run.events.glob("events.out.tfevents.*"))
    record = evaluate_run(open_run(run.path, device="cpu"))
    assert record["settings"]["step"] == 12


def test_finished_lanes_are_not_touched_and_others_catch_up(small, tmp_path):
    recipes = [change(small, [f"seed={seed}"]) for seed in (1, 2)]
    folders = [tmp_path / "one", tmp_path / "two"]
    train_stacked(recipes[:1], folders[:1])
    before = {path: path.stat().st_mtime_ns for path in folders[0].rglob("*") if path.is_file()}
    outcomes = train_stacked(recipes, folders)
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert {path: path.stat().st_mtime_ns for path in folders[0].rglob("*") if path.is_file()} == before
    assert Run.open(folders[1]).checkpoint_steps()[-1] == 12
    assert train_stacked([], []) == []


def test_a_folder_of_another_recipe_fails_alone(small, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    train_stacked([change(small, ["objective.beta=3"])], folders[:1])
    outcomes = train_stacked([small, change(small, ["seed=1"])], folders)
    assert [outcome.kind for outcome in outcomes] == ["RunError", None]
    assert "objective.beta: 3.0 → 1.0" in outcomes[0].error


def test_a_checkpoint_that_cannot_be_written_stops_the_program_and_keeps_what_was_saved(small, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]

    def block(name, told):
        if name == "two" and told.get("step") == 8:
            (folders[1] / "checkpoints" / ".00000008.partial").write_text("in the way")

    recipes = [change(small, [f"seed={seed}"]) for seed in (1, 2)]
    with pytest.raises(NotSaved, match=r"step 8\b"):
        train_stacked(recipes, folders, watch=block)
    assert [Run.open(folder).checkpoint_steps() for folder in folders] == [[4, 8], [4]]


def test_only_lanes_are_worked_off_together():
    with pytest.raises(RecipeError, match="sum"):
        work_off_stacked([Job("sum", sum, ([1],))])


def test_lanes_with_other_seeds_share_their_images_and_their_test_images(small):
    pool = Pool(torch.device("cpu"))
    one, two = (pool.of(change(small, [f"seed={seed}"])) for seed in (1, 2))
    assert one is two


def test_lanes_that_draw_by_their_own_seeds_hold_out_other_images_of_the_same_pixels(small):
    pool = Pool(torch.device("cpu"))
    one, two = (pool.of(change(small, [f"seed={seed}", "data.split_seed=seed"])) for seed in (1, 2))
    assert one.train.parent is two.train.parent is one.test.parent
    assert one.test.fingerprint() != two.test.fingerprint()
    assert pool.of(change(small, ["seed=1", "data.split_seed=seed", "objective.beta=9"])) is one


@pytest.mark.parametrize(
    "make", [lambda: HigginsEncoder((1, 8, 8), 2, width=5), lambda: BurgessEncoder((1, 16, 16), 2)]
)
def test_stacked_models_keep_their_values_and_their_layout(make):
    models = [make() for _ in range(3)]
    before = [{name: value.clone() for name, value in model.state_dict().items()} for model in models]
    strides = [value.stride() for value in models[0].parameters()]
    stack = Stack(models)
    for lane, (model, values) in enumerate(zip(models, before, strict=True)):
        assert [value.stride() for value in model.parameters()] == strides
        for name, value in model.named_parameters():
            assert torch.equal(value, values[name])
            assert value.data_ptr() == stack.parameters[name][lane].data_ptr()
