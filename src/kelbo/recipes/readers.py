"""The only place that knows every reader and renderer: a recipe's data as images."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from kelbo.data.arm import arm
from kelbo.data.arrays import arrays
from kelbo.data.augment import Augmentation
from kelbo.data.cache_size import cache_root
from kelbo.data.celeba import OFFICIAL, box_of, celeba
from kelbo.data.cifar import cifar10, cifar100
from kelbo.data.digits import digits
from kelbo.data.dsprites import dsprites
from kelbo.data.encoded_pictures import Preprocessing, Size
from kelbo.data.factors import FactorImages
from kelbo.data.folder import folder
from kelbo.data.frey import frey
from kelbo.data.given import conditioned
from kelbo.data.hub import hub
from kelbo.data.idx import fashion_mnist, mnist
from kelbo.data.image_set import ImageSet, averaged, drawn, hold_out, quantized
from kelbo.data.likeness import Likeness
from kelbo.data.mpi3d import mpi3d
from kelbo.data.roots import data_root
from kelbo.data.shapes2d import shapes2d
from kelbo.data.shapes3d import shapes3d
from kelbo.data.shapes3d_h5 import shapes3d_h5
from kelbo.data.sprites import sprites
from kelbo.data.svhn import svhn
from kelbo.data.tables import table
from kelbo.errors import DataError, KelboError, RecipeError
from kelbo.recipes import data_specs as d
from kelbo.recipes.schema import Recipe
from kelbo.shortage import memory_for

FEWER = "Use smaller or fewer images, and let decoded ones be kept on disk (KELBO_CACHE), where they are mapped."


def data(recipe: Recipe) -> ImageSet:
    """The recipe's images. Raises DataError if they are missing or broken, RecipeError if bits do not fit."""
    try:
        with memory_for(f"the images of data.kind {recipe.data.kind!r}", FEWER):
            image_set = image_data(recipe.data, recipe.split_seed)
    except KelboError:
        raise
    except ValueError as error:  # an option that does not fit these images
        raise RecipeError(f"data: {error}") from error
    if (given := getattr(recipe.model, "given", None)) is not None:  # spatial models are told nothing
        image_set = conditioned(image_set, given)
    if isinstance(recipe.data, d.ImagesSpec) and recipe.data.bits < 8:
        if image_set.levels != 256:
            raise RecipeError(
                f"data.bits is {recipe.data.bits}, but {image_set.name} has {image_set.levels} levels, not the 256 of "
                "8-bit images. Leave data.bits at 8."
            )
        image_set = quantized(image_set, recipe.data.bits)
    if augmentation := augmentation_of(recipe.data):
        image_set = replace(image_set, note=f"{image_set.note}; in training {augmentation.words}")
    return image_set


def augmentation_of(spec: d.DataSpec) -> Augmentation | None:
    """What is done to training images; None if nothing is. Tables have no such setting."""
    told = spec.augment if isinstance(spec, d.ImagesSpec) else None
    found = told and Augmentation(told.flip, told.shift, told.blur)
    return found if found and found.words else None


def image_data(spec: d.DataSpec, split_seed: int = 0) -> ImageSet:
    """Read or render one data set; `split_seed` draws the test images of sets that have none."""
    match spec:
        case d.DigitsSpec():
            return digits(spec.size, spec.held_out, split_seed)
        case d.MnistSpec():
            read = {"mnist": mnist, "fashion-mnist": fashion_mnist}[spec.kind]
            return averaged(read(data_root(spec.root), pad=spec.pad), spec.size)
        case d.CifarSpec():
            return averaged({"cifar10": cifar10, "cifar100": cifar100}[spec.kind](data_root(spec.root)), spec.size)
        case d.SvhnSpec():
            kept = 28 if spec.size == 28 else 32
            return averaged(svhn(data_root(spec.root), kept, spec.extra), None if spec.size == kept else spec.size)
        case d.CelebaSpec():
            return celeba(data_root(spec.root), **_options(spec, "held_out"), cache=cache_root())
        case d.FreySpec():
            return frey(data_root(spec.root), spec.held_out)
        case d.SpritesSpec():
            return sprites(data_root(spec.root), spec.size, held_out=spec.held_out, split_seed=split_seed)
        case d.ArraysSpec():
            return arrays(spec.root, **_options(spec), split_seed=split_seed)
        case d.TableSpec():
            return table(spec.root, **_options(spec), split_seed=split_seed)
        case d.PicturesSpec():
            return folder(spec.root, **_options(spec), split_seed=split_seed, cache=cache_root())
        case d.HubSpec():
            if (spec.dataset is None) == (spec.root is None):
                raise RecipeError("Name a hub set by data.dataset (on the Hugging Face hub) or data.root (on disk).")
            return hub(
                spec.root or spec.dataset or "", **_options(spec, "dataset"), split_seed=split_seed, cache=cache_root()
            )
        case (
            d.DspritesSpec() | d.ThreeDShapesSpec() | d.Mpi3dSpec() | d.Shapes2dSpec() | d.Shapes3dSpec() | d.ArmSpec()
        ):
            whole, note = _with_factors(spec)
            splits = hold_out(whole.images, spec.held_out, split_seed)
            sources = drawn(spec.held_out, split_seed)
            return ImageSet(spec.kind, splits, f"{note}; a seeded draw is held out", whole=whole, sources=sources)


def likeness_of(spec: d.DataSpec, shape: tuple[int, ...], levels: int | None, frame: Size | None) -> Likeness:
    """How any picture becomes an image like those of a data set that is not read, of which this is known.

    shape, levels: of its images before `bits`. frame: see `ImageSet.frame`. DataError if its examples are no images, or have
    other channels than grey or RGB.
    """
    if isinstance(spec, d.TableSpec):
        raise DataError("The run was trained on rows of a table: it takes no files of pictures.")
    if len(shape) != 3 or levels is None:
        raise DataError(
            f"The run was trained on examples of the shape {shape}, which are no images: it takes no pictures."
        )
    if shape[0] not in (1, 3):
        raise DataError(f"The run's images have {shape[0]} channels; picture files give 1 (grey) or 3 (RGB).")
    mode, size = ("grey" if shape[0] == 1 else "rgb"), (shape[2], shape[1])
    match spec:
        case d.PicturesSpec() | d.HubSpec():
            resize = None if spec.size is None else spec.resize
            return Likeness(Preprocessing(size, spec.crop, resize, spec.mode, spec.depth))
        case d.CelebaSpec():
            frame = frame or OFFICIAL
            return Likeness(Preprocessing(size, box_of(frame, spec.crop), spec.resize, "rgb", spec.depth), frame)
        case d.DigitsSpec():
            return Likeness(Preprocessing((8, 8), "whole", "box", "grey"), (8, 8), levels, repeat=spec.size // 8)
        case d.MnistSpec():
            pad = None if spec.pad == 28 else spec.pad
            average = 1 if spec.size is None else spec.pad // spec.size
            return Likeness(
                Preprocessing((28, 28), "whole", "lanczos", "grey"), (28, 28), levels, pad=pad, average=average
            )
        case d.CifarSpec() if spec.size is not None:
            plan = Preprocessing((32, 32), "whole", "lanczos", "rgb")
            return Likeness(plan, (32, 32), levels, average=32 // spec.size)
        case d.SpritesSpec() if spec.size < 64:
            return Likeness(
                Preprocessing((64, 64), "whole", "lanczos", "rgb"), (64, 64), levels, average=64 // spec.size
            )
        case d.SvhnSpec():
            if spec.size == 28:
                return Likeness(Preprocessing(size, "whole", "bilinear", "rgb"), (32, 32), levels)
            plan = Preprocessing((32, 32), "whole", "bilinear", "rgb")
            return Likeness(plan, (32, 32), levels, average=32 // spec.size)
        case _:
            return Likeness(Preprocessing(size, "whole", "lanczos", mode), size, levels)


def _options(spec: d.ExamplesSpec, *without: str) -> dict[str, Any]:
    """A data set's settings as its reader takes them, by the same names; `image_data` gives the others in its own way."""
    without = ("kind", "bits", "augment", "root", "split_seed", *without)
    return {name: getattr(spec, name) for name in type(spec).model_fields if name not in without}


def _with_factors(
    spec: d.DspritesSpec | d.ThreeDShapesSpec | d.Mpi3dSpec | d.Shapes2dSpec | d.Shapes3dSpec | d.ArmSpec,
) -> tuple[FactorImages, str]:
    """Every image of a set with factors, and their source."""
    match spec:
        case d.DspritesSpec():
            return dsprites(data_root(spec.root)), "dSprites' official archive"
        case d.ThreeDShapesSpec():
            return shapes3d_h5(data_root(spec.root), cache_root()), "3D Shapes' official file"
        case d.Mpi3dSpec():
            return mpi3d(data_root(spec.root), spec.variant, cache_root()), f"MPI3D's official {spec.variant} archive"
        case d.Shapes2dSpec() | d.Shapes3dSpec() | d.ArmSpec():
            return _rendered(spec.kind)


@lru_cache(maxsize=1)
def _rendered(kind: str) -> tuple[FactorImages, str]:
    """Rendered sets never change: a process that opens many runs of one renders it once."""
    match kind:
        case "shapes2d":
            return shapes2d(), "rendered 2-D shapes with dSprites' five factors"
        case "shapes3d":
            return shapes3d(), "rendered 3-D shapes with 3D Shapes' six factors"
        case _:
            return arm(), "rendered robot arm with MPI3D's seven factors"
