"""`kelbo attribute`: images edited along the directions of attributes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, GivenOfFiles, Json, RunPath, Seed
from kelbo.cli.own_files import read_files, require_files
from kelbo.cli.places import name_of, require_file, save_each
from kelbo.cli.printing import aligned, say
from kelbo.names import as_utf8

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from kelbo.experiments import Experiment
    from kelbo.experiments.edits import Directions


Names = Annotated[
    str,
    typer.Option(
        parser=as_utf8,
        metavar="NAMES",
        help="Which ones: Smiling,Eyeglasses of attributes, 3,7 of classes, shape=heart,scale=0 of factors.",
    ),
]
Strengths = Annotated[
    str,
    typer.Option(metavar="NUMBERS", help="How much of each direction is added; several give a column each: -1,1,2."),
]
MethodName = Annotated[
    Literal["difference", "balanced", "matched"],
    typer.Option(
        help="Mean code with an attribute less mean code without it, as published; or the same with the other named "
        "attributes on both sides in equal parts, or in the same combinations."
    ),
]
Orthogonal = Annotated[
    bool, typer.Option("--orthogonal", help="Leave out of each direction what it shares with the others.")
]
Sampled = Annotated[
    bool, typer.Option("--sampled", help="Draw codes from the posterior, as published; by default its means.")
]
Used = Annotated[int, typer.Option(min=2, help="Training images that make the directions, the first ones.")]
Again = Annotated[bool, typer.Option("--again", help="Measure again what the run keeps.")]
ClassifierOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="Judge the edits by this classifier of attributes, which `kelbo features train` made: a set's name or a file.",
    ),
]
Files = Annotated[
    list[Path] | None,
    typer.Option(
        help="File to write, by its ending: .png (the grid), .npz (directions and images). Once or more; by default both "
        "beside the run's pictures."
    ),
]


def attribute(
    run: RunPath,
    attributes: Names,
    strength: Strengths = "1",
    method: MethodName = "difference",
    orthogonal: Orthogonal = False,
    sampled: Sampled = False,
    images: Used = 10_000,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many images are edited.")] = 8,
    picture: Annotated[
        list[Path] | None,
        typer.Option(metavar="PICTURE", help="Edit this file, folder or zip of pictures instead. Once or more."),
    ] = None,
    given: GivenOfFiles = None,
    seed: Seed = 0,
    classifier: ClassifierOption = None,
    again: Again = False,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Files = None,
) -> None:
    """Edit images by attribute: a row an image; its reconstruction, then the direction of each attribute added to its code.

    Grids of test images are kept with the run, and its report shows them.
    """
    from kelbo.experiments import open_run
    from kelbo.experiments.edits import Directions, measure_edits, measure_vectors

    for path in out or []:
        require_file(path, ".png", ".npz")
    require_files(given, bool(picture))
    asked = Directions(_names(attributes), method, orthogonal, sampled, images, seed)
    strengths = _strengths(strength)
    _require_several(asked)
    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root)
    vectors = measure_vectors(experiment, asked, again=again).arrays()
    _say(asked, vectors)
    if classifier is not None:
        _judge(experiment, asked, strengths, classifier, data_root, again)
    if picture:
        shown = _of_pictures(experiment, asked, strengths, picture, given, count)
    else:
        shown = measure_edits(experiment, asked, strengths, count, again=again).arrays()
    _save(out or [], experiment, asked, strengths, vectors | shown, "edits-own" if picture else "edits")


def _judge(
    experiment: Experiment,
    asked: Directions,
    strengths: list[float],
    classifier: str,
    data_root: Path | None,
    again: bool,
) -> None:
    """How the classifier sees each attribute turned over in all test images, a table for each strength."""
    from kelbo.evaluation.attribute_classifier import attribute_classifier
    from kelbo.experiments.judged_edits import measure_edit_scores
    from kelbo.reports.edit_gallery import EDIT_COLUMNS, edit_rows

    shape = experiment.data.image_shape
    opened = attribute_classifier(classifier, shape, experiment.device, data_root)
    for strength in strengths:
        found = measure_edit_scores(experiment, asked, strength, opened, again=again)
        say(f"each attribute turned over in {found.settings['judged']:,} test images, at strength {abs(strength):g}")
        say(aligned([EDIT_COLUMNS, *edit_rows(found)]))


def similarity(
    run: RunPath,
    classifier: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE", help="Of attributes, which `kelbo features train` made: a set's name or a file."
        ),
    ],
    images: Annotated[
        int | None, typer.Option(min=1, help="Test images whose attributes are given; by default all.")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Samples for each vector of attributes.")] = 25,
    best_of: Annotated[int, typer.Option(min=1, help="Of how many of them the best cosine counts.")] = 10,
    seed: Seed = 0,
    again: Again = False,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Whether samples of a conditional model show the attributes that it was given, as a classifier sees them.

    As in VAE/GAN's table: the cosine of the best of 10 samples for each test image's attributes, and the squared error of 25.
    """
    import json

    from kelbo.evaluation.attribute_classifier import attribute_classifier
    from kelbo.experiments import open_run
    from kelbo.experiments.judged_edits import given_attributes, measure_similarity
    from kelbo.reports.edit_gallery import similarity_rows

    experiment = open_run(run, checkpoint=checkpoint, device=device, data_root=data_root)
    given_attributes(experiment)
    opened = attribute_classifier(classifier, experiment.data.image_shape, experiment.device, data_root)
    how = {"images": images, "draws": draws, "best_of": best_of, "seed": seed}
    found = measure_similarity(experiment, opened, **how, again=again)
    say(json.dumps(found.record, indent=2, allow_nan=False) if as_json else aligned(similarity_rows(found)))


def _save(
    out: list[Path],
    experiment: Experiment,
    asked: Directions,
    strengths: list[float],
    arrays: dict[str, np.ndarray],
    verb: str,
) -> None:
    """The grid and the arrays, under a name with all options that are not the usual ones."""
    import numpy as np

    from kelbo.cli.code_files import as_npz
    from kelbo.reports.strips import as_png

    arrays = {"names": np.array(asked.names, np.str_), "strengths": np.array(strengths), **arrays}
    make = {".png": lambda: as_png(_grid(arrays, asked.names, strengths)), ".npz": lambda: as_npz(arrays)}
    options = {
        "attributes": ",".join(asked.names),
        "strength": None if strengths == [1.0] else ",".join(f"{one:g}" for one in strengths),
        "method": None if asked.method == "difference" else asked.method,
        "orthogonal": "yes" if asked.orthogonal else None,
        "sampled": str(asked.seed) if asked.sampled else None,
    }
    save_each(out, experiment, name_of(verb, **options), make, [".png", ".npz"])


def _require_several(asked: Directions) -> None:
    from kelbo.errors import RecipeError

    if len(asked.names) == 1 and (asked.method != "difference" or asked.orthogonal):
        what = "--orthogonal" if asked.method == "difference" else f"--method {asked.method}"
        raise RecipeError(
            f"{what} speaks of the other attributes: name several, with those that it should be apart from."
        )


def _names(text: str) -> tuple[str, ...]:
    from kelbo.errors import RecipeError

    names = tuple(filter(None, (part.strip() for part in text.split(","))))
    if not names:
        raise RecipeError(f"--attributes names none; got {text!r}.")
    return names


def _strengths(text: str) -> list[float]:
    from kelbo.errors import RecipeError

    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise RecipeError(f"--strength takes numbers, such as 1 or -1,1,2; got {text!r}.") from error


def _say(asked: Directions, vectors: dict[str, np.ndarray]) -> None:
    """A line an attribute: how many images make its direction, and how long that is."""
    import numpy as np

    from kelbo.reports.numbers import plain

    lengths = np.linalg.norm(vectors["vectors"], axis=1)
    weighed = asked.method != "difference"
    rows: list[tuple[str, ...]] = [("attribute", "with", "without", *(["as good as", ""] if weighed else []), "length")]
    for name, counts, effective, length in zip(
        asked.names, vectors["counts"], vectors["effective"], lengths, strict=True
    ):
        own = [f"{round(number):,}" for number in effective.tolist()] if weighed else []
        rows.append((name, *(f"{number:,}" for number in counts.tolist()), *own, plain(float(length))))
    say(aligned(rows))


def _of_pictures(
    experiment: Experiment,
    asked: Directions,
    strengths: list[float],
    pictures: list[Path],
    given: str | None,
    count: int,
) -> dict[str, np.ndarray]:
    """The user's pictures and what is made of them, as `measure_edits` has those of test images."""
    from kelbo.experiments.edits import edits_of, levels

    read = read_files(experiment, pictures, given, count)
    if read.found > count:
        say(f"{count} of {read.found:,} pictures are shown (--count)")
    batch = experiment.batch_of(read.images)
    return {"images": levels(batch.x.cpu().numpy()), "made": levels(edits_of(experiment, asked, batch, strengths))}


def _grid(shown: dict[str, np.ndarray], names: tuple[str, ...], strengths: list[float]) -> Image:
    import numpy as np

    from kelbo.reports.edit_gallery import edit_columns
    from kelbo.reports.page_pictures import intensities
    from kelbo.reports.strips import with_headings

    images = intensities(np.concatenate([shown["images"][:, None], shown["made"]], 1))
    return with_headings(images, edit_columns(names, strengths))
