"""The verdict on a claim of the β-VAE study, with what its numbers are of."""

from __future__ import annotations

from collections.abc import Sequence

from kelbo.reports.beta_vae import numbers as n
from kelbo.reports.beta_vae.results import Study
from kelbo.reports.claims import Claim, Verdict, judge, listed
from kelbo.reports.evidence import Gathered

OTHER_IMAGES = "On images drawn here, not the paper’s own."


def verdict(
    study: Study,
    claim: Claim,
    found: Gathered,
    groups: Sequence[n.Group],
    note: str = "",
    *,
    missing: Sequence[str] = (),
) -> Verdict:
    """The verdict on what was gathered of these (role, network); network "" is a baseline's, which is not trained."""
    lacking = list(missing)
    if found.absent and not missing:
        nothing = [g for g in groups if not (n.lanes(study, g) if g[1] else n.sweeps_of(study, g[0]))]
        lacking = [n.absence(study, group) for group in nothing]
        if not nothing:
            lacking = [f"there are no numbers of {listed(found.absent)}"]
    return judge(
        claim,
        found.evidence,
        missing=lacking,
        trained=n.trained(study, groups),
        on=n.standing_in(study, groups),
        note=" ".join(filter(None, [note, OTHER_IMAGES if found.evidence and n.drawn_here(study, groups) else ""])),
    )
