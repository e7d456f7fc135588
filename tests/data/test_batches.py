import itertools

import numpy as np
import pytest
import torch

from kelbo.data.batches import Batches, passes, share
from kelbo.data.images import ArrayImages
from kelbo.seeds import generator

CPU = torch.device("cpu")


def numbered(count):
    """Images of one pixel that holds their number."""
    return ArrayImages(np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1))


def numbers(batches, count=None):
    return torch.cat([batch.x.flatten() for batch in itertools.islice(batches, count)]).tolist()


@pytest.mark.parametrize(("count", "batch_size"), [(10, 4), (12, 3), (7, 7), (5, 13), (1, 2)])
def test_every_epoch_holds_every_image_once_across_the_borders_of_batches(count, batch_size):
    stream = numbers(Batches(numbered(count), batch_size, seed=0, device=CPU), 4 * count)
    assert len(stream) == 4 * count * batch_size
    for start in range(0, len(stream), count):
        assert sorted(stream[start : start + count]) == list(range(count))


def test_the_stream_is_the_seeded_permutations_one_after_the_other():
    stream = numbers(Batches(numbered(10), 4, seed=3, device=CPU), 5)
    epochs = [torch.randperm(10, generator=generator(3, "order", epoch)).tolist() for epoch in range(2)]
    assert stream == epochs[0] + epochs[1]
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("batch_size", [4, 13])
@pytest.mark.parametrize("step", [0, 1, 2, 3, 17])
def test_seeking_gives_the_batches_that_an_uninterrupted_stream_would(step, batch_size):
    batches = Batches(numbered(10), batch_size, seed=0, device=CPU)
    resumed = Batches(numbered(10), batch_size, seed=0, device=CPU).at(step)
    for expected, got in zip(itertools.islice(batches, step, step + 6), resumed, strict=False):
        assert torch.equal(got.x, expected.x)


def test_seeking_far_draws_one_permutation(monkeypatch):
    drawn, randperm = [], torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda *a, **k: drawn.append(a) or randperm(*a, **k))
    next(Batches(numbered(100), 10, seed=0, device=CPU).at(10**9))
    assert len(drawn) == 1


def test_an_epoch_draws_one_permutation(monkeypatch):
    drawn, randperm = [], torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda *a, **k: drawn.append(a) or randperm(*a, **k))
    numbers(Batches(numbered(10), 4, seed=0, device=CPU), 25)
    assert len(drawn) == 10


def test_two_readers_of_the_same_batches_do_not_disturb_one_another():
    batches = Batches(numbered(10), 4, seed=0, device=CPU)
    expected = numbers(batches, 12)
    first, second, seen = iter(batches), batches.at(7), []
    for _ in range(12):
        seen += next(first).x.flatten().tolist()
        next(second)
    assert seen == expected


def test_another_seed_gives_another_order():
    first = numbers(Batches(numbered(50), 50, seed=0, device=CPU), 1)
    assert first != numbers(Batches(numbered(50), 50, seed=1, device=CPU), 1)
    assert first == numbers(Batches(numbered(50), 50, seed=0, device=CPU), 1)


@pytest.mark.parametrize("world", [1, 2, 3, 6])
def test_the_parts_of_all_processes_make_the_global_batch(world):
    whole = Batches(numbered(10), 6, seed=0, device=CPU)
    parts = [iter(Batches(numbered(10), 6, seed=0, device=CPU, rank=rank, world=world)) for rank in range(world)]
    for batch in itertools.islice(whole, 8):
        got = [next(part).x for part in parts]
        assert all(len(part) == 6 // world for part in got)
        assert torch.equal(torch.cat(got), batch.x)


def test_images_above_the_budget_are_not_moved_whole_and_give_the_same_batches():
    class Moves(ArrayImages):
        moved = 0

        def to(self, device):
            Moves.moved += 1
            return super().to(device)

    images = Moves(numbered(10).pixels)
    kept = numbers(Batches(images, 4, seed=0, device=CPU, budget=9), 6)
    assert Moves.moved == 0
    assert numbers(Batches(images, 4, seed=0, device=CPU, budget=10), 6) == kept
    assert Moves.moved == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and KELBO_TEST_CUDA=1")
@pytest.mark.parametrize("budget", [0, 2**30])
def test_a_cuda_device_sees_the_same_order_whether_or_not_it_holds_the_images(budget):
    cuda = torch.device("cuda")
    batches = Batches(numbered(10), 4, seed=0, device=cuda, budget=budget)
    assert next(iter(batches)).device.type == "cuda"
    assert numbers(batches, 12) == numbers(Batches(numbered(10), 4, seed=0, device=CPU), 12)
    assert numbers(passes(batches.images, 3, cuda)) == list(range(10))


@pytest.mark.parametrize(("batch_size", "world"), [(0, 1), (-2, 1), (5, 2)])
def test_a_batch_size_that_cannot_be_shared_is_refused(batch_size, world):
    with pytest.raises(ValueError, match=f"positive multiple of the {world} processes; got {batch_size}"):
        Batches(numbered(10), batch_size, seed=0, device=CPU, world=world)


def test_a_step_before_the_first_is_refused():
    with pytest.raises(ValueError, match="step must be 0 or more; got -1"):
        Batches(numbered(10), 4, seed=0, device=CPU).at(-1)


@pytest.mark.parametrize(("rank", "world"), [(2, 2), (-1, 2), (0, 0)])
def test_a_rank_outside_the_world_is_refused(rank, world):
    with pytest.raises(ValueError, match=f"rank must be 0 to {world - 1} of {world} processes; got {rank}"):
        Batches(numbered(10), 4, seed=0, device=CPU, rank=rank, world=world)
    with pytest.raises(ValueError, match=f"rank must be 0 to {world - 1} of {world} processes; got {rank}"):
        passes(numbered(10), 4, CPU, rank, world)


@pytest.mark.parametrize("batch_size", [1, 3, 5, 10, 64])
def test_a_pass_gives_every_image_once_in_order_with_a_short_last_batch(batch_size):
    sizes = [len(batch.x) for batch in passes(numbered(10), batch_size, CPU)]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    assert numbers(passes(numbered(10), batch_size, CPU)) == list(range(10))


@pytest.mark.parametrize(("count", "world"), [(11, 2), (11, 3), (10, 2), (10, 7)])
def test_the_shares_of_a_pass_are_the_batches_of_one_process_one_after_the_other(count, world):
    shares = [[numbers([batch]) for batch in passes(numbered(count), 2, CPU, rank, world)] for rank in range(world)]
    alone = [numbers([batch]) for batch in passes(numbered(count), 2, CPU)]
    assert [batch for share in shares for batch in share] == alone
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_share_tells_the_images_of_a_process():
    assert [share(11, 2, rank, 3) for rank in range(3)] == [range(0, 4), range(4, 8), range(8, 11)]
    assert share(0, 2, 0, 1) == range(0)


def test_a_process_without_images_gets_no_batch():
    assert [len(list(passes(numbered(2), 4, CPU, rank, 3))) for rank in range(3)] == [0, 0, 1]


def test_a_pass_without_a_batch_size_is_refused_before_it_begins():
    with pytest.raises(ValueError, match="batch_size must be 1 or more; got 0"):
        passes(numbered(10), 0, CPU)
