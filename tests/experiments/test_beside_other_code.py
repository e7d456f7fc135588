"""In somebody else's program: training and evaluating leave the process as they found it."""

import logging
import os
import random
import signal
import subprocess
import sys
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import sklearn  # noqa: F401  which sets variables of its own when it is imported
import torch

from kelbo.errors import RecipeError
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.recipes import change
from kelbo.recipes.named import digits
from kelbo.sweeps.choice import choose
from kelbo.sweeps.stacked import train_stacked

STATE = {
    "torch's generator": lambda: torch.get_rng_state().tolist(),
    "numpy's generator": lambda: str(np.random.get_state()),
    "Python's generator": random.getstate,
    "threads": lambda: (torch.get_num_threads(), torch.get_num_interop_threads()),
    "default dtype": torch.get_default_dtype,
    "default device": torch.get_default_device,
    "deterministic algorithms": lambda: (
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
    ),
    "matmul precision": torch.get_float32_matmul_precision,
    "gradients": lambda: (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
    "autocast": lambda: (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
    "modes": lambda: (torch._C._len_torch_function_stack(), torch._C._len_torch_dispatch_stack()),
    "default tensor checks": lambda: torch.distributions.Distribution._validate_args,
    "signals": lambda: [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
    "warnings": lambda: list(warnings.filters),
    "logging": lambda: (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
    "environment": lambda: dict(os.environ),
    "working folder": os.getcwd,
    "mask of new files": lambda: (os.umask(os.umask(0o22)), os.umask(0o22))[0],
    "hooks of the interpreter": lambda: (
        sys.excepthook,
        sys.displayhook,
        sys.stdout,
        sys.stderr,
        sys.getrecursionlimit(),
    ),
    "numpy's errors": np.geterr,
    "numpy's printing": lambda: str(np.get_printoptions()),
}


def recipe(*changes):
    return change(digits(), ["training.steps=6", "training.checkpoint_every=3", *changes])


def trained(folder):
    return train(recipe(), folder / "run")


def evaluated(folder):
    return evaluate_run(open_run(trained(folder).path, device="cpu"), samples=2)


def stacked(folder):
    return train_stacked([recipe(), recipe("seed=1")], [folder / "a", folder / "b"])


def diverged(folder):
    with pytest.raises(Exception, match="was (nan|inf)"):
        train(recipe("optimizer.learning_rate=1e30"), folder / "run")


def chosen(folder):
    return choose([recipe(), recipe("seed=1")], workers=1)


@pytest.mark.parametrize("doing", [trained, evaluated, stacked, diverged, chosen])
def test_the_process_is_left_as_it_was_found(doing, tmp_path):
    before = {name: read() for name, read in STATE.items()}
    doing(tmp_path)
    after = {name: read() for name, read in STATE.items()}
    assert {name: (before[name], now) for name, now in after.items() if now != before[name]} == {}


def test_importing_kelbo_leaves_the_process_as_it_was_found():
    modules = [
        "experiments.training_run",
        "evaluation",
        "sweeps.definition",
        "likelihoods",
        "reports.run_page",
        "cli.main",
    ]
    script = "\n".join(
        [
            "import logging, os, random, signal, sys, warnings",
            "import numpy as np, torch, matplotlib",
            "import matplotlib.pyplot, lightning_fabric, rich.style, scipy.stats, sklearn.ensemble",  # which change some of it
            "def state():",
            "    return (torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate(),",
            "        torch.get_num_threads(), torch.get_default_dtype(), torch.get_float32_matmul_precision(),",
            "        signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), list(warnings.filters),",
            "        logging.root.level, list(logging.root.handlers), dict(os.environ), sys.excepthook,",
            "        matplotlib.get_backend(), str(matplotlib.rcParams), torch.is_grad_enabled())",
            "before = state()",
            *[f"import kelbo.{module}" for module in modules],
            "print([number for number, (a, b) in enumerate(zip(before, state())) if a != b])",
        ]
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@contextmanager
def default_device():
    torch.set_default_device("cpu")
    try:
        yield
    finally:
        torch.set_default_device(None)


AROUND = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "autocast that is off": lambda: torch.autocast("cpu", enabled=False),
    "a device": lambda: torch.device("cpu"),
    "a default device": default_device,
}


def weights(run):
    return (run.checkpoint(run.checkpoint_steps()[-1]) / "weights.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("block", "precision"),
    [*((block, "32-true") for block in AROUND), ("autocast", "bf16-mixed"), ("autocast that is off", "bf16-mixed")],
)
def test_what_is_set_around_training_and_evaluation_changes_no_number(alone, tmp_path, block, precision):
    """Autocast around a whole training, above all: it would keep the weights of the first step as they were cast then."""
    run, record = alone[precision]
    with AROUND[block]():
        within = train(recipe("training.steps=12", f"training.precision={precision}"), tmp_path / "run")
        told = evaluate_run(open_run(within.path, device="cpu"), samples=2)
    assert weights(within) == weights(run)
    assert told["elbo"] == record["elbo"]
    assert told["distortion"] == record["distortion"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """By precision a run with nothing around, and its record."""
    found = {}
    for precision in ("32-true", "bf16-mixed"):
        folder = tmp_path_factory.mktemp("alone") / precision
        run = train(recipe("training.steps=12", f"training.precision={precision}"), folder)
        found[precision] = run, evaluate_run(open_run(run.path, device="cpu"), samples=2)
    return found


@pytest.mark.parametrize("how", ["alone", "stacked"])
def test_another_default_dtype_is_refused_before_a_folder_is_made(tmp_path, how):
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(RecipeError, match="float64"):
            train(recipe(), tmp_path / "a") if how == "alone" else train_stacked([recipe()], [tmp_path / "a"])
    finally:
        torch.set_default_dtype(torch.float32)
    assert not (tmp_path / "a").exists()
