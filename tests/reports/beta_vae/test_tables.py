"""The β-VAE study's tables: our numbers are those of the results, printed ones the paper's."""

import math

import numpy as np
import pytest

from kelbo.reports.beta_vae import printed as papers
from kelbo.reports.beta_vae.architectures import convolutions
from kelbo.reports.beta_vae.tables import tables


def table(results, name):
    return next(found for found in tables(results) if found.name == name)


def rows(found, group=0):
    return {row.title: row.cells for row in found.groups[group].rows}


def test_the_printed_second_table_is_of_the_thirty_two_scores_of_the_first():
    printed = [
        number for factors in papers.TABLE_1.values() for kind, number in factors.items() if kind in papers.BETAS
    ]
    mean = np.mean([number.mean for number in printed])
    within = sum((papers.TABLE_1_SEEDS - 1) * number.deviation**2 for number in printed)
    between = sum(papers.TABLE_1_SEEDS * (number.mean - mean) ** 2 for number in printed)
    assert round(mean, 2) == papers.TABLE_2["dsprites"]["linear"].mean
    assert round(math.sqrt((within + between) / 31), 2) == papers.TABLE_2["dsprites"]["linear"].deviation


def test_table_1_has_our_mean_deviation_and_median_above_the_printed_ones(study_results):
    results = study_results()
    values = [0.60, 0.70, 0.80, 0.94]
    wanted = [
        lane for lane in results["lanes"] if (lane["role"], lane["network"], lane["beta"]) == ("dsprites", "mlp", 4.0)
    ]
    for lane, value in zip(wanted, values, strict=True):
        for score in lane["scores"]:
            if (score["factors"], score["classifier"], score["pairs"]) == ("without shape", "logistic", 64):
                score["value"] = value
    cells = rows(table(results, "table1"))["β = 4"]
    assert (cells[2].value, cells[2].error) == ("76.0", f"{100 * np.std(values, ddof=1):.1f}")
    assert cells[3].value == "75.0"
    assert cells[2].notes == ("printed 89.09 ± 15.82",)
    assert cells[3].notes == ("printed 95.15",)
    assert cells[4].value == "99.23 ± 0.1"
    assert cells[5].value == "4"


def test_one_seed_has_no_deviation(study_results):
    for cells in rows(table(study_results(seeds=(123,)), "table1")).values():
        assert cells[0].error == "–"
        assert cells[0].value == cells[1].value
        assert cells[5].value == "1"


def test_a_diverged_lane_is_counted_and_left_out(study_results):
    results = study_results()
    lane = next(lane for lane in results["lanes"] if lane["network"] == "mlp" and lane["beta"] == 10.0)
    lane.update(state="diverged", scores=[], error="not finite")
    seeds = rows(table(results, "table1"))["β = 10"][5]
    assert (seeds.value, seeds.notes) == ("3", ("1 diverged of 4",))
    assert rows(table(results, "plan"))["2Dshapes, MLP"][-1].value == "15 of 16"


def test_table_1_is_of_the_modes_classifier(study_results):
    corrected, published = study_results(), study_results(mode="as-published")
    assert rows(table(corrected, "table1"))["β = 1"][0].value == "64.3"
    assert rows(table(published, "table1"))["β = 1"][0].value == "63.3"
    assert "Linear (PyTorch)" in table(published, "table1").caption


def test_other_sets_and_networks_have_their_scores_too(study_results):
    found = table(study_results(), "figure3-scores")
    titles = [group.title for group in found.groups]
    assert titles == ["2Dshapes, convolutional", "3Dshapes, convolutional", "MPI3DToy, convolutional"]
    assert rows(found, 2)["β = 0.1"][0].value == "52.0"
    assert rows(found, 2)["β = 0.1"][2].value == ""  # there are no four factors of seven
    assert rows(found, 1)["PCA"][0].value == "45.0"


def test_table_2_pools_every_score_of_a_classifier_as_the_study_did(study_results):
    results = study_results()
    pooled = [
        100 * score["value"]
        for lane in results["lanes"]
        if (lane["role"], lane["network"]) == ("dsprites", "mlp")
        for score in lane["scores"]
        if (score["classifier"], score["pairs"]) == ("linear", 64)
    ]
    assert len(pooled) == 32
    cells = rows(table(results, "table2"))["2Dshapes"]
    assert (cells[0].value, cells[0].error) == (f"{np.mean(pooled):.1f}", f"{np.std(pooled, ddof=1):.1f}")
    assert cells[0].notes == ("printed 77.62 ± 13.04", "learnt from 10,000 points")
    assert cells[-1].value == "32"
    assert rows(table(results, "table2"))["MPI3DToy"][-1].value == "16"


def test_table_3_names_distances_exactly_and_keeps_samples_apart(study_results):
    named = table(study_results(features="random-0"), "table3")
    reconstructions, samples = named.groups[0].rows
    assert named.groups[0].title == "CIFAR-10"
    assert reconstructions.about == "Fréchet distance (random-0)"
    assert reconstructions.cells[1].notes == ("printed 171.1",)
    assert reconstructions.cells[1].value == "171.10"
    assert samples.cells[1].value == "211.10"
    assert samples.cells[1].notes == ()
    assert samples.cells[4].notes == ("printed 29.3",)
    assert reconstructions.cells[4].notes == ()
    assert "no number of ours compares" in named.caption
    assert "Ours are FIDs" in table(study_results(), "table3").caption
    assert "over 2,000 held-out images" in named.caption
    assert "over 2,000 training images" in table(study_results(mode="as-published"), "table3").caption


def test_a_single_distance_has_its_own_interval_over_images(study_results):
    cell = table(study_results(seeds=(123,)), "table3").groups[0].rows[0].cells[0]
    assert (cell.value, cell.error) == ("197.8", "–")
    assert cell.notes == ("printed 197.8", "196 to 200 over images")


def marked(found, group):
    return {row.title for row in found.groups[group].rows if row.cells[1].mark}


def test_table_4_marks_what_is_not_as_printed(study_results):
    found = table(study_results(), "table4")
    titles = [group.title for group in found.groups]
    differs = {title: marked(found, place) for place, title in enumerate(titles)}
    assert differs == {
        "2Dshapes, MLP": set(),
        "2Dshapes, convolutional": {"Encoder"},  # four convolutions for 64 pixels, not three
        "3Dshapes, convolutional": {"Encoder"},
        "MPI3DToy, convolutional": {"Encoder"},
        "CIFAR-10, convolutional": {"Input"},  # 3,072 numbers, not 12,288
        "CIFAR-100, convolutional": {"Input"},
    }


def test_table_4_marks_any_other_setting_that_is_not_the_papers(study_results):
    results = study_results(groups=(("3dshapes", "conv"),))
    results["architectures"][0] |= {"learning_rate": 5e-4, "latents": 12}
    found = table(results, "table4")
    assert marked(found, 2) == {"Encoder", "Learning rate", "Latents"}
    assert (
        found.groups[0].note == "2Dshapes, MLP was left out: its files are not in data; give --data-root for dsprites."
    )


@pytest.mark.parametrize(
    ("encoder", "count"),
    [
        (["Conv 32×4×4 (stride 2) ×4", "FC 256"], 4),
        (["Conv 32×4×4 (stride 2)", "Conv 32×4×4 (stride 2)", "FC 256 ×2"], 2),
        (["FC 1200", "FC 1200"], 0),
    ],
)
def test_convolutions_are_counted(encoder, count):
    assert convolutions(encoder) == count


def test_the_plan_says_how_much_shorter_it_was(study_results):
    cells = rows(table(study_results(share=0.25), "plan"))["3Dshapes, convolutional"]
    assert cells[3].value == "75,000"
    assert cells[3].notes == ("of 300,000: 25 %",)
    assert (cells[4].value, cells[4].notes) == ("10", ("of 40",))


def test_tables_without_a_model_still_print_the_papers_numbers(study_results):
    results = study_results(groups=())
    assert rows(table(results, "table1"))["β = 4"][0].notes == ("printed 74.53 ± 15.06",)
    assert rows(table(results, "table1"))["β = 4"][0].value == "–"
    assert table(results, "plan").groups == []
    assert table(results, "table3").groups[1].note.startswith("CIFAR-100, convolutional was left out")


def test_of_two_seeds_mean_and_median_are_the_same_words(study_results):
    results = study_results(seeds=(123, 427))
    halves = {123: 0.3967333333333333, 427: 0.5242666666666667}
    for lane in results["lanes"]:
        for score in lane["scores"]:
            score["value"] = halves[lane["seed"]]
    found = table(results, "table1")
    assert "what the study prints, by Linear (PyTorch)" in found.caption
    for row in list(rows(found).values())[:4]:
        assert (row[0].value, row[2].value) == (row[1].value, row[3].value)
