"""Where pictures and tables go, and names that say what they show."""

import errno
import os
from pathlib import Path

import pytest

from kelbo.cli.places import name_of, write_and_tell
from kelbo.errors import RunError


def test_a_name_has_the_options_that_were_given():
    assert name_of("sample") == name_of("sample", prior=None, given=None) == "sample"
    assert name_of("sample", given="Smiling=1,Male=0") == "given=Smiling=1,Male=0-sample"
    assert name_of("sample", prior="m2", given="3") == "prior=m2-given=3-sample"
    assert name_of("sample", given="raw\udcff").startswith("given=raw_-")


@pytest.mark.parametrize("value", ["../../etc", "a b", "/", "C:\\x", "größe", "\n", "a*?[b]", "x" * 5000])
def test_any_value_makes_one_short_file_name_of_plain_letters(value):
    name = name_of("sample", given=value)
    assert name.isascii()
    assert not {*name} & {*"/\\ :*?[]\n"}
    assert len(name) < 120


def test_different_values_have_different_names():
    values = ["a b", "a_b", "a/b", "a\nb", "x" * 200, "x" * 201, "3", "3-sample", "m", "M"]
    assert len({name_of("sample", given=value) for value in values}) == len(values)
    assert name_of("sample", prior="m-given=3") != name_of("sample", prior="m", given="3-")


def refuse(*places, error=errno.EROFS):
    """A way of writing that some places refuse."""

    def write(path):
        if path in places:
            raise OSError(error, os.strerror(error))
        path.touch()

    return write


def test_a_file_of_a_folder_that_may_not_be_written_goes_into_the_current_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "s" / "table.csv"
    write_and_tell(None, own, own.parent, refuse(own))
    out, err = capsys.readouterr()
    assert (out, str(own.parent) in err) == ("s-table.csv\n", True)
    assert (tmp_path / "s-table.csv").is_file()
    with pytest.raises(RunError) as told:
        write_and_tell(None, own, own.parent, refuse(own, Path("s-table.csv")))
    assert told.value.remedy == ("out",)


def test_a_file_goes_nowhere_else_if_its_place_was_named_or_the_disk_is_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "s" / "table.csv"
    with pytest.raises(OSError, match="Read-only"):
        write_and_tell(own, own, own.parent, refuse(own))
    with pytest.raises(OSError, match="No space"):
        write_and_tell(None, own, own.parent, refuse(own, error=errno.ENOSPC))
    assert [*tmp_path.iterdir()] == []
