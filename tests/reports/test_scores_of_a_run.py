"""Scores on the page: from records that the real scores wrote, and from records gone wrong."""

import copy
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.records import page_of, scores
from tests.reports.alone import undated, written_alone
from tests.reports.conftest import HOSTILE, Page

from kelbo.data.factors import FactorImages, Factors
from kelbo.data.images import ArrayImages
from kelbo.errors import RunError
from kelbo.evaluation.feature_network import FeatureNetwork, Preparation
from kelbo.experiments.pictures import measure_page
from kelbo.experiments.scoring import score_run
from kelbo.reports.score_pictures import score_pictures
from kelbo.reports.scores import score_groups
from kelbo.reports.shown import shown

SIZES = (3, 13, 4, 2)
NAMES = ("shape", "$x_1^{$ <b>&</b>", "a_rather_long_name_that_nobody_would_choose_for_it", "on\x00off\nagain")


def with_factors(experiment, names=NAMES):
    """The same run, its data now with factors: pictures of 8×8 that their factors make."""
    factors = Factors(names, SIZES)
    values = factors.of(torch.arange(len(factors))).numpy()
    x, y = np.meshgrid(np.arange(8), np.arange(8))
    pictures = [
        (values[:, :1, None] + 1) * np.sin(x + values[:, 1, None, None] / 2)[:, :, :] ** 2,
        4 * values[:, 2, None, None] * (y > 4) / 4 + 3 * values[:, 3, None, None],
    ]
    levels = np.clip(pictures[0] * 3 + pictures[1], 0, 16).astype(np.uint8)[:, None]
    data = replace(experiment.data, whole=FactorImages(ArrayImages(levels, 17), factors))
    return replace(experiment, images=lambda: data)


def small_network(shape):
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(np.prod(shape), 6, generator=generator)
    return FeatureNetwork(
        HOSTILE, lambda x: x.flatten(1) @ weights, Preparation(), "ab" * 32, shape, torch.device("cpu"), 6
    )


@pytest.fixture(scope="session")
def scored(trained):
    experiment = with_factors(trained("training.steps=3"))
    names = ("mig", "continuous_mig", "dci", "modularity", "beta_vae", "latents", "images", "calibration")
    score_run(experiment, names, network=small_network((1, 8, 8)))
    return experiment


@pytest.fixture(scope="session")
def scored_page(scored):
    return Page(page_of(scored).read_text())


@pytest.fixture(scope="session")
def of(scored):
    """What the page shows of the run."""
    return shown(scored.run, measure_page(scored))


@pytest.fixture
def records(scored):
    return copy.deepcopy(scores(scored.run))


def rows(records, of):
    return {row.title: row for group in score_groups(records, of) for row in group.rows}


def test_a_page_without_records_of_scores_has_no_scores(tiny_page):
    assert "<h2>Scores</h2>" not in tiny_page.html
    assert "95 % interval" not in tiny_page.text
    assert "Factor sweeps" not in tiny_page.text


def test_every_group_has_its_table(of, records):
    assert [group.title for group in score_groups(records, of)] == [
        "Disentanglement",
        "What the rate is spent on",
        "Samples beside images of the test split",
        "Reconstructions beside images of the test split",
        "Calibration",
    ]
    shown = rows(records, of)
    assert {
        "Mutual information gap",
        "DCI completeness",
        "β-VAE score",
        "Total correlation",
        "Miscalibration area",
    } <= {*shown}
    assert all(row.phrase and row.value and row.count for row in shown.values())


def test_a_score_is_shown_with_its_interval_and_where_that_is_from(of, records):
    entry = records["disentanglement"]["scores"]["mig"]
    row = rows(records, of)["Mutual information gap"]
    low, high = (float(end.replace("−", "-")) for end in row.interval.split(" to "))
    assert (low, float(row.value), high) == pytest.approx((entry["low"], entry["value"], entry["high"]), abs=0.006)
    assert row.how == f"{entry['replicates']} half samples"
    assert (row.count, row.of) == ("312", "rows")
    assert rows(records, of)["β-VAE score"].how == "5 replicates of fresh pairs"
    assert "(logistic, L = 64)" in rows(records, of)["β-VAE score"].phrase


@pytest.mark.usefixtures("unrendered")
def test_records_of_one_kind_that_were_measured_in_other_ways_say_so_and_have_pictures_of_their_own(of, records):
    other = copy.deepcopy(records["disentanglement"])
    other["settings"]["seed"] = 7
    found = {**records, "disentanglement-seed7": other}
    told = [group.other for group in score_groups(found, of) if group.title == "Disentanglement"]
    assert ["seed 0" in told[0], "seed 7" in told[1]] == [True, True]
    assert not any(group.other for group in score_groups(found, of) if group.title != "Disentanglement")
    shown = [part for part in score_pictures(found, of) if part.title == "Which latent tells which factor"]
    assert ["seed 0" in shown[0].other, "seed 7" in shown[1].other] == [True, True]
    names = [picture.name for part in shown for picture in part.pictures]
    assert len(names) == len(set(names))


def test_index_code_information_is_shown_with_its_cap(of, records):
    row = rows(records, of)["Index-code mutual information"]
    assert "at most log N = 5.19" in row.phrase  # of the 180 images of the test split
    assert "at its cap" not in row.phrase
    records["latents-test"]["scores"]["index_code_mutual_information"]["value"] = 5.1
    assert "at its cap" in rows(records, of)["Index-code mutual information"].phrase


def test_samples_and_reconstructions_are_apart_and_only_official_features_make_an_fid(of, records):
    shown = rows(records, of)
    assert f"Fréchet distance ({HOSTILE}) of samples" in shown
    assert f"Fréchet distance ({HOSTILE}) of reconstructions" in shown
    assert not any("FID" in title for title in shown)
    groups = [group for group in score_groups(records, of) if "beside" in group.title]
    assert all("weights abababababababab, 6 dimensions, resize none" in group.note for group in groups)
    name = next(name for name in records if name.startswith("images"))
    records[name]["scores"]["sample"]["frechet"]["called"] = "FID"
    assert "FID of samples" in rows(records, of)


def test_a_kernel_distance_says_its_subsets(of, records):
    row = rows(records, of)[f"Kernel distance ({HOSTILE}) of samples"]
    entry = next(record for name, record in records.items() if name.startswith("images"))["scores"]["sample"]["kernel"]
    assert row.interval
    assert row.how == f"standard error over {entry['replicates']} subsets of {entry['subset']}"


def test_a_tiny_distance_keeps_its_digits(of, records):
    entry = next(record for name, record in records.items() if name.startswith("images"))["scores"]["sample"]["kernel"]
    entry |= {"value": 8.006e-6, "low": 7.797e-6, "high": 8.214e-6}
    row = rows(records, of)[f"Kernel distance ({HOSTILE}) of samples"]
    assert (row.value, row.interval) == ("8.01e−6", "7.80e−6 to 8.21e−6")


def test_coverage_stands_beside_what_it_should_be(of, records):
    row = rows(records, of)["Coverage of central 90 % intervals"]
    entry = records["calibration-test"]["scores"]["coverage"]["0.9"]
    assert row.value.endswith(" %")
    assert float(row.value.removesuffix(" %")) == pytest.approx(100 * entry["share"], abs=0.5)
    assert "90 % if calibrated" in row.phrase


@pytest.mark.parametrize("end", [None, float("nan")])
def test_an_interval_that_does_not_exist_has_its_reason(of, records, end):
    records["disentanglement"]["scores"]["mig"] |= {"low": end, "high": end, "replicates": 1}
    row = rows(records, of)["Mutual information gap"]
    assert (row.interval, row.how) == ("", "one replicate has none")
    assert float(row.value) == pytest.approx(records["disentanglement"]["scores"]["mig"]["value"], rel=0.01)


def test_an_interval_that_equal_replicates_cannot_tell_has_its_reason(of, records):
    records["disentanglement"]["scores"]["mig"] |= {"low": None, "high": None, "replicates": 5}
    row = rows(records, of)["Mutual information gap"]
    assert (row.interval, row.how) == ("", "the replicates show no spread")


@pytest.mark.parametrize(("images", "quantile"), [(3, 4.3027), (1_000_000, 1.96)])
def test_the_interval_of_a_coverage_is_students_of_as_many_images(images, quantile, of, records):
    scores = records["calibration-test"]["scores"]
    scores["images"] = images
    scores["coverage"]["0.9"] = {"share": 0.5, "standard_error": 0.01}
    row = rows(records, of)["Coverage of central 90 % intervals"]
    low, high = (float(end) for end in row.interval.removesuffix(" %").split(" to "))
    assert (low, high) == pytest.approx((50 - quantile, 50 + quantile), abs=0.06)


@pytest.mark.parametrize(("images", "error", "noun"), [(1, None, "image"), (9, 0.0, "images")])
def test_a_coverage_without_spread_has_no_interval_but_a_reason(images, error, noun, of, records):
    scores = records["calibration-test"]["scores"]
    scores["images"] = images
    scores["coverage"]["0.9"] = {"share": 1.0, "standard_error": error}
    row = rows(records, of)["Coverage of central 90 % intervals"]
    assert (row.interval, row.of) == ("", noun)
    assert row.how


def test_a_value_that_is_no_number_is_shown_as_none(of, records):
    records["latents-test"]["scores"]["total_correlation"]["value"] = float("nan")
    assert rows(records, of)["Total correlation"].value == "–"


@pytest.mark.usefixtures("unrendered")
def test_a_group_that_is_missing_is_left_out(of, records):
    only = {"calibration-test": records["calibration-test"]}
    assert [group.title for group in score_groups(only, of)] == ["Calibration"]
    assert [part.title for part in score_pictures(only, of)] == ["Is the decoder as sure as it should be?"]
    assert score_pictures({"latents-test": records["latents-test"]}, of) == []


@pytest.mark.usefixtures("unrendered")
def test_a_record_of_another_checkpoint_says_so(of, records):
    assert not any(group.other for group in score_groups(records, of))
    records["latents-test"]["settings"]["step"] = 1
    other = {group.title: group.other for group in score_groups(records, of)}
    assert other.pop("What the rate is spent on") == "Made at step 1, another checkpoint than this page’s (3)."
    assert not any(other.values())
    records["calibration-test"]["settings"]["averaged"] = True
    assert "averaged" in score_groups(records, of)[-1].other
    assert "averaged" in score_pictures({"calibration-test": records["calibration-test"]}, of)[0].other


@pytest.mark.usefixtures("unrendered")
def test_a_record_that_lacks_something_is_named(of, records):
    del records["calibration-test"]["scores"]["coverage"]
    with pytest.raises(RunError, match=r"measurements/calibration .*'coverage'.* calibration-test"):
        score_groups(records, of)
    with pytest.raises(RunError, match=r"measurements/calibration"):
        score_pictures(records, of)


def test_a_score_that_the_page_does_not_know_is_shown_by_its_name(of, records):
    scores = records["disentanglement"]["scores"]
    scores["brand_new"] = {key: value for key, value in scores["mig"].items() if key != "details"}
    records["udr"] = {"settings": {"step": 3}, "scores": {"udr": {"value": 0.25, "low": 0.2, "high": 0.3}, "about": []}}
    shown = rows(records, of)
    assert shown["brand new"].interval == shown["Mutual information gap"].interval
    assert (shown["udr"].value, shown["udr"].interval) == ("0.250", "0.200 to 0.300")


@pytest.mark.usefixtures("unrendered")
def test_figures_show_which_latent_tells_which_factor(of, records):
    tables, decoder = score_pictures(records, of)
    assert [picture.name for picture in tables.pictures] == [
        "dci-importances",
        "mig-information",
        "continuous_mig-information",
    ]
    information = np.array(records["disentanglement"]["scores"]["mig"]["details"]["information"])
    assert f"shape z {information[:, 0].argmax()}, " in tables.pictures[1].alt
    assert [picture.name.removeprefix("calibration-test-") for picture in decoder.pictures][:2] == ["pit", "coverage"]


@pytest.mark.usefixtures("unrendered")
def test_a_decoder_of_one_variance_has_no_figure_of_many(of, records):
    only = {"calibration-test": records["calibration-test"]}
    found = only["calibration-test"]["scores"]
    one = {"counts": [9], "predicted": [1.0], "observed": [1.0], "ratio": [1.0], "standard_error": [None]}
    many = {key: 2 * value for key, value in one.items()} | {"predicted": [1.0, 2.0]}
    for bins, drawn in (({"reason": "Predicted variances must be positive."}, 2), (one, 2), (many, 3)):
        found["by_variance"] = bins
        assert len(score_pictures(only, of)[0].pictures) == drawn


def test_a_page_with_scores_is_as_safe_as_one_without(scored_page):
    assert all(address.startswith("data:image/") for address in scored_page.addresses)
    assert "<script" not in scored_page.html
    assert "<b>&</b>" not in scored_page.html
    assert HOSTILE in scored_page.text
    assert "$x 1^{$ <b>&</b>" in scored_page.text
    assert not {tag for tag, _ in scored_page.tags} & {"script", "link", "iframe", "object"}
    assert all(scored_page.alternatives)


def test_a_page_has_scores_after_the_bound_and_sweeps_after_traversals(scored_page):
    headings = re.findall(r"<h2>(.*?)</h2>", scored_page.html)
    assert headings[headings.index("Latent traversals") + 1] == "Factor sweeps"
    assert headings[headings.index("Rate and distortion") + 1] == "Scores"
    shown = scored_page.text.partition("95 % interval")[2].partition("Pictures over time")[0]
    assert not re.search(r"\b(nan|inf|none)\b", shown.replace("resize none", ""), re.IGNORECASE)


def test_the_pictures_of_scores_lie_beside_the_page_too(scored, scored_page):
    names = {path.stem for path in scored.run.report_pictures.iterdir()}
    assert {"dci-importances", "mig-information", "calibration-test-pit", "factor-sweeps", "factor-codes"} <= names


@pytest.mark.slow
def test_the_same_scores_make_the_same_page_also_without_pytorch_the_weights_or_the_data(scored, scored_page, tmp_path):
    assert undated(page_of(scored).read_text()) == undated(scored_page.html)
    assert undated(written_alone(scored.run, tmp_path / "run")) == undated(scored_page.html)
