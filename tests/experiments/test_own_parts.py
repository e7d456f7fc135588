"""Parts of the user's own that do not go together are refused before there is a folder, with the part named."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tests.toys import three_players, two_groups, vectors
from torch import nn

from kelbo.errors import RecipeError, RunError
from kelbo.experiments import train
from kelbo.experiments.parts import require_step
from kelbo.recipes import change
from kelbo.training import LossUpdate, reduce_gradients


def without_likelihood(recipe, images, runs):
    made = vectors.model(recipe, images, runs)
    del made.likelihood
    return made


def halves(_, model):
    return {name: torch.optim.SGD(getattr(model, name).parameters(), 0.1) for name in ("encoder", "decoder")}


def one(name, rate=0.1):
    return {"optimizers": lambda _, model: {name: torch.optim.Adam(model.parameters(), rate)}}


WRONG = {
    "no model": ({"model": lambda *_: None}, "Parts.model"),
    "another module": ({"model": lambda *_: nn.Linear(2, 2)}, "Parts.model"),
    "a model without likelihood": ({"model": without_likelihood}, "likelihood"),
    "a list of optimisers": ({"optimizers": lambda _, model: [torch.optim.SGD(model.parameters())]}, "dict"),
    "no optimiser": ({"optimizers": lambda *_: {}}, "Parts.optimizers"),
    "a name with a slash": (one("gan/all"), "gan/all"),
    "a rate that is a tensor": (one("all", torch.tensor(0.1)), "tensor"),
    "two optimisers for one loss": ({"optimizers": halves}, "encoder, decoder"),
    "no update": ({"update": lambda *_: None}, "Parts.update"),
}


@pytest.mark.parametrize(("parts", "named"), WRONG.values(), ids=WRONG)
def test_parts_that_cannot_train_are_refused_before_there_is_a_folder(tmp_path, parts, named):
    with pytest.raises(RecipeError, match=named):
        train(vectors.RECIPE, tmp_path / "run", parts=replace(vectors.PARTS, **parts))
    assert not (tmp_path / "run").exists()


def unclipped(_, fabric):
    return LossUpdate(fabric, None, lambda _: 1.0)


@pytest.mark.parametrize("setting", ["training.clip=2", "training.accumulate=4"])
def test_a_setting_that_an_update_ignores_is_refused(tmp_path, setting):
    recipe = change(two_groups.RECIPE, ["training.clip=none", setting])
    for parts in (three_players.PARTS, replace(two_groups.PARTS, update=unclipped)):
        with pytest.raises(RecipeError, match=setting.partition("=")[0]):
            train(recipe, tmp_path / "run", parts=parts)
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_only_with_the_optimisers_that_it_has(tmp_path):
    recipe = vectors.RECIPE
    run = train(recipe, tmp_path / "run", parts=vectors.PARTS)
    with pytest.raises(RunError, match="the optimisers model; now it is all"):
        train(recipe, run.path, resume=True, parts=replace(vectors.PARTS, **one("all")))


def test_several_processes_need_an_update_that_averages_gradients():
    def update(*_):
        return {}

    optimizers = {"all": torch.optim.SGD([torch.zeros(1)])}
    require_step(vectors.RECIPE, update, optimizers, processes=1)
    with pytest.raises(RecipeError, match="reduce_gradients"):
        require_step(vectors.RECIPE, update, optimizers, processes=2)
    update.distributed = True
    require_step(vectors.RECIPE, update, optimizers, processes=2)


def test_gradients_become_their_means_over_processes_by_one_exchange():
    sent = []

    def all_reduce(mine, reduce_op):
        assert reduce_op == "mean"
        sent.append(mine)
        return (mine + torch.arange(7.0)) / 2  # the other process has 0, 1, … 6

    own = [torch.ones(2, 2, requires_grad=True), torch.ones(3, requires_grad=True), torch.ones(1, requires_grad=True)]
    own[0].grad, own[1].grad = torch.full((2, 2), 2.0), torch.full((3,), 4.0)
    reduce_gradients(SimpleNamespace(world_size=2, all_reduce=all_reduce), own)
    assert own[0].grad.tolist() == [[1, 1.5], [2, 2.5]]
    assert own[1].grad.tolist() == [4, 4.5, 5]
    assert own[2].grad is None
    assert len(sent) == 1


def test_a_pause_for_evaluation_leaves_each_modules_mode_as_it_was():
    model = two_groups.PARTS.model(two_groups.RECIPE, two_groups.PARTS.data(two_groups.RECIPE), {}).train()
    model.body.eval()
    before = {name: module.training for name, module in model.named_modules()}
    with model.evaluating():
        assert not any(module.training for module in model.modules())
    assert {name: module.training for name, module in model.named_modules()} == before
