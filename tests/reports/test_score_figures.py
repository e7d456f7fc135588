import numpy as np
import pytest

from kelbo.reports.figure import DARK, LIGHT, as_svg
from kelbo.reports.score_figures import broken, coverage, errors_by_variance, heat_map, pit_histogram, readable


def mapped(values, names=("a", "b"), theme=LIGHT):
    rows = [f"z {k}" for k in range(len(values))]
    return heat_map(values, rows, names, under=["gap 0.10"] * len(names), title="T", unit="nats", theme=theme)


def test_every_cell_of_a_heat_map_says_its_number_and_dark_ones_in_the_papers_colour():
    axes = mapped(np.array([[0.0, 1.0], [0.25, 0.9], [0.5, 0.6]])).axes[0]
    texts = {text.get_text(): text.get_color() for text in axes.texts}
    assert list(texts) == ["0.00", "1.00", "0.25", "0.90", "0.50", "0.60"]
    assert {number for number, colour in texts.items() if colour == LIGHT.paper} == {"1.00", "0.90", "0.60"}
    assert texts["0.00"] == LIGHT.faint
    low, high = axes.get_ylim()
    assert low > high  # the first latent is at the top


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_a_heat_map_of_zeros_is_drawn(theme):
    assert b"<svg" in as_svg(mapped(np.zeros((3, 2)), theme=theme), theme)


def test_a_strangers_name_is_words_and_neither_formula_nor_markup():
    svg = as_svg(mapped(np.ones((1, 2)), ["$\\frac{", "</text><script>\x00"]), LIGHT).decode()
    assert "$\\frac{" in svg
    assert "<script" not in svg
    assert "\x00" not in svg


def test_names_are_short_enough_for_a_column():
    assert broken("horizontal_axis") == "horizontal\naxis"
    assert broken("object_size") == "object size"
    lines = broken("x" * 100).split("\n")
    assert len(lines) == 3
    assert max(map(len, lines)) <= 11
    assert readable("on\x00\n off") == "on off"
    assert len(readable("y" * 100)) == 24


def test_a_flat_histogram_stands_on_the_line_of_one_between_chances_bounds():
    axes = pit_histogram(np.full(20, 0.05), 1900, theme=LIGHT).axes[0]
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([1] * 20)
    bounds = sorted(path.vertices[0, 1] for path in axes.collections[0].get_paths())
    assert bounds == pytest.approx([1 - 0.196, 1 + 0.196])


def test_coverage_of_a_flat_histogram_is_nominal_and_of_a_hump_above():
    levels, points = np.array([0.5, 0.9]), np.array([0.5, 0.9])
    for shares, above in ((np.full(20, 0.05), 0.0), (np.repeat([0.02, 0.08, 0.02], [5, 10, 5]), 0.3)):
        line = coverage(levels, points, np.zeros(2), shares, theme=LIGHT).axes[0].lines[1]
        x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        assert (x[5], y[5] - 0.5) == pytest.approx((0.5, above))
        assert (x[-1], y[-1]) == pytest.approx((1, 1))


def test_a_histogram_without_a_middle_has_no_curve_of_coverage():
    axes = coverage(np.array([0.5]), np.array([0.4]), np.array([np.nan]), np.full(5, 0.2), theme=LIGHT).axes[0]
    assert len(axes.lines[1].get_xdata()) == 1


def test_errors_that_no_axis_can_hold_are_counted():
    predicted = np.array([1e-12, 1e-9, 1e-3, 1e-1])
    axes = errors_by_variance(predicted, predicted, np.full(4, np.nan), theme=LIGHT).axes[0]
    assert axes.get_xlabel() == "predicted · 2 bins off the scale"
    assert axes.get_xlim() == axes.get_ylim()
    near = np.array([0.010, 0.011])
    axes = errors_by_variance(near, 2 * near, np.array([0.1, 5.0]), theme=LIGHT).axes[0]
    assert axes.get_xlabel() == "predicted"
    assert len(axes.get_xticks()) >= 2
