"""`kelbo encode`: the codes of images, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, GivenOfFiles, PictureFiles, RunPath
from kelbo.cli.own_files import read_files, require_files
from kelbo.cli.printing import say

if TYPE_CHECKING:
    import numpy as np

    from kelbo.data.images import Images
    from kelbo.experiments import Experiment

Scaled = Annotated[
    bool, typer.Option("--scaled", help="Of latents that keep the layout of pictures: times the run's scaling factor.")
]


def encode(
    run: RunPath,
    out: Annotated[Path, typer.Option(help="File to write: .npz, or .parquet with the extra `parquet`.")],
    pictures: PictureFiles = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Which split: test (by default), train, …; all: every image of a set with factors, and its factors."
        ),
    ] = None,
    groups: Annotated[
        int | None, typer.Option(min=1, help="Of a hierarchy: how many groups of latents, from the top. Writes .npz.")
    ] = None,
    scaled: Scaled = False,
    given: GivenOfFiles = None,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
) -> None:
    """Write the posterior's means and standard deviations for every image of a split, or for pictures, with file and class.

    Of a table: for every row, with its name. Of a hierarchy: means_0, scales_0, … of each group, given those before it. Of
    latents that keep the layout of pictures: tensors (N, c, h, w), and the factor that makes their standard deviation 1.
    """
    from kelbo import evaluation
    from kelbo.cli.code_files import require_writable, write_codes
    from kelbo.errors import RecipeError
    from kelbo.experiments import open_run
    from kelbo.experiments.scoring import factor_codes
    from kelbo.latents.grouped import Spatial
    from kelbo.recipes.sets import split_of
    from kelbo.units import counted, noun_of

    require_writable(out)
    if groups is not None and (out.suffix != ".npz" or split == "all"):
        what = "--split all" if split == "all" else f"{out}, which is no .npz"
        raise RecipeError(f"Codes of groups are tensors, which only an .npz of one split holds; got {what}.")
    if pictures and split:
        raise RecipeError(f"Name pictures or a split, not both; got {pictures[0]} and --split {split}.")
    require_files(given, bool(pictures))
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root, read_data=not pictures)
    if groups is not None:
        _write_groups(experiment, out, groups, pictures, split or "test", given)
        return
    if isinstance(experiment.model, Spatial):
        _write_spatial(experiment, out, pictures, split or "test", given, scaled)
        return
    if scaled:
        raise RecipeError("--scaled is for latents that keep the layout of pictures (model.kind spatial).")
    labels = factors = paths = index = None
    if pictures:
        read = read_files(experiment, pictures, given)
        (means, scales), paths = evaluation.encode(experiment.model, read.images), read.names
    elif split == "all":
        codes = factor_codes(experiment)
        means, scales, factors = codes.means, codes.scales, experiment.data.whole
    else:
        split = split or "test"
        means, scales = evaluation.encode(experiment.model, split_of(experiment.data, split))
        labels, paths = experiment.data.labels.get(split), experiment.data.names.get(split)
        index = experiment.data.index.get(split)
    write_codes(out, means, scales, labels=labels, factors=factors, paths=paths, index=index)
    noun = noun_of(experiment.model.event)
    say(f"{out}: {counted(len(means), noun)}, {counted(means.shape[1], 'latent')}")


def _write_groups(
    experiment: Experiment, out: Path, groups: int, pictures: list[Path] | None, split: str, given: str | None
) -> None:
    """Means and standard deviations of the first groups of a hierarchy, (N, Z, r, r) each, with labels or paths."""
    from kelbo import evaluation
    from kelbo.cli.code_files import write_arrays
    from kelbo.units import counted, noun_of

    images, beside = _read(experiment, pictures, split, given)
    codes = evaluation.encode_groups(experiment.model, images, groups)
    arrays = {
        f"{name}_{g}": part
        for g, pair in enumerate(codes)
        for name, part in zip(("means", "scales"), pair, strict=True)
    }
    write_arrays(out, arrays | beside)
    shapes = ", ".join("×".join(map(str, means.shape[1:])) for means, _ in codes)
    say(
        f"{out}: {counted(len(images), noun_of(experiment.model.event))}, {counted(groups, 'group')} of latents: {shapes}"
    )


def _write_spatial(
    experiment: Experiment, out: Path, pictures: list[Path] | None, split: str, given: str | None, scaled: bool
) -> None:
    """Means and standard deviations (N, c, h, w), scaled or not, the scaling factor, and labels or paths."""
    import numpy as np

    from kelbo import evaluation
    from kelbo.cli.code_files import write_arrays
    from kelbo.errors import RecipeError
    from kelbo.experiments.latent_scale import statistics_of
    from kelbo.units import counted, noun_of

    if out.suffix != ".npz" or split == "all":
        what = "--split all" if split == "all" else f"{out}, which is no .npz"
        raise RecipeError(f"These codes are tensors, which only an .npz of one split holds; got {what}.")
    images, beside = _read(experiment, pictures, split, given)
    factor = statistics_of(experiment).factor
    ((means, scales),) = evaluation.encode_groups(experiment.model, images, 1)
    by = np.float32(factor if scaled else 1)
    write_arrays(out, {"means": by * means, "scales": by * scales, "factor": np.asarray(factor), **beside})
    shape, told = "×".join(map(str, means.shape[1:])), "times" if scaled else "whose factor is"
    say(f"{out}: {counted(len(images), noun_of(experiment.model.event))}, latents of {shape}, {told} {factor:.5g}")


def _read(
    experiment: Experiment, pictures: list[Path] | None, split: str, given: str | None
) -> tuple[Images, dict[str, np.ndarray]]:
    """Pictures, or those of a split, and what is known of each."""
    import numpy as np

    from kelbo.recipes.sets import split_of

    if pictures:
        read = read_files(experiment, pictures, given)
        return read.images, {"paths": np.asarray(read.names, np.str_)}
    names = experiment.data.names.get(split)
    paths = None if names is None else np.asarray(names, np.str_)
    beside = {"labels": experiment.data.labels.get(split), "paths": paths}
    return split_of(experiment.data, split), {name: value for name, value in beside.items() if value is not None}
