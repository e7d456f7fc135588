"""The loop clips, follows its schedule, and its hooks write what happened."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kelbo.errors import Divergence
from kelbo.evaluation import sample
from kelbo.experiments import open_run, train
from kelbo.recipes import change, find
from kelbo.runs import Run

TINY = ["model.network.width=16", "training.batch_size=32", "training.log_every=2", "training.pictures_every=4"]


def tiny(*settings):
    return change(find("digits"), [*TINY, *settings])


def test_gradients_are_clipped_to_the_norm_asked_for(tmp_path):
    norms = []

    def note(state, values):
        gradients = [p.grad for p in state.network.parameters() if p.grad is not None]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    train(tiny("training.steps=3", "training.clip=0.5"), tmp_path / "clipped", hooks=[note])
    assert norms == pytest.approx([0.5] * 3, rel=1e-3)
    norms.clear()
    train(tiny("training.steps=3"), tmp_path / "free", hooks=[note])
    assert min(norms) > 0.5


def test_the_learning_rate_follows_its_schedule(tmp_path):
    settings = (
        "training.steps=8",
        "training.log_every=1",
        "schedule.kind=drop",
        "schedule.at=0.5",
        "schedule.warmup=2",
    )
    run = train(tiny(*settings), tmp_path / "run")
    rates = [row["learning_rate"] / 1e-3 for row in run.journal.rows()]
    assert rates == pytest.approx([0.5, 1, 1, 1, 0.2, 0.2, 0.2, 0.2])


def test_a_row_is_the_mean_over_its_steps(tmp_path):
    losses = []

    def note(state, values):
        losses.append(float(values["loss"]))

    run = train(tiny("training.steps=4"), tmp_path / "run", hooks=[note])
    expected = [np.mean(losses[:2]), np.mean(losses[2:])]
    assert [row["loss"] for row in run.journal.rows()] == pytest.approx(expected, rel=1e-5)


def test_tensorboard_has_the_journals_rows_after_a_resumption_too(tmp_path):
    run = train(tiny("training.steps=4", "schedule.kind=constant"), tmp_path / "run")
    train(tiny("training.steps=8", "schedule.kind=constant"), tmp_path / "run", resume=True)
    events = EventAccumulator(str(run.events))
    events.Reload()
    shown = {event.step: event.value for event in events.Scalars("loss")}
    assert shown == pytest.approx({row["step"]: row["loss"] for row in run.journal.rows()}, rel=1e-5)
    assert list(shown) == [2, 4, 6, 8]


def test_the_picture_of_samples_shows_the_models_samples(tmp_path):
    run = train(tiny("training.steps=4"), tmp_path / "run")
    picture = np.asarray(Image.open(run.pictures("samples")[-1]))
    first = picture[: 8 * 8 : 8, : 8 * 8 : 8, 0]  # each pixel is drawn as 8 by 8
    expected = sample(open_run(run.path).model, 40)[0, 0]
    np.testing.assert_allclose(first / 255, expected, atol=0.5 / 255 + 1e-6)


def test_networks_run_in_bfloat16_where_the_recipe_says_so(tmp_path):
    kinds = []

    def note(state, values):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            kinds.append((state.network.encoder(torch.rand(1, 1, 8, 8)).dtype, values["distortion"].dtype))

    half = train(tiny("training.steps=4", "training.precision=bf16-mixed"), tmp_path / "half", hooks=[note])
    full = train(tiny("training.steps=4"), tmp_path / "full")
    assert set(kinds) == {(torch.bfloat16, torch.float32)}
    a, b = (np.array([row["loss"] for row in run.journal.rows()]) for run in (half, full))
    assert (a != b).any()
    np.testing.assert_allclose(a, b, rtol=0.05)


@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_no_memory_that_is_not_finite_is_ever_saved(tmp_path, optimizer):
    """An optimiser whose memory of a weight is infinite never moves that weight again, while every loss looks well."""

    def overflow(state, values):
        if state.step == 3:
            memory = next(iter(state.optimizer.state.values()))
            next(value for name, value in memory.items() if name in ("sum", "exp_avg_sq")).view(-1)[5] = torch.inf

    recipe = tiny(f"optimizer.kind={optimizer}", "training.steps=8", "training.checkpoint_every=2")
    with pytest.raises(Divergence, match=r"step 4\b"):
        train(recipe, tmp_path / "run", hooks=[overflow])
    assert Run(tmp_path / "run").checkpoint_steps() == [2]


def test_the_speed_of_a_row_is_that_since_the_row_before(tmp_path, monkeypatch):
    clock = SimpleNamespace(perf_counter=itertools.count(step=2.0).__next__)  # each look at it takes two seconds
    monkeypatch.setattr("kelbo.training.hooks.time", clock)
    run = train(tiny("training.steps=4"), tmp_path / "run")
    assert [row["images_per_second"] for row in run.journal.rows()] == [2 * 32 / 2.0] * 2
