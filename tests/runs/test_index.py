"""A list of runs shows every run that can be read, whatever else lies below the folder."""

import os

import pytest

from kelbo.recipes import dump, find
from kelbo.runs import Run
from kelbo.runs.index import index


def directory(path):
    path.unlink(missing_ok=True)
    path.mkdir()


def pipe(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def link_to_nothing(path):
    path.unlink(missing_ok=True)
    path.symlink_to("nowhere")


def link_to_itself(path):
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


FOREIGN = {
    "a recipe that is a pipe": ("recipe.toml", pipe),
    "a recipe that links to nothing": ("recipe.toml", link_to_nothing),
    "a recipe that links to itself": ("recipe.toml", link_to_itself),
    "a journal that is a folder": ("journal.jsonl", directory),
}


@pytest.fixture
def runs(tmp_path):
    for name in ("first", "foreign", "second"):
        Run.create(tmp_path / name, dump(find("digits")), {})
        (tmp_path / name / "journal.jsonl").write_text('{"step": 3}\n')
    return tmp_path


@pytest.mark.parametrize(("name", "made"), FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_is_told_by_its_path_and_hides_no_run(runs, name, made):
    made(runs / "foreign" / name)
    first, foreign, second = index(runs)
    assert [first.error, second.error] == [None, None]
    assert [first.last, second.last] == [{"step": 3}] * 2
    assert str(runs / "foreign" / name) in str(foreign.error)


@pytest.mark.parametrize("content", [b"\xff" * 10_000, b"[" * 100_000 + b"\n", b"[]\n7\n{}\n", b"9" * 10_000])
def test_a_journal_of_something_else_has_no_row(runs, content):
    (runs / "foreign" / "journal.jsonl").write_bytes(content)
    assert [one.last for one in index(runs)] == [{"step": 3}, {}, {"step": 3}]


def test_a_folder_that_cannot_be_entered_is_told(runs, monkeypatch):
    walk = os.walk

    def refusing(folder, onerror):
        onerror(PermissionError(13, "Permission denied", str(runs / "second")))
        for place, folders, files in walk(folder):
            folders[:] = [name for name in folders if name != "second"]
            yield place, folders, files

    monkeypatch.setattr(os, "walk", refusing)
    assert [one.error is None for one in index(runs)] == [True, True, False]


def test_without_a_folder_there_is_no_run(tmp_path):
    assert index(tmp_path / "nowhere") == []
