"""Cards and table, from records."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
from tests.records import page_of
from tests.reports.conftest import Page

from kelbo.cli.measure import _print as printed
from kelbo.data.images import ArrayImages
from kelbo.experiments import evaluate_run
from kelbo.metrics import SSIM_DEFINITION
from kelbo.reports.cards import bits_card, cards
from kelbo.reports.table import comparison
from kelbo.runs.measurements import OTHER_SSIM
from kelbo.units import bits_per_dim


@pytest.fixture
def record(tiny):
    return copy.deepcopy(evaluate_run(tiny))


def by_title(record):
    return {card.title: card for card in cards(record, record)}


def test_there_are_nine_cards_each_with_a_value(record):
    shown = by_title(record)
    assert len(shown) == 9
    assert all(card.value for card in shown.values())
    assert shown["Decoder’s σ"].verdict in ("calibrated", "overconfident", "underconfident")


def test_a_number_that_does_not_exist_has_its_reason(record):
    shown = by_title(record)
    assert (shown["SSIM"].value, shown["Bits/dim"].value) == ("none", "none")
    assert "11×11" in shown["SSIM"].note
    assert "dequantized" in shown["Bits/dim"].note


def test_a_number_of_an_older_definition_does_not_stand_beside_those_of_this_one(record):
    entry, old = {"mean": 0.8, "standard_error": 0.1, "unit": "mean over images"}, copy.deepcopy(record)
    record["reconstruction"]["ssim"] = entry | {"definition": SSIM_DEFINITION}
    old["reconstruction"] |= {"ssim": None, "ssim_reason": OTHER_SSIM}
    assert by_title(record)["SSIM"].value == "0.80"
    assert (by_title(old)["SSIM"].value, by_title(old)["SSIM"].error) == ("none", "")
    assert OTHER_SSIM[1:] in by_title(old)["SSIM"].note
    row = next(row for row in comparison({"test": record, "test-old": old}, step=6).rows if row.quantity == "SSIM")
    assert [(cell.value, cell.note) for cell in row.cells] == [("0.80", ""), ("–", OTHER_SSIM)]


def single(experiment):
    """The same run with one test image."""
    one = ArrayImages(experiment.data.test.spread(1).numpy(), experiment.data.levels)
    data = replace(experiment.data, splits=experiment.data.splits | {"test": one})
    return replace(experiment, images=lambda: data)


@pytest.mark.parametrize("error", [None, 0.0], ids=["as now", "as older records had it"])
def test_an_error_that_does_not_exist_is_a_dash_on_a_page(trained, error):
    record = evaluate_run(single(trained()), dequantized=True)
    for entry in (record["elbo"], record["rate"], record["distortion"], record["reconstruction"]["psnr"]):
        assert entry["standard_error"] is None
        entry["standard_error"] = error
    shown = by_title(record)
    assert [shown[title].error for title in ("ELBO", "Rate", "Distortion", "PSNR", "Bits/dim")] == ["–"] * 5
    assert shown["Active units"].value == "none"
    rows = {row.quantity: row.cells[0] for row in comparison({"test": record}, step=6).rows}
    assert [rows[name].error for name in ("ELBO", "Rate", "Distortion", "PSNR", "Bits/dim")] == ["–"] * 5
    assert "Active units" not in rows


@pytest.mark.usefixtures("unrendered")
def test_a_page_of_one_test_image_is_written_without_zeros_for_errors(trained):
    experiment = trained()
    for _ in range(2):  # the second time the evaluation is read, though that of all images is newer
        text = Page(page_of(single(experiment)).read_text()).text
        assert "On the 1 image of the test split" in text
        assert "1 test image above its reconstruction" in page_of(single(experiment)).read_text()
        assert "On the 180 images of the test split" in Page(page_of(experiment).read_text()).text
    assert "± –" in text
    assert "± 0" not in text


def test_an_error_that_does_not_exist_is_a_dash_on_the_console(trained, capsys):
    printed(Path("runs/one"), "test", evaluate_run(single(trained())))
    shown = [line for line in capsys.readouterr().out.splitlines() if line.strip().startswith(("│ elbo", "│ rate"))]
    assert len(shown) == 2
    assert all("–" in line and "0.000" not in line for line in shown)


def test_an_elbo_that_is_no_bound_says_so(record):
    record["elbo"]["unit"] = "nats per image; no bound: σ was fitted to these very images"
    assert "no bound: σ was fitted to these very images" in by_title(record)["ELBO"].note


def test_bits_per_dim_carry_the_elbos_error_over_the_dimensions(tiny):
    record = evaluate_run(tiny, dequantized=True)
    error = bits_per_dim(record["elbo"]["standard_error"], 64)
    card = bits_card(record)
    assert float(card.value) == pytest.approx(record["bits_per_dim"], abs=error)
    assert float(card.error) == pytest.approx(error, rel=0.06)


def test_the_table_has_a_column_a_record_those_of_the_test_split_first(record):
    other = copy.deepcopy(record)
    other["settings"] |= {"split": "train", "step": 1}
    table = comparison({"a-train": other, "test": record, "test-iw5": record}, step=6)
    assert table.columns == ["test", "test-iw5", "a-train"]
    assert all(len(row.cells) == 3 for row in table.rows)
    checkpoint = next(row for row in table.rows if row.quantity == "Checkpoint")
    assert [cell.note for cell in checkpoint.cells] == ["", "", "another than this page’s"]
    assert list(table.reasons.values()) == [["test", "test-iw5", "a-train"]]


def test_a_cell_in_another_unit_than_its_row_says_which(record):
    other = copy.deepcopy(record)
    other["elbo"]["unit"] = "nats per image, density on the 0–17 scale"
    table = comparison({"test": record, "test-x": other}, step=6)
    elbo = next(row for row in table.rows if row.quantity == "ELBO")
    assert elbo.unit == "nats per image"
    assert [cell.note for cell in elbo.cells] == ["", "nats per image, density on the 0–17 scale"]


def test_the_importance_weighted_bound_tells_its_samples(tiny):
    table = comparison({"test-iw3": evaluate_run(tiny, samples=3)}, step=6)
    bound = next(row for row in table.rows if row.quantity == "Importance-weighted bound")
    assert bound.cells[0].note == "3 samples"


def test_a_quantity_that_no_record_has_takes_no_row(record):
    assert "Importance-weighted bound" not in [row.quantity for row in comparison({"test": record}, step=6).rows]


def test_evaluations_of_other_settings_stand_beside_one_another_with_the_settings_in_which_they_differ(tiny):
    usual = evaluate_run(tiny)
    other = copy.deepcopy(usual)
    other["settings"] |= {"batch_size": 7, "seed": 3}
    chosen = {"test": usual, "test-batch7-seed3": other}
    shown = {row.quantity: [cell.value for cell in row.cells] for row in comparison(chosen, step=6).rows}
    assert shown["Batch size"] == ["256", "7"]
    assert shown["Seed"] == ["0", "3"]
    assert "Device" not in shown
