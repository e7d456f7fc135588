"""What docs/drop-in.md shows is run, in its order."""

import math
import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/drop-in.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def names():
    """The names that each snippet left behind."""
    torch.manual_seed(0)
    scope, after = {}, []
    for snippet in SNIPPETS:
        exec(compile(snippet, "drop-in.md", "exec"), scope)
        after.append(dict(scope))
    return after


def test_the_five_lines_train_the_whole_model(names):
    assert all(parameter.grad.abs().sum() > 0 for parameter in names[0]["model"].parameters())
    assert sum(f"# {line}: " in SNIPPETS[0] for line in range(1, 6)) == 5


def test_sigma_is_fitted_to_the_weights_that_are_kept(names):
    model, images = names[1]["model"], names[1]["images"]
    assert model.likelihood.batches == 4
    assert not model.likelihood.training
    with torch.no_grad():
        mean, log_variance = model.encoder(images).chunk(2, dim=1)
        drawn = model.decoder(mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean))
    assert names[1]["sigma"].item() == pytest.approx((drawn - images).square().mean().sqrt().item(), rel=0.01)


def test_images_on_another_range_are_told_as_in_the_unit_interval(names):
    likelihood, output, images = (names[-1][name] for name in ("likelihood", "output", "images"))
    gaussian = torch.distributions.Normal((likelihood.mean(output) + 1) / 2, likelihood.variance(output).sqrt() / 2)
    torch.testing.assert_close(names[-1]["as_of_unit"], -gaussian.log_prob(images).sum(1), rtol=1e-4, atol=1e-2)
    assert names[-1]["sigma"].item() == pytest.approx(gaussian.variance.mean().sqrt().item(), rel=1e-5)
    assert math.isfinite(names[-1]["distortion"].mean().item())


def test_every_example_that_it_names_is_there_and_named():
    named = set(re.findall(r"`(\w+\.py)`", PAGE))
    own = set(re.findall(r"`examples/(\w+\.py)`", (ROOT / "docs/own-models.md").read_text()))
    assert own
    assert named | own == {path.name for path in (ROOT / "examples").glob("*.py")}
