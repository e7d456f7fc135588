"""Stacked lanes compute in the precision that their recipe names, layer by layer, as its run alone does.

In bfloat16 a fully connected network gives the very same bits stacked and alone. A convolution of lanes adds its bias to a
product that is rounded already, so each of its outputs may differ by one rounding: 2^-8 of the value.
"""

from typing import get_args

import pytest
import torch
from tests.parity.test_stacked import LANES, alone, lanes_of, same, stacked
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from kelbo.distributed.fabric import Fabric
from kelbo.errors import RecipeError
from kelbo.experiments import train
from kelbo.recipes import build, change
from kelbo.recipes.schema import TrainingSpec
from kelbo.sweeps import choice
from kelbo.sweeps.choice import choose
from kelbo.sweeps.stacked import train_stacked
from kelbo.sweeps.stacked_precision import LanesAutocast

PRECISIONS = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16}
KERNELS = {"addmm", "mm", "bmm", "baddbmm", "_linear_pointwise", "convolution", "convolution_backward"}


class Kernels(TorchDispatchMode):
    """Which kernels multiplied, and in which precisions: below vmap and autocast, where PyTorch really computes."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in KERNELS:
            kind = "convolution" if "convolution" in func.overloadpacket.__name__ else "product"
            self.seen |= {(kind, part.dtype) for part in args if isinstance(part, torch.Tensor)}
        return func(*args, **(kwargs or {}))


def kernels(step):
    with Kernels() as found:
        step()
    return found.seen


def test_every_precision_of_a_recipe_is_tested_here():
    assert set(PRECISIONS) == set(get_args(TrainingSpec.model_fields["precision"].annotation))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("network", ["higgins", "burgess"])
def test_layers_of_stacked_lanes_compute_in_the_precision_of_the_recipe_as_those_of_a_run_alone(network, precision):
    """The two steps are those whose speeds the automatic choice compares."""
    recipes = lanes_of(f"training.precision={precision}", network=network)
    fabric, data = Fabric(accelerator="cpu", devices=1, precision=precision), build.data(recipes[0])
    together, solo = (
        kernels(step) for step in (choice._stacked(recipes, data, fabric), choice.one_lane(recipes[0], data, fabric)[1])
    )
    kinds = {"product"} if network == "higgins" else {"product", "convolution"}
    assert together == solo == {(kind, PRECISIONS[precision]) for kind in kinds}


def test_fully_connected_lanes_in_bfloat16_equal_their_runs_alone_to_the_last_bit(tmp_path):
    recipes = lanes_of("training.precision=bf16-mixed", "training.steps=4")
    runs, _ = stacked(recipes, tmp_path)
    for run, other in zip(runs, alone(recipes, tmp_path), strict=True):
        same(run, other, share=0)


def test_convolutional_lanes_in_bfloat16_equal_their_runs_alone_within_its_rounding(tmp_path):
    recipes = lanes_of("training.precision=bf16-mixed", "training.steps=4", "training.log_every=1", network="burgess")
    runs, _ = stacked(recipes, tmp_path)
    for run, other in zip(runs, alone(recipes, tmp_path), strict=True):
        for row, another in zip(run.journal.rows(), other.journal.rows(), strict=True):
            assert row["distortion"] == pytest.approx(another["distortion"], rel=2**-12)
            assert row["rate"] == pytest.approx(another["rate"], rel=2**-7)


CONVOLUTIONS = {"convolution": (F.conv2d, (6, 4, 4, 4)), "transposed": (F.conv_transpose2d, (4, 6, 4, 4))}


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_a_convolution_of_lanes_in_bfloat16_differs_by_one_rounding_at_most(layer):
    convolve, shape = CONVOLUTIONS[layer]
    x, weight, bias = torch.randn(3, 5, 4, 8, 8), torch.randn(3, *shape), torch.randn(3, 6)

    def one(x, weight, bias):
        return convolve(x, weight, bias, 2, 1)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        solo = torch.stack([one(*parts) for parts in zip(x, weight, bias, strict=True)])
        with LanesAutocast():
            lanes = torch.vmap(one)(x, weight, bias)
    assert lanes.dtype == solo.dtype == torch.bfloat16
    assert not torch.equal(lanes, torch.vmap(one)(x, weight, bias))
    product = solo.float() - bias[:, None, :, None, None]
    room = 2**-8 * (product.abs() + 2 * solo.float().abs())  # half a unit in the last place of each rounding
    assert bool(((lanes.float() - solo.float()).abs() <= room).all())


def test_what_is_outside_of_autocast_stays_in_float32_within_lanes():
    x, weight = torch.randn(3, 5, 4), torch.randn(3, 6, 4)

    def one(x, weight):
        with torch.autocast("cpu", enabled=False):
            return F.linear(x, weight), x @ weight.mT

    with torch.autocast("cpu", dtype=torch.bfloat16), LanesAutocast():
        assert [out.dtype for out in torch.vmap(one)(x, weight)] == [torch.float32] * 2


@pytest.mark.parametrize("way", ["alone", "stacked", "chosen"])
def test_an_engine_of_another_precision_than_the_recipe_is_refused(way, tmp_path):
    (recipe, *_), fabric = (
        lanes_of("training.precision=bf16-mixed", own=LANES[:1]),
        Fabric(accelerator="cpu", devices=1),
    )
    begin = {
        "alone": lambda: train(recipe, tmp_path / "run", fabric=fabric),
        "stacked": lambda: train_stacked([recipe], [tmp_path / "run"], fabric=fabric),
        "chosen": lambda: choose([recipe, change(recipe, ["seed=9"])], fabric=fabric),
    }
    with pytest.raises(RecipeError, match=r"training.precision is 'bf16-mixed', but .* computes in '32-true'"):
        begin[way]()
    assert not (tmp_path / "run").exists()
