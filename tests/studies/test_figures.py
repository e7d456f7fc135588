"""What a study's figures draw and tell."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from tests.studies.invented import arm, lane, numbers

from kelbo.reports.figure import DARK, LIGHT
from kelbo.studies import charts, figures
from kelbo.studies.arms import StudyModel
from kelbo.studies.charts import Bars, Cloud, bars, curve, curves, rate_distortion
from kelbo.studies.claim_plot import SHOWN, WIDTH, claim_plot
from kelbo.studies.estimates import Estimate
from kelbo.studies.figures import (
    Absent,
    Line,
    Look,
    Point,
    Print,
    SettingPanel,
    line_over,
    ordered_looks,
    over_setting,
    own_place,
)
from kelbo.studies.judge import Test

BETA = "objective.beta"
LOW, HIGH = (StudyModel("betas", ((BETA, beta),), f"β = {beta:g}") for beta in (0.5, 4.0))
FREE = StudyModel("free", name="Free")
LOOKS = ordered_looks([LOW, HIGH], {FREE: Look("#ff0000", "#00ff00", "s")})


@pytest.fixture
def n():
    lanes = [
        lane(seed, {"x": [x, x - 1, x + 1]}, {BETA: beta}) for beta, x in ((0.5, 2.0), (4.0, 6.0)) for seed in (0, 1)
    ]
    free = [lane(seed, {"x": 5.0, "place": place}) for seed, place in enumerate((1.0, 4.0, 0.0))]
    return numbers(arm("betas", *lanes), arm("free", *free))


@pytest.fixture
def drawn(monkeypatch):
    """A figure is its text and what is drawn in the light and in the dark."""
    for module in (figures, charts):
        monkeypatch.setattr(module, "of_figure", lambda _name, alt, draw: (alt, draw(LIGHT), draw(DARK)))


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


@pytest.mark.usefixtures("drawn")
def test_a_quantity_over_a_setting_is_told_and_drawn_with_every_seed_and_printed_number(n):
    line = line_over(n, "x", {LOW: 0.5, HIGH: 4.0}, LOW)
    own = own_place(n, "x", FREE, "place")
    assert len(own.points) == 2  # a place of 0 is none
    panel = SettingPanel("X", "nats", [line, own], [Print(FREE, None, 3.0), Print(HIGH, 4.0, 7.0)], (8.0, "most"))
    alt, light, dark = over_setting("fig", [panel, SettingPanel("Y", "", [Line(LOW, [])])], LOOKS, "β")
    assert alt == "X, nats: 2.000 of β = 0.5 at 0.5, 6.000 of β = 0.5 at 4, 5.000 of Free at 2.0"
    (axes,) = light.axes
    dots = [collection.get_offsets() for collection in axes.collections if len(collection.get_offsets()) > 1]
    np.testing.assert_array_equal(dots[0], [[0.5, 2], [0.5, 2], [4, 6], [4, 6]])
    assert (axes.get_xscale(), axes.get_xlabel(), axes.get_title("left")) == ("log", "β", "X")
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.5", "4"]
    assert labels(light) == ["β = 0.5", "Free, at 2.0", "printed, Free", "printed"]
    ends = {
        tuple(segment[:, 1])
        for lines in axes.collections
        if hasattr(lines, "get_segments")
        for segment in lines.get_segments()
    }
    assert {(1.0, 3.0), (5.0, 7.0)} <= ends
    marks = [to_hex(line.get_color()) for line in dark.axes[0].lines]
    assert {LOOKS(FREE).dark, LOOKS(LOW).dark} <= set(marks)


@pytest.mark.usefixtures("drawn")
def test_shares_are_in_percent_and_an_axis_may_begin_at_zero():
    line = Line(LOW, [Point(0.5, 0.2), Point(4.0, 0.9)])
    _, figure, _ = over_setting("fig", [SettingPanel("S", "", [line], share=True)], LOOKS, "β")
    assert figure.axes[0].yaxis.get_major_formatter()(0.5) == "50 %"
    _, figure, _ = over_setting("fig", [SettingPanel("S", "", [line], level=(2.0, "cap"), zero=True)], LOOKS, "β")
    low, high = figure.axes[0].get_ylim()
    assert low <= 0 < 2.0 < high
    assert "cap" in [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.usefixtures("drawn")
def test_curves_show_each_seed_thin_and_their_mean_thick():
    rows = [[[1, 4.0], [10, 2.0]], [[1, 6.0], [10, 4.0]]]
    n = numbers(arm("betas", *(lane(seed, {}, {BETA: 0.5}, courses={"elbo": row}) for seed, row in enumerate(rows))))
    lines = [*curve(n, "elbo", LOW, sign=-1), *curve(n, "elbo", HIGH)]
    alt, figure, _ = curves("fig", [("Bound", "−ELBO", lines), ("Nothing", "", [])], LOOKS)
    assert alt == "Bound while training, at the end β = 0.5 -3"
    found = [(line.get_linewidth(), list(line.get_ydata())) for line in figure.axes[0].lines]
    assert found == [(0.6, [-4, -2]), (0.6, [-6, -4]), (1.6, [-5, -3])]
    assert labels(figure) == ["β = 0.5"]


@pytest.mark.usefixtures("drawn")
def test_bars_are_medians_with_every_seed_as_a_dot_and_the_groups_level():
    groups = [Bars("one", {LOW: [0.1, 0.2, 0.6], HIGH: []}, 0.5), Bars("none", {LOW: []}), Bars("two", {HIGH: [1.0]})]
    alt, figure, _ = bars("fig", groups, LOOKS, "accuracy", level="chance")
    assert alt == "Bars, accuracy. one: β = 0.5 20.0 %; two: β = 4 100.0 %"
    assert [bar.get_height() for bar in figure.axes[0].patches] == [0.2, 1.0]
    dots = [collection.get_offsets()[:, 1].tolist() for collection in figure.axes[0].collections]
    assert [0.1, 0.2, 0.6] in dots
    assert labels(figure) == ["β = 0.5", "β = 4", "one seed", "chance"]


@pytest.mark.usefixtures("drawn")
def test_every_run_is_a_point_of_rate_and_distortion_with_its_intervals():
    runs = [(LOW, (3.0, 0.5), (20.0, 1.0), "o"), (HIGH, (1.0, 0.1), (30.0, 1.0), "^")]
    alt, figure, _ = rate_distortion("fig", [Cloud("Digits", runs), Cloud("None", [])], LOOKS, {"^": "convolutional"})
    assert alt == "Rate against distortion of 2 runs on Digits"
    (axes,) = figure.axes
    points = [container.lines[0] for container in axes.containers]
    assert [(*line.get_xdata(), *line.get_ydata(), line.get_marker()) for line in points] == [
        (3.0, 20.0, "o"),
        (1.0, 30.0, "^"),
    ]
    assert labels(figure) == ["β = 0.5", "β = 4", "convolutional"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: over_setting("fig", [SettingPanel("", "", [Line(LOW, [])])], LOOKS, ""),
        lambda: curves("fig", [("", "", [])], LOOKS),
        lambda: bars("fig", [Bars("", {LOW: []})], LOOKS, ""),
        lambda: rate_distortion("fig", [Cloud("", [])], LOOKS),
    ],
)
def test_nothing_to_show_is_absent(draw):
    with pytest.raises(Absent):
        draw()


def test_a_claims_plot_draws_intervals_on_their_side_and_tells_all_numbers():
    tests = [
        Test("A", Estimate(2.0, 1.0, 3.0, ""), above=0),
        Test("B<", Estimate(-1.0, -2.0, -0.5, ""), above=0),
        Test("C", Estimate(1.0, None, None, ""), above=-2, below=2),
    ]
    plot = claim_plot(tests)
    assert [plot.count(f'<circle class="{side}"') for side in ("for", "against", "open")] == [1, 1, 1]
    assert [plot.count(f'<line class="{side}"') for side in ("for", "against", "open")] == [1, 1, 0]
    assert f'<rect x="{WIDTH / 2:.1f}" y="0.00" width="{WIDTH / 2:.1f}"' in plot  # above 0, right of the middle
    assert 'aria-label="A 2.0, wanted &gt; 0.0; B&lt; -1.0' in plot.replace("−", "-")
    assert "svg" not in claim_plot([])


def test_a_claims_plot_of_many_tests_draws_those_that_decide():
    supporting = [Test(f"A{number}", Estimate(2.0, 1.0, 3.0, ""), above=0) for number in range(SHOWN)]
    plot = claim_plot([*supporting, Test("B", Estimate(-1.0, -2.0, -0.5, ""), above=0)])
    assert [plot.count(f'<circle class="{side}"') for side in ("for", "against")] == [SHOWN - 1, 1]
    assert f"A{SHOWN - 1}" in plot  # told all the same
