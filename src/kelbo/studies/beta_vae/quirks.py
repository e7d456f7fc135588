"""What the β-VAE study's code did without saying so, each thing measured with all else equal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kelbo.errors import KelboError
from kelbo.studies.beta_vae.asked import SMALL, Effort
from kelbo.studies.beta_vae.quirks_entries import Entry, Subject, entry
from kelbo.studies.beta_vae.quirks_lanes import grey_bernoulli, mixed_up_gap
from kelbo.studies.beta_vae.quirks_scores import few_points, networks
from kelbo.studies.beta_vae.quirks_sets import baselines, training_data
from kelbo.studies.beta_vae.quirks_texts import NOTES, TEXTS
from kelbo.studies.beta_vae.subjects import subject_of

Look = Callable[[Subject], list[Entry]]
ORDER = tuple(TEXTS)


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

    subjects: sets with factors, each with the codes of one lane; what concerns no set in particular is measured on the first
    that allows it, or on all (`effort.everywhere`). If a subject's codes or images do not allow a number (a KelboError), an
    entry without rows says why.
    """
    found: list[Entry] = []
    for name, measure, everywhere in _measures(effort):
        for subject in subjects:
            entries = _timed(name, measure, subject)
            found += entries
            if any(one["rows"] for one in entries) and not (everywhere or effort.everywhere):
                break
    found += [entry(name, None, [], note) for name, note in NOTES.items()]
    replicates = (
        f"Intervals are over {len(effort.seeds)} replicates with other pairs, first weights and, where something is fitted, "
        "other images; both sides have the same."
    )
    for one in found:
        if any(row["unit"] == "accuracy" for row in one["rows"]):
            one["note"] = " ".join(filter(None, (one["note"], replicates)))
    return sorted(found, key=lambda one: ORDER.index(one["name"]))


def _measures(effort: Effort) -> list[tuple[str, Look, bool]]:
    """A name for each measurement, what takes it, and whether every set is worth it."""
    return [
        ("baseline-layouts", partial(_layouts, effort=effort), True),
        ("baseline-sizes", partial(_sizes, effort=effort), False),
        ("carried-state", lambda subject: networks(subject, effort), False),
        ("mig-scrambled", lambda subject: mixed_up_gap(subject, effort), False),
        ("few-points", lambda subject: few_points(subject, effort), False),
        ("training-data", lambda subject: training_data(subject, effort), True),
        ("grey-bernoulli", grey_bernoulli, True),
    ]


def _layouts(subject: Subject, effort: Effort) -> list[Entry]:
    return baselines(subject, effort, sizes=effort.everywhere)


def _sizes(subject: Subject, effort: Effort) -> list[Entry]:
    """Together with the layouts if every set is looked at, since one fit serves both."""
    return [] if effort.everywhere else baselines(subject, effort, layouts=False)


def _timed(name: str, measure: Look, subject: Subject) -> list[Entry]:
    begun = time.perf_counter()
    try:
        entries = measure(subject)
    except KelboError as error:  # these codes or images do not allow it: said, and the others go on
        entries = [entry(name, subject, [], f"Not measured here: {error}")]
    seconds = (time.perf_counter() - begun) / max(1, len(entries))
    for one in entries:
        one["seconds"] = seconds
    return entries
