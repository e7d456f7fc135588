"""A model of each kind to come, trained, stopped, resumed, evaluated and shown as the library's own are, each from one file."""

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.records import evaluations, page_of
from tests.reports.conftest import Page
from tests.toys import clip, discrete, frozen_second, three_players, two_conditions, two_groups, vectors

from kelbo.data.batches import Batches
from kelbo.distributed.fabric import Fabric
from kelbo.errors import RecipeError, RunError, ScoreError
from kelbo.evaluation import encode, interpolate, sample, traverse
from kelbo.evaluation.features import feature_network
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.doctor import examine
from kelbo.experiments.running import beginning
from kelbo.experiments.scoring import score_run
from kelbo.latents import StandardNormal
from kelbo.protocols import FlatLatent
from kelbo.recipes import change
from kelbo.recipes.files import load
from kelbo.runs import Run
from kelbo.seeds import seeded
from kelbo.sweeps.stackable import require_lanes

KINDS = (two_groups, three_players, clip, frozen_second, discrete, two_conditions, vectors)
TOYS = {toy.__name__.rpartition(".")[2]: toy for toy in KINDS}


@pytest.fixture(scope="module", params=TOYS)
def toy(request):
    return TOYS[request.param]


@pytest.fixture(scope="module")
def primary(tmp_path_factory):
    return train(frozen_second.PRIMARY, tmp_path_factory.mktemp("toys") / "primary", parts=frozen_second.PRIMARY_PARTS)


@pytest.fixture(scope="module")
def recipe(toy, request):
    if toy is not frozen_second:
        return toy.RECIPE
    return change(toy.RECIPE, [f"runs.primary.path={request.getfixturevalue('primary').path}"])


@pytest.fixture(scope="module")
def trained(toy, recipe, tmp_path_factory):
    return train(recipe, tmp_path_factory.mktemp("toys") / "run", parts=toy.PARTS)


@pytest.fixture(scope="module")
def opened(toy, trained):
    return open_run(trained.path, device="cpu", parts=toy.PARTS)


def files(run):
    """All tensors of the newest checkpoint, by file and name."""
    folder = run.checkpoint(run.checkpoint_steps()[-1])
    parts = sorted(folder.glob("*.safetensors"))
    return {f"{path.stem}/{name}": value for path in parts for name, value in load_file(path).items()}


def rows(run):
    return [{name: value for name, value in row.items() if name != "images_per_second"} for row in run.journal.rows()]


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(toy, recipe, trained, tmp_path):
    def stop(state, values):
        if state.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "run", hooks=[stop], parts=toy.PARTS)
    assert Run(tmp_path / "run").checkpoint_steps() == [3]
    resumed = train(recipe, tmp_path / "run", resume=True, parts=toy.PARTS)
    one, another = files(trained), files(resumed)
    assert one.keys() == another.keys()
    assert all(torch.equal(one[name], another[name]) for name in one)
    assert rows(trained) == rows(resumed)


def test_training_moves_every_weight_that_is_trained(toy, trained):
    first, last = (load_file(trained.checkpoint(step) / "weights.safetensors") for step in (3, 6))
    still = {name for name in first if first[name].is_floating_point() and torch.equal(first[name], last[name])}
    assert still == set()


def test_every_row_balances(trained):
    for row in rows(trained):
        assert row["elbo"] == pytest.approx(-(row["rate"] + row["distortion"]))
        of_groups = [value for name, value in row.items() if name.startswith("rate/")]
        assert not of_groups or sum(of_groups) == pytest.approx(row["rate"], rel=1e-5)


def test_the_record_has_the_rate_of_each_group(opened, trained):
    record = evaluate_run(opened, samples=4)
    assert len(record["rate_per_group"]) == opened.model.groups
    assert sum(record["rate_per_group"]) == pytest.approx(record["rate"]["mean"])
    assert record["elbo"]["mean"] == pytest.approx(-(record["rate"]["mean"] + record["distortion"]["mean"]))
    assert record["importance_weighted"]["samples"] == 4
    assert json.loads(json.dumps(record)) == evaluations(trained)["test-iw4"]


def test_a_record_holds_nothing_of_the_latents_size_unless_they_are_one_vector(opened):
    lists = [value for value in lists_in(evaluate_run(opened)) if value != list(opened.model.event)]
    if isinstance(opened.model, FlatLatent):
        assert {len(value) for value in lists} == {1, opened.model.latent_dims}
    else:
        assert [len(value) for value in lists] == [opened.model.groups]


def lists_in(told):
    if isinstance(told, list):
        yield told
    for value in told.values() if isinstance(told, dict) else ():
        yield from lists_in(value)


def test_the_best_checkpoint_is_by_validation_examples_with_their_conditions(tmp_path):
    parts = two_conditions.PARTS
    run = train(two_conditions.RECIPE, tmp_path / "run", parts=parts)
    best = max(rows(run), key=lambda row: row["validation_elbo"])
    assert open_run(run.path, device="cpu", checkpoint="best", parts=parts).step == best["step"]


def test_samples_are_drawn_under_the_conditions_of_the_data(opened):
    given = opened.conditions(5)
    drawn = sample(opened.model, 5, given=given, temperature=0.7)
    assert drawn.shape == (5, *opened.model.event)
    np.testing.assert_array_equal(drawn, sample(opened.model, 5, given=given, temperature=0.7))
    assert not np.array_equal(drawn, sample(opened.model, 5, given=given, temperature=0.7, seed=1))
    assert sample(opened.model, 5, given=given, noise=True).shape == drawn.shape


def test_a_model_is_opened_without_its_data(toy, recipe, trained):
    def refuse(recipe):
        raise AssertionError("the data were read")

    found = open_run(trained.path, device="cpu", read_data=False, parts=replace(toy.PARTS, data=refuse))
    assert found.step == 6
    if not toy.PARTS.data(recipe).given:
        assert found.conditions(3) == {}


def test_conditions_begin_again_if_more_are_asked_for_than_there_are(opened):
    count = len(opened.data.test)
    for name, value in opened.conditions(count + 2).items():
        assert torch.equal(value[:count], opened.pictured(count).given[name])
        assert torch.equal(value[count:], value[:2])


def test_only_a_model_with_one_vector_of_latents_is_asked_for_it(opened):
    model, one = opened.model, opened.image(0)
    asks = (
        lambda: traverse(model, one, [0], [0.0]),
        lambda: interpolate(model, one, one, 2),
        lambda: encode(model, opened.data.test),
        opened.latents_by_rate,
    )
    for ask in asks:
        with (
            nullcontext() if isinstance(model, FlatLatent) else pytest.raises(ScoreError, match="one vector of latents")
        ):
            ask()


def test_scores_that_a_model_cannot_have_are_missing_with_a_reason(opened):
    standard = isinstance(opened.model, FlatLatent) and type(opened.model.prior) is StandardNormal
    with nullcontext() if standard else pytest.raises(ScoreError, match="The rate is split"):
        score_run(opened, ["latents"])
    network = feature_network("random-0", (1, 8, 8))
    pictures = len(opened.model.event) == 3
    with nullcontext() if pictures else pytest.raises(ScoreError, match="look at images"):
        score_run(opened, ["images"], network=network, images=8)


def test_the_doctor_speaks_of_groups_if_there_is_no_vector_of_latents(opened):
    found = {one.code for one in examine(opened.model, opened.data.train, opened.data.test, opened.rows())}
    told = {"latents-used", "latents-inactive"} if isinstance(opened.model, FlatLatent) else {"groups-used"}
    assert found & (told | {"collapsed"})


SENTENCES = {
    "two_groups": "The model TwoGroups with 2 groups of latents, trained on blobs (40 grey images of 8×8 pixels",
    "three_players": "The model ThreePlayers with 3 latents",
    "clip": "trained on wandering blobs (40 clips of 3 grey frames of 8×8 pixels",
    "frozen_second": "The model Second with 2 groups of latents",
    "discrete": "The model Discrete with 1 group of latents",
    "two_conditions": "for 6 steps of 8 images.",
    "vectors": "(40 vectors of 12 numbers at 256 levels) for 6 steps of 8 vectors.",
}


@pytest.mark.usefixtures("unrendered")
def test_a_page_shows_what_there_is(toy, opened):
    text = Page(page_of(opened).read_text()).text
    drawn = {path.stem for path in opened.run.report_pictures.iterdir()}
    assert SENTENCES[toy.__name__.rpartition(".")[2]] in text
    assert {"reconstructions", "samples", "progress-samples", "training-elbo"} <= drawn
    assert ("group-rates" in drawn) == ("training-of-rate" in drawn) == (opened.model.groups > 1)
    assert ("traversals" in drawn) == ("rates" in drawn) == isinstance(opened.model, FlatLatent)
    own = {f"training-of-{name}" for name in ("loss", "learning-rate", "discriminator-accuracy", "feature-distance")}
    assert drawn & own == (own if toy is three_players else set())


def test_a_run_with_averaged_weights_is_opened_with_them(toy, trained, opened):
    assert opened.averaged == (toy.RECIPE.training.ema is not None)
    last = open_run(trained.path, device="cpu", average=False, parts=toy.PARTS).model.state_dict()
    same = all(torch.equal(value, last[name]) for name, value in opened.model.state_dict().items())
    assert same != opened.averaged


@pytest.fixture
def own(primary, tmp_path):
    """A copy of the first run, which may be lost or spoiled."""
    return Run(shutil.copytree(primary.path, tmp_path / "primary"))


def test_a_run_needs_the_first_one_no_more_once_it_has_begun(own, tmp_path):
    def stop(state, values):
        if state.step == 4:
            raise KeyboardInterrupt

    recipe, parts = change(frozen_second.RECIPE, [f"runs.primary.path={own.path}"]), frozen_second.PARTS
    whole = train(recipe, tmp_path / "whole", parts=parts)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "run", hooks=[stop], parts=parts)
    shutil.rmtree(own.path)
    resumed = train(recipe, tmp_path / "run", resume=True, parts=parts)
    one, another = files(whole), files(resumed)
    assert all(torch.equal(one[name], another[name]) for name in one)
    assert not any(name.startswith("weights/primary") for name in one)
    records = [evaluate_run(open_run(run.path, device="cpu", parts=parts)) for run in (whole, resumed)]
    assert records[0]["elbo"] == records[1]["elbo"]


def test_another_first_run_is_refused_by_its_weights(own, trained_again, tmp_path):
    recipe = change(frozen_second.RECIPE, [f"runs.primary.path={own.path}"])
    asked = load(train(recipe, tmp_path / "run", parts=frozen_second.PARTS).recipe_path, kept=True)
    assert asked.runs["primary"].weights
    changed = change(asked, [f"runs.primary.path={trained_again.path}"])
    with pytest.raises(RunError, match=asked.runs["primary"].weights):
        train(changed, tmp_path / "other", parts=frozen_second.PARTS)
    assert not (tmp_path / "other").exists()


@pytest.fixture
def trained_again(tmp_path):
    return train(change(frozen_second.PRIMARY, ["seed=1"]), tmp_path / "another", parts=frozen_second.PRIMARY_PARTS)


def test_each_player_has_its_optimiser_and_its_columns(tmp_path):
    run = train(three_players.RECIPE, tmp_path / "run", parts=three_players.PARTS)
    for row in rows(run):
        assert row["learning_rate/discriminator"] == pytest.approx(10 * row["learning_rate/encoder"])
        assert 0 <= row["discriminator_accuracy"] <= 1
        assert row["feature_distance"] > 0
        assert "beta" not in row


@pytest.fixture
def fabric():
    return Fabric(accelerator="cpu", devices=1)


def test_no_players_gradient_leaks_into_another(fabric):
    recipe, parts = three_players.RECIPE, three_players.PARTS
    data = parts.data(recipe)
    state, update = beginning(recipe, data, fabric, parts)
    batch = next(iter(Batches(data.train, 8, 0, fabric.device))).as_intensities(data.levels)
    with seeded(0, "latents"):
        losses, _ = three_players.judged(state.network, batch)
    moved = {name: [p for group in o.param_groups for p in group["params"]] for name, o in state.optimizers.items()}
    own = {name: torch.autograd.grad(losses[name], moved[name], retain_graph=True) for name in moved}
    with seeded(0, "latents"):
        update(state, batch)
    for name, parameters in moved.items():
        assert all(torch.equal(p.grad, g) for p, g in zip(parameters, own[name], strict=True)), name


def test_an_update_with_several_losses_is_not_stacked(fabric):
    recipe, parts = three_players.RECIPE, three_players.PARTS
    model = parts.model(recipe, parts.data(recipe), {})
    with pytest.raises(RecipeError, match="more than one loss"):
        require_lanes("lane", model, parts.update(recipe, fabric))
