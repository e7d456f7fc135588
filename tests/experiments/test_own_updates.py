"""What an update of the user's own returns, and what rows make of it."""

from dataclasses import replace

import pytest
import torch
from tests.toys import two_groups, vectors

from kelbo.errors import RecipeError
from kelbo.evaluation import evaluate
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import change
from kelbo.training import LossUpdate
from kelbo.training.update import RESERVED, RESERVED_PREFIXES


def returning(values):
    """Parts whose update does nothing and returns `values` of the step before it."""
    return replace(vectors.PARTS, update=lambda *_: lambda state, _: values(state.step))


def scalars(**values):
    return {name: torch.tensor(float(value)) for name, value in values.items()}


BROKEN = {
    "nothing": None,
    "no scalar": {},
    "a number": {"loss": 1.0},
    "a vector": {"loss": torch.zeros(2)},
    "a column that every row has": scalars(step=7.5),
    "a learning rate": scalars(**{"learning_rate/critic": 1}),
}


@pytest.mark.parametrize("values", BROKEN.values(), ids=BROKEN)
def test_what_is_no_scalar_under_a_free_name_is_refused_at_the_first_step(tmp_path, values):
    with pytest.raises(RecipeError, match="An update"):
        train(vectors.RECIPE, tmp_path / "run", parts=returning(lambda _: values))


def test_the_reserved_names_are_the_columns_that_a_run_has_besides_its_updates_values(tmp_path):
    values = set()
    parts = two_groups.PARTS
    run = train(two_groups.RECIPE, tmp_path / "run", parts=parts, hooks=[lambda _, found: values.update(found)])
    own = {name for name in run.journal.last() if name not in values}
    assert own == {name for name in own if name in RESERVED or name.startswith(RESERVED_PREFIXES)}
    assert {name for name in RESERVED if name not in own} <= {"floored"}  # of a likelihood with a floor


def test_a_scalar_of_some_steps_is_the_mean_over_these(tmp_path):
    """In steps 1 to 3 there is one penalty, in 4 to 6 there are two, and only the last has a bonus."""
    given = [scalars(loss=1, penalty=10), scalars(loss=2), scalars(loss=3)]
    given += [scalars(loss=4, penalty=20), scalars(loss=5), scalars(loss=9, penalty=40, bonus=7)]
    run = train(vectors.RECIPE, tmp_path / "run", parts=returning(lambda step: given[step]))
    first, second = run.journal.rows()
    assert (first["loss"], first["penalty"]) == (2, 10)
    assert (second["loss"], second["penalty"], second["bonus"]) == (6, 30, 7)
    assert "bonus" not in first


class FreeNats:
    """The distortion, and what each group's rate is above 1,000 nats."""

    def initial(self):
        return {"count": torch.zeros(())}

    def __call__(self, bound, state):
        above = (bound.rate.mean(0) - 1000).relu().sum()
        return bound.distortion.mean() + above, {"count": state["count"] + 1}


class ThousandTimes(FreeNats):
    """The distortion, and 1,000 times the rate."""

    def __call__(self, bound, state):
        return bound.distortion.mean() + 1000 * bound.rate.sum(1).mean(), {"count": state["count"] + 1}


def weighing(objective):
    """Parts with an objective of the user's own, of a model with two groups."""
    return replace(two_groups.PARTS, update=lambda _, fabric: LossUpdate(fabric, objective, constant, 5.0))


def constant(_):
    return 1.0


def test_the_objective_that_trains_is_the_one_whose_weight_and_memory_are_kept(tmp_path):
    parts = weighing(ThousandTimes())
    run = train(two_groups.RECIPE, tmp_path / "run", parts=parts)
    row, opened = run.journal.last(), open_run(run.path, parts=parts)
    assert row["loss"] == pytest.approx(row["distortion"] + 1000 * row["rate"])
    assert row["beta"] == pytest.approx(1000)
    assert opened.checkpoint.memory == {"count": 5}
    decoder = evaluate_run(opened)["decoder"]
    assert decoder["equivalent_beta"] == pytest.approx(1000 * decoder["sigma"] ** 2)


def test_the_weight_of_the_rate_is_that_of_the_rates_of_groups(tmp_path):
    """Two groups of 600 nats are each below what is free, which their sum is not."""

    def update(*_):
        return scalars(**{"rate": 1200, "rate/0": 600, "rate/1": 600, "distortion": 50})

    update.objective = FreeNats()
    recipe = change(two_groups.RECIPE, ["training.clip=none", "likelihood.kind=shared_gaussian"])
    run = train(recipe, tmp_path / "run", parts=replace(two_groups.PARTS, update=lambda *_: update))
    assert [row["beta"] for row in run.journal.rows()] == [0, 0]


def test_an_evaluation_weighs_the_rates_of_groups():
    recipe, parts, seen = change(two_groups.RECIPE, ["likelihood.kind=shared_gaussian"]), two_groups.PARTS, []
    data = parts.data(recipe)
    record = evaluate(parts.model(recipe, data, {}), data.test, weigh=lambda bound: seen.append(bound) or 1.0)
    assert seen[0].rate.shape == (1, 2)
    assert seen[0].rate[0].tolist() == pytest.approx(record["rate_per_group"])
