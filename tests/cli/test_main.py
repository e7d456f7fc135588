"""The command line as a user meets it: exit codes, messages, JSON, and what is left on disk."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kelbo.experiments import train
from kelbo.recipes import change, find

SMALL = [
    *("--set", "model.network.width=16"),
    *("--set", "model.latents=3"),
    *("--set", "training.log_every=2"),
]


@pytest.fixture(scope="module")
def run_path(tmp_path_factory):
    settings = ["training.steps=4", *SMALL[1::2]]
    return train(change(find("digits"), settings), tmp_path_factory.mktemp("runs") / "digits").path


def test_help_comes_quickly_and_loads_no_torch():
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "kelbo", "--help"], check=True, capture_output=True)
    assert time.perf_counter() - begun < 2.0  # half a second on a quiet machine; this one may be busy
    code = "import sys, kelbo.cli.main; sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'pydantic')))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_training_leaves_a_run_and_prints_plain_lines_where_there_is_no_terminal(kelbo, tmp_path):
    code, out, _ = kelbo("train", "digits", "--out", tmp_path / "r", "--steps", 4, "--seed", 3, *SMALL)
    assert code == 0
    assert out.startswith("digits: 1,617 train images (the rest), 180 test images (0.1 held out by seed 0)\n")
    assert "step 2/4 · elbo" in out
    assert "images/s" in out
    assert f"next: kelbo evaluate {tmp_path / 'r'}" in out
    assert "\nseed = 3\n" in (tmp_path / "r" / "recipe.toml").read_text()


def test_a_warning_is_printed_once(kelbo, tmp_path):
    arguments = ["train", "digits", "--out", tmp_path / "r", "--steps", 3, *SMALL, "--set", "likelihood.kind=mse_vae"]
    code, out, _ = kelbo(*arguments)
    assert code == 0
    assert out.count("warning: likelihood.kind=mse_vae") == 1
    assert "warning:" not in kelbo(*arguments[:5], 4, *arguments[6:], "--resume")[1]


def test_evaluate_prints_one_json_object(kelbo, run_path):
    code, out, _ = kelbo("evaluate", run_path, "--json", "--samples", 3)
    record = json.loads(out)
    assert code == 0
    for name in ("elbo", "rate", "distortion", "importance_weighted"):
        assert {"mean", "standard_error", "unit"} <= record[name].keys()
    assert record["bits_per_dim"] is None
    assert "density" in record["bits_per_dim_reason"]
    assert record["settings"]["split"] == "test"
    assert record["settings"]["images"] == 180


def test_evaluate_prints_a_table_for_people(kelbo, run_path):
    code, out, _ = kelbo("evaluate", run_path, "--dequantize")
    assert code == 0
    assert "bits per dim" in out
    assert "active units" in out


@pytest.mark.parametrize("verb", ["sample", "reconstruct", "traverse", "interpolate"])
def test_pictures_are_written_and_named(kelbo, run_path, tmp_path, verb):
    code, out, _ = kelbo(verb, run_path, "--out", tmp_path / "p.png")
    assert code == 0
    assert out.splitlines()[-1] == str(tmp_path / "p.png")
    assert np.asarray(Image.open(tmp_path / "p.png")).std() > 0


def test_codes_are_written_in_the_images_order_with_their_labels(kelbo, run_path, tmp_path):
    code, out, _ = kelbo("encode", run_path, "--out", tmp_path / "codes.npz")
    assert code == 0
    assert "180 images, 3 latents" in out
    codes = np.load(tmp_path / "codes.npz")
    assert codes["means"].shape == codes["scales"].shape == (180, 3)
    assert (codes["scales"] > 0).all()
    assert len(codes["labels"]) == 180


def test_codes_as_a_table(kelbo, run_path, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    assert kelbo("encode", run_path, "--out", tmp_path / "codes.parquet")[0] == 0
    table = parquet.read_table(tmp_path / "codes.parquet")
    assert table.column_names == [*(f"mean_{k}" for k in range(3)), *(f"scale_{k}" for k in range(3)), "label"]


@pytest.fixture(scope="module")
def wide_run(tmp_path_factory):
    """A run on pictures that are not square, in folders by split and class, one of them damaged."""
    root = tmp_path_factory.mktemp("wide")
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 5)):
        for kind in ("cats", "dogs"):
            (root / "pictures" / split / kind).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (18, 26, 3), np.uint8)
                Image.fromarray(pixels).save(root / "pictures" / split / kind / f"{i}.png")
    (root / "pictures" / "test" / "cats" / "1.png").write_bytes(b"damaged")
    data = [f"data.root={root / 'pictures'}", "data.size=[16,24]", "data.unreadable=skip"]
    small = ["model.network.channels=2", "model.network.hidden=4", "model.latents=3"]
    steps = ["training.steps=4", "training.batch_size=8", "training.log_every=2"]
    return train(change(find("folder-sigma"), [*data, *small, *steps]), root / "run").path


@pytest.mark.usefixtures("unrendered")
def test_a_page_that_was_measured_is_written_again_without_the_weights(kelbo, run_path, tmp_path):
    assert kelbo("report", run_path)[0] == 0
    folder = shutil.copytree(run_path, tmp_path / "run")
    shutil.rmtree(folder / "checkpoints")
    (folder / "report.html").unlink()
    code, out, _ = kelbo("report", folder, "--kept")
    assert (code, out.strip()) == (0, str(folder / "report.html"))
    assert (folder / "report.html").is_file()
    shutil.rmtree(folder / "measurements")
    code, _, err = kelbo("report", folder, "--kept")
    assert code == 2
    assert "no page" in err


def test_codes_of_a_folder_come_with_each_pictures_path_and_class(kelbo, wide_run, tmp_path):
    assert kelbo("encode", wide_run, "--out", tmp_path / "codes.npz")[0] == 0
    codes = np.load(tmp_path / "codes.npz")
    cats, dogs = ([f"test/{kind}/{i}.png" for i in range(5)] for kind in ("cats", "dogs"))
    assert codes["paths"].tolist() == [cats[0], *cats[2:], *dogs]
    assert codes["classes"].tolist() == ["cats"] * 4 + ["dogs"] * 5
    assert codes["means"].shape == (9, 3)


def test_codes_of_a_folder_as_a_table_have_columns_for_path_and_class(kelbo, wide_run, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    assert kelbo("encode", wide_run, "--out", tmp_path / "codes.parquet")[0] == 0
    table = parquet.read_table(tmp_path / "codes.parquet")
    assert table.column_names[-2:] == ["path", "class"]
    assert table["class"].to_pylist()[0] == "cats"


def test_every_command_takes_a_run_on_images_that_are_not_square(kelbo, wide_run, tmp_path):
    code, out, err = kelbo("evaluate", wide_run, "--json")
    assert code == 0, err
    assert json.loads(out)["settings"]["data"] == "pictures"
    code, _, err = kelbo("evaluate", wide_run, "--metrics", "images,calibration", "--features", "random-0")
    assert code == 0, err
    for command, rows, columns in (("sample", 8, 8), ("reconstruct", 2, 9), ("traverse", 3, 9), ("interpolate", 1, 10)):
        code, _, err = kelbo(command, wide_run, "--out", tmp_path / f"{command}.png")
        assert code == 0, err
        pixels = np.asarray(Image.open(tmp_path / f"{command}.png"))
        assert pixels.shape == (2 * (rows * 17 - 1), 2 * (columns * 25 - 1), 3)
    for command in ("doctor", "report"):
        code, _, err = kelbo(command, wide_run)
        assert code == 0, err


def test_codes_in_an_unknown_format_are_refused(kelbo, run_path, tmp_path):
    code, _, err = kelbo("encode", run_path, "--out", tmp_path / "codes.csv")
    assert code == 2
    assert ".npz or .parquet" in err


def test_runs_are_listed_and_shown(kelbo, run_path, tmp_path):
    code, out, _ = kelbo("runs", "list", run_path.parent)
    assert code == 0
    assert "digits" in out
    assert "no runs below" in kelbo("runs", "list", tmp_path)[1]
    code, out, _ = kelbo("runs", "show", run_path, "--json")
    assert code == 0
    assert json.loads(out)["checkpoints"] == [4]


def test_runs_are_listed_as_one_json_object_with_those_that_cannot_be_read(kelbo, run_path, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "recipe.toml").write_text("name = 3")
    shutil.copytree(run_path, tmp_path / "copy")
    code, out, _ = kelbo("runs", "list", tmp_path, "--json")
    assert code == 0
    broken, copy = json.loads(out)["runs"]
    assert (broken["path"], broken["recipe"], broken["steps"]) == (str(tmp_path / "broken"), None, None)
    assert "name" in broken["error"]
    assert (copy["recipe"], copy["seed"], copy["steps"], copy["checkpoint"], copy["error"]) == ("digits", 0, 4, 4, None)
    assert copy["last"]["step"] == 4
    assert json.loads(kelbo("runs", "list", tmp_path / "nowhere", "--json")[1])["runs"] == []
    code, out, err = kelbo("runs", "list", tmp_path)
    assert code == 0
    assert "digits" in out
    assert str(tmp_path / "broken") in err


def test_the_same_seed_draws_the_same_samples(kelbo, run_path, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        kelbo("sample", run_path, "--seed", seed, "--out", tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_resume_needs_only_the_folder(kelbo, tmp_path):
    kelbo("train", "digits", "--out", tmp_path / "r", "--steps", 2, *SMALL)
    code, out, _ = kelbo("train", "--resume", "--out", tmp_path / "r", "--steps", 4)
    assert code == 0
    assert "step 4/4" in out


def test_recipes_can_be_listed_shown_changed_and_trained_from_a_file(kelbo, tmp_path):
    assert "mnist-sigma" in kelbo("recipe", "list")[1]
    code, out, _ = kelbo("recipe", "show", "digits", "--set", "training.steps=1", "--set", "model.network.width=4")
    assert code == 0
    (tmp_path / "mine.toml").write_text(out)
    assert kelbo("train", tmp_path / "mine.toml", "--out", tmp_path / "r")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["train", "digits", "--set", "objective.beat=4"],
            2,
            "no setting objective.beat; it has balance, beta",
        ),
        (
            ["train", "digits", "--set", "training.steps=few"],
            2,
            "training.steps is 'few'",
        ),
        (
            ["train", "digits", "--set", "objective.beta=-1"],
            2,
            "objective.beta is -1",
        ),
        (["train", "digit"], 2, "'digit'"),
        (["train"], 2, "Say what to train"),
        (["train", "--resume", "--out", "nowhere"], 2, "nowhere"),
        (["evaluate", "nowhere"], 2, "recipe.toml"),
        (["data", "check", "imagenet"], 2, "'imagenet'"),
        (["data", "check", "folder"], 2, "(options: --data-root PATH)"),
        (["data", "check", "mnist", "--data-root", "nowhere"], 1, "nowhere"),
        (["train", "digits", "--steps", "none"], 2, "'--steps'"),
        (["evaluate", "--samples"], 2, ""),
    ],
)
def test_a_users_mistake_is_one_message_and_an_exit_code(kelbo, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    got, _, err = kelbo(*arguments)
    assert got == code
    assert message in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_refused(kelbo, run_path):
    code, _, err = kelbo("train", "digits", "--out", run_path, "--steps", 4, *SMALL)
    assert code == 2
    assert "exists already" in err


def test_a_mass_cannot_be_dequantised(kelbo, tmp_path):
    kelbo("train", "digits", "--out", tmp_path / "r", "--steps", 1, "--set", "likelihood.kind=categorical", *SMALL)
    code, _, err = kelbo("evaluate", tmp_path / "r", "--dequantize")
    assert code == 2
    assert "Categorical" in err
    code, out, _ = kelbo("evaluate", tmp_path / "r", "--json")
    record = json.loads(out)
    assert record["bits_per_dim"] == pytest.approx(-record["elbo"]["mean"] / (64 * np.log(2)))


def test_the_installed_command_is_the_module():
    script = Path(sys.executable).with_name("kelbo")
    assert subprocess.run([script, "recipe", "list"], check=True, capture_output=True, text=True).stdout.count("digits")
