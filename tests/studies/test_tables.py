"""Tables of a study: our means with the printed numbers joined to them."""

import pytest
from tests.studies.invented import arm, lane, numbers

from kelbo.reports.numbers import NONE
from kelbo.studies.arms import StudyModel
from kelbo.studies.tables import Column, Row, by_model, trained, with_deviation

A, B, C = (StudyModel(name, name=name.upper(), printed=name) for name in "abc")
PAPER = {
    "numbers": [
        {"data": "digits", "model": "a", "quantity": "loss", "value": 1234.5, "sd": 1.2, "n": 3},
        {"data": "digits", "model": "b", "quantity": "loss", "value": -2.0, "erratum": "typo", "place": "Table 1"},
        {"data": "digits", "model": "b", "quantity": "loss", "value": -3.0, "erratum": "typo", "place": "Table 2"},
        {"data": "mnist", "model": "c", "quantity": "loss", "value": 7.0},
    ],
    "errata": {"typo": "Not measured."},
}


def found(*lanes, **more):
    return numbers(arm("a", *lanes), arm("b"), paper=PAPER, facts={"data": "digits"}, **more)


def rows(n, *columns, models=(A, B, C), **how) -> dict[str, Row]:
    table = by_model(n, "T", "", columns, {"": models}, **how)
    return {row.title: row for row in table.groups[0].rows}


def test_a_cell_is_our_mean_and_deviation_over_seeds_with_the_printed_number_below():
    cell = rows(found(lane(0, {"x": 10.0}), lane(1, {"x": 12.0})), Column("X", "x", printed="loss"))["A"].cells[0]
    assert (cell.value, cell.error, cell.notes, cell.mark) == ("11.0", "1.4", ("printed 1,234.5 ± 1.2",), "")


def test_printed_numbers_are_those_of_the_set_and_of_the_place():
    columns = Column("", "x", printed="loss"), Column("", "x", printed="loss", place="Table 2", alone=True)
    there = rows(found(), *columns)
    assert [cell.value for cell in there["B"].cells] == [NONE, "−3"]
    assert there["C"].cells[0].notes == ()
    assert rows(found(), *columns, data="mnist")["C"].cells[0].notes == ("printed 7",)


def test_an_erratum_is_one_footnote_however_many_cells_it_is_about():
    table = by_model(found(), "T", "", [Column("", "x", printed="loss")] * 2, {"": [B], "other": [A, B], "none": []})
    assert table.footnotes == {"a": "Not measured."}
    marks = [cell.mark for group in table.groups for row in group.rows for cell in row.cells]
    assert marks == ["a", "a", "", "", "a", "a"]
    assert [group.title for group in table.groups] == ["", "other"]


def test_a_row_tells_how_many_seeds_it_is_of_and_why_it_has_none():
    n = found(lane(0, {"x": 1.0}), lane(1, {"x": 9.0}, state="diverged"), left_out=[{"what": "c", "why": "no files."}])
    there = rows(n, Column("X", "x"))
    assert there["A"].about == "1 seed, 1 diverged of 2"
    assert (there["A"].cells[0].value, there["A"].cells[0].error) == ("1.000", NONE)
    assert (there["B"].cells[0].value, there["B"].about) == (NONE, "B was not run.")
    assert there["C"].about == "C was left out: no files."


def test_columns_scale_round_and_add_the_lanes_words():
    n = found(lane(0, {"x": 0.5}, words={"kind": "a mass"}), lane(1, {"x": 0.51}, words={"kind": "a mass"}))
    percent, noted = rows(n, Column("", "x", times=100, decimals=1), Column("", "x", notes="kind"))["A"].cells
    assert (percent.value, percent.error) == ("50.5", "0.7")
    assert noted.notes == ("a mass",)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([0.001 - 1e-12] * 2, ("0.001", "0")),
        ([0.1, 0.1 + 1e-17], ("0.1", "0")),
        ([12345.6] * 3, ("12,346", "0")),
        ([-0.5] * 2, ("−0.5", "0")),
        ([0.0, 0.0], ("0", "0")),
        ([100.0, 100.0], ("100", "0")),
        ([1.0], ("1.000", NONE)),
        ([], (NONE, "")),
    ],
)
def test_without_any_deviation_a_mean_has_no_digits_that_tell_nothing(values, told):
    assert with_deviation(values) == told


def test_the_table_of_what_was_trained_tells_steps_epochs_and_lost_runs():
    done = [lane(seed, settings={"objective.beta": 0.5}) for seed in (3, 4)]
    arms = arm("a", *done, lane(5, state="failed"), over=["objective.beta"], steps=50), arm("b", images=0)
    first, second = trained(numbers(*arms, names={"objective.beta": {"0.5": "half"}})).groups[0].rows
    assert [cell.value for cell in first.cells] == ["half", "3, 4, 5", "50", "1.6", arms[0]["training"], "2 of 3"]
    assert [cell.notes for cell in first.cells[2:]] == [("of 100: 50 %",), ("of 3.2",), (), ("1 failed of 3",)]
    assert second.cells[3].value == NONE  # epochs of no images
