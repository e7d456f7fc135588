"""The lines of many jobs, on a terminal and elsewhere."""

import io

import pytest

from kelbo.cli.console import Console
from kelbo.cli.lane_lines import JobLines


@pytest.mark.parametrize("terminal", [False, True])
def test_errors_are_printed_as_they_are(terminal):
    """In square brackets rich would see its own markup, and refuse a closing tag that nothing opened."""
    error = "ValueError: [/tmp/a] is no [bold] file"
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200)
    with JobLines(1, console) as lanes:
        lanes.watch("lane", {"step": 1, "steps": 2})
        lanes.watch("lane", {"state": "again", "error": error})
        lanes.bar.refresh()
        lanes.watch("lane", {"state": "failed", "kind": "ValueError", "error": error})
    assert console.file.getvalue().count(error) >= 2
