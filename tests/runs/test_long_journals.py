"""A long journal is read from its end where its end is asked for, and cut back without being written again."""

import json
import math

import numpy as np
import pytest

from kelbo.runs import Journal
from kelbo.runs.journal import BLOCK


def line(step):
    return json.dumps({"step": step, "elbo": step / 7, "note": "x" * (step % 50)}) + "\n"


@pytest.fixture
def journal(tmp_path):
    """Some megabyte of rows."""
    made = Journal(tmp_path / "journal.jsonl")
    made.path.write_text("".join(map(line, range(1, 20_001))))
    return made


@pytest.fixture
def parsed(monkeypatch):
    """The length of each line that is parsed, empty ones left out."""
    lengths, loads = [], json.loads

    def parse(text):
        lengths.extend([len(text)] if text else [])
        return loads(text)

    monkeypatch.setattr("kelbo.runs.journal.json.loads", parse)
    return lengths


def test_the_last_row_is_found_without_parsing_any_other(journal, parsed):
    assert journal.last()["step"] == 20_000
    assert len(parsed) == 1


def test_the_last_row_is_found_in_the_last_block_of_the_file(journal):
    size = journal.path.stat().st_size
    with journal.path.open("rb+") as file:  # all before the last block is no text of rows
        file.write(b"\xff" * (size - BLOCK))
    assert journal.last()["step"] == 20_000


@pytest.mark.parametrize(
    "torn", ["", '{"step": 9, "el', '{"step": 9, "elbo": NaN\n', "[1]\n", "\n\n", '{"elbo": 1}\n', "\x00" * 9000]
)
@pytest.mark.parametrize("rows", [0, 1, 2, 300])
def test_whatever_a_crash_leaves_behind_the_end_says_what_all_rows_say(tmp_path, torn, rows):
    journal = Journal(tmp_path / "journal.jsonl")
    assert journal.last() == {}
    journal.path.write_text("".join(map(line, range(1, rows + 1))) + torn)
    assert len(journal.rows()) == rows
    assert journal.last() == (journal.rows() or [{}])[-1]


def test_a_row_that_is_longer_than_a_block_is_read_whole(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    rows = [{"step": step, **{f"rate/{k}": k + 0.5 for k in range(2000)}} for step in (1, 2)]
    for row in rows:
        journal.append(row)
    assert journal.last() == rows[1]
    journal.cut_after(1)
    assert journal.rows() == rows[:1]


@pytest.mark.parametrize("step", [0, 1, 19_998, 20_000, 30_000])
def test_cutting_leaves_the_rows_before_as_they_were(journal, step):
    before = journal.path.read_bytes()
    journal.cut_after(step)
    assert before.startswith(journal.path.read_bytes())
    assert journal.last().get("step", 0) == min(step, 20_000)


def test_cutting_parses_only_what_it_drops_and_one_row_more(journal, parsed):
    journal.cut_after(19_990)
    assert len(parsed) == 11


@pytest.mark.parametrize("torn", ["", '{"step": 3, "el', '{"step": 3}\n{"st'])
def test_rows_that_are_added_after_cutting_have_lines_of_their_own(tmp_path, torn):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.path.write_text((line(1) + line(2) + torn).removesuffix("\n"))
    journal.cut_after(2)
    journal.append({"step": 3, "elbo": 0.0})
    assert [row["step"] for row in journal.rows()] == [1, 2, 3]
    assert journal.path.read_text().startswith(line(1) + line(2))


def test_columns_have_a_place_for_each_row_up_to_a_step(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    for row in (
        {"step": 1, "rate": 2.0},
        {"step": 2, "rate": math.inf, "own": 5},
        {"step": 3, "own": None},
        {"step": 4},
    ):
        journal.append(row)
    columns = journal.columns(3)
    assert columns.keys() == {"step", "rate", "own"}
    np.testing.assert_array_equal(columns["step"], [1, 2, 3])
    np.testing.assert_array_equal(columns["rate"], [2, np.nan, np.nan])
    np.testing.assert_array_equal(columns["own"], [np.nan, 5, np.nan])
