"""Runs of a second stage by the commands that all runs have, and what is refused of a first one."""

import json
import shutil

import numpy as np
import pytest
import torch

from kelbo.data.batches import passes
from kelbo.distributed.fabric import Fabric
from kelbo.errors import Damaged, RecipeError, RunError
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.stages import with_pictures
from kelbo.models import Secondary, TwoStage
from kelbo.recipes import build, change, find
from kelbo.runs import Run
from kelbo.seeds import seeded
from kelbo.sweeps.stackable import stackable
from kelbo.training.checkpoint import read_tensors

SHORT = ("training.steps=4", "training.batch_size=4", "training.checkpoint_every=2", "training.ema=0.9")
OFTEN = ("training.pictures_every=4", "training.log_every=1", "likelihood.mean_activation=identity")
DEEP = ("model.width=8", "model.latents=2", "model.decoder=1x1,8m1", "model.encoder=8d8,1x1")
HELD = ("objective.kind=distortion_target", "objective.form=log_odds")
FIRST = ("model.kind=hierarchical", *DEEP, *SHORT, *OFTEN, *HELD, "objective.target=6")


@pytest.fixture(scope="module")
def primary(tmp_path_factory):
    return train(change(find("digits"), FIRST), tmp_path_factory.mktemp("first") / "primary")


def second(path, *more):
    own = ("model.kind=secondary", "model.width=8", "model.latents=2", "objective.target=2", "seed=1")
    return change(
        find("digits"), [*own, *SHORT, *OFTEN, *HELD, "objective.target=2", f'runs.primary.path="{path}"', *more]
    )


@pytest.fixture(scope="module")
def run(primary, tmp_path_factory):
    return train(second(primary.path), tmp_path_factory.mktemp("second") / "run")


def test_a_run_is_opened_as_both_stages_and_trains_its_own_alone(run):
    experiment = open_run(run.path, device="cpu")
    assert isinstance(experiment.model, TwoStage)
    assert isinstance(experiment.model.trained, Secondary)
    row = json.loads(run.journal.path.read_text().splitlines()[-1])
    assert [f"rate/{group}" in row for group in range(3)] == [True, True, False]
    assert row["rate"] == pytest.approx(row["rate/0"] + row["rate/1"])
    record = evaluate_run(experiment, dequantized=True)
    assert [part["groups"] for part in record["rate_per_stage"]] == [2, 2]
    assert sum(part["mean"] for part in record["rate_per_stage"]) == pytest.approx(record["rate"]["mean"])
    nats = record["distortion"]["mean"] + record["rate"]["mean"]
    assert record["bits_per_dim"] == pytest.approx(nats / 64 / np.log(2))
    assert "0–17 scale" in record["elbo"]["unit"]


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(primary, run, tmp_path):
    part = train(second(primary.path, "training.steps=2"), tmp_path / "part")
    whole = train(second(primary.path), part.path, resume=True)
    for file in ("weights", "ema", "training", "generators-0"):
        one, other = (read_tensors(each.checkpoint(4) / f"{file}.safetensors") for each in (whole, run))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert not any("primary" in name for name in one)


@pytest.mark.slow
def test_commands_speak_of_both_stages(run, kelbo, tmp_path):
    codes, picture = tmp_path / "codes.npz", tmp_path / "picture.png"
    assert kelbo("encode", run.path, "--out", codes, "--groups", 3)[0] == 0
    with np.load(codes) as file:
        assert file["means_0"].shape == file["means_2"].shape == (180, 2, 1, 1)
    for command in (
        ("traverse", run.path, "--group", 3),
        ("interpolate", run.path, "--groups", 3),
        ("sample", run.path),
        ("reconstruct", run.path),
    ):
        code, _, err = kelbo(*command, "--out", picture)
        assert (code, err) == (0, "")
        picture.unlink()
    code, out, _ = kelbo("evaluate", run.path)
    assert code == 0
    assert "of stage 2" in out
    assert kelbo("report", run.path)[0] == 0
    page = (run.path / "report.html").read_text()
    assert "second stage on a frozen first model, 4 groups of latents in all" in page
    assert "in stage 2" in page
    (kept,) = run.measurements.all("partial-decodings")
    assert kept.settings["groups"] == [0, 1, 2, 3, 4]


@pytest.mark.slow
def test_a_changed_primary_is_refused_by_its_hash(primary, run, tmp_path):
    other = train(change(find("digits"), [*FIRST, "seed=3"]), tmp_path / "other")
    known = open_run(run.path, device="cpu").recipe.runs["primary"].weights
    with pytest.raises(RunError, match="SHA-256"):
        train(second(other.path, f"runs.primary.weights={known}"), tmp_path / "refused")
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    for file in ("weights", "ema"):
        place = f"checkpoints/{other.checkpoint(4).name}/{file}.safetensors"
        shutil.copyfile(other.path / place, Run(copy).companions / "primary" / place)
    with pytest.raises(Damaged, match="SHA-256"):
        open_run(copy, device="cpu")


def test_a_primary_of_other_data_is_refused_by_both_names(primary, tmp_path):
    with pytest.raises(RecipeError, match=r"1×8×8.*1×16×16"):
        train(second(primary.path, "data.size=16"), tmp_path / "larger")
    with pytest.raises(RecipeError, match="other ones"):
        train(second(primary.path, "data.split_seed=5"), tmp_path / "others")
    assert not (tmp_path / "larger").exists()


@pytest.mark.slow
def test_a_primary_that_held_no_target_is_refused_unless_any_is_asked_for(tmp_path):
    free = train(change(find("digits"), [*FIRST, "objective.kind=elbo"]), tmp_path / "free")
    with pytest.raises(RecipeError, match=r"model\.primary=any"):
        train(second(free.path), tmp_path / "refused")
    assert train(second(free.path, "model.primary=any", "training.steps=1"), tmp_path / "allowed").path.exists()


def test_pictures_that_are_drawn_once_are_those_of_the_same_seeds(primary, tmp_path):
    recipe = second(primary.path, "model.draws=once", "seed=5")
    data, others = build.data(recipe), {"primary": open_run(primary.path, device="cpu")}
    fabric = Fabric(accelerator="cpu", devices=1)
    kept = with_pictures(recipe, data.train, others, fabric)
    first = others["primary"].model
    for number, batch in enumerate(passes(data.train, 256, first.device)):
        with first.evaluating(), seeded(5, "evaluation", number):
            again = first.mean(first.read(batch.as_intensities(17)).output)
        places = torch.arange(256 * number, 256 * number + len(again))
        assert torch.equal(kept.given_at(places)["primary"], again)
    assert with_pictures(second(primary.path), data.train, others, fabric) is data.train


@pytest.mark.slow
def test_a_run_with_pictures_drawn_once_resumes_exactly(primary, tmp_path):
    whole = train(second(primary.path, "model.draws=once"), tmp_path / "whole")
    part = train(second(primary.path, "model.draws=once", "training.steps=2"), tmp_path / "part")
    train(second(primary.path, "model.draws=once"), part.path, resume=True)
    one, other = (read_tensors(run.checkpoint(4) / "weights.safetensors") for run in (whole, part))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert open_run(whole.path, device="cpu").model.stages == (2, 2)


def test_classes_may_be_told_to_a_second_stage_alone(primary, tmp_path):
    run = train(second(primary.path, "model.given=labels", "training.steps=1"), tmp_path / "told")
    assert open_run(run.path, device="cpu").model.conditions == ("labels",)


def test_a_target_that_is_not_below_the_primarys_is_allowed_and_told(primary, tmp_path):
    said = []
    run = train(second(primary.path, "objective.target=6", "training.steps=1"), tmp_path / "run", warn=said.append)
    (warning,) = [one for one in run.warnings() if one["kind"] == "target-not-below"]
    assert warning["fields"]["target"] == warning["fields"]["primary"] == 6
    assert warning["text"] in said


def test_lanes_of_secondaries_are_not_stacked(primary):
    with pytest.raises(RecipeError, match=r"runs\.primary"):
        stackable([second(primary.path), second(primary.path, "seed=2")])
