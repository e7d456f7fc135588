"""`kelbo train --from RUN`: another run's weights, and its recipe if none is named."""

import pytest

from kelbo.recipes.files import load
from kelbo.runs import Run

SMALL = ["--set", "model.network.width=16", "--set", "model.latents=3", "--steps", "2"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    from kelbo.experiments import train
    from kelbo.recipes import change, find

    recipe = change(find("digits"), ["model.network.width=16", "model.latents=3", "training.steps=1"])
    return train(recipe, tmp_path_factory.mktemp("runs") / "source").path


def test_it_prints_what_is_taken_and_what_is_not(kelbo, source, tmp_path):
    code, out, err = kelbo(
        "train", "digits", "--from", source, "--out", tmp_path / "run", *SMALL, "--set", "model.latents=2"
    )
    assert code == 0, err
    taken, drawn = out.splitlines()[1:3]
    assert str(source) in taken
    assert "13 of 16" in taken
    assert "decoder.layers.0.weight (16×2 here, 16×3 there)" in drawn


def test_without_a_recipe_it_takes_that_of_the_run_and_resumes_by_the_same_command(kelbo, source, tmp_path):
    command = ["train", "--from", source, "--out", tmp_path / "run", "--set", "data.held_out=0.2", "--resume"]
    for steps in (1, 2):
        assert kelbo(*command, "--steps", steps)[0] == 0
    kept = load(Run(tmp_path / "run").recipe_path)
    assert (kept.model.latents, kept.data.held_out, kept.start.path) == (3, 0.2, source)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--from", "{source}"], "--out"),
        (["digits", "--from-checkpoint", "last"], "--from RUN"),
        (["--from", "{source}", "--out", "{source}"], "itself"),
        (["digits", *SMALL, "--from", "{source}", "--out", "r", "--from-checkpoint", "best"], "--from-checkpoint last"),
        (["digits", "--from", "nowhere", "--out", "r"], "nowhere"),
        (["digits", "--from", "{source}", "--out", "r"], "encoder.1.weight"),
    ],
)
def test_a_mistake_names_the_option_or_the_run(kelbo, source, tmp_path, monkeypatch, options, named):
    monkeypatch.chdir(tmp_path)
    code, _, err = kelbo("train", *(option.format(source=source) for option in options))
    assert code == 2
    assert named in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_sweep_begins_from_a_run_too(kelbo, source, tmp_path):
    command = ["sweep", "digits", *SMALL, "--from", source, "--out", tmp_path / "s", "--seeds", "1", "--how", "stack"]
    code, _, err = kelbo(*command)
    assert code == 0, err
    kept = load(Run(tmp_path / "s" / "lanes" / "seed=1").recipe_path)
    assert kept.start.path == source
    assert kelbo(*command, "--resume")[0] == 0
