"""`kelbo prior`, and the verbs that take one."""

import json
import shutil
from pathlib import Path

import pytest

from kelbo.experiments import train
from kelbo.latents import StandardNormal
from kelbo.recipes import change, find
from kelbo.runs import Run

SMALL = ["model.network.width=16", "model.latents=3", "training.steps=2"]
FEW = ["--components", 2, "--draws", 1]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(change(find("digits"), SMALL), tmp_path_factory.mktemp("runs") / "run")


@pytest.mark.slow
def test_priors_are_fitted_listed_and_used(kelbo, run, tmp_path):
    assert "no fitted prior" in kelbo("prior", "list", run.path)[1]
    code, out, _ = kelbo("prior", "fit", run.path, "--kind", "mixture", *FEW, "--name", "m2", "--json")
    assert (code, json.loads(out)["priors"][0]["settings"]["components"]) == (0, 2)
    code, _, err = kelbo("prior", "fit", run.path, "--kind", "mixture", "--name", "m2")
    assert code == 2
    assert "--again" in err
    code, out, _ = kelbo("prior", "fit", run.path, "--kind", "flow", "--steps", 2)
    assert code == 0
    assert "--prior flow" in out
    assert [one["name"] for one in json.loads(kelbo("prior", "list", run.path, "--json")[1])["priors"]] == [
        "flow",
        "m2",
    ]
    told = json.loads(kelbo("evaluate", run.path, "--prior", "m2", "--json")[1])
    assert told["settings"]["prior"].startswith("m2: 2 Gaussians (full) #")
    assert "Monte Carlo" in kelbo("evaluate", run.path, "--prior", "flow")[1]
    plain = Path(kelbo("sample", run.path)[1].strip())
    before = plain.read_bytes()
    assert kelbo("sample", run.path, "--prior", "m2")[1].strip().endswith("00000002-prior=m2-sample.png")
    assert plain.read_bytes() == before
    assert kelbo("sample", run.path, "--prior", "m2", "--out", tmp_path / "s.png")[0] == 0
    assert (tmp_path / "s.png").exists()
    code, _, err = kelbo("sample", run.path, "--prior", "flows")
    assert code == 2
    assert "nearest is flow" in err
    assert "flow, m2" in err


def test_a_damaged_prior_does_not_hide_the_others(kelbo, run, tmp_path):
    copy = Run(shutil.copytree(run.path, tmp_path / "run"))
    assert kelbo("prior", "fit", copy.path, "--kind", "mixture", *FEW, "--name", "whole", "--again")[0] == 0
    whole = copy.prior("whole").read_bytes()
    copy.prior("half").write_bytes(whole[: len(whole) // 2])
    code, out, err = kelbo("prior", "list", copy.path, "--json")
    assert code == 1
    assert "whole" in [one["name"] for one in json.loads(out)["priors"]]
    assert "half.safetensors" in err
    for path in copy.prior("half").parent.iterdir():
        path.write_bytes(b"")
    code, out, err = kelbo("prior", "list", copy.path)
    assert (code, out) == (1, "")
    assert "whole.safetensors" in err


@pytest.mark.slow
def test_a_prior_that_is_worse_than_the_standard_normal_is_met_with_options_of_its_kind(kelbo, run, monkeypatch):
    monkeypatch.setattr(StandardNormal, "log_prob", lambda _, z: z.new_full((len(z),), 1e6))
    _, _, err = kelbo("prior", "fit", run.path, "--kind", "flow", "--steps", 1, "--name", "poor-flow")
    assert "steps" in err
    assert "components" not in err
    _, _, err = kelbo("prior", "fit", run.path, "--kind", "mixture", *FEW, "--name", "poor-mixture")
    assert "components" in err


@pytest.mark.parametrize(
    ("kind", "options", "named"),
    [
        ("mixture", ["--steps", 5], "steps"),
        ("flow", ["--components", 4], "components"),
        ("flow", ["--covariance", "full"], "covariance"),
        ("flow", ["--draws", 3, "--steps", 2], "draws"),
    ],
)
def test_an_option_of_the_other_kind_is_refused_before_anything_is_fitted(kelbo, run, kind, options, named):
    code, _, err = kelbo("prior", "fit", run.path, "--kind", kind, *options, "--name", "refused")
    assert code == 2
    assert f"A {kind} takes no {named}." in err
    assert "refused" not in run.prior_names()


def test_an_empty_name_is_refused(kelbo, run):
    before = run.prior_names()
    code, _, err = kelbo("prior", "fit", run.path, "--kind", "mixture", *FEW, "--name", "")
    assert code == 2
    assert "got ''" in err
    assert run.prior_names() == before
