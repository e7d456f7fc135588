"""Files larger than memory: read where a batch needs them, and nowhere whole.

The file is sparse: it claims gigabytes and takes a few blocks of the disk, so any reading of the whole would show as memory.
"""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from kelbo.data.arrays import arrays
from kelbo.data.batches import Batches, passes
from kelbo.data.image_set import ImageSet, quantized
from kelbo.data.images import ArrayImages
from kelbo.data.mapped import mapped

COUNT, SHAPE = 150_000, (64, 64, 3)  # 1.8 GB
MARKED = {0: 7, 123_456: 9, COUNT - 1: 11}
BUDGET = 2**29
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    monkeypatch.setattr("kelbo.data.mapped.memory", lambda: BUDGET)  # so that the file is larger than it


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    file = tmp_path_factory.mktemp("huge") / "huge.npy"
    pixels = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(COUNT, *SHAPE))
    for place, level in MARKED.items():
        pixels[place] = level
    pixels.flush()
    del pixels
    if file.stat().st_blocks * 512 > BUDGET:
        pytest.skip("this file system keeps no sparse files")
    return file


@pytest.fixture
def peak():
    """Bytes that NumPy held at most since the test began; PyTorch only wraps its arrays here."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_the_held_out_split_of_a_map_trains_in_batches_without_being_read_whole(huge, peak):
    image_set = arrays(huge, levels=256)
    assert image_set.train.nbytes > BUDGET
    batches = Batches(image_set.train, 256, seed=0, device=CPU, budget=BUDGET)
    stream = batches.at(1000)
    taken = [next(stream) for _ in range(5)]
    assert all(batch.x.shape == (256, 3, 64, 64) for batch in taken)
    assert peak() < 100 * 2**20


def test_each_image_of_a_map_is_the_one_in_the_file(huge):
    whole = arrays(huge, levels=256)
    parent = whole.train.parent
    assert parent.take(torch.tensor([*MARKED]))[:, 2, 5, 5].tolist() == [*MARKED.values()]
    assert parent.take(torch.tensor([1, 123_455])).max() == 0


def test_a_map_above_the_budget_stays_where_it_is_and_its_batches_are_moved(huge, peak):
    device = torch.device("meta")  # a device that holds nothing, so that a copy to it would be seen only as chunks read
    split = arrays(huge, levels=256).train
    batches = Batches(split, 128, seed=0, device=device, budget=BUDGET)
    assert batches.images.device == CPU
    assert next(batches.at(0)).x.device == device
    assert peak() < 100 * 2**20
    small = ArrayImages(split.parent.pixels[:100])
    assert Batches(small, 10, seed=0, device=device, budget=BUDGET).images.device == device


def test_fewer_bits_evaluation_and_fingerprints_read_a_map_in_parts_too(huge, peak):
    images = arrays(huge, levels=256).train.parent
    fewer = quantized(ImageSet("huge", {"train": images}, ""), 5).train
    assert next(Batches(fewer, 64, seed=0, device=CPU, budget=BUDGET).at(0)).x.max() <= 31
    evaluated = passes(images, 64, CPU, rank=1, world=2)
    assert next(evaluated).x.shape == (64, 3, 64, 64)
    images.fingerprint()
    assert peak() < 100 * 2**20


def reads_ahead(file):
    """Whether the system reads ahead in the only mapping of a file: it shows the advice as the flag "rr"."""
    entry = Path("/proc/self/smaps").read_text().partition(str(file))[2]
    return "rr" not in entry.partition("VmFlags:")[2].partition("\n")[0].split()


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells how a mapping is read")
def test_the_system_reads_ahead_only_where_the_file_fits_into_memory(huge, monkeypatch):
    for size, expected in ((BUDGET, False), (2**40, True)):
        monkeypatch.setattr("kelbo.data.mapped.memory", lambda size=size: size)
        array = mapped(huge)
        assert reads_ahead(huge) == expected
        del array
