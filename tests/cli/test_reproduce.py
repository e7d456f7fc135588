"""`kelbo reproduce` as a person meets it."""

import json
from pathlib import Path

import pytest


@pytest.mark.slow
def test_tables_of_no_runs_are_there_at_once_one_beside_the_other(kelbo, tmp_path, monkeypatch):
    monkeypatch.setenv("KELBO_DATA", str(tmp_path / "nothing"))
    out = tmp_path / "study"
    for table in ("table4", "table3"):  # without CIFAR-10's files, of no runs either
        code, told, _ = kelbo("reproduce", "beta-vae", "--only", table, "--out", out)
        assert code == 0
        assert told.splitlines()[-1] == str(out / "report.html")
    results = json.loads((out / "results.json").read_text())
    assert results["asked"] == [{"only": ["table4"]}, {"only": ["table3"]}]
    built = {(a["role"], a["network"]): a for a in results["extras"]["architectures"]["value"]["entries"]}
    assert built["dsprites", "mlp"]["parameters"] == 14_196_516
    assert built["dsprites", "conv"]["encoder"] == ["Conv 32×4×4 (stride 2) ×4", "FC 256 ×2", "FC 20", "ReLU"]
    assert built["cifar10", "conv"]["input"] == [3, 32, 32]
    assert built["cifar10", "conv"]["decoder"][:3] == ["FC 256 ×2", "FC 512", "Deconv 32×4×4 (stride 2) ×2"]
    page = (out / "report.html").read_text()
    assert all(f"kelbo reproduce beta-vae --budget minutes --only {table}" in page for table in ("table4", "table3"))
    code, _, error = kelbo("reproduce", "beta-vae", "--budget", "hours", "--only", "table4", "--out", out)
    assert code == 2
    assert "'minutes' instead of 'hours'" in error


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["beta-gan"], "no study 'beta-gan'"),
        (["beta-vae", "--set", "data=mnist"], "no option data"),
        (["beta-vae", "--set", "seeds=3"], "no option seeds"),
        (["sigma-vae", "--set", "decoders=gaussian"], "choose from mse_vae, bernoulli"),
        (["sigma-vae", "--set", "seeds=a"], "seeds=a"),
        (["beta-vae", "--set", "size=32"], "no option size"),
        (["sigma-vae", "--set", "data=digits", "--set", "crop=74"], "crop"),
        (["sigma-vae", "--set", "data=digits", "--set", "size"], "NAME=VALUE"),
        (["sigma-vae", "--set", "data=digits", "--set", "kind=mnist"], "data=NAME"),
        (["sigma-vae", "--set", "data=digits", "--features", ""], "no name"),
        (["sigma-vae", "--set", "data=digits", "--no-train"], "no study"),
        (["beta-vae", "--only", "table1", "--no-train"], "no study"),
        (["sigma-vae", "--set", "data=imagenet"], "mnist, fashion-mnist, svhn"),
        (["sigma-vae", "--set", "data=folder"], "folder:PATH"),
        (["sigma-vae", "--set", "data=digits", "--only", "fig99"], "no 'fig99'"),
        (["beta-vae", "--only", "table1,table9"], "no 'table9'"),
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


def test_without_a_name_the_studies_are_listed(kelbo):
    code, out, _ = kelbo("reproduce")
    assert code == 0
    assert {"beta-vae", "sigma-vae"} <= set(out.split())


TOY = Path(__file__).parents[1] / "studies" / "toy.py"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--set", "crop=74"], ["crop", "none"]),
        (["--set", "seeds"], ["NAME=VALUE", "'seeds'"]),
        (["--budget", "days"], ["'days'", "minutes"]),
        (["--only", "fig9"], ["'fig9'", "table1, fig1", "--only"]),
        (["--only", ","], ["nothing", "table1, fig1"]),
        (["--no-train"], ["no study", "--train"]),
        (["--on", "slurm"], ["'slurm'", "--on"]),
        (["--how", "stack", "--workers", "2"], ["workers (2)"]),
    ],
)
def test_wrong_words_about_a_study_of_ones_own_are_answered_too(kelbo, tmp_path, arguments, told):
    code, _, error = kelbo("reproduce", TOY, *arguments, "--out", tmp_path / "study")
    assert code == 2
    assert [word for word in told if word not in error] == []
    assert not (tmp_path / "study").exists()


def test_a_file_without_a_study_is_refused(kelbo, tmp_path):
    (tmp_path / "nothing_studied.py").write_text("x = 1\n")
    assert kelbo("reproduce", tmp_path / "nothing_studied.py")[0] == 2
    assert kelbo("reproduce", tmp_path / "absent.py")[0] == 2


def test_a_dry_run_of_a_study_of_ones_own_writes_nothing(kelbo, tmp_path):
    run = ["reproduce", TOY, "--dry-run", "--on", "ray", "--out", tmp_path / "study"]
    code, out, _ = kelbo(*run)
    assert code == 0
    assert "begun" in out
    assert not (tmp_path / "study").exists()
