"""Sprites: a file of the official layout, written here at a small size, as images with known factors."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from kelbo.data.attribute_values import attribute_values, attributes_offered
from kelbo.data.given import conditioned
from kelbo.data.images import average_squares
from kelbo.data.sprites import FILE, read_sprites, sprites
from kelbo.errors import DataCorrupt, DataError, DataMissing

RNG = np.random.default_rng(0)
WORN = np.array(
    [[1, 0, 0, 1], [0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]]
)
WHOLE = {
    "frames": RNG.integers(0, 11, (len(WORN), 5, 64, 64), dtype=np.uint8),
    "palette": RNG.integers(0, 256, (11, 3), dtype=np.uint8),
    "sequence": np.array([[0, 1, 2], [3, 4, 3]], np.uint8),
    "attributes": WORN.astype(np.uint8),
    "action": np.array(["walk", "slash"]),
    "direction": np.array(["left", "left"]),
}
POSES = WHOLE["sequence"].size
CLIPS = WHOLE["palette"][WHOLE["frames"][:, WHOLE["sequence"]]]  # (C, P, T, 64, 64, 3), by the layout's own formula


def written(folder, **changed):
    arrays = {name: array for name, array in (WHOLE | changed).items() if array is not None}
    np.savez(folder / FILE, **arrays)
    return folder


def every(images):
    return images.take(torch.arange(len(images))).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("place", ["sprites", "."])
def test_each_frame_of_each_clip_is_an_image_in_the_files_order(tmp_path, place):
    (tmp_path / place).mkdir(exist_ok=True)
    written(tmp_path / place)
    whole = sprites(tmp_path).whole
    np.testing.assert_array_equal(every(whole.images), CLIPS.reshape(-1, 64, 64, 3))
    assert whole.factors.names == ("body", "bottom", "top", "hair", "action", "direction", "frame")
    assert whole.factors.sizes == (2, 2, 2, 2, 2, 1, 3)
    assert whole.factors.values[4:] == (("walk", "slash"), ("left",), ("0", "1", "2"))
    told = whole.of(torch.tensor([POSES + 4]))
    assert told.tolist() == [[*WORN[1], 1, 0, 1]]
    np.testing.assert_array_equal(whole.take(told)[0].permute(1, 2, 0).numpy(), CLIPS[1, 1, 1])


def test_smaller_images_are_means_of_squares_of_the_whole_ones(tmp_path):
    image_set = sprites(written(tmp_path), 16)
    assert image_set.shape == (3, 16, 16)
    expected = average_squares(CLIPS.reshape(-1, 64, 64, 3).transpose(0, 3, 1, 2), 4)
    np.testing.assert_array_equal(every(image_set.whole.images), expected.transpose(0, 2, 3, 1))
    with pytest.raises(ValueError, match="48"):
        sprites(tmp_path, 48)


def test_frames_that_clips_share_are_held_once_as_places_in_the_palette(tmp_path):
    image_set = sprites(written(tmp_path))
    assert image_set.train.nbytes == WHOLE["frames"].nbytes + WHOLE["palette"].nbytes


@pytest.mark.parametrize("size", [8, 64])
def test_nobody_is_in_two_splits_and_everybody_has_all_poses(tmp_path, size):
    image_set = sprites(written(tmp_path), size, held_out=0.25)
    people = {split: images.index.div(POSES, rounding_mode="floor") for split, images in image_set.splits.items()}
    assert (len(people["train"]), len(people["test"])) == (6 * POSES, 2 * POSES)
    assert not {*people["train"].tolist()} & {*people["test"].tolist()}
    again = sprites(tmp_path, size, held_out=0.25, split_seed=3)
    assert not torch.equal(again.test.index, image_set.test.index)
    assert torch.equal(sprites(tmp_path, size, held_out=0.25).test.index, image_set.test.index)


def test_the_note_says_how_many_combinations_are_there(tmp_path):
    assert "48 of 96 combinations" in sprites(written(tmp_path)).note
    worn = np.array([*np.ndindex(2, 2, 2, 2)], np.uint8)
    whole = sprites(written(tmp_path, frames=WHOLE["frames"][[0] * 16], attributes=worn)).whole
    assert whole.complete


def test_what_a_character_wears_is_an_attribute_and_can_be_given(tmp_path):
    image_set = sprites(written(tmp_path), 8, held_out=0.25)
    assert {"hair=1", "action=slash", "frame=2"} <= {*attributes_offered(image_set)}
    for split, images in image_set.splits.items():
        hair = WORN[(images.index // POSES).numpy(), 3]
        np.testing.assert_array_equal(attribute_values(image_set, ["hair=1"], split)[:, 0], hair)
        given = conditioned(image_set, "factors:hair,action").splits[split].given_at(torch.arange(len(images)))
        np.testing.assert_array_equal(given["factors"][:, 0].numpy(), hair)


def test_a_value_that_no_training_character_has_cannot_be_given(tmp_path):
    worn = WORN.astype(np.uint8).copy()
    held_out = sprites(written(tmp_path)).test.index[0] // POSES
    worn[held_out, 0] = 2
    with pytest.raises(DataError, match=r"body=2 \(6 images\).*split_seed"):
        conditioned(sprites(written(tmp_path, attributes=worn)), "factors:body")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"palette": None, "action": None}, "lacks palette, action; it holds frames"),
        ({"frames": WHOLE["frames"].astype(np.float32)}, r"\['frames'\] should be uint8 \(C.*found float32"),
        ({"frames": WHOLE["frames"][..., :32]}, r"64, 64\); found uint8 \(8, 5, 64, 32\)"),
        ({"frames": WHOLE["frames"][:0]}, r"found uint8 \(0, 5"),
        ({"palette": WHOLE["palette"][:, :2]}, r"colours=11, 3\); found uint8 \(11, 2\)"),
        ({"palette": WHOLE["palette"][:9]}, r"\['frames'\] should hold places of 9 colours, 0 to 8; found 0 to 10"),
        (
            {"sequence": np.array([[0, 1, 5], [3, 4, 3]])},
            r"\['sequence'\] should hold places of 5 frames.*found 0 to 5",
        ),
        ({"sequence": np.array([[0, -1, 2], [3, 4, 3]])}, "found -1 to 4"),
        ({"sequence": np.array([0, 1, 2])}, r"\['sequence'\] should be integers \(P"),
        ({"attributes": WHOLE["attributes"][:7]}, r"C=8, 4\); found uint8 \(7, 4\)"),
        ({"attributes": WHOLE["attributes"] * 0}, r"\['attributes'\] should differ.*0 and 1 are both"),
        ({"action": np.array(["walk", "walk"])}, r"\['action'\] should differ.*\('walk', 'left'\)"),
        ({"direction": np.array(["left"])}, r"P=2\); found <U4 \(1,\)"),
        ({"action": np.array([0, 1])}, r"\['action'\] should be text"),
    ],
)
def test_a_file_of_something_else_is_refused_by_the_name_of_the_array(tmp_path, changed, told):
    with pytest.raises(DataCorrupt, match=f"{FILE}.*{told}.*docs/sprites.md"):
        read_sprites(written(tmp_path, **changed))


def test_a_damaged_file_is_refused(tmp_path):
    whole = (written(tmp_path) / FILE).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for damaged in (b"", b"no archive", whole[: len(whole) // 2], bytes(flipped)):
        (tmp_path / FILE).write_bytes(damaged)
        with pytest.raises(DataCorrupt, match=f"{FILE}.*cannot be read"):
            read_sprites(tmp_path)


def test_an_absent_file_is_told_with_its_home(tmp_path):
    with pytest.raises(DataMissing, match=rf"{FILE}.*github.com/YingzhenLi/Sprites.*{tmp_path}"):
        sprites(tmp_path)


@pytest.mark.slow
def test_the_page_of_sprites_makes_the_file_of_what_the_authors_scripts_write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "npy").mkdir()
    colours = RNG.integers(0, 256, (20, 3))
    levels = colours[RNG.integers(0, 20, (4, 9, 8, 64, 64))]
    one_hot = np.eye(6, dtype="f")[WORN[:4]][:, None].repeat(8, 1)
    poses = [(action, to) for action in ("walk", "spellcard", "slash") for to in ("front", "left", "right")]
    for place, pose in enumerate(poses):
        for part, who in (("train", slice(0, 3)), ("test", slice(3, 4))):
            name = f"npy/{'_'.join(pose)}_{{}}_{part}.npy"
            np.save(name.format("frames"), (levels[who, place] / 256).astype("f"))
            np.save(name.format("attributes"), one_hot[who])
    page = Path(__file__).parents[2] / "docs" / "sprites.md"
    exec(re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)[1], {})
    whole = sprites(tmp_path).whole
    np.testing.assert_array_equal(every(whole.images), levels.reshape(-1, 64, 64, 3))
    assert whole.of(torch.tensor([72 + 8 * 5 + 2])).tolist() == [[*WORN[1], 1, 2, 2]]


@pytest.mark.slow
def test_the_real_characters_are_as_the_layout_says(real_data):
    if not (real_data / FILE).is_file():
        pytest.skip(f"no {FILE} in {real_data}")
    image_set = sprites(real_data)
    assert image_set.shape == (3, 64, 64)
    assert image_set.whole.factors.sizes == (6, 6, 6, 6, 3, 3, 8)
    assert len(image_set.train) + len(image_set.test) == len(image_set.whole) == 21_600
    file = read_sprites(real_data)
    told = torch.tensor([[*map(int, file.attributes[17]), 1, 2, 3]])  # spellcard, right
    expected = file.palette[file.frames[17][file.sequence[5]]][3]
    np.testing.assert_array_equal(image_set.whole.take(told)[0].permute(1, 2, 0).numpy(), expected)
