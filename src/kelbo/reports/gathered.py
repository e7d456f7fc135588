"""One test of a study's claim: its numbers as they are found, and what is not there."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from kelbo.reports.evidence import Estimate, Evidence, Unit


@dataclass
class Gathered:
    """The numbers of one test as they are found, and the labels of those that are not there."""

    evidence: list[Evidence] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def add(
        self,
        label: str,
        found: Estimate | None,
        unit: Unit,
        above: float = -np.inf,
        below: float = np.inf,
        *,
        models: tuple[Hashable, ...] = (),
    ) -> None:
        """One number, None where it is not there; the side on which the claim puts it; and the models it is made of."""
        if found is None:
            self.absent.append(label)
        else:
            self.evidence.append(Evidence(label, found, unit, above, below, models))
