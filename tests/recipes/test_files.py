import tomllib

import pytest
import torch

from kelbo.errors import RecipeError
from kelbo.recipes import build
from kelbo.recipes.files import change, differences, dump, load, parse, parse_text
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


def test_a_setting_that_means_something_else_in_another_kind_begins_with_that_kinds_default():
    assert digits().model.latents != 16  # dimensions of one vector; in a hierarchy, channels of each group
    assert change(digits(), ["model.kind=hierarchical"]).model.latents == 16
    assert change(digits(), ["model.kind=autoencoder"]).model.latents == digits().model.latents
    wide = change(digits(), ["model.network.width=300"])
    assert change(wide, ["model.network.kind=residual"]).model.network.width == 256


BOTH = ("model.kind=hierarchical", "model.latents=6")


@pytest.mark.parametrize("order", [BOTH, BOTH[::-1]])
def test_a_setting_that_is_set_beside_its_new_kind_stays_whatever_their_order(order):
    assert change(digits(), order).model.latents == 6


def test_the_kind_that_a_recipe_has_already_changes_nothing():
    recipe = change(digits(), ["model.latents=7"])
    assert change(recipe, ["model.kind=vae"]) == recipe


def test_a_new_kinds_settings_can_follow_it():
    recipe = change(digits(), ["objective.kind=capacity", "objective.capacity=5"])
    assert recipe.objective.capacity == 5


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.stepz=4", r"training.stepz.*batch_size"),
        ("objective.beta=-1", r"objective.beta is -1\b.*to 0\b"),
        ("training.steps=many", r"training.steps.*'many'"),
        ("likelihood.kind=gauss", r"likelihood.kind.*'gauss'.*'fixed_gaussian', 'shared_gaussian'"),
        ("model.network.kind=resnet", r"model.network.kind.*'resnet'.*'higgins', 'burgess', 'rybkin'"),
        ("model.kind=flow", r"model.kind.*'flow'.*'vae', 'autoencoder'"),
        ("data.size=17", r"data.size is 17\b.*be 8, 16, 32\b or 64\b"),
        ("nothing.at.all=1", r"nothing.*data.*likelihood"),
        ("objective.beta", r"PATH=VALUE.*objective.beta=4.*'objective.beta'"),
        ("=4", "PATH=VALUE"),
        ("seed=-3", r"is -3\b.*to 0\b"),
        ("training.ema=1.0", r"training.ema.*1.0.*than 1\b"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_is_allowed(assignment, message):
    with pytest.raises(RecipeError, match=message):
        change(digits(), [assignment])


def test_all_faults_of_a_file_are_told_at_once():
    table = {"name": "x", "data": {"kind": "digits", "sise": 4}, "training": {}}
    with pytest.raises(RecipeError) as caught:
        parse(table)
    assert "data.sise; it has augment, bits, held_out, kind, size, split_seed." in str(caught.value)
    assert "training.steps is missing" in str(caught.value)


def test_a_broken_toml_file_is_named(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("name = ")
    with pytest.raises(RecipeError, match=r"broken.toml.*TOML"):
        load(path)


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(RecipeError, match="'digit'"):
        find("digit")


def test_the_fingerprint_is_the_experiments_not_the_replicas():
    recipe = digits()
    assert change(recipe, ["seed=7"]).fingerprint == recipe.fingerprint
    assert change(recipe, ["objective.beta=2"]).fingerprint != recipe.fingerprint


def test_settings_that_came_later_leave_the_fingerprints_of_older_recipes():
    recipe = digits()
    assert recipe.fingerprint == "7dd02b0c83d4"
    later = {
        "training.accumulate": ("2", "1"),
        "training.compile": ("true", "false"),
        "training.skip.kind": ("quantile", "never"),
        "objective.free_bits": ("0.5", "0"),
        "objective.balance": ("3", "0"),
        "objective.warmup_from": ("0.1", "0"),
    }
    for setting, (other, default) in later.items():
        changed = change(recipe, [f"{setting}={other}"])
        assert changed.fingerprint != recipe.fingerprint
        assert change(changed, [f"{setting}={default}"]).fingerprint == recipe.fingerprint


def test_where_a_shared_sigma_begins_counts_only_if_it_is_elsewhere_than_before():
    recipe = change(find("digits"), ["likelihood.kind=shared_gaussian"])
    assert recipe.fingerprint == "3b9be9e4f7e4"
    changed = change(recipe, ["likelihood.initial_sigma=0.1"])
    assert changed.fingerprint != recipe.fingerprint
    sigma = build.likelihood(changed, 256).variance(torch.zeros(1, 1, 2, 2)).mean().item() ** 0.5
    assert sigma == pytest.approx(0.1, rel=0.05)


def test_differences_name_path_and_both_values():
    assert differences(digits(), change(digits(), ["objective.beta=4"])) == ["objective.beta: 1.0 → 4.0"]


@pytest.mark.parametrize(("kept", "split_seed"), [(True, "seed"), (False, 0)])
def test_only_a_kept_recipe_without_a_split_seed_is_of_the_version_that_drew_by_the_runs_own(
    kept, split_seed, tmp_path
):
    text = "\n".join(line for line in dump(find("digits")).splitlines() if not line.startswith("split_seed"))
    assert parse_text(text, tmp_path, kept=kept).data.split_seed == split_seed
    assert parse_text(dump(find("mnist-sigma")), tmp_path, kept=kept) == find("mnist-sigma")


@pytest.mark.parametrize(
    ("settings", "drawn_by"), [([], 0), (["data.split_seed=3"], 3), (['data.split_seed="seed"'], 7)]
)
def test_test_images_are_drawn_by_a_seed_of_their_own_or_by_the_recipes(settings, drawn_by):
    assert change(digits(), ["seed=7", *settings]).split_seed == drawn_by
    assert change(find("mnist-sigma"), ["seed=7"]).split_seed == 0


@pytest.mark.parametrize("given", ["label", "labels:3", "attributes:", "attributes:a,,b", "attributes:Male,Male"])
def test_what_a_model_cannot_be_given_is_refused_with_what_it_can(given):
    with pytest.raises(RecipeError, match=f"model.given is '{given}': (write labels, attributes|it names Male)"):
        change(find("digits"), [f"model.given={given}"])


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The present folder, with a folder `pics` in it; its second value goes to another folder."""
    (tmp_path / "pics").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path, lambda: monkeypatch.chdir(tmp_path / "other")


@pytest.mark.parametrize("setting", ["data.root", "runs.other.path", "start.path"])
def test_a_relative_path_is_made_absolute_when_it_is_read(setting, elsewhere):
    folder, leave = elsewhere
    changed = change(find("folder-sigma"), [f"{setting}=pics"])
    (folder / "mine.toml").write_text(dump(changed).replace(str(folder / "pics"), "pics"))
    loaded = load(folder / "mine.toml")
    leave()
    for recipe in (changed, loaded):
        value = recipe.model_dump()
        for key in setting.split("."):
            value = value[key]
        assert value == folder / "pics"


def test_a_home_folder_is_that_of_the_user(elsewhere, monkeypatch):
    folder, _ = elsewhere
    monkeypatch.setenv("HOME", str(folder))
    assert change(find("folder-sigma"), ["data.root=~/pics"]).data.root == folder / "pics"


def test_a_table_of_attributes_beside_its_pictures_stays_relative(elsewhere):
    folder, _ = elsewhere
    beside = change(find("folder-sigma"), ["data.root=pics", "data.attributes_file=names.csv"])
    assert str(beside.data.attributes_file) == "names.csv"
    (folder / "here.csv").touch()
    assert change(beside, ["data.attributes_file=here.csv"]).data.attributes_file == folder / "here.csv"


def test_a_kept_recipe_keeps_its_relative_path(elsewhere):
    folder, _ = elsewhere
    (folder / "recipe.toml").write_text(dump(find("folder-sigma")))
    assert str(load(folder / "recipe.toml", kept=True).data.root) == "pictures"
