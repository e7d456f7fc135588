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
