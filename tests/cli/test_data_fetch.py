"""`kelbo data fetch` as a user meets it: a mirror stands in for the homes."""

import pytest

from kelbo.data.homes import MNIST


@pytest.fixture
def mirror(server, real_data, monkeypatch):
    for file in MNIST.files:
        server.serve(f"/mnist/{file.name}", (real_data / "mnist" / file.name).read_bytes())
    monkeypatch.setenv("KELBO_MIRROR", server.address)
    return server


def test_a_set_is_fetched_once_and_then_read(kelbo, mirror, tmp_path):
    code, _, err = kelbo("data", "check", "mnist", "--data-root", tmp_path)
    assert code == 1
    assert "Run `kelbo data fetch mnist`" in err
    code, out, err = kelbo("data", "fetch", "mnist", "--data-root", tmp_path)
    assert (code, err.count("fetching ")) == (0, 4)
    assert "t10k-labels-idx1-ubyte.gz: 4,540 bytes, verified" in out
    assert f"next: kelbo data check mnist --data-root {tmp_path}" in out
    code, out, err = kelbo("data", "fetch", "mnist", "--data-root", tmp_path)
    assert (code, err, len(mirror.asked)) == (0, "", 4)
    code, out, _ = kelbo("data", "check", "mnist", "--data-root", tmp_path)
    assert code == 0
    assert "train: 60,000 images" in out


def test_training_downloads_nothing_unasked(kelbo, mirror, tmp_path):
    code, _, err = kelbo("train", "mnist-sigma", "--data-root", tmp_path / "none", "--out", tmp_path / "run")
    assert code == 1
    assert "Run `kelbo data fetch mnist`" in err
    assert mirror.asked == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("digits", 2, "'digits'; choose one of mnist, fashion-mnist"),
        (
            "celeba",
            1,
            "img_align_celeba.zip",
        ),
        ("cifar10", 1, "404 Not Found"),
    ],
)
def test_what_cannot_be_fetched_is_told_in_one_message(kelbo, server, tmp_path, monkeypatch, name, code, told):
    if name == "cifar10":
        monkeypatch.setenv("KELBO_MIRROR", server.address)
    found, _, err = kelbo("data", "fetch", name, "--data-root", tmp_path)
    assert found == code
    assert told in err
    assert "Traceback" not in err
