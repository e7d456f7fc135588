"""The short trainings of the record, each by its name: a function that works in an empty folder and gives what is compared."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import folders
import numpy as np

STEPS = ["--steps", "50", "--accelerator", "cpu"]
EVERY = {"training.batch_size": 32, "training.log_every": 10, "training.checkpoint_every": 25}
WIDE = {"data.size": 16, "model.latents": 4, "objective.warmup": 0, "optimizer.weight_decay": 0.0}
NETWORKS = {
    "higgins": {"model.network.kind": "higgins", "model.network.width": 32},
    "burgess": {"model.network.kind": "burgess", "model.network.channels": 4, "model.network.hidden": 16},
    "rybkin": {"model.network.kind": "rybkin", "model.network.channels": 4},
}
FLAT, CONV = NETWORKS["higgins"], NETWORKS["burgess"]
CROSSED = ["bernoulli", "shared_gaussian", "optimal_gaussian"]
OTHERS = [
    *["fixed_gaussian", "per_image_gaussian", "per_pixel_gaussian", "mse_vae", "laplace", "student_t"],
    *["continuous_bernoulli", "categorical"],
]
LEVELS = ["bitwise_categorical", "logistic", "logistic_mixture"]
"""of 2, 4, … 256 levels, which digits with 17 are not"""
CAPACITY = {"objective.kind": "capacity", "objective.gamma": 5.0, "objective.capacity": 6.0, "objective.steps": 40}

Case = Callable[[Path], folders.Flat]
CASES: dict[str, Case] = {}


def kelbo(*arguments: object) -> str:
    """A command in this process; what it prints."""
    from kelbo.cli.main import app

    out = StringIO()
    with redirect_stdout(out), redirect_stderr(StringIO()):
        app([str(argument) for argument in arguments], standalone_mode=False)
    return out.getvalue()


def processes(*arguments: object) -> None:
    """A command in processes of its own."""
    done = subprocess.run([sys.executable, "-m", "kelbo", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)


def chosen(settings: dict[str, object]) -> list[str]:
    """Settings as options."""
    texts = {path: value if isinstance(value, str) else json.dumps(value) for path, value in settings.items()}
    return [word for path, text in texts.items() for word in ("--set", f"{path}={text}")]


def train(run: Path, settings: dict[str, object], *more: object) -> None:
    kelbo("train", "digits", "--out", run, *STEPS, *chosen(EVERY | WIDE | settings), *more)


def evaluate(run: Path, *more: object) -> None:
    kelbo("evaluate", run, "--device", "cpu", *more)


def case(name: str) -> Callable[[Case], Case]:
    def add(function: Case) -> Case:
        CASES[name] = function
        return function

    return add


def plain(name: str, settings: dict[str, object], *evaluations: list[object]) -> None:
    """The case of one training and its evaluations."""

    @case(name)
    def run(folder: Path) -> folders.Flat:
        train(folder / "run", settings)
        for options in evaluations or [[]]:
            evaluate(folder / "run", *options)
        return folders.whole(folder / "run")


for network, sizes in NETWORKS.items():
    for kind in CROSSED:
        plain(f"{network}, {kind}", sizes | {"likelihood.kind": kind})
for kind in OTHERS:
    plain(f"higgins, {kind}", FLAT | {"likelihood.kind": kind})
SHARED, OPTIMAL = {"likelihood.kind": "shared_gaussian"}, {"likelihood.kind": "optimal_gaussian"}
plain("capacity", CONV | CAPACITY | {"likelihood.kind": "bernoulli"})
plain("beta, warm-up", FLAT | {"objective.beta": 4.0, "objective.warmup": 30} | SHARED)
plain("elbo", FLAT | {"objective.kind": "elbo"} | SHARED)
plain("average", CONV | {"training.ema": 0.9} | OPTIMAL)
plain("bf16", CONV | {"training.precision": "bf16-mixed"} | OPTIMAL)
plain("clip", FLAT | {"training.clip": 5.0} | SHARED)
plain(
    "adamw, decay, cosine",
    FLAT | {"optimizer.kind": "adamw", "optimizer.weight_decay": 0.5, "schedule.kind": "cosine"} | SHARED,
)
plain("adagrad, drop, warm-up", CONV | {"optimizer.kind": "adagrad", "schedule.kind": "drop", "schedule.warmup": 10})
plain("seed 3, split seed 5", FLAT | {"seed": 3, "data.split_seed": 5})
for network in ("higgins", "rybkin"):
    plain(f"autoencoder, {network}", NETWORKS[network] | {"model.kind": "autoencoder"} | SHARED)
plain("importance-weighted", FLAT | {"likelihood.kind": "categorical"}, ["--samples", 8, "--seed", 2])
plain("dequantised", FLAT | SHARED, ["--dequantize"], ["--dequantize", "--samples", 8, "--split", "train"])
plain("σ as published", FLAT | OPTIMAL | {"likelihood.as_published": True}, ["--batch-size", 64])
plain("digits, scores", FLAT | OPTIMAL, ["--metrics", "all", "--features", "random-0", "--images", 64])


def arrays(path: Path, channels: int) -> Path:
    """Smooth pictures of 16×16 and 256 levels, in three splits."""
    draws = np.random.Generator(np.random.PCG64(7))
    y, x = np.mgrid[:16, :16]
    parts = {}
    for split, count in (("train", 300), ("validation", 60), ("test", 80)):
        phase, pace = draws.integers(0, 8, (2, count, 1, 1, channels))
        parts[split] = (((x[None, :, :, None] * pace + y[None, :, :, None] * 3 + phase * 5) % 32) * 8).astype(np.uint8)
    np.savez(path, **parts)
    return path


def train_arrays(folder: Path, channels: int, settings: dict[str, object]) -> Path:
    """A run on such pictures, which have a validation split."""
    recipe, file = folder / "arrays.toml", arrays(folder / "arrays.npz", channels)
    recipe.write_text(
        f'name = "arrays"\n[data]\nkind = "array"\nroot = "{file}"\nlayout = "NHWC"\n'
        "[model]\nlatents = 4\n[training]\nsteps = 50\n"
    )
    often = EVERY | {"training.checkpoint_every": 10}
    kelbo("train", recipe, "--out", folder / "run", *STEPS, *chosen(often | settings))
    return folder / "run"


def on_arrays(name: str, channels: int, settings: dict[str, object]) -> None:
    @case(name)
    def run(folder: Path) -> folders.Flat:
        run = train_arrays(folder, channels, settings)
        evaluate(run)
        return folders.whole(run)


for network, sizes in NETWORKS.items():
    on_arrays(f"{network}, logistic_mixture", 3, sizes | {"likelihood.kind": "logistic_mixture"})
for kind in LEVELS:
    on_arrays(f"higgins, {kind}, grey", 1, FLAT | {"likelihood.kind": kind})


@case("best checkpoint")
def _(folder: Path) -> folders.Flat:
    # learns too fast, so that the best step is not the last
    run = train_arrays(folder, 3, FLAT | SHARED | {"optimizer.learning_rate": 0.03})
    evaluate(run)
    evaluate(run, "--checkpoint", "best", "--split", "validation")
    state = json.loads((folders.newest(run) / "state.json").read_text())
    return folders.whole(run) | folders.flat({"best": state["best"]})


@case("shapes2d, scores")
def _(folder: Path) -> folders.Flat:
    small = EVERY | CONV | CAPACITY | {"data.held_out": 0.001, "model.latents": 4, "optimizer.kind": "adam"}
    kelbo("train", "shapes2d-beta", "--out", folder / "run", *STEPS, *chosen(small))
    scored = ["--metrics", "all", "--codes", 1500, "--pairs", 16, "--features", "random-0", "--images", 64]
    evaluate(folder / "run", *scored)
    return folders.whole(folder / "run")


@case("scores of codes")
def _(folder: Path) -> folders.Flat:
    grid = np.stack(np.meshgrid(range(3), range(4), range(5), indexing="ij"), -1).reshape(-1, 3)
    factors = np.tile(grid, (15, 1))
    noise = np.random.Generator(np.random.PCG64(3)).normal(0, 0.3, (len(factors), 5))
    mixing = np.array([[1.0, 0, 0.2, 0, 0], [0, 1, 0, 0.5, 0], [0, 0.3, 1, 0, 0]])
    np.savez(folder / "codes.npz", codes=factors @ mixing + noise, factors=factors)
    return folders.flat({"score": json.loads(kelbo("score", folder / "codes.npz", "--pairs", 16, "--json"))})


@case("pictures and codes")
def _(folder: Path) -> folders.Flat:
    from PIL import Image

    run, found = folder / "run", {}
    train(run, CONV | SHARED)
    for verb in ("sample", "reconstruct", "traverse", "interpolate"):
        kelbo(verb, run, "--device", "cpu", "--out", folder / f"{verb}.png")
        found[verb] = folders.array(np.asarray(Image.open(folder / f"{verb}.png")))
    kelbo("encode", run, "--device", "cpu", "--out", folder / "codes.npz")
    with np.load(folder / "codes.npz") as codes:
        found["encode"] = {name: folders.array(codes[name]) for name in sorted(codes.files) if codes[name].dtype != "O"}
    return folders.flat(found)


def sweep(folder: Path, how: str, settings: dict[str, object], *over: str) -> folders.Flat:
    """A sweep of lanes, each evaluated, and its table."""
    out = folder / "sweep"
    kelbo("sweep", "digits", *over, "--out", out, "--how", how, "--steps", 50, *chosen(EVERY | WIDE | settings))
    found = {}
    for lane in sorted((out / "lanes").iterdir()):
        evaluate(lane)
        found[lane.name] = folders.whole(lane)
    kelbo("sweep", "table", out)
    return folders.flat(found) | folders.table(out / "table.csv")


@case("stacked, β")
def _(folder: Path) -> folders.Flat:
    return sweep(folder, "stack", FLAT | OPTIMAL, "--over", "objective.beta=0.5,1,4", "--seeds", "1")


@case("stacked, seeds and rates of a convolutional network")
def _(folder: Path) -> folders.Flat:
    settings = CONV | CAPACITY | SHARED | {"training.ema": 0.9, "training.clip": 20.0}
    return sweep(folder, "stack", settings, "--over", "optimizer.learning_rate=0.001,0.003", "--seeds", "1,2")


@case("queue")
def _(folder: Path) -> folders.Flat:
    return sweep(folder, "queue", FLAT | OPTIMAL, "--over", "objective.beta=1,4", "--seeds", "1")


@case("two processes")
def _(folder: Path) -> folders.Flat:
    run, two = folder / "run", ["--accelerator", "cpu", "--devices", "2"]
    settings = EVERY | WIDE | CONV | OPTIMAL | {"training.ema": 0.9}
    processes("train", "digits", "--out", run, "--steps", 50, *two, *chosen(settings))
    processes("evaluate", run, *two, "--batch-size", 32)
    return folders.whole(run)


@case("resumed")
def _(folder: Path) -> folders.Flat:
    settings, parts, straight = CONV | OPTIMAL | {"training.ema": 0.9}, folder / "parts", folder / "straight"
    train(straight, settings)
    train(parts, settings, "--steps", 25)
    kelbo("train", "--resume", "--out", parts, "--steps", 50, "--accelerator", "cpu")
    for run in (straight, parts):
        evaluate(run)
    same = folders.weights(parts) == folders.weights(straight) and folders.records(parts) == folders.records(straight)
    return {"equals a straight run": same} | folders.whole(parts)
