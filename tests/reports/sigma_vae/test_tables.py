"""The σ-VAE study's tables: our numbers are those of the results, printed ones the paper's."""

import math

import pytest
from tests.reports.sigma_vae.maker import study_results

from kelbo.reports.sigma_vae import printed as paper
from kelbo.reports.sigma_vae.results import NAMES
from kelbo.reports.sigma_vae.tables import tables


def table(results, name):
    return next(found for found in tables(results) if found.name == name)


def rows(found, group=0):
    """Cells by column, by the row's title, with plain spaces and without soft hyphens."""
    columns = [_plain(column) for column in found.columns]
    return {
        _plain(row.title): dict(zip(columns, row.cells, strict=True)) | {"about": _plain(row.about)}
        for row in found.groups[group].rows
    }


def _plain(words):
    return words.replace("\u00a0", " ").replace("\u00ad", "")


def lanes(results, **wanted):
    found = [lane for lane in results["lanes"] if all(lane[key] == value for key, value in wanted.items())]
    assert found
    return found


# The printed numbers


def test_the_printed_constants_fit_a_variance_of_half_the_printed_beta():
    for beta, constant in ((1.0, 1346), (10.0, 4054)):
        assert round(3 * 28 * 28 / 2 * math.log(2 * math.pi * beta / 2)) == constant
        assert constant <= paper.TABLE_1[beta].nats < constant + 40
        assert f"{constant:,}" in paper.ERRATA["convention"]
        assert f"{paper.TABLE_1[beta].nats:,}" in paper.ERRATA["convention"]


def test_the_errata_speak_of_the_numbers_as_they_are_printed():
    svhn, mixed = paper.TABLE_2["svhn"], paper.TABLE_1_SIGMA_VAE
    assert (mixed.nats, mixed.fid) == (svhn["optimal_gaussian"].nats, svhn["shared_gaussian"].fid)
    assert svhn["per_pixel_gaussian"].nats == svhn["fixed_gaussian"].nats
    grey = 32 * 32 * 3 / 2 * (math.log(2 * math.pi) + 0.25), 32 * 32 * 3 / 2 * (math.log(2 * math.pi) + 1)
    for value in grey:
        assert f"{value:,.0f}" in paper.ERRATA["grey"]
        for name in ("celeba", "cifar10"):
            assert paper.TABLE_2[name]["fixed_gaussian"].nats > value
    assert paper.TABLE_2["bair"]["fixed_gaussian"].nats < 64 * 64 * 3 / 2 * math.log(2 * math.pi)


def test_every_doubt_is_explained_and_every_explanation_used():
    numbers = [paper.TABLE_1_SIGMA_VAE, *paper.TABLE_3.values()]
    numbers += [number for row in paper.TABLE_2.values() for number in row.values()]
    assert {number.doubt for number in numbers} - {""} == set(paper.ERRATA) - {"convention"}
    assert {key for row in paper.TABLE_2.values() for key in row} <= {*NAMES, "beta"}


# Table 1


def test_table_1_has_each_betas_three_bounds_its_distance_and_the_printed_pair():
    results = study_results()
    for lane, by in zip(lanes(results, decoder="fixed_gaussian", beta=0.1), (-10, 0, 10), strict=True):
        lane["bound"]["elbo"]["mean"] = 90.0 + by
        lane["unit_bound"]["elbo"]["mean"] = -750.0 + by
        lane["fitted"]["elbo"]["mean"] = 460.0 + by
        lane["distances"]["sample"]["value"] = 44.0 + by
    cells = rows(table(results, "table1"))["β = 0.1"]
    assert (cells["−ELBO, nats"].value, cells["−ELBO, nats"].error) == ("−90", "10")
    assert (cells["of σ = 1"].value, cells["of fitted σ"].value) == ("750", "−460")
    assert (cells["Samples’ distance"].value, cells["Samples’ distance"].error) == ("44", "10")
    assert (cells["Effective β"].value, cells["about"]) == ("0.1", "3 seeds")
    assert (cells["Printed −ln p"].value, cells["Printed −ln p"].mark, cells["Printed FID"].value) == (
        *("−1,223", "a"),
        "28.3",
    )


def test_table_1_says_where_the_sigma_vae_puts_itself_and_what_its_printed_row_mixes():
    found = table(study_results(role="svhn"), "table1")
    optimal, shared = rows(found)["Optimal σ"], rows(found)["Shared σ"]
    assert optimal["Effective β"].value.startswith("0.0032")
    assert optimal["Effective β"].notes == ("printed 0.006",)
    assert (optimal["Printed −ln p"].mark, optimal["Printed FID"].mark) == ("b", "b")
    assert (shared["Printed FID"].value, shared["of σ = 1"].value) == ("", "")
    assert set(found.footnotes) == {"a", "b"}
    assert "printed β is twice ours" in " ".join(found.footnotes.values())


def test_distances_over_other_features_compare_by_order_only():
    results = study_results()
    assert "Fréchet distance over mnist-classifier, over 10,000 images" in table(results, "table1").caption
    assert "so only the order compares" in table(results, "table1").caption
    for lane in results["lanes"]:
        for made in ("sample", "reconstruction"):
            lane["distances"][made]["called"] = "FID"
    assert "only the order" not in table(results, "table1").caption
    for lane in results["lanes"]:
        lane["distances"] = None
    assert "No distances were measured." in table(results, "table1").caption


# Tables 2 and 3


@pytest.mark.parametrize(
    ("role", "column", "gaussian"),
    [
        ("mnist", "SVHN", "2,184"),
        ("svhn", "SVHN", "2,184"),
        ("celeba", "CelebA", "7,173"),
        ("cifar10", "CIFAR", "7,186"),
    ],
)
def test_table_2_has_the_printed_column_of_its_set(role, column, gaussian):
    found = table(study_results(role=role), "table2")
    assert rows(found)["Gaussian, σ = 1"][f"Printed −ln p, {column}"].value == gaussian
    assert ("The paper prints no such table of MNIST" in found.caption) == (role == "mnist")
    assert ("hierarchical" in found.caption) == (role in ("celeba", "cifar10"))


def test_table_2_has_every_decoder_and_the_tuned_beta():
    found = rows(table(study_results(role="svhn"), "table2"))
    assert len(found) == 12
    tuned = found["β-VAE, tuned"]
    assert (tuned["about"], tuned["Printed FID"].value) == ("β = 0.01", "27.93")
    assert tuned["Samples’ distance"].value == "27.900"
    assert found["Averaged squared error"]["Printed FID"].value == ""
    assert found["Bernoulli"]["Bits/dim"].value == "–"
    assert found["Categorical"]["−ELBO, nats"].notes == ("mass",)
    assert found["Student-t"]["−ELBO, nats"].notes == ()


def test_footnotes_of_table_2_are_those_of_its_own_column():
    by_role = {role: table(study_results(role=role), "table2") for role in ("svhn", "cifar10")}
    assert list(by_role["svhn"].footnotes.values()) == [paper.ERRATA["copied"], paper.ERRATA["released"]]
    assert list(by_role["cifar10"].footnotes.values()) == [paper.ERRATA["grey"]]
    assert rows(by_role["svhn"])["Per-pixel σ"]["Printed −ln p, SVHN"].mark == "a"
    assert rows(by_role["svhn"])["Optimal σ"]["Printed −ln p, SVHN"].mark == "b"


def test_table_3_is_of_mnist_only():
    ours = rows(table(study_results(), "table3"))
    assert (ours["Shared σ"]["−ELBO, nats"].value, ours["Shared σ"]["Printed −ln p"].value) == ("−906.4", "−896.1")
    assert ours["β-VAE, tuned"]["about"] == "β = 0.01"
    other = table(study_results(role="svhn"), "table3")
    assert other.groups[0].note == "Of MNIST only; this run is of SVHN."
    assert rows(other)["Shared σ"]["−ELBO, nats"].value == "–"
    assert rows(other)["Shared σ"]["Printed FID"].value == "32.18"


# What was run, and what was not


def test_the_plan_counts_runs_by_seeds():
    results = study_results(few=(0,), share=0.2)
    lane = lanes(results, decoder="student_t")[0]
    lane.update(state="failed", error="out of memory", bound=None, distances=None, bits=None, calibration=None)
    found = table(results, "plan")
    shown = [[cell.value for cell in row.cells] for row in found.groups[0].rows]
    assert [row[1:] for row in shown] == [
        ["0, 1, 2", "20 %", "15 of 15"],
        ["0", "20 %", "7 of 8"],
        ["0, 1, 2", "20 %", "6 of 6"],
    ]
    assert found.groups[0].rows[1].cells[-1].notes == ("Student-t: 1 failed of 1",)
    assert "938 steps, that is 2.0 epochs. The paper’s: 4,690 steps, 10 epochs." in found.caption
    assert rows(table(results, "table2"))["Student-t"]["about"] == "No run of Student-t finished (1 failed of 1)."


def test_a_schedule_that_is_not_the_papers_is_not_called_so():
    results = study_results()
    results["plan"] |= {"set": "digits", "role": None, "note": ""}
    caption = table(results, "plan").caption
    assert caption.startswith("Scikit-learn’s digits. 60,000 grey images")
    assert "The full schedule, ours as is the network: 4,690 steps" in caption
    assert "The paper’s" not in caption


def test_tables_without_a_model_still_print_the_papers_numbers():
    results = study_results(decoders=(), betas=())
    assert table(results, "plan").groups == []
    assert table(results, "calibration").groups == []
    assert table(results, "flattery").groups == []
    found = rows(table(results, "table2"))
    assert (found["Shared σ"]["−ELBO, nats"].value, found["Shared σ"]["Printed −ln p, SVHN"].value) == ("–", "−3,349")
    assert found["Shared σ"]["about"] == "Shared σ was not run: it is no part of this budget."
    assert rows(table(results, "table1"))["Optimal σ"]["Printed −ln p"].value == "−3,333"


@pytest.mark.parametrize(
    "lost", ["bound", "unit_bound", "fitted", "bits", "rmse", "sigma", "equivalent_beta", "distances", "calibration"]
)
def test_a_measure_that_is_not_there_is_a_dash(lost):
    results = study_results()
    for lane in results["lanes"]:
        lane[lost] = None
    column = {
        "bound": ("table1", "−ELBO, nats"),
        "unit_bound": ("table1", "of σ = 1"),
        "fitted": ("table1", "of fitted σ"),
        "bits": ("table2", "Bits/dim"),
        "rmse": ("table2", "RMSE"),
        "sigma": ("table2", "σ"),
        "equivalent_beta": ("table1", "Effective β"),
        "distances": ("table2", "Samples’ distance"),
        "calibration": ("calibration", None),
    }
    name, wanted = column[lost]
    found = table(results, name)
    if wanted is None:
        assert found.groups == []
    else:
        values = [
            row[wanted].value for title, row in rows(found).items() if "β" not in title or lost != "equivalent_beta"
        ]
        assert set(values) <= {"–", ""}


# Calibration and flattery


def test_calibration_holds_sigma_against_the_error():
    results = study_results()
    found = rows(table(results, "calibration"))
    assert found["β = 1"]["σ"].value == "1.000"
    assert found["β = 1"]["σ² / squared error"].value == "25.00"
    assert found["Shared σ"]["σ² / squared error"].value == "1.000"
    assert float(found["β = 1"]["50 % intervals hold, %"].value) > 60
    assert float(found["β = 1"]["Miscalibration area"].value) > float(found["Shared σ"]["Miscalibration area"].value)


def test_flattery_is_told_as_changes_from_the_honest_bound_seed_by_seed():
    results = study_results()
    found = table(results, "flattery")
    assert [group.title for group in found.groups] == ["Optimal σ, 3 seeds", "Optimal σ per image, 3 seeds"]
    first, *others = rows(found).values()
    assert first["Change, nats"].value == ""
    assert [row["Change, nats"].value for row in others] == ["−4.000", "+15.00", "−10.00", "−14.00", "+5.000"]
    results["flattery"] = results["flattery"][:1]
    alone = next(iter(rows(table(results, "flattery")).values()))
    assert alone["−ELBO, nats"].error == "1.0"  # of one seed: the standard error over images
