from pathlib import Path

from kelbo.data.roots import data_root, missing


def test_the_folder_of_data_is_the_one_named_else_the_variable_else_data(monkeypatch):
    monkeypatch.setenv("KELBO_DATA", "/sets")
    assert data_root("/mine") == Path("/mine")
    assert data_root() == Path("/sets")
    monkeypatch.delenv("KELBO_DATA")
    assert data_root() == Path("data")


def test_missing_files_are_told_with_the_places_searched_and_the_way_out():
    error = missing("Faces", "faces.zip", [Path("a"), Path("b")])
    told = str(error)
    assert told.startswith("Faces was not found: looked for faces.zip in a, b. Put")
    assert "data.root, or the environment variable KELBO_DATA" in told
    assert error.remedy == ("data_root",)
    assert "Some were found, but not x, y." in str(missing("Faces", "x and y", [Path("a")], ["x", "y"]))


def test_a_set_with_a_public_home_names_the_command_that_downloads_it():
    told = str(missing("MNIST", "its files", [Path("a")]))
    assert "Run `kelbo data fetch mnist` to download it, put the official files into one of these, or" in told
    assert "Get it from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (no program may) and put the official" in str(
        missing("CelebA", "its files", [Path("a")])
    )
