"""A prior learned with its model: begun as training images, kept with the weights, the encoder's own posteriors."""

import pytest
import torch
from safetensors.torch import load_file

from kelbo import evaluation
from kelbo.errors import RecipeError
from kelbo.experiments import evaluate_run, open_run, train
from kelbo.experiments.doctor import examine
from kelbo.experiments.fitted_priors import fit_prior
from kelbo.latents import Vamp
from kelbo.recipes import build, change, find
from kelbo.runs import Run
from kelbo.seeds import seeded
from kelbo.sweeps.stacked import train_stacked

SMALL = [
    *("model.network.width=16", "model.latents=3", "training.batch_size=16", "training.steps=4"),
    *("training.log_every=4", "training.pictures_every=1000", "training.checkpoint_every=2"),
]
VAMP = [*SMALL, "model.prior.kind=vamp", "model.prior.components=5"]


def recipe(*settings):
    return change(find("digits"), [*VAMP, *settings])


def weights(run):
    return load_file(run.checkpoint(run.checkpoint_steps()[-1]) / "weights.safetensors")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(recipe(), tmp_path_factory.mktemp("runs") / "run")


def test_pseudo_inputs_begin_near_training_images_and_leave_other_weights_as_they_are():
    data, draws = build.data(recipe()), []
    for one in (recipe(), change(find("digits"), SMALL)):
        with seeded(0, "init"):
            draws.append(build.model(one, data))
    model, plain = draws
    images = data.train.spread(5).float() / 16
    assert (model.prior.inputs - images).abs().mean() < 0.02
    assert not torch.equal(model.prior.inputs, images)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in plain.state_dict().items())
    assert model.state_dict().keys() - plain.state_dict().keys() == {"prior.inputs"}


@pytest.mark.slow
def test_it_learns_its_inputs_and_keeps_the_encoder_once(run):
    kept = weights(run)
    assert {name for name in kept if name.startswith("prior.")} == {"prior.inputs"}
    assert (kept["prior.inputs"] - build.model(recipe(), build.data(recipe())).prior.inputs).abs().max() > 1e-3


@pytest.mark.slow
def test_a_run_is_opened_from_its_weights_alone(run):
    opened = open_run(run.path, read_data=False)
    assert torch.equal(opened.model.prior.inputs, weights(run)["prior.inputs"])
    q = opened.model.prior.components()
    torch.testing.assert_close(q.mean, opened.model.encoder(opened.model.prior.inputs)[:, :3])


@pytest.mark.slow
def test_its_rate_is_by_monte_carlo_and_the_doctor_judges_the_run(run):
    opened = open_run(run.path)
    record = evaluate_run(opened)
    assert record["rate"]["estimate"] == "Monte Carlo, one draw"
    assert record["latents"]["rate_per_latent"] is None
    assert examine(opened.model, opened.data.train, opened.data.test, opened.rows(), opened.weigh)


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one(run, tmp_path):
    def stop(state, values):
        if state.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe(), tmp_path / "stopped", hooks=[stop])
    resumed = train(recipe(), tmp_path / "stopped", resume=True)
    assert all(torch.equal(value, weights(resumed)[name]) for name, value in weights(run).items())


@pytest.mark.slow
def test_lanes_of_one_program_learn_as_a_run_alone(run, tmp_path):
    folders = [tmp_path / name for name in "ab"]
    train_stacked([recipe(f"seed={seed}") for seed in (0, 1)], folders)
    first, second = (weights(Run(folder)) for folder in folders)
    for name, value in weights(run).items():
        torch.testing.assert_close(first[name], value, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(first["prior.inputs"], second["prior.inputs"], atol=1e-2)


@pytest.mark.slow
def test_traversals_span_the_prior_wherever_it_lies(run):
    opened = open_run(run.path)
    model = opened.model
    with torch.no_grad():
        middle = model.sample(1000)[0].mean(0)
    model.decoder = Seen()
    evaluation.traverse(model, opened.image(0), [1], [-2.0, 0.0, 2.0])
    low, mean, high = model.decoder.z[:, 1]
    assert mean == pytest.approx(float(middle[1]), abs=0.2)
    assert high - mean == pytest.approx(float(mean - low), rel=1e-4)


class Seen(torch.nn.Module):
    """Keeps the latents that it decodes."""

    def forward(self, z):
        self.z = z
        return torch.zeros(len(z), 1, 8, 8)


@pytest.mark.slow
def test_a_prior_may_be_fitted_in_its_place(run):
    fit_prior(open_run(run.path), "mixture", components=2, draws=1)
    assert not isinstance(open_run(run.path, prior="mixture").model.prior, Vamp)


def test_a_conditional_model_has_a_learned_condition_for_each_input():
    one = recipe("model.given=labels")
    data = build.data(one)
    prior = build.model(one, data).prior
    assert prior.rows.shape == (5, 10)
    assert (prior.rows.sum(1) == 1).all()
    told = {"labels": torch.eye(10)[:4]}
    assert torch.equal(prior.log_prob(torch.zeros(4, 3), told), prior.log_prob(torch.zeros(4, 3)))


def test_weight_decay_leaves_pseudo_inputs_alone():
    one = recipe()
    model = build.model(one, build.data(one))
    free = [group for group in build.optimizers(one, model)["model"].param_groups if group["weight_decay"] == 0]
    assert any(model.prior.inputs is parameter for group in free for parameter in group["params"])


def test_more_pseudo_inputs_than_training_images_are_refused():
    one = recipe("model.prior.components=2000")
    with pytest.raises(RecipeError, match="model.prior.components is 2,000"):
        build.model(one, build.data(one))


def test_an_autoencoder_has_no_prior_to_choose():
    with pytest.raises(RecipeError, match="model.prior"):
        change(find("digits"), ["model.kind=autoencoder", "model.prior.kind=vamp"])


def test_the_standard_prior_is_not_in_the_fingerprint():
    plain = change(find("digits"), SMALL)
    assert plain.fingerprint == change(plain, ["model.prior.kind=standard"]).fingerprint
    assert plain.fingerprint != recipe().fingerprint != recipe("model.prior.components=6").fingerprint
