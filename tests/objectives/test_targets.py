"""A distortion or a rate held at a target: the published rule to the letter, units, courses, and what is refused."""

import math

import pytest
import torch
from tests.toys.two_groups import TwoGroups

from kelbo.bound import Bound, ErrorBound
from kelbo.errors import RecipeError
from kelbo.likelihoods import Bernoulli
from kelbo.objectives import Beta, DistortionTarget, GroupRates, RateTarget, Target, weight_of_rate
from kelbo.recipes import build, change, find
from kelbo.training import LossUpdate
from kelbo.training.update import suit


def bound(error=5.0, batch=4, groups=2):
    torch.manual_seed(0)
    return ErrorBound(torch.rand(batch, groups) * 10, torch.rand(batch) * 100, torch.full((batch,), error))


def suited(*settings):
    """The objective of a recipe of the digits, for its model."""
    recipe = change(find("digits"), ["data.size=8", "model.network.width=8", *settings])
    data = build.data(recipe)
    update = build.update(recipe, None)  # pyright: ignore[reportArgumentType]  which never computes
    suit(update, build.model(recipe, data), data.levels)
    return update.objective


SQUARED = ("objective.kind=distortion_target", "objective.target=8")
GIVEN = ("likelihood.kind=fixed_gaussian", "likelihood.sigma=0.1")


@pytest.mark.parametrize("held", [DistortionTarget(Target(8.0, "squared_error")), RateTarget(Target(8.0, "nats"))])
def test_the_multiplier_takes_the_steps_of_pytorchs_adam_clamped_after_each(held):
    multiplier = torch.tensor(held.multiplier.first, requires_grad=True)
    adam = torch.optim.Adam([multiplier], lr=2e-4, betas=(0.0, 0.999), maximize=True)
    state = held.initial()
    for step in range(300):
        slack = torch.tensor(math.sin(step) * 10 - 4 * (step < 200))
        multiplier.grad = slack.clone()
        adam.step()
        with torch.no_grad():
            multiplier.clamp_(1e-4, 0.9999)
        state = held.multiplier.moved(state, slack, slack)
        assert float(state["multiplier"]) == pytest.approx(float(multiplier.detach()), abs=1e-5)


def test_the_published_loss_weighs_rate_and_squared_error_by_a_multiplier_that_begins_at_its_upper_end():
    held, b = DistortionTarget(Target(8.0, "squared_error")), bound()
    loss, _ = held(b, held.initial())
    torch.testing.assert_close(loss, 1e-4 * b.rate.sum(-1).mean() + 0.9999 * b.squared_error.mean(), rtol=1e-4, atol=0)


def test_the_multiplier_rises_while_there_is_too_much_of_what_is_held_and_falls_while_there_is_too_little():
    for held in (DistortionTarget(Target(8.0, "nats"), "log_odds"), RateTarget(Target(8.0, "nats"), "log_odds")):
        moves = []
        for value in (9.0, 7.0):
            b = Bound(torch.full((3, 1), value), torch.full((3,), value))
            moves.append(float(held(b, held.initial())[1]["multiplier"] - held.initial()["multiplier"]))
        assert moves[1] < 0 < moves[0]


def test_the_log_odds_move_by_the_slack_as_a_share_and_at_most_by_their_rate():
    held, moves = DistortionTarget(Target(8.0, "squared_error"), "log_odds"), []
    for error in (8.0, 8.8, 800.0, 0.0):
        state = held.initial()
        moves.append(float(held(bound(error), state)[1]["multiplier"] - state["multiplier"]))
    assert moves == pytest.approx([0.0, 0.01 * math.log(1.1), 0.01, -0.01], abs=1e-6)


def test_the_log_odds_end_where_no_code_of_the_target_asks_for_more():
    """Beyond ten times the slope dims/(2·target), so that they need not come back from far after a model has learned."""
    held = suited(*SQUARED, *GIVEN, "objective.form=log_odds")
    assert held.ends[1] == pytest.approx(math.log(10 * 64 / (2 * 8)))
    assert float(held.initial()["multiplier"]) == pytest.approx(held.ends[1])  # less than 0.9999
    smaller = suited(*SQUARED, *GIVEN, "objective.form=log_odds", "objective.start=0.08")
    assert smaller.ends[1] == pytest.approx(math.log(10 * 64 / (2 * 0.08)))
    state = held.initial()
    assert float(held.told(bound(9.0), state)["clamp_active"]) == 1
    assert held(bound(9.0), state)[1]["multiplier"] == state["multiplier"]


def test_nats_are_weighed_against_nats_within_the_published_range_unless_their_scale_is_given():
    free, given = ("likelihood.kind=optimal_gaussian",), GIVEN
    nats = ("objective.kind=distortion_target", "objective.unit=nats", "objective.target=8", "objective.form=log_odds")
    for settings in (nats, ("objective.kind=rate_target", "objective.target=8")):
        assert suited(*settings, *free).ends[1] == pytest.approx(math.log(9999))
        assert suited(*settings, *given).ends[1] == 20


def test_what_is_held_is_a_constant_for_the_multiplier_and_no_gradient_reaches_the_memory():
    held, b = DistortionTarget(Target(8.0, "squared_error")), bound()
    b.squared_error.requires_grad_()
    _, after = held(b, held.initial())
    assert not any(value.requires_grad for value in after.values())


def test_the_clamp_is_active_only_where_the_slack_pushes_against_it():
    held = DistortionTarget(Target(8.0, "squared_error"))
    told = [held.told(bound(error), held.initial())["clamp_active"] for error in (9.0, 7.0)]
    assert [float(value) for value in told] == [1.0, 0.0]


def test_the_implied_sigma_is_the_equivalent_one_of_a_loss_that_weighs_squared_errors():
    held, b = DistortionTarget(Target(8.0, "squared_error")), bound()
    state = held.initial() | {"multiplier": torch.tensor(0.75)}
    assert float(held.told(b, state)["implied_sigma"]) == pytest.approx(math.sqrt(1 / 6))
    for sigma in (0.1, 2.0):  # whatever the decoder says
        weight = weight_of_rate(held, b, state, sigma**2)
        assert sigma * math.sqrt(weight) == pytest.approx(math.sqrt(1 / 6), rel=1e-5)


def test_targets_are_converted_to_what_an_example_has():
    dims = 3072
    assert Target(20.0, "psnr", dims=dims).converted(20.0) == pytest.approx(0.01 * dims)
    assert Target(2.0, "bits_per_dim", dims=dims).converted(2.0) == pytest.approx(2 * dims * math.log(2))
    assert Target(7.0, "nats").converted(7.0) == 7.0


@pytest.mark.parametrize(
    "target",
    [
        Target(20.0, "psnr", dims=48),
        Target(2.0, "bits_per_dim", dims=48),
        Target(3.0, "bits_per_dim", dims=48, levels=256),
        Target(3.0, "bits_per_dim", dims=48, levels=17, sigma=0.1),
        Target(3.0, "nats"),
    ],
)
def test_what_is_held_is_told_in_the_unit_of_its_target_by_the_inverse(target):
    converted = torch.tensor(target.converted(target.value), dtype=torch.float64)
    assert float(target.stated(converted)) == pytest.approx(target.value, rel=1e-6)


def test_the_slack_is_told_in_decibels_where_the_target_is_in_decibels():
    held, b = DistortionTarget(Target(20.0, "psnr", dims=100)), bound(error=2.0)
    told = held.told(b, held.initial())
    assert float(told["slack"]) == pytest.approx(1.0)
    assert float(told["slack_psnr"]) == pytest.approx(-10 * math.log10(2))
    assert not any(name.startswith("slack_") for name in DistortionTarget(Target(1.0, "nats")).told(b, held.initial()))
    standing = held.standing(b)
    assert (standing.held, standing.slack) == ("squared_error", pytest.approx(1.0))
    assert standing.slack_in_unit == pytest.approx(-10 * math.log10(2), rel=1e-5)


def test_bits_per_dim_of_a_solved_gaussian_are_the_published_table():
    """−ELBO less rate at the published squared errors of 32×32 images in colour, in nats."""
    dims = 3072
    for error, nats in ((64, 15437 - 1.1), (8, 12280 - 37.5), (0.5, 8350 - 355.3)):
        bits = nats / dims / math.log(2)
        assert Target(bits, "bits_per_dim", dims=dims, levels=256).converted(bits) == pytest.approx(error, rel=2e-3)


def test_bits_per_dim_of_a_given_sigma_are_those_of_dequantised_levels():
    held = suited(*SQUARED, *GIVEN, "objective.unit=bits_per_dim", "objective.target=3")
    dims, scale, sigma = 64, 16, 0.1
    error = held.target.converted(3.0)
    nats = (error + dims / (12 * scale**2)) / (2 * sigma**2) + dims * math.log(scale * sigma * math.sqrt(2 * math.pi))
    assert nats / dims / math.log(2) == pytest.approx(3.0, rel=1e-6)


def test_a_target_moves_linearly_or_in_jumps_and_then_stays():
    steps = torch.arange(0, 16, 2)
    assert Target(2.0, "nats", 10.0, 8).at(steps).tolist() == [10, 8, 6, 4, 2, 2, 2, 2]
    assert Target(2.0, "nats", 10.0, 8, jumps=2).at(steps).tolist() == [10, 10, 6, 6, 2, 2, 2, 2]
    assert Target(30.0, "psnr", 10.0, 2, dims=10).at(torch.arange(3)).tolist() == pytest.approx([1.0, 0.1, 0.01])


@pytest.mark.parametrize("kind", ["fixed_gaussian", "optimal_gaussian"])
def test_gaussians_whose_spread_nothing_trains_are_trained_by_squared_errors(kind):
    held, b = suited(*SQUARED, f"likelihood.kind={kind}"), bound()
    assert held(b, held.initial())[0] == DistortionTarget(Target(8.0, "squared_error"))(b, held.initial())[0]


@pytest.mark.parametrize("kind", ["bernoulli", "shared_gaussian", "per_pixel_gaussian", "student_t", "categorical"])
def test_other_likelihoods_are_trained_by_their_own_nats_and_held_at_a_squared_error(kind):
    held, b = suited(*SQUARED, f"likelihood.kind={kind}"), bound(error=9.0)
    state = held.initial() | {"multiplier": torch.tensor(0.5)}
    loss, after = held(b, state)
    torch.testing.assert_close(loss, 0.5 * (b.rate.sum(-1).mean() + b.distortion.mean()))
    assert after["multiplier"] > 0.5


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ((*SQUARED, "objective.target=0"), "objective.target is 0"),
        ((*SQUARED, "objective.target=-3"), "objective.target is -3"),
        ((*SQUARED, "objective.start=-3"), "objective.start is -3"),
        ((*SQUARED, "objective.unit=psnr", "objective.target=0"), "PSNR"),
        (("objective.kind=rate_target", "objective.target=0"), "a rate"),
        (("objective.kind=distortion_target",), "objective.target is missing"),
        ((*SQUARED, "objective.target=nan"), "objective.target"),
        ((*SQUARED, "model.kind=autoencoder"), "no rate"),
        ((*SQUARED, "objective.unit=bits_per_dim", "likelihood.kind=laplace"), "nats or as squared_error"),
        ((*SQUARED, "objective.unit=nats", "objective.target=-1", "likelihood.kind=bernoulli"), "-1 nats"),
        ((*SQUARED, "objective.unit=bits_per_dim", "objective.target=0.01", *GIVEN), "0.01 bits_per_dim"),
        ((*SQUARED, "objective.target=16"), "objective.target is 16 .*grey picture"),
        ((*SQUARED, "objective.unit=psnr", "objective.target=6"), "6 psnr, .*Choose more"),
        ((*SQUARED, "objective.unit=psnr", "objective.target=500"), "500 psnr, .*Choose less"),
        ((*SQUARED, "objective.target=1e-20"), "objective.target is 1e-20 .*Choose more"),
    ],
)
def test_a_target_that_cannot_be_is_refused_by_its_setting(settings, says):
    with pytest.raises(RecipeError, match=says):
        suited(*settings)


def test_a_target_without_squared_errors_says_what_is_missing():
    held = DistortionTarget(Target(8.0, "squared_error"))
    with pytest.raises(ValueError, match="errors=True"):
        held(Bound(torch.ones(2, 1), torch.ones(2)), held.initial())


@pytest.mark.parametrize("objective", [Beta, lambda groups: DistortionTarget(Target(1.0, "nats"), groups=groups)])
def test_a_group_below_its_free_bits_costs_nothing_more(objective):
    held = Beta(groups=GroupRates(free_bits=2.0)) if objective is Beta else objective(GroupRates(free_bits=2.0))
    rate = torch.tensor([[1.0, 5.0], [2.0, 7.0]], requires_grad=True)
    loss, _ = held(Bound(rate, torch.ones(2)), held.initial())
    loss.backward()
    assert rate.grad is not None
    assert rate.grad[:, 0].tolist() == [0.0, 0.0]
    assert (rate.grad[:, 1] > 0).all()
    assert not held.additive


def test_free_bits_put_the_floor_under_a_groups_mean_not_under_each_example():
    total = GroupRates(free_bits=2.0)(torch.tensor([[1.0], [5.0]]), torch.tensor(0))
    assert float(total) == 3.0


def test_balance_weighs_groups_by_their_share_of_the_rate_per_side_and_ends():
    rates, rate = GroupRates(balance=10, sizes=(1, 4)), torch.tensor([[1.0, 12.0]], requires_grad=True)
    total = rates(rate, torch.tensor(9))
    total.backward()
    assert rate.grad is not None
    assert rate.grad.tolist() == [pytest.approx([0.5, 1.5])]  # 2·(1, 3) / 4, and no gradient of the shares themselves
    assert rates(rate, torch.tensor(10)).tolist() == 13.0


def test_a_hierarchy_tells_the_sizes_of_its_groups():
    model = TwoGroups(Bernoulli())
    model.resolutions = [1, 4]  # pyright: ignore[reportAttributeAccessIssue]
    assert GroupRates(balance=3).suited(model).sizes == (1, 4)


def test_a_warm_up_may_begin_above_nothing():
    held, weights = Beta(2.0, warmup=4, least=0.25), []
    state = held.initial()
    for _ in range(5):
        loss, state = held(Bound(torch.ones(1, 1), torch.zeros(1)), state)
        weights.append(float(loss))
    assert weights == [0.5, 0.5, 1.0, 1.5, 2.0]


def test_a_recipes_target_is_that_of_its_update():
    recipe = change(find("digits"), ["objective.kind=rate_target", "objective.target=4", "objective.start=1"])
    update = build.update(recipe, None)  # pyright: ignore[reportArgumentType]
    assert isinstance(update, LossUpdate)
    assert update.objective == RateTarget(Target(4.0, "nats", 1.0, recipe.training.steps))
