"""The bar that counts images: on a terminal, and nowhere else."""

import pytest

from kelbo.cli.progress import counting


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
