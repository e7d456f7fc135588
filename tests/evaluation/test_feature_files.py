"""Networks of others: checked before they are loaded, refused in one message where they are not what they should be."""

import builtins
import os
import pickle
import re
import shlex
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from kelbo.data.download import fetch
from kelbo.data.sources import File, PublicSet
from kelbo.errors import DataCorrupt, DataMissing, ScoreError
from kelbo.evaluation import inception as published
from kelbo.evaluation.feature_files import onnx, torchscript
from kelbo.evaluation.feature_network import Preparation
from kelbo.evaluation.inception import INCEPTION, INCEPTION_FILE, inception

CPU = torch.device("cpu")
SHAPE = (3, 4, 4)
IMAGES = torch.randint(256, (5, *SHAPE), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
MEANS = (IMAGES / 255).mean((2, 3))


class Payload:
    """Unpickled carelessly, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {shlex.quote(str(self.path))}",)


def test_a_torchscript_file_gives_its_features(script, script_sha256):
    network = torchscript(script, SHAPE, CPU, Preparation(), sha256=script_sha256.upper())
    torch.testing.assert_close(network(IMAGES), MEANS.softmax(1))
    assert (network.name, network.weights, network.dims) == ("pooled", script_sha256, 3)


def test_a_wrong_hash_is_told_with_both_and_nothing_is_loaded(script, script_sha256, monkeypatch):
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(DataCorrupt, match=rf"sha256.*{script_sha256}.*{'0' * 64}"):
        torchscript(script, SHAPE, CPU, Preparation(), sha256="0" * 64)


@pytest.mark.parametrize("write", [lambda value, path: path.write_bytes(pickle.dumps(value)), torch.save])
def test_a_pickle_is_refused_and_nothing_in_it_runs(write, tmp_path):
    write(Payload(tmp_path / "ran"), tmp_path / "model.pt")
    with pytest.raises(DataCorrupt, match="TorchScript"):
        torchscript(tmp_path / "model.pt", SHAPE, CPU, Preparation())
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_file_that_was_cut_off_is_refused(script, tmp_path, share):
    content = script.read_bytes()
    (tmp_path / "cut.pt").write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataCorrupt, match=re.escape(str(tmp_path / "cut.pt"))):
        torchscript(tmp_path / "cut.pt", SHAPE, CPU, Preparation())


def test_a_file_whose_content_was_altered_is_refused(script, tmp_path):
    with zipfile.ZipFile(script) as old, zipfile.ZipFile(tmp_path / "altered.pt", "w") as new:
        for member in old.namelist():
            content = old.read(member)
            new.writestr(
                member, content.replace(b"def forward(", b"def forward((") if member.endswith(".py") else content
            )
    with pytest.raises(DataCorrupt, match=r"altered\.pt"):
        torchscript(tmp_path / "altered.pt", SHAPE, CPU, Preparation())


def test_a_file_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(DataMissing, match="none.pt"):
        torchscript(tmp_path / "none.pt", SHAPE, CPU, Preparation())


def test_a_script_that_wants_another_size_is_told_when_it_is_opened(scripted, tmp_path):
    path = scripted(nn.Sequential(nn.Flatten(), nn.Linear(27, 2)), tmp_path / "small.pt")
    with pytest.raises(ScoreError, match=r"3, 4, 4\b"):
        torchscript(path, SHAPE, CPU, Preparation())
    assert torchscript(path, SHAPE, CPU, Preparation(size=(3, 3), resize="antialiased")).dims == 2


def test_an_onnx_file_tells_its_size_and_gives_its_features(onnx_of, tmp_path):
    network = onnx(onnx_of(tmp_path / "pooled.onnx"), (1, 8, 8), CPU, Preparation(resize="legacy"))
    assert network.fingerprint["size"] == [4, 4]
    assert network.fingerprint["grey_to_rgb"]
    grey = IMAGES[:, :1].repeat_interleave(2, 2).repeat_interleave(2, 3)
    np.testing.assert_allclose(network(grey), MEANS[:, :1].expand(5, 3), rtol=1e-4)


def test_an_onnx_file_of_one_batch_size_is_refused(onnx_of, tmp_path):
    with pytest.raises(ScoreError, match=r"of 1\b"):
        onnx(onnx_of(tmp_path / "one.onnx", (1, 3, 4, 4)), SHAPE, CPU, Preparation())


def test_a_damaged_onnx_file_is_refused(onnx_of, tmp_path):
    (tmp_path / "cut.onnx").write_bytes(onnx_of(tmp_path / "whole.onnx").read_bytes()[:-20])
    with pytest.raises(DataCorrupt, match=r"cut\.onnx.*ONNX"):
        onnx(tmp_path / "cut.onnx", SHAPE, CPU, Preparation())


def test_without_onnxruntime_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.onnx").write_bytes(b"")
    real = builtins.__import__

    def importing(name, *rest, **more):
        if name == "onnxruntime":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(ScoreError, match=r"'kelbo\[onnx\]'"):
        onnx(tmp_path / "a.onnx", SHAPE, CPU, Preparation())


def test_the_published_network_is_fetched_verified_and_used(server, script, script_sha256, tmp_path, monkeypatch):
    content = script.read_bytes()
    url = server.serve(f"/{INCEPTION_FILE.name}", content)
    file = File(INCEPTION_FILE.name, (url,), size=len(content), sha256=script_sha256)
    source = PublicSet(INCEPTION.name, INCEPTION.title, (file,), INCEPTION.place, INCEPTION.page, INCEPTION.licence)
    [path] = fetch(source, tmp_path, pause=0.001)
    assert path == tmp_path / "features" / INCEPTION_FILE.name
    network = inception(path, SHAPE, CPU, file=file)
    torch.testing.assert_close(network(IMAGES), MEANS * 255)  # its features, of 0 … 255, at the images' own size
    assert network.distance == "Fréchet distance (inception-2015)"
    monkeypatch.setattr(published, "INCEPTION_FILE", file)
    assert inception(path, SHAPE, CPU, file=file).distance == "FID"
    assert inception(path, SHAPE, CPU, "antialiased", file).distance == "FID (antialiased resize)"


def test_another_file_in_the_published_ones_place_is_never_loaded(script, script_sha256, monkeypatch):
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(DataCorrupt, match=f"sha256 is {script_sha256} instead of {INCEPTION_FILE.sha256}"):
        inception(script, SHAPE, CPU)


def test_the_published_network_is_missing_with_its_command_and_address(tmp_path):
    with pytest.raises(DataMissing, match="features fetch") as raised:
        inception(tmp_path / "none.pt", SHAPE, CPU)
    assert INCEPTION_FILE.urls[0] in str(raised.value)


def test_the_published_network_has_no_other_way_than_resizing(script):
    with pytest.raises(ScoreError, match=r"^resize"):
        inception(script, SHAPE, CPU, "none")
