"""Settings with types of their own, and what is said of lanes that a mean leaves out."""

import pytest
from rich.console import Console

from kelbo.sweeps.frame import LaneNumber, summary, typed
from kelbo.sweeps.measured import SHARE
from kelbo.sweeps.table_files import printed


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["0.1", "1"], [0.1, 1.0]),
        (["64", "256"], [64, 256]),
        (["true", "false"], [True, False]),
        (["none", "0.999"], ["none", "0.999"]),
        (["[1, 2]", "[3]"], ["[1, 2]", "[3]"]),
        (["adam", '"adagrad"'], ["adam", "adagrad"]),
    ],
)
def test_settings_have_the_types_of_their_values(texts, values):
    found = [of_lane["a.b"] for of_lane in typed([{"a.b": text} for text in texts])]
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_an_interval_that_equal_seeds_cannot_tell_is_none():
    for unit in ("nats per image", SHARE):
        table = [LaneNumber(str(n), {}, n, "elbo", 1.0, unit, "evaluation test", 5, "done", {}) for n in range(3)]
        (found,) = summary(table)
        assert (found.mean, found.sd, found.low, found.high) == (1.0, 0.0, None, None)


def test_a_deviation_and_an_interval_over_one_seed_do_not_exist():
    row = LaneNumber("a", {}, 0, "elbo", 1.5, "nats per image", "evaluation test", 5, "done", {})
    (found,) = summary([row])
    assert (found.n, found.mean, found.median) == (1, 1.5, 1.5)
    assert (found.sd, found.low, found.high) == (None, None, None)
    console = Console(width=80, force_terminal=False)
    with console.capture() as capture:
        console.print(printed([found]))
    assert "1.5 ± –" in capture.get()


def test_what_is_excluded_stands_beside_the_count():
    common = {
        "settings": {"objective.beta": 1.0},
        "quantity": "mig",
        "unit": "share",
        "source": "scores disentanglement",
    }
    lanes = [(0.9, "done"), (0.99, "done"), (0.2, "diverged"), (None, "done")]
    table = [
        LaneNumber(lane=f"{seed}", seed=seed, value=value, state=state, step=5, conditions={}, **common)
        for seed, (value, state) in enumerate(lanes)
    ]
    (row,) = summary(table)
    assert (row.n, row.excluded, row.note) == (2, 2, "1 diverged; 1 not measured")
    assert (row.low, row.high) == (pytest.approx(0.945 - 0.5718, abs=1e-3), 1.0)  # of a share within 0 and 1
    console = Console(width=80, force_terminal=False)
    with console.capture() as capture:
        console.print(printed([row]))
    text = capture.get()
    assert "2 of 4 ¹" in text
    assert "¹ 1 diverged; 1 not measured" in text
