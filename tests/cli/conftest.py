"""The command line, run in the tests' own process."""

import sys

import pytest

from kelbo.cli.main import main


@pytest.fixture
def kelbo(monkeypatch, capsys):
    """Run a command in this process; returns (exit code, standard output, standard error)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["kelbo", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
