"""A sweep as a table: every number from real records of real lanes, and what is missing stays missing."""

import csv
import importlib.util
import json
import math
import re

import numpy as np
import pytest
import scipy.stats
from rich.console import Console
from tests.records import as_older, evaluations, rewrite, scores
from tests.sweeps.conftest import EVERY, SMALL, evaluated, trained

from kelbo.errors import Damaged, RecipeError, RunError
from kelbo.evaluation.codes import Codes
from kelbo.evaluation.disentanglement import scores_of_codes
from kelbo.experiments import open_run, train
from kelbo.experiments.feature_networks import open_for
from kelbo.experiments.scoring import score_run
from kelbo.metrics import SSIM_DEFINITION
from kelbo.recipes import change, find
from kelbo.runs import Sweep, write_json
from kelbo.runs.measurements import OTHER_SSIM
from kelbo.runs.writing import read_json
from kelbo.sweeps.definition import prepare_sweep
from kelbo.sweeps.frame import IMAGES
from kelbo.sweeps.table_files import _own, printed, rows, summary, write_rows

BATCHES = "journal: last mean over training batches"


def only(found, quantity, source, **settings):
    (row,) = [a for a in found if (a.quantity, a.source) == (quantity, source) and a.settings == settings]
    return row


def test_a_row_is_a_number_of_a_lane_as_its_record_has_it(whole):
    table = rows(whole)
    lane = "beta=0.5,seed=2"
    found = {(row.quantity, row.source): row for row in table if row.lane == lane}
    record, last = evaluations(whole.run(lane))["test"], whole.run(lane).journal.rows()[-1]
    elbo = found["elbo", "evaluation test"]
    assert elbo[:6] == (lane, {"objective.beta": 0.5}, 2, "elbo", record["elbo"]["mean"], "nats per image")
    assert (elbo.step, elbo.state) == (12, "done")
    assert found["psnr", "evaluation test"].value == record["reconstruction"]["psnr"]["mean"]
    assert found["rmse", "evaluation test"].value == record["decoder"]["rmse"]
    assert found["squared_error", "evaluation test"].value == pytest.approx(64 * record["decoder"]["rmse"] ** 2)
    assert found["active_units", "evaluation test"].value == record["latents"]["active_units"]
    assert found["rate", BATCHES].value == last["rate"]
    assert found["rmse", "journal: last reading of a few test images"].value == last["rmse"]
    assert ("bits_per_dim", "evaluation test") not in found  # no lane has any
    assert {row.lane for row in table} == set(whole.lanes)
    assert len({(row.lane, row.quantity, row.source) for row in table}) == len(table) == 6 * len(found)


def test_a_summary_is_mean_spread_and_students_interval_over_seeds(whole):
    table = rows(whole)
    for beta in (0.5, 1.0):
        values = [evaluations(whole.run(f"beta={beta:g},seed={seed}"))["test"]["rate"]["mean"] for seed in (1, 2, 3)]
        row = only(summary(table), "rate", "evaluation test", **{"objective.beta": beta})
        assert (row.n, row.excluded, row.step, row.unit) == (3, 0, 12, "nats per image")
        assert math.isclose(row.mean, np.mean(values))
        assert math.isclose(row.sd, np.std(values, ddof=1))
        assert row.median == np.median(values)
        interval = scipy.stats.t.interval(0.95, 2, np.mean(values), np.std(values, ddof=1) / 3**0.5)
        assert np.allclose((row.low, row.high), interval)
        assert row.note == ""  # all lanes are measured alike, on the same images


def test_a_number_of_an_older_definition_is_left_out_of_the_mean_with_its_reason(sweep):
    for lane, ssim in zip(sweep.lanes, ({"mean": 0.5, "definition": SSIM_DEFINITION}, {"mean": 0.9}), strict=True):
        record = evaluated(sweep, lane)
        record["reconstruction"]["ssim"] = {"standard_error": 0.01, "unit": "mean over images", **ssim}
        as_older(sweep.run(lane), "evaluations", "test", record)
    table = rows(sweep)
    assert [row.value for row in table if row.quantity == "ssim"] == [0.5, None]
    row = only(summary(table), "ssim", "evaluation test", **{"objective.beta": 1})
    assert (row.n, row.excluded, row.mean, row.sd) == (1, 1, 0.5, None)
    assert row.note == f"1 {OTHER_SSIM}"


def test_diverged_lanes_are_listed_without_numbers_they_lack_and_left_out_of_means(tmp_path):
    sweep = trained(["optimizer.learning_rate=0.001,1e30"], (1, 2), tmp_path / "sweep")
    for lane in sweep.lanes[:2]:
        evaluated(sweep, lane)
    table = rows(sweep)
    assert [sweep.status(lane)["state"] for lane in sweep.lanes] == ["done", "done", "diverged", "diverged"]
    lost = [row for row in table if row.state == "diverged" and row.source == "evaluation test"]
    assert {row.lane for row in lost} == set(sweep.lanes[2:])
    assert {(row.value, row.step) for row in lost} == {(None, None)}
    row = only(summary(table), "elbo", "evaluation test", **{"optimizer.learning_rate": 1e30})
    assert row[2:9] == (0, 2, None, None, None, None, None)
    assert row.note == "2 diverged"
    write_rows(tmp_path / "table.csv", table)
    text = (tmp_path / "table.csv").read_text()
    fields = [field for line in csv.reader(text.splitlines()) for field in line]
    assert not {"nan", "none", "null", "inf"} & {field.lower() for field in fields}
    read = list(csv.DictReader(text.splitlines()))
    assert {line["value"] for line in read if line["state"] == "diverged" and line["source"] == "evaluation test"} == {
        ""
    }


def test_a_diverged_lanes_last_journal_row_is_shown_and_not_averaged(sweep):
    sweep.save_status(sweep.lanes[1], {"state": "diverged", "error": "…"})
    (sweep.run(sweep.lanes[1]).checkpoint(12) / "state.json").unlink()  # it never came so far
    table = rows(sweep)
    first, second = [row.value for row in table if (row.quantity, row.source) == ("elbo", BATCHES)]
    row = only(summary(table), "elbo", BATCHES, **{"objective.beta": 1})
    assert second is not None
    assert (row.n, row.excluded, row.mean, row.note) == (1, 1, first, "1 diverged")
    assert (row.sd, row.low, row.high) == (None, None, None)  # one seed tells of no spread


def test_lanes_not_begun_and_unfinished_ones_are_told_apart(tmp_path):
    laid = prepare_sweep(change(find("digits"), [*SMALL, *EVERY]), [], (1, 2, 3), tmp_path / "sweep")
    assert {(row.state, row.quantity, row.value) for row in rows(laid.sweep)} == {("not begun", "", None)}
    assert summary(rows(laid.sweep)) == []
    train(laid.lanes[0].recipe, laid.sweep.run(laid.lanes[0].name).path)
    unfinished = laid.sweep.run(laid.lanes[1].name)
    train(laid.lanes[1].recipe, unfinished.path)
    (unfinished.checkpoint(12) / "state.json").unlink()
    states = {row.lane: row.state for row in rows(laid.sweep)}
    assert list(states.values()) == ["done", "unfinished", "not begun"]  # done, though nobody kept that it ended
    assert only(summary(rows(laid.sweep)), "elbo", BATCHES).note == "1 unfinished; 1 not begun"


def test_numbers_of_other_steps_or_settings_are_not_averaged_in_silence(sweep):
    first, second = sweep.lanes
    evaluated(sweep, first)
    longer = change(open_run(sweep.run(second).path).recipe, ["training.steps=16"])
    train(longer, sweep.run(second).path, resume=True)
    evaluated(sweep, second)
    rewrite(sweep.run(second), "test", lambda told: told["settings"].update(device="cuda:0", batch_size=3))
    row = only(summary(rows(sweep)), "elbo", "evaluation test", **{"objective.beta": 1})
    assert (row.n, row.step) == (2, None)
    assert "step differs: 12, 16" in row.note
    assert "batch_size differs: 256, 3" in row.note
    assert "device differs: cpu, cuda:0" in row.note


def test_scores_of_every_group_are_read(sweep):
    first, second = (open_run(sweep.run(lane).path, device="cpu") for lane in sweep.lanes)
    score_run(first, ["latents", "calibration", "images"], network=open_for(first, "random-0"), images=64)
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 4, (600, 2))
    of_codes = scores_of_codes(Codes(factors + rng.normal(0, 0.1, (600, 2)), None, factors), ["mig"])
    settings = {
        "run": "digits",
        "recipe": "",
        "step": 12,
        "weights": "",
        "averaged": False,
        "data": "digits",
        "seed": 0,
    }
    as_older(second.run, "scores", "disentanglement", {"settings": settings, "scores": of_codes})
    table = {(row.lane, row.quantity, row.source): row for row in rows(sweep)}
    records = scores(first.run)
    (images,) = [name for name in records if name.startswith("images")]
    one, two = sweep.lanes
    expected = {
        (one, "total_correlation", "scores latents-test"): records["latents-test"]["scores"]["total_correlation"][
            "value"
        ],
        (one, "coverage.0.95", "scores calibration-test"): records["calibration-test"]["scores"]["coverage"]["0.95"][
            "share"
        ],
        (one, "frechet.sample", f"scores {images}"): records[images]["scores"]["sample"]["frechet"]["value"],
        (two, "mig", "scores disentanglement"): of_codes["mig"]["value"],
        (one, "mig", "scores disentanglement"): None,
    }
    assert {key: table[key].value for key in expected} == expected
    assert table[two, "mig", "scores disentanglement"].unit == "share"
    assert (
        only(summary(table.values()), "mig", "scores disentanglement", **{"objective.beta": 1}).note == "1 not measured"
    )


def test_a_record_that_cannot_be_read_is_named(sweep):
    run = sweep.run(sweep.lanes[0])
    as_older(run, "evaluations", "test", {"settings": {"step": 12}})
    with pytest.raises(RunError, match=r"evaluations/test.json"):
        rows(sweep)
    (run.path / "evaluations" / "test.json").write_text("{")
    with pytest.raises(Damaged, match=r"evaluations/test.json"):
        rows(sweep)
    (run.path / "evaluations" / "test.json").unlink()
    evaluated(sweep, sweep.lanes[0])
    rewrite(run, "test", lambda told: told["value"].pop("elbo"))
    with pytest.raises(RunError, match=r"measurements/evaluation/\w+.*'elbo'"):
        rows(sweep)


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: told.pop("data"),
        lambda told: told["data"].pop("splits"),
        lambda told: told["data"].update(splits=["train"]),
        lambda told: told["data"]["splits"]["train"].pop("fingerprint"),
        lambda told: told.update(data="digits"),
    ],
)
def test_a_lane_whose_provenance_does_not_tell_its_images_is_named(sweep, damage):
    place = sweep.run(sweep.lanes[1]).path / "provenance.json"
    told = read_json(place)
    damage(told)
    write_json(place, told)
    with pytest.raises(Damaged, match=re.escape(str(place))) as caught:
        rows(sweep)
    assert caught.value.remedy == ("resume",)


def test_a_journals_null_is_missing(sweep):
    run = sweep.run(sweep.lanes[0])
    run.journal.append({"step": 16, "elbo": float("nan"), "rate": 1.0})
    found = {row.quantity: row.value for row in rows(sweep) if row.lane == sweep.lanes[0]}
    assert (found["elbo"], found["rate"]) == (None, 1.0)


def test_a_csv_is_read_back_to_the_last_digit(whole, tmp_path):
    table = rows(whole)
    write_rows(tmp_path / "table.csv", table)
    text = (tmp_path / "table.csv").read_text()
    read = list(csv.DictReader(text.splitlines()))
    columns = "lane,objective.beta,seed,quantity,value,unit,source,step,state,conditions"
    assert text.splitlines()[0] == columns
    assert [float(line["value"]) for line in read] == [row.value for row in table]
    assert [json.loads(line["conditions"]) for line in read] == [row.conditions for row in table]
    write_rows(tmp_path / "summary.csv", summary(table))
    assert (
        (tmp_path / "summary.csv")
        .read_text()
        .startswith("objective.beta,quantity,n,excluded,mean,sd,median,low,high,unit")
    )


def test_parquet_keeps_types_and_nulls(whole, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    table = rows(whole)
    table[0] = table[0]._replace(value=None, step=None)
    write_rows(tmp_path / "table.parquet", table)
    read = parquet.read_table(tmp_path / "table.parquet")
    kinds = {name: str(kind) for name, kind in zip(read.schema.names, read.schema.types, strict=True)}
    assert kinds["objective.beta"] == kinds["value"] == "double"
    assert kinds["seed"] == kinds["step"] == "int64"
    assert kinds["lane"] == kinds["state"] == "string"
    assert read["value"].to_pylist() == [row.value for row in table]
    assert read["step"].to_pylist()[0] is None


def test_other_endings_and_parquet_without_its_library_are_refused(whole, tmp_path, monkeypatch):
    with pytest.raises(RecipeError, match=r"table\.xlsx"):
        write_rows(tmp_path / "table.xlsx", rows(whole))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(RecipeError, match=r"'kelbo\[parquet\]'"):
        write_rows(tmp_path / "table.parquet", rows(whole))
    assert list(tmp_path.iterdir()) == []


def shown(table, width=80):
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_the_printed_table_fits_a_terminal_of_80_columns(whole):
    found = summary([row._replace(conditions=row.conditions | {IMAGES: row.lane}) for row in rows(whole)])
    text = shown(printed(found))
    assert "…" not in text
    row = only(found, "elbo", "evaluation test", **{"objective.beta": 0.5})
    decimals = max(0, 1 - math.floor(math.log10(row.sd)))
    assert f"{row.mean:.{decimals}f} ± {row.sd:.{decimals}f}".replace("-", "−") in text
    assert "elbo, rate, distortion: evaluation test, nats per image" in text
    assert "¹ training or test images differ" in text
    assert "learning rate" not in text
    asked = shown(printed(found, ["learning_rate"]))
    assert "0.001" in asked
    assert "elbo" not in asked


def test_a_sweep_folder_is_all_that_is_needed(whole):
    assert rows(Sweep.open(whole.path)) == rows(whole)


@pytest.mark.parametrize(
    ("sources", "own"),
    [
        (["evaluation test"], [""]),
        (["evaluation test", "evaluation test-dequantized"], ["test", "test-dequantized"]),
        (["scores disentanglement-9codes-four-L64", "scores disentanglement-9codes-four-L16"], ["L64", "L16"]),
        (["batches", "evaluation test"], ["batches", "evaluation test"]),
    ],
)
def test_sources_of_one_quantity_are_called_by_what_they_do_not_share(sources, own):
    assert [_own(source, sources) for source in sources] == own
