"""The page and files of a run on a table: rows, columns in their own units, no word of images."""

import csv
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn import datasets
from tests.reports.conftest import HOSTILE, Page

from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.doctor import examine
from kelbo.experiments.pictures import measure_page
from kelbo.experiments.scoring import score_run
from kelbo.recipes import change, find, parse
from kelbo.reports import gallery, row_gallery, score_pictures
from kelbo.reports.page_pictures import Picture
from kelbo.reports.run_page import write_page
from kelbo.runs import Run

ROWS = 80


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Fourteen columns, one of them binary, in a run of a few steps."""
    folder, draw = tmp_path_factory.mktemp("table"), np.random.default_rng(0)
    size = draw.normal(size=(ROWS, 1))
    made = pd.DataFrame(100 + 10 * (size + 0.3 * draw.normal(size=(ROWS, 12))), columns=[f"c{k}" for k in range(12)])
    made[HOSTILE] = draw.normal(size=ROWS)
    made["binary"] = (draw.random(ROWS) < 0.5).astype(int)
    made["who"] = [f"p{row}" for row in range(ROWS)]
    made.to_csv(folder / "people.csv", index=False)
    recipe = parse(
        {
            "name": "people",
            "data": {"kind": "table", "root": str(folder / "people.csv"), "index": "who"},
            "model": {"latents": 2, "network": {"kind": "higgins", "width": 16}},
            "likelihood": {"kind": "optimal_gaussian", "mean_activation": "identity"},
            "training": {"steps": 30, "batch_size": 32, "log_every": 10},
        }
    )
    return train(recipe, folder / "run").path


@pytest.fixture(scope="module")
def page(run):
    experiment = open_run(run)
    evaluate_run(experiment, samples=2)
    score_run(experiment, ("latents", "calibration"))
    with pytest.MonkeyPatch.context() as patch:  # drawing takes seconds
        for module in (gallery, row_gallery, score_pictures):
            patch.setattr(module, "of_figure", lambda name, alt, _: Picture(name, alt, b"", "", None, 100))
        return Page(write_page(experiment.run, measure_page(experiment)).read_text())


@pytest.mark.slow
def test_every_figure_of_rows_can_be_drawn(run):
    experiment = open_run(run)
    write_page(experiment.run, measure_page(experiment))
    for name in ("reconstructions", "marginals", "pairs", "traversals"):
        with Image.open(experiment.run.report_pictures / f"row-{name}.png") as picture:
            assert min(picture.size) > 200


def test_a_page_of_rows_speaks_of_rows_and_columns(page):
    headings = re.findall(r"<h2>(.*?)</h2>", page.html)
    assert headings[:4] == ["Reconstructions", "Samples from the prior", "Latent traversals", "Columns"]
    assert "Pictures over time" not in headings
    assert "72 rows of 14 columns" in page.text
    assert "On the 8 rows of the test split" in page.text
    before, _, after = page.text.partition("Everything that was set")
    _, _, glossary = after.partition("What the numbers mean")
    assert re.findall(r"\b(images?|pixels?|intensit\w+|PSNR|SSIM)\b", before + glossary) == []


def test_every_figure_of_rows_is_a_file_too_and_columns_without_one_are_named(run, page):
    written = {path.stem for path in Run.open(run).report_pictures.iterdir()}
    assert {"row-reconstructions", "row-marginals", "row-pairs", "row-traversals"} <= written
    assert len([alt for alt in page.alternatives if "12 columns" in alt]) == 2
    assert "Not drawn" in page.text
    assert HOSTILE in page.text
    assert HOSTILE not in page.html


def test_errors_are_told_by_column(page, run):
    columns = evaluate_run(open_run(run))["reconstruction"]["columns"]
    assert list(columns)[-1] == "binary"
    for name, found in columns.items():
        assert name in page.text
        assert found["rmse"] > 0


def test_the_doctor_speaks_of_rows(run):
    experiment = open_run(run)
    found = examine(experiment.model, experiment.data.train, experiment.data.test, experiment.rows())
    assert found
    texts = " ".join(finding.text for finding in found)
    assert "rows" in texts
    assert re.findall(r"\b(images?|pixels?|grey)\b", texts) == []


def test_what_a_run_makes_of_rows_is_a_csv(run, tmp_path, kelbo):
    files = {
        "sample": ("-n", 5, "--noise"),
        "reconstruct": ("-n", 3),
        "traverse": ("--steps", 3),
        "interpolate": ("--steps", 4),
    }
    counts = {"sample": 5, "reconstruct": 3, "traverse": 6, "interpolate": 4}
    names = [*(f"c{k}" for k in range(12)), HOSTILE, "binary"]
    beside = {
        "sample": [],
        "reconstruct": ["index"],
        "traverse": ["latent", "value"],
        "interpolate": ["step"],
    }
    for verb, options in files.items():
        code, _, error = kelbo(verb, run, *options, "--out", tmp_path / f"{verb}.csv")
        assert code == 0, error
        with (tmp_path / f"{verb}.csv").open() as file:
            header, *rows = csv.reader(file)
        again = [f"{name}_reconstructed" for name in names] if verb == "reconstruct" else []
        assert header == beside[verb] + names + again
        assert len(rows) == counts[verb]
    assert set(pd.read_csv(tmp_path / "sample.csv")["binary"]) <= {0, 1}


def test_a_picture_of_rows_is_refused(run, tmp_path, kelbo):
    code, _, error = kelbo("sample", run, "--out", tmp_path / "sample.png")
    assert code == 2
    assert ".csv" in error


def test_codes_keep_the_names_of_their_rows(run, tmp_path, kelbo):
    experiment = open_run(run)
    for ending in ("npz", "parquet"):
        code, out, error = kelbo("encode", run, "--out", tmp_path / f"codes.{ending}")
        assert code == 0, error
        assert "8 rows" in out
    names = experiment.data.index["test"].tolist()
    assert np.load(tmp_path / "codes.npz")["index"].tolist() == names
    assert pd.read_parquet(tmp_path / "codes.parquet")["index"].tolist() == names


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wine", "breast_cancer", "diabetes"])
def test_the_recipe_takes_scikit_learns_own_tables_from_file_to_page(name, tmp_path):
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    frame.to_csv(tmp_path / "t.csv", index=False)
    labels = [] if name == "diabetes" else ["data.label_column=target", "model.given=labels"]
    recipe = change(find("table-sigma"), [f'data.root="{tmp_path / "t.csv"}"', "training.steps=100", *labels])
    experiment = open_run(train(recipe, tmp_path / "run").path, checkpoint="best")
    record = evaluate_run(experiment, samples=10)
    assert np.isfinite(record["importance_weighted"]["mean"])
    assert len(record["reconstruction"]["columns"]) == experiment.data.shape[0]
    text = Page(write_page(experiment.run, measure_page(experiment)).read_text()).text
    assert all(column in text for column in record["reconstruction"]["columns"])
