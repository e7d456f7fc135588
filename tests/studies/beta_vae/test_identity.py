"""The study's section 4.2 through the ordinary recipes."""

import torch

from kelbo.recipes import differences
from kelbo.studies.beta_vae.identity import identity, on_the_scale_of_beta, pair


def test_the_two_recipes_differ_in_nothing_but_sigma_and_beta():
    told = differences(*pair(4.0))
    assert [line.split(":")[0] for line in told] == ["likelihood.sigma", "objective.beta"]
    assert pair(4.0)[1].likelihood.sigma == 2.0


def test_both_trainings_are_one():
    before = torch.get_rng_state()
    found = identity(steps=40, betas=(0.1, 4.0), pictured=4.0)
    assert torch.equal(torch.get_rng_state(), before)
    assert found["betas"] == [0.1, 4.0]
    assert max(found["loss_gap"] + found["gradient_gap"]) < 1e-5
    assert max(found["trajectory_gap"]) < 1e-2
    ours, theirs = found["curves"]["beta"], found["curves"]["gaussian"]
    assert [step for step, _ in ours] == [step for step, _ in theirs] == list(range(1, 41))
    assert ours[0][1] - ours[-1][1] > 1  # it trains
    assert max(abs(a - b) for (_, a), (_, b) in zip(ours, theirs, strict=True)) < 0.05


def test_the_gaps_see_a_wrong_identity(monkeypatch):
    def crossed(beta, steps, seed):
        weighed, _ = pair(beta, steps, seed)
        return weighed, pair(beta / 2, steps, seed)[1]

    monkeypatch.setattr("kelbo.studies.beta_vae.identity.pair", crossed)
    found = identity(steps=20, betas=(4.0,))
    assert min(found["loss_gap"][0], found["gradient_gap"][0], found["trajectory_gap"][0]) > 0.01


def test_the_plain_bound_is_its_own_scale():
    assert on_the_scale_of_beta(3.25, 1.0, 64) == 3.25
