"""A recipe's data: which images, and how they are brought to one size.

Every field has a default or is required, and a unit in its text; `recipes/build.py` turns these into objects.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from kelbo.recipes.augment_specs import AugmentSpec
from kelbo.recipes.spec import Place, Spec

Side = Annotated[int, Field(ge=4)]
Sides = Side | tuple[Side, Side]
"""Pixels of a square, or height and width."""


class ExamplesSpec(Spec):
    held_out: float = Field(default=0.1, gt=0, lt=1)
    """fraction held out for testing, if the set has no test split"""


class ImagesSpec(ExamplesSpec):
    bits: int = Field(default=8, ge=1, le=8)
    """keep the most significant bits of 8-bit pixels"""
    augment: AugmentSpec | None = None
    """what is done to training images at random, by the seed and the step; null leaves them as they are"""


SplitSeed = Annotated[int, Field(ge=0)] | Literal["seed"]


class DrawnSpec(ImagesSpec):
    """images that have no test split, or may have none: test images are then drawn"""

    split_seed: SplitSeed = 0
    """of that draw, the same for all seeds of a recipe; "seed" is the recipe's own, so that each seed has other test images"""


class PictureFilesSpec(ImagesSpec):
    """pictures as they come in files"""

    resize: Literal["lanczos", "bicubic", "bilinear", "box", "nearest"] = "lanczos"
    """filter; all but nearest are antialiased"""
    depth: Literal["refuse", "scale"] = "refuse"
    """what becomes of pictures of more than 8 bits a channel; scale maps their full range onto 0–255"""
    unreadable: Literal["refuse", "skip"] = "refuse"
    """what becomes of pictures that cannot be used: damaged, absent, without a row in the table, too small for the crop, …"""


class DigitsSpec(DrawnSpec):
    kind: Literal["digits"] = "digits"
    size: Literal[8, 16, 32, 64] = 16
    """pixels; the 8×8 originals are enlarged by repeating pixels"""


class MnistSpec(ImagesSpec):
    kind: Literal["mnist", "fashion-mnist"]
    root: Place | None = None
    """folder of the official files; by default $KELBO_DATA, else ./data"""
    pad: Literal[28, 32] = 28
    """pixels, after padding with zeros"""
    size: Literal[7, 8, 14, 16] | None = None
    """pixels after squares of them are averaged: 7 or 14 of 28, 8 or 16 of 32; null keeps them"""

    @field_validator("size")
    @classmethod
    def _divides(cls, size: int | None, info: ValidationInfo) -> int | None:
        if size is not None and (pad := info.data.get("pad", size)) % size:
            raise ValueError(f"{size} does not divide pad, {pad} pixels; set pad to {60 - pad}")
        return size


class CifarSpec(ImagesSpec):
    kind: Literal["cifar10", "cifar100"]
    root: Place | None = None
    """folder of the official archive; by default $KELBO_DATA, else ./data"""
    size: Literal[8, 16] | None = None
    """pixels after squares of them are averaged; null keeps 32"""


class SvhnSpec(ImagesSpec):
    kind: Literal["svhn"] = "svhn"
    root: Place | None = None
    """folder of the official cropped .mat files; by default $KELBO_DATA, else ./data"""
    size: Literal[8, 16, 28, 32] = 32
    """pixels; 28 resizes by Pillow's antialiased bilinear filter, as the σ-VAE release does; 8 and 16 average squares"""
    extra: bool = False
    """train on the 531,131 extra images too"""


class CelebaSpec(PictureFilesSpec):
    kind: Literal["celeba"] = "celeba"
    root: Place | None = None
    """folder of img_align_celeba.zip (or the folder of that) and the two lists; by default $KELBO_DATA, else ./data"""
    size: Sides = 64
    """pixels of the square that faces are resized to, or [height, width]"""
    crop: Annotated[int, Field(ge=1)] | tuple[int, int, int, int] = 148
    """before resizing: a square of this many pixels, placed as in VAE/GAN's release, or a box (left, top, right, bottom)"""


class FreySpec(ImagesSpec):
    kind: Literal["frey"] = "frey"
    root: Place | None = None
    """folder of frey_rawface.mat or frey_faces.npz; by default $KELBO_DATA, else ./data; the film's end is held out"""


class ArraysSpec(DrawnSpec):
    kind: Literal["array"] = "array"
    root: Place
    """the .npy or .npz file, or a folder of .npy files"""
    key: str | None = None
    """which array is trained on; by default the one that is named train, or the only one that can be images"""
    validation_key: str | None = None
    """which array is the validation split, if names do not show it"""
    test_key: str | None = None
    """which array is the test split, if names do not show it; of a single array, test images are drawn"""
    labels_key: str | None = None
    """which array holds the training images' classes, if names do not show it (y_train beside x_train)"""
    validation_labels_key: str | None = None
    """which array holds the validation images' classes, likewise"""
    test_labels_key: str | None = None
    """which array holds the test images' classes, likewise"""
    layout: Literal["auto", "NHW", "HWN", "NHWC", "NCHW", "HWCN", "CHWN"] = "auto"
    """the order of its axes: number, height, width, channels; auto refuses a shape that can be read in several ways"""
    levels: int | None = Field(default=None, ge=2, le=256)
    """how many levels a pixel has; by default 2 of bool arrays, else 256"""


class TableSpec(ExamplesSpec):
    kind: Literal["table"] = "table"
    root: Place
    """a table of numbers: a .npy or .npz file, a .csv or .tsv with a header, or a .parquet file"""
    key: str | None = None
    """which array of an .npz is trained on; by default the one that is named train, or the only table"""
    validation_key: str | None = None
    """which array is the validation split, if names do not show it"""
    test_key: str | None = None
    """which array is the test split, if names do not show it; of a single table, test rows are drawn"""
    columns: tuple[str, ...] | None = None
    """which columns, in this order; by default all others than the next three settings name"""
    without: tuple[str, ...] = ()
    """columns that are left out"""
    index: str | None = None
    """the column that names the rows; it is no part of them"""
    label_column: str | None = None
    """the column of classes, integers or words, for model.given=labels; it is no part of the rows"""
    binary: Literal["auto", "ignore"] = "auto"
    """auto takes columns of exactly 0 and 1 as binary; ignore takes all as real numbers"""
    validation: float = Field(default=0.0, ge=0, lt=1)
    """fraction held out as the validation split, if the table has none; of an .npz with a test split, of its training rows"""
    split_seed: SplitSeed = 0
    """of the draw of test and validation rows, the same for all seeds of a recipe; "seed" is the recipe's own"""


class FittedSpec(PictureFilesSpec, DrawnSpec):
    """pictures of any size, brought to one"""

    size: Sides | None = 64
    """pixels of the square that pictures are resized to, or [height, width]; null keeps their size, which must be one"""
    crop: Annotated[int, Field(ge=1)] | tuple[int, int, int, int] | Literal["centre", "whole"] = "centre"
    """before resizing: the largest central part of the size's proportions, a central square of this many pixels, a box (left,
    top, right, bottom), or the whole picture"""
    mode: Literal["rgb", "grey"] = "rgb"


class PicturesSpec(FittedSpec):
    kind: Literal["folder"] = "folder"
    root: Place
    """a folder of pictures, searched through, or a .zip of them"""
    splits: Literal["auto", "named", "ignore"] = "auto"
    """auto takes folders named train, val, test and the like; named leaves out what lies in none; ignore draws test images"""
    attributes_file: Place | None = None
    """a .csv or .parquet with a row a picture: its file's name, then attributes of 0 and 1, or one column of classes; by
    default the folders around pictures are their classes"""


class HubSpec(FittedSpec):
    kind: Literal["hub"] = "hub"
    dataset: str | None = None
    """name on the Hugging Face hub, such as "ylecun/mnist"; or else set root"""
    root: Place | None = None
    """a parquet file, or a folder of parquet files or pictures in the hub's layout"""
    config: str | None = None
    """which configuration, of a data set that has several"""
    revision: str | None = None
    """version on the hub: a branch, tag or commit; name one to read the same pictures for ever"""
    image: str | None = None
    """column of the pictures; by default the only one"""
    splits: Literal["auto", "ignore"] = "auto"
    """auto takes its splits that are named train, val, test and the like; ignore reads all splits as one set"""


class DspritesSpec(DrawnSpec):
    kind: Literal["dsprites"] = "dsprites"
    root: Place | None = None
    """folder of the official .npz archive; by default $KELBO_DATA, else ./data"""


class ThreeDShapesSpec(DrawnSpec):
    kind: Literal["3dshapes"] = "3dshapes"
    root: Place | None = None
    """folder of the official 3dshapes.h5; by default $KELBO_DATA, else ./data"""


class Mpi3dSpec(DrawnSpec):
    kind: Literal["mpi3d"] = "mpi3d"
    root: Place | None = None
    """folder of the official .npz archives; by default $KELBO_DATA, else ./data"""
    variant: Literal["toy", "realistic", "real"] = "toy"
    """simply rendered, rendered to look real, or photographed"""


class SpritesSpec(DrawnSpec):
    kind: Literal["sprites"] = "sprites"
    root: Place | None = None
    """folder of sprites_video.npz; by default $KELBO_DATA, else ./data; characters are held out with all of their poses"""
    size: Literal[8, 16, 32, 64] = 64
    """pixels after squares of them are averaged"""


class Shapes2dSpec(DrawnSpec):
    kind: Literal["shapes2d"] = "shapes2d"


class Shapes3dSpec(DrawnSpec):
    kind: Literal["shapes3d"] = "shapes3d"


class ArmSpec(DrawnSpec):
    kind: Literal["arm"] = "arm"


DataSpec = Annotated[
    DigitsSpec
    | MnistSpec
    | CifarSpec
    | SvhnSpec
    | CelebaSpec
    | FreySpec
    | ArraysSpec
    | TableSpec
    | PicturesSpec
    | HubSpec
    | DspritesSpec
    | ThreeDShapesSpec
    | Mpi3dSpec
    | SpritesSpec
    | Shapes2dSpec
    | Shapes3dSpec
    | ArmSpec,
    Field(discriminator="kind"),
]


def split_seed_of(data: DataSpec, seed: int) -> int:
    """The seed that draws test images, for a recipe of the seed `seed`."""
    asked = getattr(data, "split_seed", 0)
    return seed if asked == "seed" else asked


LATER_OF_DATA = ("labels_key", "validation_labels_key", "test_labels_key", "augment")
"""settings that fingerprints leave out at their defaults, since there were runs before there were these"""
PLACES = {"root", "attributes_file"}
"""settings that say where files lie"""


def outside_fingerprint(data: DataSpec) -> set[str]:
    """Settings that a fingerprint leaves out: the files' place, and a draw by the recipe's own seed, once the rule."""
    seeded = {"split_seed"} if getattr(data, "split_seed", None) == "seed" else set()
    later = (*LATER_OF_DATA, "size") if isinstance(data, MnistSpec | CifarSpec) else LATER_OF_DATA
    return PLACES | seeded | {name for name in later if getattr(data, name, None) is None}
