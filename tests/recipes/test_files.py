import tomllib

import pytest

from kelbo.errors import RecipeError
from kelbo.recipes.files import change, differences, dump, load, parse
from kelbo.recipes.named import NAMED, digits, find


@pytest.mark.parametrize("name", NAMED)
def test_every_named_recipe_survives_toml(name):
    recipe = find(name)
    assert recipe.name == name
    assert parse(tomllib.loads(dump(recipe))) == recipe


def test_a_toml_file_is_a_recipe(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(dump(digits()))
    assert find(str(path)) == load(path) == digits()


def test_a_setting_is_changed_by_its_path():
    recipe = change(digits(), ["objective.beta=4", "training.clip=10", "optimizer.betas=[0.5, 0.9]"])
    assert recipe.objective.beta == 4
    assert recipe.training.clip == 10
    assert recipe.optimizer.betas == (0.5, 0.9)


def test_none_takes_a_setting_away():
    assert change(change(digits(), ["training.clip=1"]), ["training.clip=none"]) == digits()


def test_another_kind_keeps_common_settings_and_drops_the_rest():
    recipe = change(digits(), ["likelihood.mean_activation=identity", "likelihood.kind=fixed_gaussian"])
    assert recipe.likelihood.model_dump() == {"kind": "fixed_gaussian", "sigma": 1.0, "mean_activation": "identity"}


def test_a_new_kinds_settings_can_follow_it():
    recipe = change(digits(), ["objective.kind=capacity", "objective.capacity=5"])
    assert recipe.objective.capacity == 5


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.stepz=4", "training.stepz is no setting of this recipe; there is batch_size, .*steps"),
        ("objective.beta=-1", "objective.beta is -1: input should be greater than or equal to 0"),
        ("training.steps=many", "training.steps is 'many': input should be a valid integer"),
        ("likelihood.kind=gauss", "likelihood.kind is 'gauss'; allowed are 'fixed_gaussian', 'shared_gaussian'"),
        ("model.network.kind=resnet", "model.network.kind is 'resnet'; allowed are 'higgins', 'burgess', 'rybkin'"),
        ("model.kind=gan", "model.kind is 'gan'; allowed are 'vae', 'autoencoder'"),
        ("data.size=17", "data.size is 17: input should be 8, 16, 32 or 64"),
        ("nothing.at.all=1", "nothing is no setting of this recipe; there is data, likelihood"),
        ("objective.beta", "A setting is PATH=VALUE, such as objective.beta=4; got 'objective.beta'"),
        ("=4", "A setting is PATH=VALUE"),
        ("seed=-3", "seed is -3: input should be greater than or equal to 0"),
        ("training.ema=1.0", "training.ema is 1.0: input should be less than 1"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_is_allowed(assignment, message):
    with pytest.raises(RecipeError, match=message):
        change(digits(), [assignment])


def test_all_faults_of_a_file_are_told_at_once():
    table = {"name": "x", "data": {"kind": "digits", "sise": 4}, "training": {}}
    with pytest.raises(RecipeError) as caught:
        parse(table)
    assert "data.sise is no setting of this recipe; there is bits, held_out, kind, size, split_seed." in str(
        caught.value
    )
    assert "training.steps is missing: a recipe must say it." in str(caught.value)


def test_a_broken_toml_file_is_named(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("name = ")
    with pytest.raises(RecipeError, match=r"broken.toml is not a recipe in TOML"):
        load(path)


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(RecipeError, match="There is no recipe 'digit'; there is digits, mnist-sigma"):
        find("digit")


def test_the_fingerprint_is_the_experiments_not_the_replicas():
    recipe = digits()
    assert change(recipe, ["seed=7"]).fingerprint == recipe.fingerprint
    assert change(recipe, ["objective.beta=2"]).fingerprint != recipe.fingerprint


def test_differences_name_path_and_both_values():
    assert differences(digits(), change(digits(), ["objective.beta=4"])) == ["objective.beta: 1.0 → 4.0"]
