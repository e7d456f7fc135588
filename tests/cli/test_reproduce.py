"""`kelbo reproduce` as a person meets it."""

import json

import pytest


def test_a_table_of_no_runs_is_there_at_once(kelbo, tmp_path):
    code, out, _ = kelbo("reproduce", "beta-vae", "--only", "table4", "--out", tmp_path / "study")
    assert code == 0
    assert out.splitlines()[0] == f"β-VAE study, corrected, budget minutes: table4, in {tmp_path / 'study'}"
    assert out.splitlines()[-1] == str(tmp_path / "study" / "report.html")
    results = json.loads((tmp_path / "study" / "results.json").read_text())
    built = {(a["role"], a["network"]): a for a in results["architectures"]}
    assert built["dsprites", "mlp"]["parameters"] == 14_196_516
    assert built["dsprites", "conv"]["encoder"] == ["Conv 32×4×4 (stride 2) ×4", "FC 256 ×2", "FC 20", "ReLU"]
    assert built["cifar10", "conv"]["input"] == [3, 32, 32]
    assert built["cifar10", "conv"]["decoder"][:3] == ["FC 256 ×2", "FC 512", "Deconv 32×4×4 (stride 2) ×2"]
    code, _, error = kelbo(
        "reproduce", "beta-vae", "--budget", "hours", "--only", "table4", "--out", tmp_path / "study"
    )
    assert code == 2
    assert "'minutes' instead of 'hours'" in error


def test_a_table_that_is_there_stays_when_another_is_asked_for(kelbo, tmp_path, monkeypatch):
    monkeypatch.setenv("KELBO_DATA", str(tmp_path / "nothing"))
    for table in ("table4", "table3"):  # without CIFAR-10's files, of no runs either
        assert kelbo("reproduce", "beta-vae", "--only", table, "--out", tmp_path / "study")[0] == 0
    results = json.loads((tmp_path / "study" / "results.json").read_text())
    assert results["only"] == ["table3", "table4"]
    assert results["architectures"]
    page = (tmp_path / "study" / "report.html").read_text()
    assert "kelbo reproduce beta-vae --budget minutes --only table3,table4" in page


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["beta-gan"], "'beta-gan'; there is beta-vae, sigma-vae"),
        (["beta-vae", "--data", "mnist"], "--data is for"),
        (["beta-vae", "--seeds", "3"], "--seeds is for"),
        (["sigma-vae", "--decoders", "gaussian"], "--decoders takes mse_vae, bernoulli"),
        (["sigma-vae", "--seeds", "a"], "whole numbers"),
        (["beta-vae", "--set", "size=32"], "--set is for"),
        (["sigma-vae", "--data", "digits", "--set", "crop=74"], "data.crop"),
        (["sigma-vae", "--data", "digits", "--set", "size"], "--set takes"),
        (["sigma-vae", "--data", "digits", "--set", "kind=mnist"], "--data names"),
        (["sigma-vae", "--data", "digits", "--precision", ""], "precision"),
        (["sigma-vae", "--data", "digits", "--features", ""], "no name"),
        (["sigma-vae", "--data", "digits", "--no-train"], "no study"),
        (["beta-vae", "--only", "table1", "--no-train"], "no study"),
        (["sigma-vae", "--data", "imagenet"], "mnist, fashion-mnist, svhn"),
        (["sigma-vae", "--data", "folder"], "folder:PATH"),
        (["sigma-vae", "--data", "digits", "--only", "fig99"], "no 'fig99'; --only takes table1, table2"),
        (["beta-vae", "--only", "table1,table9"], "no 'table9'; --only takes table1, table2"),
        (["beta-vae", "--only", ","], "--only"),
        (["beta-vae", "--budget", "days"], "days"),
    ],
)
def test_wrong_words_are_answered_by_what_there_is(kelbo, tmp_path, arguments, told):
    code, _, error = kelbo("reproduce", *arguments, "--out", tmp_path / "study")
    assert code == 2
    assert told in error
    assert not (tmp_path / "study").exists()


@pytest.mark.slow
def test_a_dry_run_says_what_would_be_done_and_writes_nothing(kelbo, tmp_path, monkeypatch):
    monkeypatch.setenv("KELBO_DATA", str(tmp_path / "nothing"))
    only = ["--only", "fig5", "--only", "fig9"]
    code, out, _ = kelbo("reproduce", "beta-vae", *only, "--dry-run", "--workers", 1, "--out", tmp_path / "study")
    assert code == 0
    assert "dsprites-conv" in out
    assert "shapes2d, drawn here with the same factors, stands for dsprites" in out
    assert "left out: cifar10-conv, since its files were not found" in out
    assert f"official files are looked for in {tmp_path / 'nothing'}" in out
    assert "here with 1 worker:" in out
    assert not (tmp_path / "study").exists()
