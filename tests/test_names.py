"""Names of files are bytes, and text in files is UTF-8, whatever the locale."""

import ast
import json
import os
from pathlib import Path

import pytest
import torch

import kelbo
from kelbo.data.cache_size import cache_root
from kelbo.errors import Damaged, RecipeError
from kelbo.names import as_native, as_utf8, path_of, plain, text_of
from kelbo.recipes.files import change, dump, parse_text, setting_of
from kelbo.recipes.named import find
from kelbo.runs import Sweep
from kelbo.runs.tensors import read_tensors, write_tensors
from kelbo.runs.writing import write_json

RAW = os.fsdecode(b"raw\xff")
PACKAGE = Path(kelbo.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))


def opens_text_by_the_locale(call: ast.Call) -> bool:
    """Whether a call reads or writes text without saying in which encoding."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if "encoding" in keywords:
        return False
    of_a_process = isinstance(keywords.get("text"), ast.Constant)
    if name in ("read_text", "write_text") or of_a_process:
        return True
    modes = [one.value for one in [*call.args, *keywords.values()] if isinstance(one, ast.Constant)]
    modes = [mode for mode in modes if isinstance(mode, str) and mode.strip("rwaxbt+") == ""]
    if (
        isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == "av"
    ):  # video, whose "w" is binary
        return False
    of_a_path = not call.args and "fileobj" not in keywords  # Path.open; `Run.open(path)` and the like take arguments
    return name == "open" and (of_a_path or bool(modes)) and not any("b" in mode for mode in modes)


def test_no_file_of_the_package_opens_text_without_an_encoding():
    assert [
        f"{path}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and opens_text_by_the_locale(node)
    ] == []


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("path.read_text()", True),
        ("path.write_text(x)", True),
        ("path.open('a')", True),
        ("path.open()", True),
        ("open(path, mode='w')", True),
        ("subprocess.run(words, text=True)", True),
        ("path.open('rb')", False),
        ("path.open('a', encoding='utf-8')", False),
        ("Run.open(path)", False),
    ],
)
def test_such_a_call_would_be_found(call, found):
    assert opens_text_by_the_locale(ast.parse(call, mode="eval").body) is found  # pyright: ignore[reportArgumentType]


def test_a_name_is_the_same_text_under_every_locale(monkeypatch):
    assert as_utf8("größe") == "größe"
    monkeypatch.setattr(os, "fsencode", lambda name: name.encode("latin-1"))
    monkeypatch.setattr(os, "fsdecode", lambda name: name.decode("latin-1"))
    seen = "größe".encode().decode("latin-1")  # of a folder that was made where the locale is UTF-8
    assert as_utf8(seen) == "größe"
    assert as_native("größe") == seen


@pytest.mark.parametrize("name", ["plain", "größe 😀", "a[b] 'c' \"d\"", RAW])
def test_a_recipe_keeps_a_path_of_any_letters(tmp_path, name):
    place = tmp_path / name
    recipe = change(find("digits"), ["data.kind=mnist", setting_of("data.root", place)])
    kept = dump(recipe)
    kept.encode("utf-8")
    assert parse_text(kept, place).data.root == place  # pyright: ignore[reportAttributeAccessIssue]
    assert path_of(text_of(place)) == place


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("\ufeff" + dump(find("digits")), encoding="utf-8")
    assert find(str(path)) == find("digits")


def test_tensors_are_read_from_a_folder_whose_name_is_no_utf8(tmp_path):
    path = tmp_path / RAW / "a.safetensors"
    write_tensors(path, "toy", {"x": torch.ones(2)}, {})
    tensors, _ = read_tensors(path, "toy")
    assert tensors["x"].tolist() == [1, 1]


def test_without_a_home_folder_there_is_no_cache_and_no_error(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    for variable in ("KELBO_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    assert cache_root() is None
    monkeypatch.setenv("KELBO_CACHE", "here")
    assert cache_root() == Path("here")


ELSEWHERE = [
    "",
    " ",
    ".",
    "..",
    "../up",
    "/etc/x",
    "a/b",
    "a\\b",
    ".hidden",
    "line\nfeed",
    "nul\0",
    " blank",
    "x" * 300,
]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_name_in_a_strangers_file_leads_nowhere_else(name, tmp_path):
    with pytest.raises(ValueError, match="name"):
        plain(name)
    with pytest.raises(RecipeError, match="name"):
        change(find("digits"), [f"name={json.dumps(name)}"])
    sweep = {"format": 1, "recipe": "", "over": [], "seeds": [], "lanes": [{"name": name}]}
    write_json(tmp_path / "sweep.json", sweep)
    with pytest.raises(Damaged):
        Sweep.open(tmp_path)


@pytest.mark.parametrize("name", ["digits", "beta=4,seed=0", "größe", RAW, "a b", "x" * 240])
def test_other_names_are_plain(name):
    assert plain(name) == name


def test_a_kept_recipe_keeps_the_name_that_an_older_version_allowed():
    text = dump(find("digits")).replace('name = "digits"', 'name = "mine/digits"')
    kept = parse_text(text, Path("recipe.toml"), kept=True)
    assert kept.name == "mine/digits"
    assert change(kept, ["training.steps=7"]).name == "mine/digits"
    with pytest.raises(RecipeError, match="name"):
        parse_text(text, Path("recipe.toml"))
