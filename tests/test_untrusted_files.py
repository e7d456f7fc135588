"""A malicious file of each kind, and that nothing in it ran or got out."""

import io
import json
import os
import pickle
import shlex
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.records import page_of

from kelbo.data.arrays import arrays
from kelbo.data.cifar import cifar10
from kelbo.data.folder import folder
from kelbo.errors import DataCorrupt, KelboError, RecipeError, RunError
from kelbo.experiments import open_run, train
from kelbo.recipes import change, find, load


class Payload:
    """Unpickled carelessly, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {shlex.quote(str(self.path))}",)


@pytest.fixture
def proof(tmp_path):
    """The file that a payload would make; the test fails if it is there at the end."""
    path = tmp_path / "proof"
    yield path
    assert not path.exists()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    recipe = change(find("digits"), ["training.steps=2", "model.network.width=8"])
    recipe = recipe.model_copy(update={"name": "<script>alert(1)</script>"})  # as a run of an older version may have it
    return train(recipe, tmp_path_factory.mktemp("runs") / "run")


def archive_of(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_the_payload_is_a_real_one(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


def test_a_cifar_archive_that_wants_to_run_a_command_is_refused(tmp_path, proof):
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    content = pickle.dumps({"data": Payload(proof), "labels": [0]})
    archive_of(tmp_path / "cifar-10-python.tar.gz", {f"cifar-10-batches-py/{name}": content for name in names})
    with pytest.raises(DataCorrupt, match="system"):
        cifar10(tmp_path)


def test_an_archives_members_never_leave_it(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    archive_of(inner / "cifar-10-python.tar.gz", {"../escaped": b"x", "/tmp/kelbo-escaped": b"x"})
    with pytest.raises(KelboError):
        cifar10(inner)
    with zipfile.ZipFile(inner / "pictures.zip", "w") as archive:
        archive.writestr("../escaped.png", b"x")
    with pytest.raises(KelboError):
        folder(inner / "pictures.zip")
    assert {path.name for path in tmp_path.rglob("*")} == {"inner", "cifar-10-python.tar.gz", "pictures.zip"}
    assert not Path("/tmp/kelbo-escaped").exists()


def test_an_array_of_objects_is_never_unpickled(tmp_path, proof):
    np.save(tmp_path / "a.npy", np.array([Payload(proof)], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", images=np.array([Payload(proof)], dtype=object))
    for path in (tmp_path / "a.npy", tmp_path / "b.npz"):
        with pytest.raises(DataCorrupt):
            arrays(path)


def test_weights_are_never_unpickled(run, proof):
    weights = run.checkpoint(2) / "weights.safetensors"
    good = weights.read_bytes()
    torch.save({"weight": Payload(proof)}, weights)
    with pytest.raises(RunError, match="cannot be read"):
        open_run(run.path)
    weights.write_bytes(pickle.dumps(Payload(proof)))
    with pytest.raises(RunError, match="cannot be read"):
        open_run(run.path)
    weights.write_bytes(good)


def test_an_image_bomb_is_refused_by_its_size_before_it_is_unpacked(tmp_path):
    buffer = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(buffer, "PNG")
    assert len(buffer.getvalue()) < 200_000
    (tmp_path / "bomb.png").write_bytes(buffer.getvalue())
    with pytest.raises(DataCorrupt, match=r"bomb\.png"):
        folder(tmp_path)


@pytest.mark.parametrize("text", ["name = __import__('os')", "[data]\nkind = 'digits'\nroot = '$(touch x)'"])
def test_a_recipe_is_data_and_nothing_else(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecipeError):
        load(tmp_path / "r.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["r.toml"]


def test_a_recipes_name_cannot_inject_into_the_page(run):
    html = page_of(open_run(run.path)).read_text()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_a_runs_small_files_are_read_as_data(run, proof):
    state = run.checkpoint(2) / "state.json"
    good = state.read_text()
    state.write_text(json.dumps({"format": 99, "step": 2, "groups": []}))
    with pytest.raises(RunError, match="checkpoint format 99"):
        open_run(run.path)
    state.write_text(good)
