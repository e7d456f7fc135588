"""One network after another code's, with what its optimiser remembers."""

import numpy as np
import pytest
import torch
from torch import nn

from kelbo.errors import ScoreError
from kelbo.metrics.classifiers import mlp_layers
from kelbo.studies.beta_vae.as_published_classifiers import Answers, Task, answers_in_turn

RNG = np.random.default_rng(0)


def task(scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    labels, asked = rng.integers(4, size=300), rng.integers(4, size=200)
    centres = rng.normal(size=(4, 3))
    train, test = (scale * np.abs(centres[drawn] + rng.normal(size=(len(drawn), 3))) for drawn in (labels, asked))
    return Task(train, labels, test)


TASKS = {"vae": task(3.0), "pca": task(0.5, 1), "ica": task(1.0, 2)}


def by_hand(kind, tasks, classes, steps, seed=0):
    """As the study's code has it: autograd, one optimiser and schedule until ICA's, weights drawn anew between codes."""
    torch.manual_seed(seed)
    layers = mlp_layers(3, classes) if kind == "mlp" else nn.Sequential(nn.Linear(3, classes))
    decay = 1e-4 if kind == "mlp" else 0.0
    optimizer = torch.optim.Adagrad(layers.parameters(), lr=1e-3 if kind == "mlp" else 1e-2, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min", patience=5000, min_lr=1e-5)
    told = {}
    for name, (train, labels, test) in tasks.items():
        torch.manual_seed(seed)
        for layer in layers:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        if name == "ica":
            optimizer = torch.optim.Adam(layers.parameters(), lr=1e-3 if kind == "mlp" else 1.0, weight_decay=decay)
            schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min", patience=5000, min_lr=1e-5)
        points, answers = torch.as_tensor(train).float(), torch.as_tensor(labels)
        for _ in range(steps):
            layers.train()
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(layers(points), answers)
            loss.backward()
            optimizer.step()
            schedule.step(loss.detach())
        layers.eval()
        with torch.no_grad():
            told[name] = layers(torch.as_tensor(test).float()).softmax(1).numpy(), optimizer.param_groups[0]["lr"]
    return told


@pytest.mark.parametrize(("kind", "steps"), [("linear", 400), ("mlp", 40)])
def test_networks_in_turn_are_those_of_the_studys_loop(kind, steps):
    with torch.random.fork_rng(devices=[]):
        slow = by_hand(kind, TASKS, 5, steps)
    fast = answers_in_turn(kind, TASKS, classes=5, steps=steps)
    for name, (shares, rate) in slow.items():
        two = np.sort(shares, 1)[:, -2:]
        sure = two[:, 1] - two[:, 0] > 1e-3  # where rounding cannot turn the answer
        assert sure.mean() > 0.9
        np.testing.assert_array_equal(fast[name].whole[sure], shares.argmax(1)[sure])
        assert fast[name].rate == rate


def test_the_plateau_of_one_code_lowers_the_rate_of_the_next():
    """Points that tell nothing: the loss of the second code never falls below that of the first."""
    easy = Task(np.eye(4)[np.arange(40) % 4] * 5, np.arange(40) % 4, np.eye(4))
    hard = Task(np.ones((40, 4)), np.arange(40) % 4, np.eye(4))
    tasks = {"vae": easy, "pca": hard}
    carried = answers_in_turn("linear", tasks, classes=4, steps=5_100)
    fresh = answers_in_turn("linear", tasks, classes=4, steps=5_100, carried=False)
    assert carried["vae"].rate == fresh["vae"].rate == fresh["pca"].rate == 1e-2
    assert carried["pca"].rate == pytest.approx(1e-3)


def test_only_what_is_carried_changes_the_second_code():
    def both(**how):
        return answers_in_turn("linear", TASKS, classes=4, steps=200, **how)

    carried, fresh = both(), both(carried=False)
    np.testing.assert_array_equal(carried["vae"].whole, fresh["vae"].whole)
    np.testing.assert_array_equal(carried["ica"].whole, fresh["ica"].whole)  # an optimiser of its own either way
    assert (carried["pca"].whole != fresh["pca"].whole).any()
    alone = answers_in_turn("linear", {"pca": TASKS["pca"]}, classes=4, steps=200)
    np.testing.assert_array_equal(alone["pca"].whole, fresh["pca"].whole)


def test_an_untuned_ica_is_trained_like_the_others():
    plain = answers_in_turn("linear", {"ica": TASKS["ica"]}, classes=4, steps=200, tuned=())
    other = answers_in_turn("linear", {"pca": TASKS["ica"]}, classes=4, steps=200)
    np.testing.assert_array_equal(plain["ica"].whole, other["pca"].whole)
    tuned = answers_in_turn("linear", {"ica": TASKS["ica"]}, classes=4, steps=200)
    assert (plain["ica"].whole != tuned["ica"].whole).any()


def test_dropout_turns_some_answers_of_the_mlp_and_none_of_the_linear():
    told = {
        kind: answers_in_turn(kind, {"vae": TASKS["vae"]}, classes=4, steps=30)["vae"] for kind in ("linear", "mlp")
    }
    np.testing.assert_array_equal(told["linear"].whole, told["linear"].dropped)
    assert 0.02 < (told["mlp"].whole != told["mlp"].dropped).mean() < 0.6


def test_a_seed_decides_and_the_global_generator_stays_as_it_was():
    before = torch.get_rng_state()
    first, again, other = (
        answers_in_turn("mlp", {"vae": TASKS["vae"]}, classes=4, steps=5, seed=seed)["vae"] for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert isinstance(first, Answers)
    np.testing.assert_array_equal(first.dropped, again.dropped)
    assert (first.dropped != other.dropped).any()


def test_codes_of_different_sizes_are_refused():
    tasks = {"vae": TASKS["vae"], "pca": Task(np.ones((5, 2)), np.zeros(5, int), np.ones((5, 2)))}
    with pytest.raises(ScoreError, match="got vae 3, pca 2"):
        answers_in_turn("linear", tasks, classes=4)
