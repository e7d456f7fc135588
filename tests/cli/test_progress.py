"""The bar that counts images: on a terminal, and nowhere else."""

import json

import pytest

from kelbo.cli.bars import counting
from kelbo.cli.progress import Progress
from kelbo.runs import Run


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # Rich then takes any stream for a terminal
    monkeypatch.setenv("TERM", "xterm")


def test_images_are_counted_on_a_terminals_standard_error(terminal, capsys):
    with counting("evaluating", 30, quiet=False) as advance:
        assert advance is not None
        for count in (20, 10):
            advance(count)
    told = capsys.readouterr()
    assert told.out == ""
    assert "evaluating" in told.err
    assert "30/30" in told.err


def test_nothing_is_counted_where_it_should_be_quiet(terminal, capsys):
    with counting("evaluating", 30, quiet=True) as advance:
        assert advance is None
    assert capsys.readouterr().err == ""


def test_nothing_is_counted_where_there_is_no_terminal(capsys):
    with counting("evaluating", 30, quiet=False) as advance:
        assert advance is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("images", "told"), [(1, "1 test image)"), (5, "5 test images)"), (900, "64 test images)")])
def test_a_finished_run_says_on_how_many_test_images_its_error_was_read(images, told, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "provenance.json").write_text(
        json.dumps({"data": {"splits": {"train": {"images": images}, "test": {"images": images}}}})
    )
    (tmp_path / "journal.jsonl").write_text(json.dumps({"step": 10, "rmse": 0.1}) + "\n")
    Progress("p", 10).summary(Run(tmp_path))
    assert f"({told}" in capsys.readouterr().out


def test_a_scalar_of_the_runs_own_update_is_in_the_line_but_not_those_of_single_groups(capsys):
    row = {"step": 5, "rate": 1.25, "rate/0": 1.0, "discriminator_accuracy": 0.75, "images_per_second": 10.0}
    with Progress("players", 10) as progress:
        progress.show(row)
    line = capsys.readouterr().out
    assert "discriminator accuracy 0.8" in line
    assert "rate 1.2" in line
    assert "rate/0" not in line


def test_a_run_that_reads_nothing_says_how_its_players_stand_and_no_bound(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    told = {"data": {"splits": {"train": {"images": 9}, "test": {"images": 9}}}, "model": {"reads": False}}
    (tmp_path / "provenance.json").write_text(json.dumps(told))
    (tmp_path / "journal.jsonl").write_text(json.dumps({"step": 10, "discriminator/accuracy": 0.75}) + "\n")
    Progress("p", 10).summary(Run(tmp_path))
    said = capsys.readouterr().out
    assert "0.75" in said
    assert "kelbo sample" in said
    assert not {"elbo", "rmse", "evaluate"} & set(said.split())


def test_a_slack_is_in_the_line_in_the_unit_of_its_target_too(capsys):
    row = {"step": 5, "slack": 0.25, "slack_psnr": -0.17, "images_per_second": 10.0}
    with Progress("held", 10) as progress:
        progress.show(row)
    line = capsys.readouterr().out
    assert "slack 0.25" in line
    assert "slack psnr -0.17 dB" in line
