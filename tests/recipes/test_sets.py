"""Each data set by its name, from official files that the test lays out, down to a trained step where a recipe has it."""

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from kelbo.bound import Batch
from kelbo.errors import DataCorrupt, DataMissing, RecipeError
from kelbo.recipes import build, change
from kelbo.recipes.named import NAMED
from kelbo.recipes.sets import read, split_of

RNG = np.random.default_rng(0)


def jpeg(width=178, height=218):
    stream = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder of several sets' official files."""
    monkeypatch.setenv("KELBO_CACHE", str(tmp_path / "cache"))
    for part in ("train", "test"):
        x, y = RNG.integers(0, 256, (32, 32, 3, 8), dtype=np.uint8), RNG.integers(1, 11, (8, 1), dtype=np.uint8)
        savemat(tmp_path / f"{part}_32x32.mat", {"X": x, "y": y})
    np.savez(
        tmp_path / "sprites_video.npz",
        frames=RNG.integers(0, 9, (4, 2, 64, 64), dtype=np.uint8),
        palette=RNG.integers(0, 256, (9, 3), dtype=np.uint8),
        sequence=np.array([[0, 1, 0]]),
        attributes=np.array([*np.ndindex(2, 2, 1, 1)]),
        action=np.array(["walk"]),
        direction=np.array(["left"]),
    )
    savemat(tmp_path / "frey_rawface.mat", {"ff": RNG.integers(0, 256, (560, 20), dtype=np.uint8)})
    names = [f"{i + 1:06}.jpg" for i in range(6)]
    with zipfile.ZipFile(tmp_path / "img_align_celeba.zip", "w") as archive:
        for name in names:
            archive.writestr(f"img_align_celeba/{name}", jpeg())
    (tmp_path / "list_attr_celeba.txt").write_text("6\nMale Young\n" + "".join(f"{name} -1  1\n" for name in names))
    (tmp_path / "list_eval_partition.txt").write_text("".join(f"{name} {i // 3 * 2}\n" for i, name in enumerate(names)))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "settings", "shape", "counts"),
    [
        ("svhn", [], (3, 32, 32), {"train": 8, "test": 8}),
        ("svhn", ["size=28"], (3, 28, 28), {"train": 8, "test": 8}),
        ("celeba", [], (3, 64, 64), {"train": 3, "test": 3}),
        ("celeba", ["size=32", "crop=[0, 20, 178, 198]", "resize=box"], (3, 32, 32), {"train": 3, "test": 3}),
        ("frey", ["held_out=0.2"], (1, 28, 20), {"train": 16, "test": 4}),
        ("sprites", ["held_out=0.5"], (3, 64, 64), {"train": 6, "test": 6}),
        ("sprites", ["size=16"], (3, 16, 16), {"train": 9, "test": 3}),
        ("folder", ["size=16", "unreadable=skip"], (3, 16, 16), {"train": 5, "test": 1}),
        ("folder", ["size=[16, 24]", "depth=scale"], (3, 16, 24), {"train": 5, "test": 1}),
        ("celeba", ["size=[109, 89]", "crop=[0, 0, 178, 218]"], (3, 109, 89), {"train": 3, "test": 3}),
    ],
)
def test_a_set_is_read_by_its_name_with_its_settings(root, name, settings, shape, counts):
    image_set = read(name, root / "img_align_celeba.zip" if name == "folder" else root, settings)
    assert image_set.shape == shape
    assert {split: len(images) for split, images in image_set.splits.items()} == counts


@pytest.mark.parametrize("name", ["svhn-sigma", "celeba-sigma", "sprites-sigma", "frey"])
def test_a_named_recipe_fits_its_data_and_trains_a_step(root, name):
    narrow = ["model.network.channels=4"]
    smaller = {"celeba-sigma": narrow, "sprites-sigma": narrow, "frey": ["model.network.width=8"]}.get(name, [])
    recipe = change(NAMED[name](), [f"data.root={root}", *smaller])
    image_set = build.data(recipe)
    torch.manual_seed(0)
    model = build.model(recipe, image_set)
    optimizer, objective = build.optimizers(recipe, model)["model"], build.objective(recipe)
    loss, _ = objective(model(Batch(image_set.train.spread(3)).as_intensities(256)), objective.initial())
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)


def test_the_svhn_recipe_is_ten_epochs_of_the_releases_schedule():
    training = NAMED["svhn-sigma"]().training
    assert training.steps == round(10 * 73_257 / training.batch_size)


def test_a_folder_whose_name_is_toml_is_still_a_folder(tmp_path):
    for name in ("12", "it's [a]"):
        with pytest.raises(DataMissing, match="SVHN"):
            read("svhn", tmp_path / name)


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("svhn", ["size=30"], r"data.size is 30\b.*be 8\b.*28\b or 32\b"),
        ("sprites", ["size=48"], r"data.size is 48\b.*be 8\b.*64\b"),
        ("celeba", ["crop=0"], "data.crop"),
        ("celeba", ["size=[64, 48]"], r"148.*64×48"),
        ("folder", ["size=[64]"], "data.size"),
        ("folder", ["size=[64, 3]"], "data.size"),
        ("folder", ["depth=cut"], r"data.depth.*'cut'.*'refuse'.*'scale'"),
        ("folder", ["unreadable=ignore"], r"data.unreadable.*'ignore'.*'refuse'.*'skip'"),
        ("hub", ["dataset=a/b"], r"data.dataset.*data.root"),
        ("frey", ["pad=32"], r"data.pad.*held_out"),
    ],
)
def test_a_wrong_setting_is_named(root, name, settings, told):
    with pytest.raises(RecipeError, match=told):
        read(name, root, settings)


def test_an_absent_split_is_told_with_those_there(root):
    with pytest.raises(RecipeError, match="'extra'"):
        split_of(read("svhn", root), "extra")


def test_the_real_half_size_faces_are_refused_with_the_crop_to_name(real_data):
    with pytest.raises(DataCorrupt, match=r"74\b"):
        read("celeba", real_data)


def test_a_hub_set_without_a_name_is_asked_for_one():
    with pytest.raises(RecipeError, match=r"data.dataset"):
        read("hub")


def test_a_hub_set_on_disk_is_read_by_its_recipe(tmp_path, monkeypatch):
    library = pytest.importorskip("datasets", reason="needs the extra `hub`: pip install 'kelbo[hub]'")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    for i in range(6):
        (tmp_path / "pets").mkdir(exist_ok=True)
        (tmp_path / "pets" / f"{i}.jpg").write_bytes(jpeg())
    image_set = read("hub", tmp_path / "pets", ["size=16", "held_out=0.5"])
    assert image_set.shape == (3, 16, 16)
    assert (len(image_set.train), len(image_set.test)) == (3, 3)
