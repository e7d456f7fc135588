"""The study's figures of invented results, each held to the numbers that it was given."""

import base64
import copy
import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from kelbo.reports.beta_vae import figures as charted, images, quirks
from kelbo.reports.beta_vae.charts import palette
from kelbo.reports.beta_vae.figures import figures
from kelbo.reports.beta_vae.results import Study
from kelbo.reports.figure import DARK, LIGHT
from kelbo.reports.page_pictures import Picture

BETAS = (0.1, 1.0, 4.0, 10.0)
NUMBERS = {
    "fig3",
    "fig6",
    "fig7",
    "fig8",
    "rd",
    "identity",
    "quirk-baseline-layouts-3dshapes",
    "quirk-baseline-layouts-mpi3d",
}
OF_RUNS = {"fig1", "fig2", "fig4", "fig5", "fig9", "fig10"} | {
    f"quirk-baseline-layouts-{role}-seen" for role in ("3dshapes", "mpi3d")
}


def found(told, kind, role, network="conv", factors="all", pairs=64, classifier="logistic"):
    """Scores of every seed straight from the results."""
    entries = [e for e in told["baselines"] if e["kind"] == kind.lower()] if isinstance(kind, str) else told["lanes"]
    return [
        s["value"]
        for e in entries
        if e["role"] == role and e.get("beta", kind) == kind and e.get("network", network) == network
        for s in e["scores"]
        if (s["factors"], s["classifier"], s["pairs"]) == (factors, classifier, pairs)
    ]


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """A function that brings the figures themselves, each drawn when it is asked for, of results whose runs have gone."""

    class Drawn(dict):
        def __missing__(self, name):
            self[name] = drawing[name](self.theme)
            return self[name]

    drawing = {}

    def keep(name, alt, figure):
        drawing[name] = figure
        return Picture(name, alt, b"", "", "", 0)

    def draw(told, theme=LIGHT):
        for module in (charted, images, quirks):
            monkeypatch.setattr(module, "of_figure", keep)
        figures(told, tmp_path)
        shown = Drawn()
        shown.theme = theme
        return shown

    return draw


@pytest.mark.slow
def test_numbers_are_shown_where_the_runs_have_gone(study_results, tmp_path):
    told, missing = study_results(seeds=(123, 427)), {}
    before = copy.deepcopy(told)
    shown = figures(told, tmp_path, missing=missing)
    assert told == before
    assert {key for key, each in shown.items() if each is not None} == NUMBERS
    assert set(missing) == OF_RUNS
    assert "is no run" in missing["fig4"]
    for key in NUMBERS:
        assert shown[key].name == key
        assert Image.open(io.BytesIO(shown[key].file)).width > 500
        for uri, theme in ((shown[key].light, LIGHT), (shown[key].dark, DARK)):
            svg = base64.b64decode(uri.partition(",")[2]).decode()
            ElementTree.fromstring(svg)
            assert theme.ink in svg


def test_a_study_of_nothing_has_no_figure_and_says_why(study_results, tmp_path):
    bare, missing = study_results() | {"lanes": [], "baselines": [], "identity": None}, {}
    for quirk in bare["quirks"]:
        quirk["rows"] = []
    shown = figures(bare, tmp_path, missing=missing)
    assert set(shown.values()) == {None}
    assert set(missing) == NUMBERS | OF_RUNS
    assert missing["fig2"] == "No lane on CIFAR-10 or CIFAR-100 was finished."
    assert missing["fig9"] == "No lane on CIFAR at β = 0.1 was finished."


def test_bars_are_medians_and_dots_are_the_seeds(study_results, drawn):
    told = study_results()
    axes = drawn(told)["fig3"].axes[0]
    groups = [("dsprites", "without shape", 4), ("dsprites", "all", 5), ("3dshapes", "all", 6), ("mpi3d", "all", 7)]
    expected = [found(told, kind, role, factors=f) for role, f, _ in groups for kind in (*BETAS, "PCA", "ICA")]
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([np.median(seeds) for seeds in expected])
    dots = [each.get_offsets()[:, 1] for each in axes.collections if not hasattr(each, "get_segments")]
    np.testing.assert_allclose(dots, expected)
    chances = {each.get_segments()[0][0][1] for each in axes.collections if hasattr(each, "get_segments")}
    assert chances == {1 / count for _, _, count in groups}
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["2Dshapes\n4 factors", "2Dshapes\n5 factors", "3Dshapes\n6 factors", "MPI3DToy\n7 factors"]


def test_a_lane_that_did_not_finish_is_in_no_figure(study_results, drawn):
    told = study_results()
    for lane in told["lanes"]:
        if lane["seed"] == 921:
            lane["state"] = "diverged"
    shown = drawn(told)
    done = found(
        told | {"lanes": [e for e in told["lanes"] if e["state"] == "done"]}, 0.1, "dsprites", factors="without shape"
    )
    assert len(done) == 3
    assert shown["fig3"].axes[0].patches[0].get_height() == pytest.approx(np.median(done))
    assert len(shown["rd"].axes[0].containers) == 2 * 4 * 3


def test_as_published_scores_are_those_of_its_classifier_and_its_baselines(study_results, drawn):
    told = study_results(mode="as-published")
    expected = [np.median(found(told, k, "3dshapes", classifier="linear")) for k in (*BETAS, "PCA", "ICA")]
    corrected = copy.deepcopy(told["baselines"])
    for entry in corrected:
        entry["as_published"], entry["scores"] = False, [s | {"value": 0.0} for s in entry["scores"]]
    told["baselines"] += corrected
    assert [bar.get_height() for bar in drawn(told)["fig3"].axes[0].patches][12:18] == pytest.approx(expected)


def test_scores_over_pairs_are_means_between_the_lowest_and_the_highest_seed(study_results, drawn):
    told = study_results()
    figure = drawn(told)["fig6"]
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "2Dshapes, 5 factors"
    for kind, container in zip((*BETAS, "PCA", "ICA"), axes.containers, strict=True):
        line, _, (bars,) = container
        seeds = np.array([found(told, kind, "dsprites", "mlp", pairs=pairs) for pairs in (16, 64, 128, 256)])
        np.testing.assert_allclose(line.get_ydata(), seeds.mean(1))
        ends = [segment[:, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(ends, np.stack([seeds.min(1), seeds.max(1)], 1), atol=1e-12)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*(f"β = {b:g}" for b in BETAS), "PCA", "ICA"]


def test_curves_are_means_at_the_steps_that_all_seeds_have(study_results, drawn):
    told = study_results()
    lanes = [lane for lane in told["lanes"] if lane["role"] == "cifar100"]
    for lane in lanes[::4]:
        del lane["curve"][1]
    axes = drawn(told)["fig8"].axes[0]
    means = [line for line in axes.lines if line.get_linewidth() == 2]
    for place, line in enumerate(means):
        rows = [
            [p["distortion"] for p in lane["curve"] if p["step"] != 12_500] for lane in lanes[4 * place : 4 * place + 4]
        ]
        assert line.get_xdata().tolist() == [6250, 18750, 25000, 31250]
        np.testing.assert_allclose(line.get_ydata(), np.mean(rows, 0))
    assert len(axes.lines) == 4 * (1 + 4)
    assert axes.get_title(loc="left") == "CIFAR-100, reconstruction loss"
    assert axes.get_ylabel() == "distortion, nats per image"


def test_cifar_10_stands_where_cifar_100_is_absent_and_the_title_says_so(study_results, drawn):
    told = study_results(features="random-0")
    told["lanes"] = [lane for lane in told["lanes"] if lane["role"] != "cifar100"]
    axes = drawn(told)["fig7"].axes
    assert [each.get_title(loc="left") for each in axes] == ["CIFAR-10, reconstructions", "CIFAR-10, samples"]
    assert {each.get_ylabel() for each in axes} == {"Fréchet distance (random-0)"}
    assert len(axes[0].lines) == len(axes[1].lines) == 4 * (1 + 4)


def test_distances_that_were_not_read_have_no_panel(study_results, drawn):
    told = study_results()
    for lane in told["lanes"]:
        lane["distance_curve"] = [row | {"sample": None} for row in lane["distance_curve"]]
    assert [axes.get_title(loc="left") for axes in drawn(told)["fig7"].axes] == ["CIFAR-100, reconstructions"]


def test_every_run_is_a_point_of_rate_and_distortion(study_results, drawn):
    told = study_results()
    axes = drawn(told)["rd"].axes
    assert [each.get_title(loc="left") for each in axes] == [
        "2Dshapes",
        "3Dshapes",
        "MPI3DToy",
        "CIFAR-10",
        "CIFAR-100",
    ]
    points = [container[0] for container in axes[0].containers]
    bounds = [lane["bound"] for lane in told["lanes"] if lane["role"] == "dsprites"]
    shown = sorted((float(point.get_xdata()[0]), float(point.get_ydata()[0])) for point in points)
    assert shown == sorted((bound["rate"]["mean"], bound["distortion"]["mean"]) for bound in bounds)
    assert [point.get_marker() for point in points].count("s") == len(points) / 2


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_a_beta_has_one_colour_in_all_figures_and_larger_ones_are_lighter(study_results, drawn, theme):
    told = study_results()
    colours = palette(Study(told).kinds, theme)
    lightness = [np.dot(to_rgb(colours[beta]), (0.2126, 0.7152, 0.0722)) for beta in BETAS]
    assert (np.diff(lightness) > 0.05).all()
    assert len(set(colours.values())) == 6
    told["lanes"] = [lane for lane in told["lanes"] if lane["beta"] != 1.0]  # planned, and never run
    shown = drawn(told, theme)
    bars = [to_hex(bar.get_facecolor()) for bar in shown["fig3"].axes[0].patches[:5]]
    assert bars == [colours[kind] for kind in (0.1, 4.0, 10.0, "PCA", "ICA")]
    curves = [to_hex(line.get_color()) for line in shown["fig8"].axes[0].lines if line.get_linewidth() == 2]
    assert curves == bars[:3]
    assert {to_hex(container[0].get_color()) for container in shown["rd"].axes[0].containers} == set(bars[:3])


def test_one_beta_one_seed_and_one_reading_are_drawn(study_results, drawn):
    told = study_results(groups=[("cifar100", "conv")], betas=[4.0], seeds=[123])
    told["lanes"][0]["curve"] = told["lanes"][0]["curve"][:1]
    axes = drawn(told)["fig8"].axes[0]
    assert [line.get_marker() for line in axes.lines] == ["o"]


def told_as(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


def test_a_quirks_dots_are_its_numbers(study_results, drawn):
    told = study_results()
    told["quirks"][1]["rows"] = [
        {"label": "PCA", "published": told_as(0.3, 0.2, 0.4), "corrected": told_as(0.8, 0.7, 0.9), "unit": "accuracy"},
        {"label": "ICA", "published": None, "corrected": told_as(0.6), "unit": "accuracy"},
        {"label": "nothing", "published": None, "corrected": None, "unit": "accuracy"},
        {
            "label": "loss",
            "published": told_as(3400.4, 3399.4, 3401.4),
            "corrected": told_as(12.5),
            "unit": "nats per image",
        },
    ]
    accuracy, nats = drawn(told)["quirk-baseline-layouts-mpi3d"].axes
    dots = {line.get_xdata()[0]: line for line in accuracy.lines if line.get_marker() == "o"}
    assert sorted(dots) == [0.3, 0.6, 0.8]
    assert dots[0.3].get_markerfacecolor() == LIGHT.paper
    assert dots[0.8].get_color() == LIGHT.first
    spans = [tuple(end for end, _ in segment) for bar in accuracy.collections for segment in bar.get_segments()]
    assert (0.2, 0.4) in spans
    assert [text.get_text() for text in accuracy.texts] == ["30.0 %", "80.0 %", "60.0 %"]
    assert accuracy.get_xlabel() == "accuracy of the classifier, chance 1/7"
    assert [label.get_text() for label in nats.get_yticklabels()] == ["loss"]
    assert [text.get_text() for text in nats.texts] == ["3,400.40", "12.50"]
    assert nats.get_xlabel() == "nats per image"


def test_a_gap_of_nothing_stands_on_the_tick_of_nothing(study_results, drawn):
    gaps = {"betas": [0.1, 1.0], "loss_gap": [1e-7, 0.0], "gradient_gap": [2e-6, 0.0]}
    curves = {"beta": [[1, 60.0], [2, 50.0]], "gaussian": [[1, 60.0], [2, 50.0]]}
    told = study_results() | {"identity": gaps | {"pictured": 0.1, "curves": curves}}
    left, right = drawn(told)["identity"].axes
    np.testing.assert_allclose([line.get_ydata() for line in left.lines], [[1e-7, 1e-8], [2e-6, 1e-8]])
    ticks = dict(zip(left.get_yticks(), (label.get_text() for label in left.get_yticklabels()), strict=True))
    assert ticks[1e-8] == "0"
    assert [line.get_ydata().tolist() for line in right.lines] == [[60.0, 50.0]] * 2
    assert right.get_title(loc="left") == "How both train, β = 0.1"
