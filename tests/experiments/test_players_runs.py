"""Runs of several players: resumed exactly, averaged, in bf16, with guards, opened, measured, and used by other runs."""

import math

import pytest
import torch
from safetensors.torch import load_file
from tests.toys.made import recipe

from kelbo.errors import Divergence, RunError
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.parts import Parts
from kelbo.experiments.pictures import measure_page
from kelbo.recipes import change
from kelbo.reports.run_page import write_page
from kelbo.training import AdversarialUpdate

NETWORK = ["model.network.kind=larsen", "model.network.width=0.05", "model.latents=3", "data.size=16"]
ADVERSARY = ["adversary.kind=larsen", "adversary.width=0.05"]
DISTANCE = ["distance.kind=discriminator", "distance.weight=1e-3"]
TRAINING = ["optimizer.kind=rmsprop", "optimizer.learning_rate=3e-4", "training.ema=0.9"]
BASE = recipe("players", *NETWORK, *TRAINING)
VAEGAN = change(BASE, [*ADVERSARY, *DISTANCE])
PLAYERS = ("encoder", "decoder", "discriminator")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(VAEGAN, tmp_path_factory.mktemp("players") / "run")


def weights(run, name="weights"):
    return load_file(run.checkpoint(6) / f"{name}.safetensors")


def same(one, another):
    assert one.keys() == another.keys()
    return all(torch.equal(value, another[name]) for name, value in one.items())


def test_a_run_journals_the_bound_of_pixels_and_what_each_player_does(run):
    rows = run.journal.rows()
    for row in rows:
        assert row["elbo"] == pytest.approx(-(row["rate"] + row["distortion"]))
        # the digits' β rises from 0
        assert row["loss"] == pytest.approx(row["feature_distortion"] + row["beta"] * row["rate"], rel=1e-3)
        assert {f"gradient_norm/{name}" for name in PLAYERS} <= row.keys()
        assert {f"learning_rate/{name}" for name in PLAYERS} <= row.keys()
        assert not {"equivalent_sigma", "equivalent_beta"} & row.keys()
        assert math.isfinite(row["discriminator/real"] + row["discriminator/fake"])
        assert float(row["skipped/discriminator"]).is_integer()


@pytest.mark.slow
def test_skipped_steps_are_counted_by_player(tmp_path):
    never = change(VAEGAN, ["adversary.balance.equilibrium=50"])
    rows = train(never, tmp_path / "run").journal.rows()
    assert [(row["skipped/discriminator"], row["skipped/decoder"]) for row in rows] == [(3, 0), (3, 0)]


@pytest.mark.slow
def test_an_opened_run_is_evaluated_by_pixels(run):
    record = evaluate_run(open_run(run.path, device="cpu"))
    assert math.isfinite(record["elbo"]["mean"])
    assert record["decoder"]["equivalent_sigma"] is None
    averaged = weights(run, "ema")
    assert averaged.keys() == weights(run).keys()
    assert any(name.startswith("discriminator.") for name in averaged)


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        [],
        ["distance.sigma=shared", "adversary.loss=hinge", "adversary.spectral_norm=true", "adversary.balance=none"],
        [
            "distance=none",
            "adversary.start=2",
            "adversary.r1=1",
            "adversary.adaptive=true",
            "training.skip.kind=quantile",
        ],
        ["model.kind=gan", "distance=none", "adversary.loss=non_saturating"],
        ["training.precision=bf16-mixed"],
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(more, tmp_path):
    chosen = change(VAEGAN, more)

    def stop(state, values):
        if state.step == 4:
            raise KeyboardInterrupt

    whole = train(chosen, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(chosen, tmp_path / "run", hooks=[stop])
    resumed = train(chosen, tmp_path / "run", resume=True)
    for name in ("weights", "ema"):
        assert same(weights(whole, name), weights(resumed, name))
    assert whole.journal.last()["loss"] == resumed.journal.last()["loss"]


@pytest.mark.slow
def test_bf16_is_near_float32():
    """Of one step's gradients: networks in bf16, distances and losses in float32."""
    from kelbo.bound import Batch
    from kelbo.distributed.fabric import Fabric
    from kelbo.recipes import build
    from kelbo.recipes.build import Outline
    from kelbo.seeds import Source, drawing_from, seeded
    from kelbo.training import TrainState

    found = {}
    for precision in ("32-true", "bf16-mixed"):
        chosen = change(VAEGAN, [f"training.precision={precision}"])
        fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
        with seeded(0, "init"):
            model = build.model(chosen, Outline("noise", (1, 16, 16), 256))
        made, update = build.optimizers(chosen, model), build.update(chosen, fabric)
        wrapped, *optimizers = fabric.setup(model, *made.values())
        state = TrainState(wrapped, dict(zip(made, optimizers, strict=True)), update.objective.initial())
        with drawing_from(Source(0)):
            values = update(state, Batch(torch.rand(16, 1, 16, 16, generator=torch.Generator().manual_seed(0))))
        assert all(value.dtype in (torch.float32, torch.bool) for value in values.values())
        found[precision] = torch.cat([p.grad.flatten() for p in model.parameters()])
    one, other = found.values()
    assert torch.nn.functional.cosine_similarity(one, other, 0) > 0.97


@pytest.mark.slow
@pytest.mark.parametrize("first", [VAEGAN, change(BASE, ["model.kind=gan", *ADVERSARY])], ids=["vaegan", "gan"])
def test_a_learned_distance_is_that_of_another_runs_discriminator_which_stays(first, tmp_path):
    source = train(first, tmp_path / "first")
    second = change(BASE, [*DISTANCE, f"runs.discriminator.path={source.path}"])
    run = train(second, tmp_path / "second")
    assert not any(name.startswith("discriminator.") for name in weights(run))
    assert set(run.journal.last()) & {"feature_distortion", "discriminator/real"} == {"feature_distortion"}
    opened = open_run(run.path, device="cpu")
    kept = weights(source, "ema")
    assert all(
        torch.equal(value, kept[f"discriminator.{name}"]) for name, value in opened.model.judge.state_dict().items()
    )
    wrong = change(second, [f"runs.discriminator.weights={'0' * 64}"])
    with pytest.raises(RunError, match=r"runs\.discriminator"):
        train(wrong, tmp_path / "third")


def broken_at(step):
    """An update whose distance is not a number in one step."""

    def update(recipe, fabric):
        class Broken(AdversarialUpdate):
            def gradients(self, state, batch, adversary):
                found, said, memory = super().gradients(state, batch, adversary)
                if state.step == step:
                    found["decoder"][0] = found["decoder"][0] * math.nan
                return found, said, memory

        from kelbo.recipes import build

        made = build.update(recipe, fabric)
        made.__class__ = Broken
        return made

    return Parts(update=update)


@pytest.mark.slow
def test_a_step_whose_gradients_are_not_finite_is_skipped_by_all_players_or_ends_the_run(tmp_path):
    chosen = change(VAEGAN, ["training.skip.kind=quantile"])
    before = {}

    def keep(state, values):
        before[state.step] = {name: value.clone() for name, value in state.network.state_dict().items()}

    run = train(chosen, tmp_path / "run", parts=broken_at(3), hooks=[keep])
    assert same(before[3], before[4])
    assert not same(before[4], before[5])
    assert run.journal.last()["skipped/not_finite"] == 1
    with pytest.raises(Divergence):
        train(VAEGAN, tmp_path / "other", parts=broken_at(3))


@pytest.mark.slow
def test_its_page_says_what_it_was_trained_for(run):
    page = write_page(run, measure_page(open_run(run.path, device="cpu"))).read_text()
    assert "with a distance of features for the distortion beside a discriminator" in page
    assert "which no β stands for" in page


@pytest.mark.slow
def test_conditions_reach_encoder_decoder_and_discriminator(tmp_path):
    run = train(change(VAEGAN, ["model.given=labels"]), tmp_path / "run")
    opened = open_run(run.path, device="cpu")
    assert opened.model.conditions == ("labels",)
    known = weights(run)
    assert known["discriminator.head.0.weight"].shape[1] - known["encoder.head.1.weight"].shape[1] == 0
    assert known["decoder.head.0.weight"].shape[1] == 3 + 10
