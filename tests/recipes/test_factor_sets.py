"""The sets with factors by their names: the whole, its held-out split, and what is told of them."""

import h5py
import numpy as np
import pytest
import torch

from kelbo.data import dsprites, mpi3d, shapes3d_h5
from kelbo.data.factors import Factors
from kelbo.errors import DataMissing, RecipeError
from kelbo.recipes.known_sets import SETS
from kelbo.recipes.sets import read

SMALL = Factors(("a", "b"), (4, 5))
EVERY = SMALL.of(torch.arange(20))
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), dtype=np.uint8)
OFFICIAL = ["dsprites", "3dshapes", "mpi3d"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder of official files of two small factors."""
    monkeypatch.setenv("KELBO_CACHE", str(tmp_path / "cache"))
    for module in (dsprites, mpi3d, shapes3d_h5):
        monkeypatch.setattr(module, "FACTORS", SMALL)
    classes = np.concatenate([np.zeros((20, 1), np.int64), EVERY.numpy()], axis=1)
    np.savez_compressed(tmp_path / dsprites.FILE, imgs=PIXELS[..., 0] // 128, latents_classes=classes)
    np.savez(tmp_path / "mpi3d_toy.npz", images=PIXELS)
    np.savez_compressed(tmp_path / "mpi3d_realistic.npz", images=255 - PIXELS)
    with h5py.File(tmp_path / shapes3d_h5.FILE, "w") as file:
        file["images"], file["labels"] = PIXELS, EVERY.double().numpy()
    return tmp_path


@pytest.mark.parametrize("name", OFFICIAL)
def test_an_official_set_has_its_whole_and_a_seeded_held_out_split_of_it(root, name):
    image_set = read(name, root, ["held_out=0.25"])
    assert image_set.name == name
    assert image_set.whole is not None
    expected = PIXELS[..., :1] // 128 if name == "dsprites" else PIXELS
    assert np.array_equal(image_set.whole.take(EVERY).permute(0, 2, 3, 1).numpy(), expected)
    assert (len(image_set.train), len(image_set.test)) == (15, 5)
    assert image_set.test.parent is image_set.whole.images
    assert {*image_set.train.index.tolist(), *image_set.test.index.tolist()} == {*range(20)}
    assert torch.equal(read(name, root, ["held_out=0.25"]).test.index, image_set.test.index)
    assert "official" in image_set.note


def test_the_variant_chooses_the_archive(root):
    taken = read("mpi3d", root, ["variant=realistic"]).whole.take(EVERY)
    assert np.array_equal(255 - taken.permute(0, 2, 3, 1).numpy(), PIXELS)
    with pytest.raises(RecipeError, match=r"data.variant.*'complex'.*'toy', 'realistic'.*'real'"):
        read("mpi3d", root, ["variant=complex"])


@pytest.mark.parametrize("name", OFFICIAL)
def test_an_absent_official_set_is_told_with_its_home(tmp_path, name):
    with pytest.raises(DataMissing, match=rf"github.com.*{tmp_path}"):
        read(name, tmp_path)


def test_the_rendered_arm_has_its_whole_and_a_seeded_held_out_split_of_it():
    image_set = read("arm", settings=["held_out=0.25"])
    assert image_set.whole is not None
    assert image_set.test.parent is image_set.whole.images
    assert (len(image_set.train), len(image_set.test)) == (777_600, 259_200)
    factors = mpi3d.FACTORS.of(image_set.test.index[:3])
    assert torch.equal(image_set.whole.take(factors), image_set.test.take(torch.arange(3)))
    assert image_set.note == "rendered robot arm with MPI3D's seven factors; a seeded draw is held out"


@pytest.mark.parametrize("name", [*OFFICIAL, "arm"])
def test_the_list_names_each_set_with_its_factors(name):
    assert "factors" in SETS[name][0]
