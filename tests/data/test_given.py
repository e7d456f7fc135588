"""What a model is told of each example goes wherever the example goes."""

import itertools

import numpy as np
import pytest
import torch

from kelbo.data.batches import Batches, passes
from kelbo.data.images import ArrayImages, GivenImages, QuantizedImages, SubsetImages
from kelbo.errors import DataCorrupt

CPU = torch.device("cpu")


def numbered(count=10):
    """Images of one pixel that holds their number, told it by two conditions."""
    pixels = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    numbers = torch.arange(count)
    labels = torch.stack([numbers, -numbers], 1)
    return GivenImages(ArrayImages(pixels), {"labels": labels, "picture": numbers.float().reshape(-1, 1, 1, 1) / 255})


def keeps_together(batch):
    numbers = batch.x.flatten().long()
    assert torch.equal(batch.given["labels"], torch.stack([numbers, -numbers], 1))
    assert torch.equal(batch.as_intensities(256).given["picture"], batch.as_intensities(256).x)
    return numbers.tolist()


@pytest.mark.parametrize("step", [0, 1, 7])
def test_the_order_keeps_each_example_with_its_conditions_also_after_resuming(step):
    whole = Batches(numbered(), 4, seed=0, device=CPU)
    resumed = Batches(numbered(), 4, seed=0, device=CPU).at(step)
    for expected, got in zip(itertools.islice(whole, step, step + 5), resumed, strict=False):
        assert keeps_together(expected) == keeps_together(got)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_the_parts_of_processes_make_the_global_batch_with_its_conditions(world):
    whole = Batches(numbered(), 4, seed=0, device=CPU)
    parts = [iter(Batches(numbered(), 4, seed=0, device=CPU, rank=rank, world=world)) for rank in range(world)]
    for batch in itertools.islice(whole, 5):
        assert [number for part in parts for number in keeps_together(next(part))] == keeps_together(batch)


@pytest.mark.parametrize("world", [1, 3])
def test_a_pass_gives_each_example_with_its_conditions(world):
    shares = [passes(numbered(), 3, CPU, rank, world) for rank in range(world)]
    assert [number for batches in shares for batch in batches for number in keeps_together(batch)] == list(range(10))


def test_conditions_follow_subsets_and_levels():
    index = torch.tensor([7, 2, 5])
    chosen = SubsetImages(QuantizedImages(numbered(), 8), index).to(CPU)
    (batch,) = passes(chosen, 3, CPU)
    assert keeps_together(batch) == index.tolist()


def test_conditions_count_as_bytes_and_are_part_of_what_the_data_are():
    images = numbered()
    assert images.nbytes == 10 + 10 * 2 * 8 + 10 * 4
    told = dict(images.given)
    told["labels"] = told["labels"].flip(0)
    prints = {
        part.fingerprint()
        for part in (images, images.parent, GivenImages(images.parent, told), GivenImages(images, {}))
    }
    assert len(prints) == 3  # without conditions it is that of the images alone
    assert GivenImages(images.parent, {}).fingerprint() == images.parent.fingerprint()


def test_conditions_of_another_number_of_examples_are_refused():
    with pytest.raises(DataCorrupt, match="'labels' has 9 rows for 10 examples"):
        GivenImages(numbered().parent, {"labels": torch.zeros(9)})
