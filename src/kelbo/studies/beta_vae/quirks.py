"""What the β-VAE study's code did without saying so, each thing measured with all else equal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kelbo.errors import KelboError
from kelbo.studies.beta_vae.asked import SMALL, Effort
from kelbo.studies.beta_vae.quirks_images import grey_bernoulli, layouts, sizes, training_data
from kelbo.studies.beta_vae.quirks_rows import Entry, entry
from kelbo.studies.beta_vae.quirks_scores import few_points, mixed_up_gap, networks
from kelbo.studies.beta_vae.quirks_texts import NOTES, TEXTS
from kelbo.studies.beta_vae.subjects import Subject, subject_of

Look = Callable[[Subject, Effort], list[Entry]]
ON_EVERY_SET: dict[str, Look] = {
    "baseline-layouts": layouts,
    "training-data": training_data,
    "grey-bernoulli": grey_bernoulli,
}
ON_ONE_SET: dict[str, Look] = {
    "baseline-sizes": sizes,
    "carried-state": networks,
    "mig-scrambled": mixed_up_gap,
    "few-points": few_points,
}
"""what concerns no set in particular"""


def quirks_of(
    runs: Sequence[Path],
    *,
    lanes: Sequence[Mapping[str, str]],
    codes: int | None,
    images: int | None,
    fitted: tuple[int, int],
    effort: Mapping[str, Any],
) -> dict[str, Any]:
    """Every quirk that these runs allow, as a study's extra. lanes: each run's set in the study ("role") and name ("model").

    codes: images whose codes are looked at; images: of each split for the bound; fitted: see `baselines.fit`.
    """
    subjects = [
        subject_of(run, **lane, codes=codes, images=images, fitted=fitted)
        for run, lane in zip(runs, lanes, strict=True)
    ]
    return {"entries": quirks(subjects, Effort(**effort))}


def quirks(subjects: Sequence[Subject], effort: Effort = SMALL) -> list[Entry]:
    """Every quirk that these allow, in the order of `quirks_texts.TEXTS`; those that no number tells come without rows.

    What concerns no set in particular is measured on the first subject, or on all (`effort.everywhere`). If a subject's codes
    or images do not allow a number (a KelboError), an entry without rows says why.
    """
    found = [entry(name, None, [], note) for name, note in NOTES.items()]
    for subject in subjects:
        once = effort.everywhere or subject is subjects[0]
        for name, look in (ON_EVERY_SET | (ON_ONE_SET if once else {})).items():
            found += _timed(name, look, subject, effort)
    replicates = (
        f"Intervals are over {len(effort.seeds)} replicates with other pairs, first weights and, where something is fitted, "
        "other images; both sides have the same."
    )
    for one in found:
        if any(row["unit"] == "accuracy" for row in one["rows"]):
            one["note"] = f"{one['note']} {replicates}".strip()
    order = list(TEXTS)
    return sorted(found, key=lambda one: order.index(one["name"]))


def _timed(name: str, look: Look, subject: Subject, effort: Effort) -> list[Entry]:
    begun = time.perf_counter()
    try:
        entries = look(subject, effort)
    except KelboError as error:  # these codes or images do not allow it: said, and the others go on
        entries = [entry(name, subject, [], f"Not measured here: {error}")]
    seconds = (time.perf_counter() - begun) / max(1, len(entries))
    return [one | {"seconds": seconds} for one in entries]
