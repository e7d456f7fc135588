import pytest
import torch

from kelbo.bound import Bound
from kelbo.objectives import Beta, Capacity, equivalents, weight_of_rate, weights_of_rate
from kelbo.recipes import build, find
from kelbo.recipes.schema import BetaSpec, CapacitySpec, ElboSpec


def bound(batch=4, groups=2):
    torch.manual_seed(0)
    return Bound(rate=torch.rand(batch, groups) * 10, distortion=torch.rand(batch) * 100)


def test_beta_one_is_the_negative_elbo():
    b = bound()
    loss, _ = Beta(1.0)(b, Beta(1.0).initial())
    torch.testing.assert_close(loss, -b.elbo.mean())


def test_beta_weighs_the_total_rate_of_all_groups():
    b = bound()
    loss, _ = Beta(4.0)(b, Beta(4.0).initial())
    torch.testing.assert_close(loss, b.distortion.mean() + 4 * b.rate.sum(-1).mean())


def test_warmup_rises_linearly_from_zero_and_stays():
    b, objective = bound(), Beta(2.0, warmup=4)
    state, weights = objective.initial(), []
    for _ in range(6):
        loss, state = objective(b, state)
        weights.append(float((loss - b.distortion.mean()) / b.rate.sum(-1).mean()))
    assert weights == pytest.approx([0, 0.5, 1.0, 1.5, 2.0, 2.0], abs=1e-5)


def test_capacity_pulls_the_mean_rate_to_a_rising_target():
    b, objective = bound(), Capacity(gamma=10.0, capacity=8.0, steps=4)
    state, rate = objective.initial(), b.rate.sum(-1).mean()
    for step in range(6):
        loss, state = objective(b, state)
        target = 8.0 * min(1.0, step / 4)
        torch.testing.assert_close(loss, b.distortion.mean() + 10 * (rate - target).abs())


@pytest.mark.parametrize("objective", [Beta(1.0), Beta(4.0), Beta(0.5, warmup=3), Capacity(gamma=7.0)])
def test_no_objective_changes_the_state_it_is_given(objective):
    state = objective.initial()
    before = {name: value.clone() for name, value in state.items()}
    objective(bound(), state)
    assert all(torch.equal(state[name], value) for name, value in before.items())


@pytest.mark.parametrize(("objective", "weight"), [(Beta(1.0), 1.0), (Beta(4.0), 4.0), (Capacity(gamma=7.0), 7.0)])
def test_the_weight_of_the_rate_is_read_off_any_objective(objective, weight):
    assert weight_of_rate(objective, bound(), objective.initial()) == pytest.approx(weight, rel=1e-5)


def test_below_its_capacity_an_objective_wants_more_rate():
    objective = Capacity(gamma=7.0, capacity=1000.0, steps=1)
    assert weight_of_rate(objective, bound(), {"step": torch.tensor(1)}) == pytest.approx(-7.0, rel=1e-5)
    assert equivalents(0.25, -7.0)["equivalent_sigma"] is None


@pytest.mark.parametrize("objective", [Beta(4.0), Beta(0.1, warmup=7), Capacity(25.0, 100.0, steps=9)])
@pytest.mark.parametrize("groups", [1, 5])
def test_the_weights_of_many_steps_are_those_of_each_to_the_last_bit(objective, groups):
    steps = [bound(1, groups)._replace(rate=torch.rand(1, groups) * 9) for _ in range(12)]
    alone = [weight_of_rate(objective, one, {"step": torch.tensor(n)}) for n, one in enumerate(steps)]
    rates, distortions = torch.cat([one.rate for one in steps]), torch.cat([one.distortion for one in steps])
    assert weights_of_rate(objective, rates, distortions, {"step": torch.arange(12)}) == alone


def test_equivalent_beta_is_sigma_squared_times_beta():
    # a σ-VAE with σ = 0.1 at β = 1 is the β-VAE of weight 0.01 beside half the squared error
    assert equivalents(0.1**2, 1.0) == pytest.approx({"equivalent_sigma": 0.1, "equivalent_beta": 0.01})
    # and weight 4 beside a unit Gaussian is a Gaussian of σ = 2
    assert equivalents(1.0, 4.0) == pytest.approx({"equivalent_sigma": 2.0, "equivalent_beta": 4.0})


def test_mse_loss_with_beta_is_a_gaussian_whose_variance_is_beta():
    """Spec'd identity σ² = β: the two losses' gradients are proportional."""
    torch.manual_seed(1)
    x, mean, rate = torch.rand(5), torch.rand(5, requires_grad=True), torch.rand(3, requires_grad=True)
    beta = 0.3
    by_beta = torch.autograd.grad(0.5 * (x - mean).square().sum() + beta * rate.square().sum(), (mean, rate))
    by_sigma = torch.autograd.grad((x - mean).square().sum() / (2 * beta) + rate.square().sum(), (mean, rate))
    for a, b in zip(by_beta, by_sigma, strict=True):
        torch.testing.assert_close(a, beta * b)


@pytest.mark.parametrize("spec", [ElboSpec(), BetaSpec(), CapacitySpec()])
def test_an_objectives_defaults_are_those_of_a_recipe(spec):
    objective = build.objective(find("digits").model_copy(update={"objective": spec}))
    assert objective == type(objective)()
