"""Updates that are skipped: which ones, what they leave as it was, and that nothing waits for ever."""

import pytest
import torch
from safetensors.torch import load_file

from kelbo.errors import Divergence
from kelbo.experiments import train
from kelbo.experiments.parts import Parts
from kelbo.recipes import build, change, find
from kelbo.training import AccumulatingUpdate, Ema, LossUpdate, Skipping, skipping
from kelbo.training.skipping import ENDURED, Decision, step_if

STEPS = 12
TINY = change(
    find("digits"),
    [
        *(
            "data.size=8",
            "model.network.width=8",
            "model.latents=3",
            "training.batch_size=8",
            f"training.steps={STEPS}",
        ),
        *("training.log_every=4", "training.checkpoint_every=4", "training.pictures_every=1000", "training.ema=0.9"),
        *("training.skip.kind=quantile", "objective.kind=distortion_target", "objective.target=2"),
    ],
)


def judged(rule, norms, clip=None):
    """What becomes of gradients of these norms, one a step: "applied", "skipped" or by what they are scaled."""
    memory, found = rule.initial(), []
    for norm in norms:
        decision = rule.judge(memory, torch.tensor(float(norm)), torch.tensor(1.0), clip)
        scaled = float(decision.scale)
        found.append("skipped" if not decision.applied else "applied" if scaled == 1 else pytest.approx(scaled))
    return memory, found


def test_a_norm_is_judged_by_those_of_the_steps_before_whatever_the_losss_unit():
    rule = Skipping(quantile=0.5, factor=3.0, window=10)
    for unit in (1e-3, 1.0, 1e5):
        _, found = judged(rule, [unit * norm for norm in [1, 900, *[1] * 8, 2.9, 3.1, 1]])
        assert found == ["applied"] * 11 + ["skipped", "applied"]


def test_a_threshold_follows_norms_that_stay_larger():
    memory, found = judged(Skipping(quantile=0.9, factor=5.0, window=20), [1.0] * 30 + [100.0] * 10)
    assert found == ["applied"] * 30 + ["skipped"] * 2 + ["applied"] * 8
    assert int(memory["applied"]) == 38


def test_a_fixed_threshold_yields_after_so_many_skipped_and_is_back_once_a_norm_is_below():
    rule = Skipping(above=10.0, patience=3)
    memory, found = judged(rule, [20, 40, 20, 40, 20, 9, 20])
    assert found == ["skipped"] * 3 + [0.25, 0.5, "applied", "skipped"]
    assert int(memory["large"]) == 1


def test_a_yielding_threshold_scales_what_clipping_left():
    assert judged(Skipping(above=10.0, patience=1), [20, 40], clip=16.0)[1] == ["skipped", 10 / 16]


def test_a_threshold_per_dimension_is_that_of_the_very_deep_vaes_loss():
    rule = Skipping(above=400.0, per_dim=True, dims=3072)
    assert float(rule.threshold(rule.initial())) == 400 * 3072


def test_norms_that_are_not_finite_are_skipped_and_do_not_move_the_threshold():
    rule = Skipping(quantile=0.5, window=4)
    memory, found = judged(rule, [1, 1, 1, 1, float("nan"), float("inf"), 1])
    assert found == ["applied"] * 4 + ["skipped"] * 2 + ["applied"]
    assert memory["norms"].tolist() == [1.0] * 4


def breaking(at, value=float("nan")):
    """Parts whose gradients are this value in these steps."""

    class Broken(LossUpdate):
        def apply(self, state, bound, loss, memory):
            if state.step in at:
                for parameter in state.network.parameters():
                    assert parameter.grad is not None
                    parameter.grad.fill_(value)
            return super().apply(state, bound, loss, memory)

    class BrokenInParts(Broken, AccumulatingUpdate):
        pass

    def update(recipe, fabric):
        made = build.update(recipe, fabric)
        made.__class__ = BrokenInParts if isinstance(made, AccumulatingUpdate) else Broken
        return made

    return Parts(update=update)


def checkpoint(run, step):
    place = run.checkpoint(step)
    return {path.name: load_file(path) for path in place.glob("*.safetensors") if "generators" not in path.name}


@pytest.mark.parametrize(
    "settings",
    [
        [],
        *(
            pytest.param([one], marks=pytest.mark.slow)
            for one in ("training.accumulate=2", "likelihood.kind=bernoulli")
        ),
    ],
)
def test_a_skipped_step_changes_nothing_but_its_own_count(settings, tmp_path):
    run = train(change(TINY, settings), tmp_path / "run", parts=breaking(range(8, STEPS)))
    before, after = checkpoint(run, 8), checkpoint(run, STEPS)
    for name, tensors in after.items():
        kept = {key for key in tensors if not key.startswith(("skips.", "used."))}
        assert kept
        assert all(torch.equal(tensors[key], before[name][key]) for key in kept), name


def test_training_goes_on_after_a_skipped_step_and_the_journal_says_how_many_there_were(tmp_path):
    run = train(TINY, tmp_path / "run", parts=breaking([5, 6]))
    rows = {row["step"]: row for row in run.journal.rows()}
    assert [rows[step]["skipped"] for step in (4, 8, 12)] == [0, 2, 0]
    assert rows[8]["skipped/not_finite"] == 2
    assert all(value is None or value == value for row in rows.values() for value in row.values())
    assert checkpoint(run, 12)["training.safetensors"]["skips.applied"] == STEPS - 2
    assert checkpoint(run, 12)["training.safetensors"]["objective.step"] == STEPS - 2


@pytest.mark.slow
def test_so_many_broken_gradients_in_a_row_end_a_run_with_the_reason(tmp_path):
    recipe = change(TINY, [f"training.steps={2 * ENDURED}"])
    with pytest.raises(Divergence, match=r"gradients of \d+ steps in a row.* were not finite"):
        train(recipe, tmp_path / "run", parts=breaking(range(4, 2 * ENDURED)))
    resumed = train(recipe, tmp_path / "run", resume=True, parts=breaking(()))
    assert resumed.checkpoint_steps()[-1] == 2 * ENDURED
    train(recipe, tmp_path / "not", parts=breaking(range(4, 3 + ENDURED)))


def test_without_skipping_one_broken_gradient_ends_a_run(tmp_path):
    with pytest.raises(Divergence, match="At step 6 the gradient_norm was nan"):
        train(change(TINY, ["training.skip.kind=never"]), tmp_path / "run", parts=breaking([5]))


@pytest.mark.slow
@pytest.mark.parametrize("settings", [[], ["training.accumulate=2", "objective.free_bits=0.5"]])
def test_a_run_with_skips_average_and_multiplier_resumes_to_the_same_bits(settings, tmp_path):
    parts = breaking([2, 5])
    straight = train(change(TINY, settings), tmp_path / "straight", parts=parts)
    cut = train(change(TINY, [*settings, "training.steps=4"]), tmp_path / "cut", parts=parts)
    train(change(TINY, settings), cut.path, resume=True, parts=parts)
    ours, theirs = checkpoint(cut, STEPS), checkpoint(straight, STEPS)
    for name, tensors in ours.items():
        assert all(torch.equal(value, theirs[name][key]) for key, value in tensors.items()), name


def test_the_moving_average_counts_the_steps_that_were_applied():
    model, step = torch.nn.Linear(2, 1), torch.tensor(3)
    counted, plain = Ema(model, 0.9999), Ema(model, 0.9999)
    with torch.no_grad():
        model.weight.add_(1.0)
    counted.update_if(torch.tensor(False), model, step)
    assert not torch.equal(counted.weights["weight"], model.weight)
    before = counted.weights["weight"].clone()
    counted.update_if(torch.tensor(True), model, step)
    plain.update(model, 3)
    assert torch.equal(counted.weights["weight"], plain.weights["weight"])
    assert not torch.equal(counted.weights["weight"], before)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad])
def test_on_a_device_fused_optimisers_decide_as_a_branch_would(kind):
    twins = [torch.nn.Linear(3, 2) for _ in range(2)]
    twins[1].load_state_dict(twins[0].state_dict())
    optimizers = [kind(twin.parameters(), 0.1, fused=True) for twin in twins]
    for step, (applied, scale) in enumerate([(True, 1.0), (False, 1.0), (True, 0.25), (False, 1.0), (True, 1.0)]):
        decision = Decision(torch.tensor(applied), torch.tensor(scale), {})
        gradient = torch.full((2, 3), float(step + 1) if applied else float("nan"))
        for twin, optimizer, how in zip(twins, optimizers, (step_if, on_device), strict=True):
            twin.weight.grad, twin.bias.grad = gradient.clone(), gradient[:, 0].clone()
            how(optimizer, decision)
    for name, value in twins[0].state_dict().items():
        torch.testing.assert_close(value, twins[1].state_dict()[name])
        assert value.isfinite().all()


def on_device(optimizer, decision):
    skipping._step_on_device(optimizer, optimizer, decision)


def test_on_a_device_the_moving_average_is_that_of_the_cpu():
    model = torch.nn.BatchNorm1d(2)
    ours, theirs = Ema(model, 0.999), Ema(model, 0.999)
    for step, changed in enumerate([True, False, True]):
        with torch.no_grad():
            model.weight.add_(1.0)
            model.running_mean.add_(1.0)
        ours.update_if(torch.tensor(changed), model, torch.tensor(step))
        theirs._update_if(torch.tensor(changed), model, torch.tensor(step))
    for name, value in ours.weights.items():
        torch.testing.assert_close(theirs.weights[name], value)
