import matplotlib as mpl
import numpy as np
import pytest

from kelbo.reports.figure import DARK, LIGHT, as_png, as_svg, curves, rate_bars, robust_limits, tick

STEPS = np.arange(1.0, 101.0)


def drawn(values, **options):
    figure = curves(STEPS[: len(values)], {"a": values}, title="A", unit="nats", theme=LIGHT, **options)
    return figure.axes[0]


def test_limits_hold_all_values_of_a_steady_curve():
    values = np.linspace(-100.0, 50.0, 100)
    low, high = robust_limits(values)
    assert low < -100
    assert high > 50


def test_limits_are_not_flattened_by_the_first_steps():
    values = np.concatenate([[1e6, 1e5, 1e4], np.linspace(10, 0, 97)])
    low, high = robust_limits(values)
    assert -5 < low < 0
    assert 10 < high < 50


def test_limits_are_not_flattened_by_a_few_late_outliers():
    values = np.sin(STEPS)
    values[80] = 1e6
    assert robust_limits(values)[1] < 10


def test_limits_of_two_lines_hold_both():
    low, high = robust_limits(np.full(10, 1.0), np.full(10, 3.0))
    assert low < 1
    assert high > 3


@pytest.mark.parametrize("values", [np.zeros(5), np.full(5, -3.0), np.full(1, 1e-9)], ids=str)
def test_limits_of_a_constant_hold_it(values):
    low, high = robust_limits(values)
    assert low < values[0] < high


def test_limits_leave_out_what_is_no_number():
    assert robust_limits(np.array([np.nan, 1.0, 2.0])) == robust_limits(np.array([1.0, 2.0]))
    assert robust_limits(np.full(3, np.nan)) == (0.0, 1.0)


def test_a_curve_counts_the_points_off_its_scale():
    values = np.concatenate([[1e6, 1e5], np.linspace(10, 0, 98)])
    assert drawn(values).get_xlabel() == "step · 2 points off the scale"
    assert drawn(np.linspace(10, 0, 98)).get_xlabel() == "step"


def test_a_curve_has_title_unit_and_floor():
    axes = drawn(np.linspace(5, 10, 20), floor=0.0)
    assert (axes.get_title("left"), axes.get_title("right")) == ("A", "nats")
    assert axes.get_ylim()[0] == 0


def test_two_curves_have_different_colours_and_a_legend():
    figure = curves(STEPS, {"σ": STEPS, "RMSE": 2 * STEPS}, title="", unit="", theme=LIGHT)
    first, second = figure.axes[0].lines
    assert first.get_color() != second.get_color()
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["σ", "RMSE"]


def test_a_single_reading_is_seen_as_a_point():
    assert drawn(np.array([3.0])).lines[0].get_marker() == "o"


def test_bars_are_sorted_and_active_ones_coloured():
    rates, active = np.array([0.5, 3.0, 0.01]), np.array([True, True, False])
    axes = rate_bars(rates, active, theme=LIGHT).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [3.0, 0.5, 0.01]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "0", "2"]
    colours = [mpl.colors.to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert colours == [LIGHT.first, LIGHT.first, LIGHT.faint]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["active (2)", "inactive (1)"]


def test_many_bars_carry_no_index():
    axes = rate_bars(np.linspace(0, 1, 200), np.ones(200, bool), theme=LIGHT).axes[0]
    assert len(axes.get_xticks()) == 0
    assert "200 latents" in axes.get_xlabel()


def test_a_figure_is_the_same_file_every_time_and_another_in_the_dark():
    light, again, dark = (
        as_svg(curves(STEPS, {"a": STEPS}, title="", unit="", theme=theme), theme) for theme in (LIGHT, LIGHT, DARK)
    )
    assert light == again
    assert DARK.first.encode() in dark
    assert DARK.first.encode() not in light


def test_text_in_a_figure_is_text_in_the_readers_font():
    svg = as_svg(curves(STEPS, {"a": STEPS}, title="Rate", unit="nats", theme=LIGHT), LIGHT).decode()
    assert ">Rate<" in svg
    assert "system-ui" in svg
    assert "DejaVu" not in svg


def settings():
    """All of Matplotlib's but the backend, which it settles by itself when first asked."""
    return {name: mpl.rcParams[name] for name in mpl.rcParams if name != "backend"}


def test_drawing_leaves_matplotlibs_settings_alone():
    before = settings()
    figure = rate_bars(np.ones(3), np.ones(3, bool), theme=DARK)
    assert as_png(figure, DARK).startswith(b"\x89PNG")
    as_svg(figure, DARK)
    assert settings() == before


@pytest.mark.parametrize(
    ("value", "label"), [(0, "0"), (7.5e-4, "7.5e−4"), (-0.002, "−2e−3"), (0.25, "0.25"), (-45000, "−45,000")]
)
def test_axis_labels_are_short(value, label):
    assert tick(value) == label
