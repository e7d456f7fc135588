"""The σ-VAE study's charts, each held to the numbers that it was given."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from tests.reports.sigma_vae.maker import BETAS, DECODERS, study_results

from kelbo.reports.figure import DARK, LIGHT
from kelbo.reports.page_pictures import Picture
from kelbo.reports.sigma_vae import figures as charted
from kelbo.reports.sigma_vae.calibration_charts import central
from kelbo.reports.sigma_vae.figures import figures
from kelbo.reports.sigma_vae.looks import colour
from kelbo.reports.sigma_vae.printed import TABLE_1, TABLE_2, TABLE_3
from kelbo.reports.sigma_vae.results import NAMES

HUES = {key: colour(key, LIGHT) for key in NAMES}


class Drawn(dict):
    """Figures by name, each drawn when it is asked for."""

    def __getitem__(self, name):
        return super().__getitem__(name)()


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """A function that brings the figures themselves, by name, of results without runs."""

    def draw(told, theme=LIGHT):
        found = Drawn()

        def keep(name, alt, figure):
            found[name] = lambda: figure(theme)
            return Picture(name, alt, b"", "", "", 0)

        monkeypatch.setattr(charted, "of_figure", keep)
        figures(told, tmp_path)
        return found

    return draw


def lanes(told, decoder, **wanted):
    return [e for e in told["lanes"] if e["decoder"] == decoder and all(e[k] == v for k, v in wanted.items())]


def lines(axes, hue, marker="None", style="-"):
    """An axes' lines of one colour, marker and style, as (x, y)."""
    some = [each for each in axes.lines if to_hex(each.get_color()) == hue]
    some = [each for each in some if each.get_marker() in (marker, None) and each.get_linestyle() == style]
    return [(np.asarray(each.get_xdata(), float), np.asarray(each.get_ydata(), float)) for each in some]


def test_the_grids_line_goes_through_its_means_and_dots_are_the_seeds(drawn):
    told = study_results(noise=30)
    for axes, read in zip(
        drawn(told)["balance"].axes,
        (lambda e: e["distances"]["sample"]["value"], lambda e: -e["bound"]["elbo"]["mean"]),
        strict=True,
    ):
        seeds = np.array([[read(e) for e in lanes(told, "fixed_gaussian", beta=beta)] for beta in BETAS])
        ((x, y),) = lines(axes, HUES["fixed_gaussian"])
        np.testing.assert_allclose(x, BETAS)
        np.testing.assert_allclose(y, seeds.mean(1))
        filled = [each for each in axes.collections if len(each.get_facecolor())]
        dots = next(each for each in filled if to_hex(each.get_facecolor()[0]) == HUES["fixed_gaussian"])
        np.testing.assert_allclose(dots.get_offsets()[:, 1], seeds.ravel())


def test_a_sigma_vae_stands_at_its_own_variance_in_every_panel(drawn):
    told = study_results(noise=30)
    shown = drawn(told)
    for name in ("balance", "fig4"):
        for axes in shown[name].axes:
            for key, marker in (("shared_gaussian", "s"), ("optimal_gaussian", "D")):
                variances = [e["sigma"] ** 2 for e in lanes(told, key)]
                ((x, y),) = lines(axes, HUES[key], marker, "None") or lines(axes, HUES[key], marker)
                assert x[0] == pytest.approx(np.exp(np.mean(np.log(variances))))
                across = [line for line in lines(axes, HUES[key], style="--") if line[1][0] == line[1][-1] == y[0]]
                upright = [line for line in lines(axes, HUES[key], style="--") if line[0][0] == line[0][-1] == x[0]]
                assert len(across) == len(upright) == 1


def test_whiskers_are_the_intervals_of_the_seeds(drawn):
    told = study_results()
    axes = drawn(told)["balance"].axes[0]
    ends = {
        tuple(np.round([segment[0][1], segment[1][1]], 6))
        for each in axes.collections
        if hasattr(each, "get_segments")
        for segment in each.get_segments()
    }
    for lane in lanes(told, "fixed_gaussian") + lanes(told, "optimal_gaussian"):
        found = lane["distances"]["sample"]
        assert tuple(np.round([found["low"], found["high"]], 6)) in ends


def crosses(axes):
    return sorted((float(e.get_xdata()[0]), float(e.get_ydata()[0])) for e in axes.lines if e.get_marker() == "x")


def across(axes):
    """Where lines other than the σ-VAE's go from side to side."""
    own = {HUES["shared_gaussian"], HUES["optimal_gaussian"]}
    found = [e for e in axes.lines if list(e.get_xdata()) == [0, 1]]
    return {float(e.get_ydata()[0]) for e in found if e.get_linewidth() != 1.1 or to_hex(e.get_color()) not in own}


def test_a_printed_beta_stands_at_the_variance_that_its_numbers_fit(drawn):
    distance, bound = drawn(study_results(role="svhn", seeds=(0,)))["balance"].axes
    assert crosses(distance) == []  # an FID is another unit
    expected = [(beta / 2, each.nats) for beta, each in TABLE_1.items()]
    expected += [(1.0, TABLE_2["svhn"]["fixed_gaussian"].nats)]
    expected += [(0.003, TABLE_2["svhn"][key].nats) for key in ("shared_gaussian", "optimal_gaussian")]
    assert crosses(bound) == sorted(expected)


def test_a_number_printed_without_its_variance_is_a_line_across(drawn):
    figure = drawn(study_results(role="mnist", seeds=(0,)))["balance"]
    bound = figure.axes[1]
    assert crosses(bound) == [(1.0, TABLE_3["fixed_gaussian"].nats)]
    assert across(bound) == {TABLE_3["beta"].nats, TABLE_3["shared_gaussian"].nats}
    assert "printed, Shared σ" in [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("role", ["cifar10", "celeba", None])
def test_nothing_is_printed_of_another_set_or_another_network(drawn, role):
    told = study_results(role=role or "mnist", seeds=(0,))
    told["plan"]["role"] = role
    figure = drawn(told)["balance"]
    assert all(crosses(axes) == [] for axes in figure.axes)
    assert not [text for text in figure.legends[0].get_texts() if "printed" in text.get_text()]


def test_without_distances_the_bound_alone_is_drawn_over_beta(drawn):
    told = study_results(seeds=(0,))
    for lane in told["lanes"]:
        lane["distances"] = None
    assert [axes.get_title(loc="left") for axes in drawn(told)["balance"].axes] == [
        "Bound of the equivalent Gaussian, σ² = β"
    ]


def test_information_begins_at_nothing_and_shows_the_most_that_can_be_measured(drawn):
    axes = drawn(study_results())["fig4"].axes
    assert all(-0.06 * high < low < 0 for low, high in (each.get_ylim() for each in axes))
    assert [across(each) for each in axes] == [{np.log(10_000)}, set()]
    assert [text.get_text()[-4:] for text in axes[0].texts] == ["9.21"]
    assert not axes[1].texts


def test_courses_are_means_at_the_steps_that_all_seeds_have(drawn):
    told = study_results(noise=30)
    for lane in lanes(told, "shared_gaussian", seed=1):
        del lane["curve"][2]
    bound, sigma = drawn(told)["fig9"].axes
    rows = [[row for row in e["curve"] if row["step"] != 703] for e in lanes(told, "shared_gaussian")]
    for axes, key, sign in ((bound, "elbo", -1), (sigma, "sigma", 1)):
        found = lines(axes, HUES["shared_gaussian"])
        assert len(found) == 3 + 1
        x, y = found[-1]
        assert x.tolist() == [row["step"] for row in rows[0]]
        np.testing.assert_allclose(y, np.mean([[sign * row[key] for row in seed] for seed in rows], 0))
    ((_, error),) = lines(sigma, HUES["shared_gaussian"], style="--")
    np.testing.assert_allclose(error, np.mean([[row["rmse"] for row in seed] for seed in rows], 0))
    assert bound.get_xscale() == sigma.get_yscale() == "log"


def test_readings_of_the_first_steps_that_would_flatten_the_rest_are_counted(drawn):
    told = study_results(seeds=(0,))
    for lane in told["lanes"]:
        lane["curve"] = [{**lane["curve"][0], "step": 1, "elbo": -1e6}, *lane["curve"]]
    bound, sigma = drawn(told)["fig9"].axes
    assert bound.get_ylim()[1] < 1000
    assert sigma.get_xlabel() == "step · 3 readings off the scale"


def test_histograms_come_in_the_order_of_their_area_and_are_told_it(drawn):
    told = study_results(few=(0,), noise=30)
    areas = {}
    for place, key in enumerate(["fixed_gaussian", *DECODERS]):
        for lane in lanes(told, key):
            lane["calibration"]["miscalibration_area"] = 0.4 - 0.03 * place + 0.001 * lane["seed"]
        areas[key] = 0.4 - 0.03 * place + 0.001 * np.mean([e["seed"] for e in lanes(told, key)])
    told["lanes"] = [e for e in told["lanes"] if e["beta"] == 1.0]
    axes = drawn(told)["pit"].axes
    assert [each.get_title(loc="left") for each in axes] == [NAMES[key] for key in sorted(areas, key=areas.get)]
    assert axes[0].texts[0].get_text() == "miscalibration area 0.10"
    shown = next(each for each in axes if each.get_title(loc="left") == "Shared σ")
    shares = np.mean([e["calibration"]["histogram"] for e in lanes(told, "shared_gaussian")], 0)
    np.testing.assert_allclose([bar.get_height() for bar in shown.patches[1:]], 20 * shares)
    band = shown.patches[0]
    assert band.get_height() / 2 == pytest.approx(1.96 * np.sqrt(19 / 2_000))
    assert band.get_y() + band.get_height() / 2 == pytest.approx(1)


def test_a_histogram_taller_than_the_scale_says_how_tall(drawn):
    told = study_results(decoders=("shared_gaussian",), betas=(1.0,), seeds=(0,))
    shares = [0.0] * 9 + [0.45, 0.55] + [0.0] * 9
    lanes(told, "fixed_gaussian")[0]["calibration"]["histogram"] = shares
    axes = next(e for e in drawn(told)["pit"].axes if e.get_title(loc="left") == "Gaussian, σ = 1")
    assert axes.get_ylim() == (0, 3)
    assert axes.texts[1].get_text() == "up to 11"


def test_the_beta_of_the_best_samples_stands_among_the_decoders(drawn):
    told = study_results(few=(0,))
    titles = [axes.get_title(loc="left") for axes in drawn(told)["pit"].axes]
    assert len(titles) == 1 + 1 + len(DECODERS)
    assert "β-VAE, tuned" in titles
    for lane in lanes(told, "fixed_gaussian", beta=1.0):
        lane["distances"]["sample"]["value"] = 1.0
    assert "β-VAE, tuned" not in [axes.get_title(loc="left") for axes in drawn(told)["pit"].axes]


def test_coverage_goes_through_what_was_measured_and_what_the_histogram_tells(drawn):
    told = study_results(few=(0,))
    for lane in lanes(told, "optimal_gaussian"):
        lane["calibration"]["histogram"] = (np.arange(1, 21) / 210).tolist()
        for level in lane["calibration"]["coverage"].values():
            level["standard_error"] = None
    left, right = drawn(told)["coverage"].axes
    levels, inside = central(np.arange(1, 21) / 210)
    np.testing.assert_allclose(levels, np.arange(11) / 10)
    np.testing.assert_allclose(inside, levels)  # a slope leaves central intervals as they are
    share = lanes(told, "optimal_gaussian")[0]["calibration"]["coverage"]["0.95"]["share"]
    for axes, less in ((left, 0), (right, 0.95)):
        ((x, y),) = lines(axes, HUES["optimal_gaussian"])
        assert y[x == 0.95] == pytest.approx(share - less)
    assert len(right.lines) == 1 + 2 * (2 + len(DECODERS))
    assert right.get_ylim()[1] <= 0.32


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_a_decoder_has_one_colour_in_all_figures_and_no_other_has_it(drawn, theme):
    hues = {key: colour(key, theme) for key in [*NAMES, "beta"]}
    far = [np.linalg.norm(np.subtract(to_rgb(a), to_rgb(b))) for a, b in itertools.combinations(hues.values(), 2)]
    assert min(far) > 0.15
    shown = drawn(study_results(few=(0,)), theme)
    for name, keys in (
        ("balance", ("fixed_gaussian", "shared_gaussian", "optimal_gaussian")),
        ("fig9", ("shared_gaussian", "per_image_gaussian", "optimal_gaussian")),
        ("coverage", tuple(hues)),
    ):
        used = {to_hex(line.get_color()) for axes in shown[name].axes for line in axes.lines}
        assert {hues[key] for key in keys} <= used
    titles = {NAMES.get(key, "β-VAE, tuned"): hue for key, hue in hues.items()}
    bars = {axes.get_title(loc="left"): to_hex(axes.patches[1].get_facecolor()) for axes in shown["pit"].axes}
    assert bars == titles
