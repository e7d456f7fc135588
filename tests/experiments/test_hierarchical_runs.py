"""Runs of hierarchies by the commands that all runs have, and what these refuse of them."""

import json

import numpy as np
import pytest
import torch

from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import change, find
from kelbo.runs.measurements import OF_GROUPS
from kelbo.training.checkpoint import read_tensors

SETTINGS = ("model.kind=hierarchical", "model.width=8", "model.latents=2", "model.decoder=1x1,4m1,8m4,8x1")
SHORT = ("training.steps=4", "training.batch_size=4", "training.checkpoint_every=2", "training.ema=0.9")
WHOLE = (*SETTINGS, *SHORT, "training.pictures_every=4", "training.log_every=1", "objective.kind=elbo")


@pytest.fixture(scope="module")
def recipe():
    return change(find("digits"), WHOLE)


@pytest.fixture(scope="module")
def run(recipe, tmp_path_factory):
    return train(recipe, tmp_path_factory.mktemp("deep") / "run")


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(recipe, tmp_path):
    """With a multiplier, skipped steps and a moving average."""
    held = [
        "objective.kind=distortion_target",
        "objective.target=4",
        "training.skip.kind=fixed",
        "training.skip.above=1e-3",
    ]
    recipe = change(recipe, [*held, "training.skip.patience=1", "likelihood.kind=shared_gaussian"])
    part = train(change(recipe, ["training.steps=2"]), tmp_path / "part")
    whole = train(recipe, part.path, resume=True)
    alone = train(recipe, tmp_path / "alone")
    for file in ("weights", "ema", "training", "generators-0"):
        one, other = (read_tensors(each.checkpoint(4) / f"{file}.safetensors") for each in (whole, alone))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_evaluation_tells_the_rate_of_each_group(run):
    record = evaluate_run(open_run(run.path, device="cpu"))
    assert len(record["rate_per_group"]) == 4
    assert record["latents"] is None
    assert record["rate"]["estimate"] == OF_GROUPS
    assert sum(record["rate_per_group"]) == pytest.approx(record["rate"]["mean"], rel=1e-4)
    row = json.loads(run.journal.path.read_text().splitlines()[-1])
    assert [f"rate/{group}" in row for group in range(5)] == [True] * 4 + [False]


def test_commands_work_by_groups_and_refuse_what_needs_one_vector(run, kelbo, tmp_path):
    codes = tmp_path / "codes.npz"
    assert kelbo("encode", run.path, "--out", codes, "--groups", 2)[0] == 0
    with np.load(codes) as file:
        assert file["means_1"].shape == file["scales_1"].shape == (180, 2, 4, 4)
        assert len(file["labels"]) == 180
    picture = tmp_path / "picture.png"
    for command in (
        ("traverse", run.path, "--group", 2),
        ("interpolate", run.path, "--groups", 2),
        ("sample", run.path),
        ("reconstruct", run.path),
    ):
        code, _, err = kelbo(*command, "--out", picture)
        assert (code, err) == (0, "")
        assert picture.stat().st_size > 100
        picture.unlink()
    for command, option in (("traverse", "--group"), ("interpolate", "--groups"), ("encode", "--groups")):
        code, _, err = kelbo(command, run.path, "--out", codes if command == "encode" else picture)
        assert code == 1
        assert "4 groups" in err
        assert option in err
    assert kelbo("prior", "fit", run.path, "--kind", "mixture")[0] == 1
    assert kelbo("encode", run.path, "--out", tmp_path / "codes.parquet", "--groups", 2)[0] == 2


@pytest.mark.slow
def test_the_page_shows_what_each_group_adds(run, kelbo):
    assert kelbo("report", run.path)[0] == 0
    page = (run.path / "report.html").read_text()
    assert "very deep variational autoencoder with 4 groups" in page
    assert "What each group adds" in page
    (kept,) = run.measurements.all("partial-decodings")
    assert kept.settings["groups"] == [0, 1, 2, 3, 4]
    assert kept.value["sides"] == [1, 4, 8, 8]
    assert kept.arrays()["made"].shape[:2] == (5, 8)


def test_a_layer_that_images_make_impossible_is_named_before_a_folder_is_made(kelbo, tmp_path):
    settings = [text for one in (*WHOLE, "model.encoder=8x1,8d3") for text in ("--set", one)]
    code, _, err = kelbo("train", "digits", "--out", tmp_path / "run", *settings)
    assert code == 2
    assert "Layer 2 of model.encoder, 8d3" in err
    assert not (tmp_path / "run").exists()
