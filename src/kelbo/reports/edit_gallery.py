"""Images edited by attribute, as a page shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kelbo.reports.gallery import Labelled
from kelbo.reports.page_pictures import intensities, of_images
from kelbo.runs import Measurement
from kelbo.units import counted

WAYS = {"difference": "", "balanced": "balanced directions", "matched": "directions of matched images"}


def edits(measured: Measurement) -> Labelled:
    """Test images, their reconstructions, and these with each attribute added to their codes."""
    found, told = measured.arrays(), measured.settings
    images = intensities(np.concatenate([found["images"][:, None], found["made"]], 1))
    columns = edit_columns(told["attributes"], told["strengths"])
    alt = f"{counted(len(images), 'test image')}, each with {counted(len(columns) - 2, 'edit')}"
    picture = of_images(f"edits-{measured.key[:8]}", alt, images.reshape(-1, *images.shape[2:]), len(columns))
    parts = [WAYS[told["method"]], "at right angles to one another" if told["orthogonal"] else ""]
    parts += ["codes drawn from the posterior" if told["sampled"] else ""]
    parts += [f"strength {told['strengths'][0]:g}" if len(told["strengths"]) == 1 else ""]
    rows = [(f"test image {number}", "") for number in range(1, len(images) + 1)]
    return Labelled(picture, rows, ", ".join(filter(None, parts)), columns)


def edit_columns(attributes: Sequence[str], strengths: Sequence[float]) -> tuple[str, ...]:
    """Headings of the original, the reconstruction and each edit; strengths are told if there are several."""
    names = [name.replace("_", " ") for name in attributes]
    strong = [f" {strength:+g}".replace("-", "−") for strength in strengths] if len(strengths) > 1 else [""]
    return ("original", "reconstruction", *(name + told for name in names for told in strong))


EDIT_COLUMNS = ("attribute", "F1", "F1 unedited", "F1 of what is there", "given", "taken", "others kept")


def edit_rows(measured: Measurement) -> list[tuple[str, ...]]:
    """Of each edit what a classifier sees of it, as words under `EDIT_COLUMNS`."""
    keys = ("f1", "baseline_f1", "own_f1", "given", "taken", "kept")
    return [(name, *(_words(found[key]) for key in keys)) for name, found in measured.value["edits"].items()]


def edit_table(measured: Measurement) -> tuple[str, list[tuple[str, ...]]]:
    """What was judged, in words, and its rows under their heading."""
    told = measured.settings
    ways = [WAYS[told["method"]], f"strength {abs(told['strength']):g}"]
    about = f"{counted(told['judged'], 'test image')}, {', '.join(filter(None, ways))}"
    return about, [EDIT_COLUMNS, *edit_rows(measured)]


def similarity_rows(measured: Measurement) -> list[tuple[str, ...]]:
    """Agreement of samples and of test images with their attributes, under a heading."""
    found, real = measured.value, measured.value["images"]
    cosine, error = found["cosine"], found["squared_error"]
    spread = "" if error["standard_deviation"] is None else f" ± {error['standard_deviation']:.3f}"
    best = counted(cosine["best_of"], "sample")
    return [
        ("", f"cosine, best of {best}", "squared error", "accuracy", "F1"),
        (
            "samples",
            f"{cosine['value']:.3f}",
            f"{error['value']:.3f}{spread}",
            _words(found["accuracy"]),
            _words(found["f1"]),
        ),
        (
            "test images",
            f"{real['cosine']:.3f}",
            f"{real['squared_error']:.3f}",
            _words(real["accuracy"]),
            _words(real["f1"]),
        ),
    ]


def _words(share: float | None) -> str:
    return "–" if share is None else f"{share:.2f}"
