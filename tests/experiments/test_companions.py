"""A run that uses another one's model names it by path and weights, and holds a copy of it."""

import errno
import shutil
from dataclasses import replace

import pytest
import torch

from kelbo.bound import Batch
from kelbo.errors import Damaged, NotSaved, RecipeError, RunError
from kelbo.experiments import companions, evaluate_run, open_run, train
from kelbo.experiments.parts import Parts
from kelbo.models import VAE
from kelbo.recipes import build, change, dump, find
from kelbo.recipes.files import parse_text
from kelbo.runs import Run
from kelbo.runs.index import index

SMALL = ["model.network.width=16", "model.latents=3", "training.batch_size=16", "training.steps=4", "training.ema=0.9"]
OFTEN = ["training.checkpoint_every=2", "training.log_every=2", "training.pictures_every=100"]


class Beside(VAE):
    """A VAE of what another model leaves: its encoder sees the difference from that model's reconstruction."""

    def __init__(self, plain, primary):
        super().__init__(plain.encoder, plain.decoder, plain.likelihood, plain.event, plain.latent_dims)
        self.primary = primary

    def posterior(self, batch):
        primary = self.primary.model
        return super().posterior(Batch(batch.x - primary.mean(primary.read(batch, draw=False).output)))


def model(recipe, images, runs):
    return Beside(build.model(recipe.model_copy(update={"runs": {}}), images), runs["primary"])


PARTS = Parts(model=model)


@pytest.fixture(scope="module")
def primary(tmp_path_factory):
    return train(change(find("digits"), [*SMALL, *OFTEN]), tmp_path_factory.mktemp("runs") / "primary")


@pytest.fixture
def own(primary, tmp_path):
    """A copy of the first run, which may be spoiled."""
    return Run(shutil.copytree(primary.path, tmp_path / "primary"))


def second(path, *settings):
    return change(find("digits"), [*SMALL, *OFTEN, "seed=1", f'runs.primary.path="{path}"', *settings])


def test_the_copy_is_enough_when_the_first_run_is_gone(own, tmp_path):
    recipe, fed = second(own.path), open_run(own.path)
    run = train(recipe, tmp_path / "second", parts=PARTS)
    shutil.rmtree(own.path)
    experiment = open_run(run.path, parts=PARTS)
    assert experiment.recipe.runs["primary"].weights == fed.checkpoint.opened
    assert not any(name.startswith("primary") for name in experiment.model.state_dict())
    frozen = experiment.model.primary.model
    assert all(torch.equal(a, b) for a, b in zip(frozen.parameters(), fed.model.parameters(), strict=True))
    assert evaluate_run(experiment)["elbo"]["mean"] < 0
    longer = train(change(recipe, ["training.steps=6"]), run.path, resume=True, parts=PARTS)
    assert longer.checkpoint_steps()[-1] == 6


def test_it_resumes_exactly_and_never_trains_the_other(primary, tmp_path):
    whole = train(second(primary.path, "training.steps=6"), tmp_path / "whole", parts=PARTS)
    part = train(second(primary.path, "training.steps=2"), tmp_path / "part", parts=PARTS)
    train(second(primary.path, "training.steps=6"), part.path, resume=True, parts=PARTS)
    one, other = (open_run(run.path, parts=PARTS) for run in (whole, part))
    assert all(torch.equal(a, b) for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True))
    copied = open_run(part.companions / "primary")
    assert copied.checkpoint.opened == open_run(primary.path).checkpoint.opened


def test_other_weights_than_the_recipe_asks_for_are_refused_before_a_folder_is_made(primary, tmp_path):
    recipe = second(primary.path, f"runs.primary.weights={'0' * 64}")
    with pytest.raises(RunError, match=r"runs\.primary") as refused:
        train(recipe, tmp_path / "second", parts=PARTS)
    assert "0" * 64 in str(refused.value)
    assert not (tmp_path / "second").exists()


def test_a_copy_whose_weights_were_changed_is_damaged(primary, own, tmp_path):
    run = train(second(primary.path), tmp_path / "second", parts=PARTS)
    other = train(change(find("digits"), [*SMALL, *OFTEN, "seed=9"]), tmp_path / "other")
    for name in ("ema.safetensors", "weights.safetensors"):
        shutil.copyfile(other.checkpoint(4) / name, Run(run.companions / "primary").checkpoint(4) / name)
    with pytest.raises(Damaged, match=r"runs\.primary"):
        open_run(run.path, parts=PARTS)


def test_what_is_trained_on_is_the_copy_whatever_becomes_of_the_other_run(own, tmp_path):
    def losing(recipe, images, runs):
        shutil.rmtree(own.path)
        return model(recipe, images, runs)

    run = train(second(own.path), tmp_path / "second", parts=Parts(model=losing))
    assert open_run(run.path, parts=PARTS).step == 4


def test_a_run_that_trains_on_while_it_is_copied_is_copied_from_its_next_checkpoint(own, tmp_path, monkeypatch):
    def moving_on(source, target):
        if own.checkpoint(4).exists():
            own.checkpoint(4).rename(own.checkpoint(6))
        copy_file(source, target)

    copy_file = companions._copy_file
    monkeypatch.setattr(companions, "_copy_file", moving_on)
    run = train(second(own.path), tmp_path / "second", parts=PARTS)
    assert Run(run.companions / "primary").checkpoint_steps() == [6]
    assert open_run(run.path, parts=PARTS).recipe.runs["primary"].weights == open_run(own.path).checkpoint.opened


def test_a_full_disk_leaves_nothing_of_a_copy(primary, tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(companions, "_copy_file", full)
    with pytest.raises(NotSaved, match="primary"):
        train(second(primary.path), tmp_path / "second", parts=PARTS)
    assert not (tmp_path / "second").exists()


def test_a_damaged_file_of_the_other_run_is_named(own, tmp_path):
    (own.checkpoint(4) / "training.safetensors").write_bytes(b"?")
    with pytest.raises(Damaged, match=str(own.path)):
        train(second(own.path), tmp_path / "second", parts=PARTS)


# ── which weights, and whose parts ────────────────────────────────────────────────────────────────────────────────────


def validated_data(recipe):
    """The images, of which those of the test split validate too."""
    images = build.data(recipe)
    return replace(images, splits={**images.splits, "validation": images.test})


OF_VALIDATED = Parts(data=validated_data)


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    """A run that soon becomes worse, so that its best checkpoint is not its last."""
    worse = ["optimizer.learning_rate=0.4", "likelihood.kind=shared_gaussian", "objective.warmup=0", "training.steps=6"]
    recipe = change(find("digits"), [*SMALL, *OFTEN, *worse])
    return train(recipe, tmp_path_factory.mktemp("runs") / "validated", parts=OF_VALIDATED)


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("which", ["last", "best"])
def test_any_weights_that_a_run_can_be_opened_with_may_be_asked_for(validated, tmp_path, which, average):
    opened = open_run(validated.path, checkpoint=which, average=average, parts=OF_VALIDATED)
    assert (opened.step == 6) == (which == "last")
    asked = second(validated.path, f"runs.primary.weights={opened.checkpoint.opened}")
    parts = replace(PARTS, companions={"primary": OF_VALIDATED})
    run = train(asked, tmp_path / "second", parts=parts)
    frozen = open_run(run.path, parts=parts).model.primary.model
    assert all(torch.equal(a, b) for a, b in zip(frozen.parameters(), opened.model.parameters(), strict=True))


def test_a_run_of_ones_own_parts_is_opened_with_these(validated, tmp_path):
    with pytest.raises(RunError, match=rf"{validated.path} .*companions"):
        train(second(validated.path), tmp_path / "second", parts=PARTS)
    assert not (tmp_path / "second").exists()


def test_where_the_other_run_is_names_no_other_experiment(primary):
    recipe, elsewhere = second(primary.path), second("elsewhere")
    assert recipe.fingerprint == elsewhere.fingerprint
    assert recipe.fingerprint != second(primary.path, f"runs.primary.weights={'0' * 64}").fingerprint
    assert parse_text(dump(recipe), primary.recipe_path) == recipe


def test_a_recipe_that_names_no_run_has_the_fingerprint_that_it_always_had():
    assert find("digits").fingerprint == "7dd02b0c83d4"


def test_a_flat_model_refuses_runs_that_it_does_not_use(primary, tmp_path):
    with pytest.raises(RecipeError, match=r"runs\.primary"):
        train(second(primary.path), tmp_path / "second")
    assert not (tmp_path / "second").exists()


def test_copies_are_no_runs_of_the_folder(primary, tmp_path):
    train(second(primary.path), tmp_path / "second", parts=PARTS)
    assert [found.run.path.name for found in index(tmp_path)] == ["second"]
