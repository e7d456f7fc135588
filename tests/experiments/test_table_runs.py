"""Runs on tables: trained, opened without their data, measured in the columns' own units."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from kelbo.data.batches import batch_at
from kelbo.errors import DataError, RecipeError, UnitError
from kelbo.evaluation import evaluate
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import build, change, parse
from kelbo.recipes.readers import likeness_of
from kelbo.recipes.schema import Recipe

ROWS = 120


def people() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    size = draw.normal(size=ROWS)
    return pd.DataFrame(
        {
            "height": 1.7 + 0.1 * size + 0.02 * draw.normal(size=ROWS),
            "weight": 70 + 10 * size + 4 * draw.normal(size=ROWS),
            "smokes": (draw.random(ROWS) < 0.5).astype(int),
            "age": draw.normal(40, 12, ROWS),
        }
    )


def recipe(path, *changes: str) -> Recipe:
    plain = parse(
        {
            "name": "people",
            "data": {"kind": "table", "root": str(path)},
            "model": {"kind": "vae", "latents": 2, "network": {"kind": "higgins", "width": 16}},
            "likelihood": {"kind": "optimal_gaussian", "mean_activation": "identity"},
            "training": {"steps": 20, "batch_size": 32, "log_every": 10, "checkpoint_every": 10, "pictures_every": 5},
        }
    )
    return change(plain, list(changes))


@pytest.fixture
def file(tmp_path):
    people().to_csv(tmp_path / "people.csv", index=False)
    return tmp_path / "people.csv"


LIKELIHOODS = [
    "fixed_gaussian",
    "shared_gaussian",
    "optimal_gaussian",
    "per_image_gaussian",
    "per_pixel_gaussian",
    "laplace",
    "student_t",
]


@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_every_density_of_real_numbers_is_learned_and_measured(file, kind):
    asked = recipe(file, f"likelihood.kind={kind}", "likelihood.mean_activation=identity")
    data = build.data(asked)
    model = build.model(asked, data)
    bound = model(batch_at(data.train, torch.arange(32), model.device).as_intensities(data.levels))
    bound.distortion.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    record = evaluate(model, data.test, samples=3, columns=("height", "weight", "smokes", "age"))
    assert record["elbo"]["unit"] == "nats per row"
    assert math.isfinite(record["importance_weighted"]["mean"])
    assert record["bits_per_dim"] is None
    assert list(record["reconstruction"]["columns"]) == ["height", "weight", "smokes", "age"]


@pytest.mark.parametrize("prior", [(), ("model.prior.kind=vamp", "model.prior.components=9")], ids=["normal", "vamp"])
def test_a_table_in_centimetres_trains_to_the_same_weights_and_an_elbo_that_differs_by_the_unit(file, tmp_path, prior):
    found = []
    for name, factor in (("metres", 1), ("other", 64)):  # a power of two, so that float32 rounds nothing
        path = tmp_path / f"{name}.npy"
        np.save(path, (people() * [factor, 1, 1, 1]).to_numpy(np.float32))
        run = train(recipe(path, *prior), tmp_path / name)
        experiment = open_run(run.path)
        found.append((experiment.model.state_dict(), evaluate_run(experiment, samples=4)))
    (weights, record), (others, scaled) = found
    for key, value in weights.items():
        unit = [64.0, 1, 1, 1] if key.endswith(("centre", "scale", "encoder.0.mean")) else 1.0
        assert torch.equal(value * torch.tensor(unit), others[key]), key
    for bound in ("elbo", "importance_weighted"):
        assert record[bound]["mean"] - scaled[bound]["mean"] == pytest.approx(math.log(64), abs=1e-4)
    assert record["rate"] == scaled["rate"]
    assert record["decoder"]["sigma"] == scaled["decoder"]["sigma"]
    rmse = [one["reconstruction"]["columns"]["x0"]["rmse"] for one in (record, scaled)]
    assert rmse[1] == pytest.approx(64 * rmse[0], rel=1e-4)


def test_a_run_opens_without_its_data(file, tmp_path):
    train(recipe(file), tmp_path / "run")
    assert not list((tmp_path / "run").rglob("*.png"))
    there = open_run(tmp_path / "run")
    file.unlink()
    gone = open_run(tmp_path / "run", read_data=False)
    weights = there.model.state_dict()
    assert all(torch.equal(weights[key], value) for key, value in gone.model.state_dict().items())
    assert type(gone.model.likelihood) is type(there.model.likelihood)


def test_a_run_on_a_table_takes_no_pictures(file):
    with pytest.raises(DataError, match="rows of a table"):
        likeness_of(recipe(file).data, (4,), None, None)


def test_classes_that_are_given_leave_the_rows(file, tmp_path):
    changed = recipe(file, "data.label_column=smokes", "model.given=labels", "training.steps=4")
    train(changed, tmp_path / "run")
    experiment = open_run(tmp_path / "run")
    assert experiment.data.shape == (3,)
    assert experiment.data.given == {"labels": (1,)}
    assert math.isfinite(evaluate_run(experiment)["elbo"]["mean"])


def test_a_table_of_binary_columns_alone_is_a_mass(tmp_path):
    np.save(tmp_path / "t.npy", np.random.default_rng(0).integers(0, 2, (ROWS, 5)))
    train(recipe(tmp_path / "t.npy", "likelihood.kind=bernoulli", "training.steps=4"), tmp_path / "run")
    record = evaluate_run(open_run(tmp_path / "run"))
    assert record["decoder"]["kind"] == "mass"
    assert record["bits_per_dim"] == pytest.approx(-record["elbo"]["mean"] / (5 * math.log(2)))
    with pytest.raises(RecipeError, match="bernoulli"):
        build.model(recipe(tmp_path / "t.npy"), build.data(recipe(tmp_path / "t.npy")))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["likelihood.mean_activation=sigmoid"], "identity"),
        (["likelihood.kind=bernoulli"], "height, weight, age"),
        (["likelihood.kind=categorical"], "height, weight, age"),
        (["likelihood.kind=continuous_bernoulli"], "height, weight, age"),
        (["model.network.kind=burgess"], "higgins"),
        (["model.network.kind=rybkin"], "higgins"),
    ],
)
def test_what_does_not_fit_rows_of_numbers_is_refused(file, changes, words):
    changed = recipe(file, *changes)
    with pytest.raises(RecipeError, match=words):
        build.model(changed, build.data(changed))


def test_rows_cannot_be_dequantised(file, tmp_path):
    train(recipe(file, "training.steps=2"), tmp_path / "run")
    with pytest.raises(UnitError, match="no levels"):
        evaluate_run(open_run(tmp_path / "run"), dequantized=True)


def test_the_best_checkpoint_is_found_on_validation_rows(file, tmp_path):
    train(recipe(file, "data.validation=0.2"), tmp_path / "run")
    assert open_run(tmp_path / "run", checkpoint="best").checkpoint.which == "best"


@pytest.mark.slow
def test_steps_in_parts_are_whole_steps(file, tmp_path):
    train(recipe(file), tmp_path / "whole")
    train(recipe(file, "training.accumulate=4"), tmp_path / "parts")
    weights, others = (open_run(tmp_path / name).model.state_dict() for name in ("whole", "parts"))
    for key, value in weights.items():
        torch.testing.assert_close(value, others[key], rtol=1e-2, atol=1e-4)
