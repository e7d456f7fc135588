"""Training and evaluating draw from generators of their own: no thread changes another's numbers."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from kelbo.evaluation import sample
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.metrics import classifiers
from kelbo.recipes import change
from kelbo.recipes.named import digits
from kelbo.sweeps.stacked import train_stacked

SEEDS = (0, 1, 2)


def recipe(seed):
    return change(digits(), ["training.steps=30", "training.checkpoint_every=20", f"seed={seed}"])


def left(run):
    """All that a run leaves of numbers: its newest checkpoint and its rows."""
    newest = run.checkpoint(run.checkpoint_steps()[-1])
    files = {path.name: path.read_bytes() for path in newest.glob("*.safetensors")}
    return files | {"rows": [{k: v for k, v in row.items() if "second" not in k} for row in run.journal.rows()]}


def measured(run):
    experiment = open_run(run.path, device="cpu")
    record = evaluate_run(experiment, samples=2, batch_size=32, again=True)
    drawn = sample(experiment.model, 5, noise=True).tolist()
    return {name: value for name, value in record.items() if name not in ("settings", "measured", "machine")}, drawn


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Each recipe trained with nothing else going on."""
    return [train(recipe(seed), tmp_path_factory.mktemp("alone") / f"{seed}") for seed in SEEDS]


@pytest.fixture
def somebody_draws():
    """A thread that draws from PyTorch's default generator all the time, and seeds it."""
    stop, draws = threading.Event(), []

    def draw():
        while not stop.is_set():
            torch.manual_seed(len(draws))
            draws.append(float(torch.rand(100).sum()))
            stop.wait(0.001)

    thread = threading.Thread(target=draw)
    thread.start()
    yield draws
    stop.set()
    thread.join()
    for number in range(0, len(draws), max(1, len(draws) // 100)):  # and nobody disturbed them
        assert draws[number] == float(torch.rand(100, generator=torch.Generator().manual_seed(number)).sum())


def test_runs_trained_at_a_time_in_threads_are_those_trained_alone(alone, somebody_draws, tmp_path):
    with ThreadPoolExecutor(len(SEEDS)) as pool:
        runs = list(pool.map(lambda seed: train(recipe(seed), tmp_path / f"{seed}"), SEEDS))
    assert [left(run) for run in runs] == [left(run) for run in alone]
    assert somebody_draws


def test_a_run_resumed_beside_other_draws_goes_on_as_it_would_have(alone, somebody_draws, tmp_path):
    begun = change(recipe(0), ["training.steps=20"])
    train(begun, tmp_path / "run")
    resumed = train(recipe(0), tmp_path / "run", resume=True)
    assert left(resumed)["weights.safetensors"] == left(alone[0])["weights.safetensors"]


def test_evaluations_at_a_time_beside_a_training_disturb_neither(alone, somebody_draws, tmp_path):
    expected = [measured(run) for run in alone]
    with ThreadPoolExecutor(len(SEEDS) + 1) as pool:
        training = pool.submit(train, recipe(1), tmp_path / "run")
        assert list(pool.map(measured, alone)) == expected
    assert left(training.result()) == left(alone[1])


def test_stacked_lanes_beside_other_draws_are_those_trained_alone(somebody_draws, tmp_path):
    folders = [tmp_path / "beside" / f"{seed}" for seed in SEEDS]
    recipes = [recipe(seed) for seed in SEEDS]
    with ThreadPoolExecutor(2) as pool:
        lanes = pool.submit(train_stacked, recipes, folders)
        others = pool.submit(train_stacked, recipes, [tmp_path / "others" / f"{seed}" for seed in SEEDS])
        assert all(outcome.error is None for outcome in [*lanes.result(), *others.result()])
    for seed in SEEDS:
        pair = [tmp_path / name / f"{seed}" for name in ("beside", "others")]
        checkpoints = [next(folder.rglob("*30/weights.safetensors")).read_bytes() for folder in pair]
        assert checkpoints[0] == checkpoints[1]


@pytest.mark.parametrize("classifier", ["linear", "mlp"])
def test_classifiers_of_scores_at_a_time_are_those_alone(somebody_draws, monkeypatch, classifier):
    learned = getattr(classifiers, f"_{classifier}")
    monkeypatch.setattr(classifiers, f"_{classifier}", lambda *a: learned(*a, steps=40))
    points = torch.randn(60, 4, generator=torch.Generator().manual_seed(0)).numpy()
    labels = (points[:, 0] > 0).astype(int)

    def told(seed):
        return classifiers.predictions(classifier, points, labels, points, classes=2, seed=seed).tolist()

    expected = [told(seed) for seed in SEEDS]
    with ThreadPoolExecutor(len(SEEDS)) as pool:
        assert list(pool.map(told, SEEDS)) == expected
