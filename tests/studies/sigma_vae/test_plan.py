"""What the σ-VAE study plans: lanes, sweeps, and what is left out and why."""

from dataclasses import replace

import pytest
from tests.studies.sigma_vae.tiny import BUDGET, plan

from kelbo.errors import DataError, RecipeError
from kelbo.recipes.sigma_study import DECODERS, GRID, SETS, parse_set, set_recipe
from kelbo.runs.study_folder import StudyFolder as Study
from kelbo.studies.probe import Rate
from kelbo.studies.sigma_vae.budget import BUDGETS, budget_of
from kelbo.studies.sigma_vae.estimate import estimate
from kelbo.studies.sigma_vae.lanes import entries_of
from kelbo.studies.sigma_vae.plan import plan_of
from kelbo.studies.sigma_vae.wanted import EVERYTHING, TARGETS, asked_for
from kelbo.studies.study_lanes import unfinished


def lanes(found):
    return [(lane.decoder, lane.beta, lane.seed) for _, lane in found.lanes()]


def test_the_paper_budget_has_the_release_s_steps_of_10_epochs():
    assert (SETS["mnist"].steps, SETS["svhn"].steps) == (4_690, 5_730)
    assert BUDGETS["paper"].steps["mnist"] == 4_690
    recipe = set_recipe("mnist", None)
    assert (recipe.model.network.kind, recipe.model.latents) == ("rybkin", 20)
    assert (recipe.optimizer.kind, recipe.optimizer.learning_rate, recipe.training.batch_size) == ("adam", 1e-3, 128)


def test_every_budget_has_steps_for_every_set():
    assert all(budget.steps.keys() == SETS.keys() for budget in BUDGETS.values())


def test_all_decoders_and_the_grid_are_trained_and_the_sigma_vae_with_more_seeds():
    found = lanes(plan())
    assert {decoder for decoder, _, _ in found} == {*DECODERS, GRID} - {"bitwise_categorical", "logistic_mixture"}
    assert [lane for lane in found if lane[0] == "optimal_gaussian"] == [
        ("optimal_gaussian", "1", 0),
        ("optimal_gaussian", "1", 1),
    ]
    assert [lane for lane in found if lane[0] == "student_t"] == [("student_t", "1", 0)]
    assert {beta for decoder, beta, _ in found if decoder == GRID} == {"0.001", "0.01", "0.1", "1", "10"}


def test_a_decoder_that_cannot_speak_of_the_images_is_left_out_with_the_reason():
    left = dict(plan().left_out)
    assert set(left) == {"bitwise_categorical", "logistic_mixture"}
    assert "these have 17" in left["logistic_mixture"]


def test_a_decoder_with_more_outputs_than_the_budget_allows_is_left_out():
    left = dict(plan_of(replace(BUDGET, logits=500), "digits").left_out)
    assert left["categorical"].startswith("it needs 1,088 outputs an image, more than the 500 of the budget tiny")


def test_a_decoder_that_the_budget_leaves_out_is_trained_where_it_is_named():
    found = plan(budget=replace(BUDGET, logits=500), decoders=["categorical"])
    assert "categorical" not in dict(found.left_out)
    assert {decoder for decoder, _, _ in lanes(found)} == {"categorical", GRID}


def test_a_decoder_that_cannot_speak_of_the_images_is_refused_where_it_is_named():
    with pytest.raises(RecipeError, match=r"have 17\b"):
        plan(decoders=["logistic_mixture"])


def test_only_what_a_target_needs_is_trained_and_measured():
    found = plan("fig9")
    assert {lane[0] for lane in lanes(found)} == {"shared_gaussian", "optimal_gaussian", "per_image_gaussian"}
    assert all(not lane.measures for _, lane in found.lanes())


def test_asking_for_less_lays_out_the_same_sweeps():
    whole = {sweep.name: (sweep.over, sweep.seeds) for sweep in plan().sweeps}
    assert {sweep.name: (sweep.over, sweep.seeds) for sweep in plan("table1").sweeps} == whole


def test_some_decoders_and_some_of_the_grid_can_be_asked_for():
    found = plan(decoders=["optimal_gaussian"], betas=["1", "0.01"])
    assert {(decoder, beta) for decoder, beta, _ in lanes(found)} == {
        ("optimal_gaussian", "1"),
        (GRID, "0.01"),
        (GRID, "1"),
    }
    assert {sweep.over[0] for sweep in found.sweeps} <= {sweep.over[0] for sweep in plan().sweeps}


def test_what_several_commands_asked_for_is_each_lane_with_the_measures_that_any_of_them_needs():
    first, second = asked_for(["fig9"], ["optimal_gaussian"]), asked_for(["table2"], ["bernoulli"], ["1"])
    both = plan().asking([first, second])
    measures = {(lane.decoder, lane.beta): lane.measures for _, lane in both.lanes()}
    assert measures == {
        ("optimal_gaussian", "1"): frozenset(),
        ("bernoulli", "1"): {"distances"},
        (GRID, "1"): {"distances"},
    }


def test_what_was_asked_for_already_is_not_kept_twice():
    first, second = asked_for(["fig9"], ["per_image_gaussian"]), asked_for(["table1"], None, ["1"])
    assert plan().asking([first, second, first]).asked == (first, second)
    assert plan().asking([first, second, EVERYTHING]).asked == (EVERYTHING,)


def test_a_decoder_that_was_named_stays_when_everything_is_asked_for():
    small = replace(BUDGET, logits=500)
    named, whole = asked_for(decoders=["categorical"]), plan(budget=small)
    assert "categorical" in dict(whole.left_out)
    both = whole.asking([named, EVERYTHING])
    assert both.asked == (named, EVERYTHING)
    assert {lane[0] for lane in lanes(both)} == {lane[0] for lane in lanes(whole)} | {"categorical"}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("size", r"crop=74.*'size'"),
        ("kind=fashion-mnist", "--data"),
        ("root=there", "another set"),
        ("size=16,size=32", r"--set.*given 2\b"),
    ],
)
def test_settings_that_would_be_another_set_are_refused(setting, words):
    with pytest.raises(RecipeError, match=words):
        plan(settings=setting.split(","))


def test_numbers_of_the_paper_are_not_of_images_that_settings_changed():
    of_celeba = replace(plan(), set="celeba")
    assert replace(of_celeba, settings=("crop=20", "held_out=0.2")).role == "celeba"
    assert replace(of_celeba, settings=("bits=1", "crop=20")).role is None


def test_a_value_of_the_grid_is_the_same_however_it_is_written():
    assert asked_for(betas=["1.0", "1e-2"]).betas == ("0.01", "1")


def test_seeds_can_be_chosen_and_the_other_decoders_have_the_first_of_them():
    found = lanes(plan(budget=BUDGET.of_seeds([5, 3])))
    assert {seed for decoder, _, seed in found if decoder == "shared_gaussian"} == {5, 3}
    assert {seed for decoder, _, seed in found if decoder == "student_t"} == {5}


def test_every_lane_trains_in_the_precision_that_was_asked_for():
    found = plan(precision="bf16-mixed")
    assert {sweep.recipe_of(lane).training.precision for sweep, lane in found.lanes()} == {"bf16-mixed"}


def test_flattery_is_measured_of_analytic_decoders_alone():
    measured = {lane.decoder for _, lane in plan().lanes() if "flattery" in lane.measures}
    assert measured == {"optimal_gaussian", "per_image_gaussian"}


def test_as_published_clips_the_analytic_sigma_softly_and_tests_on_the_training_split():
    found = plan(mode="as-published")
    recipes = {lane.decoder: sweep.recipe_of(lane) for sweep, lane in found.lanes()}
    assert found.split == "train"
    assert recipes["optimal_gaussian"].likelihood.as_published
    assert recipes["per_image_gaussian"].likelihood.as_published
    assert {sweep.name for sweep in found.sweeps} == {"decoders", "betas", "analytic"}


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_can_be_asked_for_alone(target):
    assert lanes(plan(target))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plan("table9"), "no 'table9'"),
        (lambda: plan(decoders=["gaussian"]), "no 'gaussian'; --decoders takes mse_vae, bernoulli"),
        (lambda: plan(betas=["2"]), "no '2'; --betas takes 0.001, 0.01"),
        (lambda: plan(precision="f16"), "precision"),
        (lambda: BUDGET.of_seeds([1, 1]), "each once"),
        (lambda: plan(mode="honest"), "'honest'"),
        (lambda: plan_of(BUDGET, "imagenet"), r"PATH.*'imagenet'"),
        (lambda: plan_of(BUDGET, "folder:"), "got 'folder:'"),
        (lambda: plan_of(BUDGET, "mnist:there"), "got 'mnist:there'"),
        (lambda: budget_of("days"), "hours, paper"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(call, words):
    with pytest.raises(RecipeError, match=words):
        call()


def test_missing_files_are_told_before_anything_is_trained(tmp_path):
    with pytest.raises(DataError):
        plan_of(BUDGETS["minutes"], "mnist", root=tmp_path)


def test_settings_of_the_images_reach_every_lane():
    found = plan(settings=["size=16"])
    assert found.images.shape == (1, 16, 16)
    assert {sweep.recipe_of(lane).data.size for sweep, lane in found.lanes()} == {16}
    assert found.settings == ("size=16",)
    assert plan(settings=["size=8", " held_out = 0.10"]).settings == ()  # as they are anyway


def test_digits_need_no_root_and_take_none(tmp_path):
    assert plan(root=tmp_path).root is None


def test_a_folder_of_pictures_is_named_with_its_path(tmp_path):
    assert parse_set(f"folder:{tmp_path}") == ("folder", tmp_path)


def test_an_estimate_counts_steps_that_are_left_and_the_feature_network(tmp_path):
    found = plan("table1")
    entries = entries_of(found, Study(tmp_path))
    assert unfinished(entries) == entries
    rates = {entry.lane.decoder: Rate(1_000.0, 5_000.0) for entry in entries}
    about = estimate(found, entries, rates, 2, network=False)
    assert about.training == pytest.approx(len(entries) * 6 * 128 / 1_000 / 2)
    assert estimate(found, entries, rates, 2, network=True).training > about.training
    assert about.measuring > 0
