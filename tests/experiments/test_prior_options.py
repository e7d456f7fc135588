"""Options of `fit_prior` that are refused before anything is encoded."""

import pytest

from kelbo.errors import RecipeError, RunError
from kelbo.experiments import open_run, train
from kelbo.experiments.fitted_priors import fit_prior
from kelbo.recipes import change, find


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    small = ["model.network.width=16", "model.latents=3", "training.steps=2"]
    return train(change(find("digits"), small), tmp_path_factory.mktemp("runs") / "run")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mixture", {"steps": 5}),
        ("flow", {"components": 3}),
        ("flow", {"covariance": "full"}),
        ("flow", {"draws": 1}),
    ],
)
def test_an_option_of_the_other_kind_is_refused(run, kind, options):
    with pytest.raises(RecipeError, match=next(iter(options))):
        fit_prior(open_run(run.path), kind, **options)
    assert run.prior_names() == []


def test_an_empty_name_is_refused(run):
    with pytest.raises(RunError, match="name"):
        fit_prior(open_run(run.path), "mixture", components=2, draws=1, name="")
    assert run.prior_names() == []
