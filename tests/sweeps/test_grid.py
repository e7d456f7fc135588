"""Grids: which recipes follow from settings, values and seeds."""

import pytest

from kelbo.errors import RecipeError
from kelbo.sweeps.grid import Axis, axis, grid, seeds_of


def test_a_grid_is_every_combination_with_every_seed_the_first_axis_slowest(small):
    lanes = grid(small, ["objective.beta=0.1,4", "optimizer.learning_rate=1e-3,1e-4"], [3, 1])
    assert [(a.recipe.objective.beta, a.recipe.optimizer.learning_rate, a.recipe.seed) for a in lanes] == [
        *((0.1, 1e-3, 3), (0.1, 1e-3, 1), (0.1, 1e-4, 3), (0.1, 1e-4, 1)),
        *((4.0, 1e-3, 3), (4.0, 1e-3, 1), (4.0, 1e-4, 3), (4.0, 1e-4, 1)),
    ]
    assert lanes[0].name == "beta=0.1,learning_rate=1e-3,seed=3"
    assert lanes[0].settings == {"objective.beta": "0.1", "optimizer.learning_rate": "1e-3"}


def test_a_grid_without_seeds_has_the_recipes(small):
    assert [lane.recipe for lane in grid(small, [])] == [small]


def test_a_kind_can_be_varied(small):
    kinds = ["optimal_gaussian", "bernoulli"]
    lanes = grid(small, [f"likelihood.kind={','.join(kinds)}"])
    assert [lane.recipe.likelihood.kind for lane in lanes] == kinds


def test_settings_of_one_last_name_are_told_apart_by_their_whole_path(small):
    lanes = grid(small, ["objective.warmup=0,5", "schedule.warmup=0,5"])
    assert lanes[1].name == "objective.warmup=0,schedule.warmup=5,seed=0"
    assert len({lane.name for lane in lanes}) == 4


def test_names_are_fit_for_folders(small):
    (lane,) = grid(small, ['name="a:b c"'])
    assert lane.name == "name=_a_b_c_,seed=0"
    assert lane.recipe.name == "a:b c"


def test_commas_in_brackets_and_quotes_part_nothing():
    assert axis("optimizer.betas=[0.9, 0.99],[0.5,0.9]") == Axis("optimizer.betas", ("[0.9, 0.99]", "[0.5,0.9]"))
    assert axis('name="a,b",c') == Axis("name", ('"a,b"', "c"))


@pytest.mark.parametrize(
    ("over", "words"),
    [
        (["objective.bta=1,2"], "no setting objective.bta; it has balance, beta"),
        (["objective.beta=1,x"], "objective.beta is 'x'"),
        (["objective.beta=-1"], "objective.beta is -1"),
        (["objective.beta="], "PATH=VALUE,VALUE"),
        (["objective.beta=1,,2"], "PATH=VALUE,VALUE"),
        (["objective.beta"], "PATH=VALUE,VALUE"),
        (["objective.beta=1,2,1"], "same run"),
        (["objective.beta=1", "objective.beta=2"], "objective.beta.*twice"),
        (["seed=1,2"], "^seed"),
    ],
)
def test_a_wrong_axis_says_what_is_wrong(small, over, words):
    with pytest.raises(RecipeError, match=words.replace("(", r"\(")):
        grid(small, over)


def test_a_lane_whose_folder_no_file_system_takes_is_refused(small):
    with pytest.raises(RecipeError, match="would have 252 letters"):
        grid(small, [f"name={'a' * 240}"], [1])


def test_a_seed_named_twice_is_the_same_run_twice(small):
    with pytest.raises(RecipeError, match="same run"):
        grid(small, [], [1, 1])


@pytest.mark.parametrize("text", ["", "1,", "a", "-1", "1.5", "1 2"])
def test_seeds_are_whole_numbers(text):
    with pytest.raises(RecipeError, match="whole numbers"):
        seeds_of(text)
    assert seeds_of("123, 427") == (123, 427)
