"""What the README shows is run, and what it claims is measured."""

import json
import re
from pathlib import Path

import pytest

from kelbo.cli.main import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_python_snippet_runs(snippet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(snippet, "README.md", "exec"), names)
    assert "loss" in names or "record" in names


def test_the_drop_in_trains_a_users_own_network():
    names = {}
    exec(compile(SNIPPETS[0], "README.md", "exec"), names)
    assert all(p.grad.abs().sum() > 0 for part in ("encoder", "decoder") for p in names[part].parameters())


def test_the_speed_is_the_measured_one():
    ratio = json.loads((ROOT / "benchmarks/results/burgess_train.json").read_text())["ratio_of_medians"]
    assert f"**{ratio:.1f}×**" in README


def test_the_demo_reaches_what_is_claimed():
    seeds = json.loads((ROOT / "benchmarks/results/demo.json").read_text())["seeds"]
    assert "about two minutes on two cores" in README
    assert all(100 <= seed["total"]["wall"] <= 150 for seed in seeds.values())
    demo = seeds["0"]
    shape = demo["shape"]
    assert f"**{demo['psnr']['mean']:.1f} dB**" in README
    assert f"**{100 * shape['reconstructions']:.0f} %**" in README
    assert demo["psnr"]["mean"] >= 24
    assert shape["originals"] >= 0.99
    assert shape["reconstructions"] >= 0.85
    assert not demo["warnings while training"]


def test_every_command_is_in_the_table():
    verbs = [command.name or command.callback.__name__ for command in app.registered_commands]
    verbs += [group.name for group in app.registered_groups]
    table = README.partition("## The command line")[2].partition("## ")[0]
    assert all(f"{verb} " in table for verb in verbs)


def test_every_room_is_on_the_map():
    rooms = [path.name for path in (ROOT / "src/kelbo").iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert all(f"{room}/" in README for room in rooms)


def test_every_file_that_the_readme_shows_is_there():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)
