"""A run begins from another one's weights only if columns and conditions mean the same in both."""

import numpy as np
import pytest
import torch
from PIL import Image
from tests.experiments.test_starting import ONLY_LAST, begun, equal, recipe, weights_of

from kelbo.data.conditions import Condition, Variable
from kelbo.distributed.fabric import Fabric
from kelbo.errors import RunError
from kelbo.experiments import open_run, train
from kelbo.experiments.starting import one_order, read_start
from kelbo.recipes import build
from kelbo.runs import Run


def of_table(path, names, *settings, binary=()):
    draws = np.random.default_rng(len(names)).normal(size=(40, 3))
    draws[:, binary] = draws[:, binary] > 0
    np.savetxt(path, draws, delimiter=",", header=names, comments="")
    table = [f'data={{kind="table", root="{path}"}}', "likelihood.mean_activation=identity", "training.steps=1"]
    return recipe(*table, *settings)


def test_rows_keep_the_standardisation_that_the_weights_were_trained_for(tmp_path):
    source = train(of_table(tmp_path / "a.csv", "x,y,zz"), tmp_path / "source")
    begin = f'start.path="{source.path}"'
    weights, _, taken = begun(of_table(tmp_path / "b.csv", "x,y,zz", begin, "data.split_seed=3"), tmp_path / "run")
    assert {"encoder.0.mean", "likelihood.centre", "likelihood.scale"} <= {*taken.taken}
    assert equal(weights, weights_of(source))
    for names, named in (("y,x,zz", "'x' as its column 0"), ("x,y,other", "'zz' as its column 2")):
        with pytest.raises(RunError, match=named):
            begun(of_table(tmp_path / "c.csv", names, begin), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_column_of_another_kind_is_refused(tmp_path):
    """Or a column of real numbers would be read as the logit's, and keep a scale that it never had."""
    source = train(of_table(tmp_path / "a.csv", "x,y,zz", binary=[1]), tmp_path / "source")
    known = "'y' (0 or 1) as its column 1, and these rows have 'y'"
    for binary, named in (([2], known), ([1, 2], "have 'zz' (0 or 1)")):
        with pytest.raises(RunError) as error:
            begun(
                of_table(tmp_path / "b.csv", "x,y,zz", f'start.path="{source.path}"', binary=binary), tmp_path / "run"
            )
        assert named in str(error.value)


def test_a_vampprior_begins_as_it_was_whatever_the_units_of_the_rows_here(tmp_path):
    vamp = ["model.prior.kind=vamp", "model.prior.components=5", *ONLY_LAST]
    source = train(of_table(tmp_path / "a.csv", "x,y,zz", *vamp), tmp_path / "source")
    asked = of_table(tmp_path / "b.csv", "x,y,zz", *vamp, f'start.path="{source.path}"', "data.split_seed=3")
    fabric = Fabric(accelerator="cpu", devices=1)
    start, data = read_start(asked, tmp_path / "run", fabric), build.data(asked)
    model = build.model(asked, data)
    start.give(model)
    z, before = torch.randn(6, 3), open_run(source.path).model
    torch.testing.assert_close(model.prior.log_prob(z), before.prior.log_prob(z))


# ── conditions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def of_classes(folder, names, *settings):
    """Noise of two classes, which are the folders of these names."""
    draw = np.random.default_rng(0)
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(6):
            Image.fromarray(draw.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / name / f"{number}.png")
    data = f'data={{kind="folder", root="{folder}", size=8, mode="grey"}}'
    return recipe(data, "model.given=labels", "training.steps=1", *settings)


def test_other_classes_in_the_places_of_the_source_s_are_told(tmp_path):
    source = train(of_classes(tmp_path / "a", ["cat", "dog"]), tmp_path / "source")
    begin = f'start.path="{source.path}"'
    _, _, taken = begun(of_classes(tmp_path / "b", ["ant", "bee"], begin), tmp_path / "run")
    assert "cat, dog; now ant, bee" in taken.lines()[-1]
    assert Run(tmp_path / "run").provenance()["start"]["given"] == "cat, dog; now ant, bee"


def test_the_same_attributes_in_another_order_are_refused():
    """Weights know only places."""
    first, second = (Variable(name, ("0", "1")) for name in ("Male", "Smiling"))
    there, here = Condition("attributes", (first, second)), Condition("attributes", (second, first))
    assert one_order(there, there)
    assert one_order(there, Condition("attributes", (first, Variable("Bald", ("0", "1")))))
    assert not one_order(there, here)
    assert not one_order(
        Condition("labels", (Variable("label", ("a", "b", "c")),)),
        Condition("labels", (Variable("label", ("b", "a", "c")),)),
    )
