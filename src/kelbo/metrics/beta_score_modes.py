"""The two modes of the β-VAE score: as it is defined, and as one study ran it.

"β-VAE Reproducibility: Challenges and Extensions" (2021) printed scores of code that did five things its text does not say.
Whoever wants those numbers back needs them, nobody else:

- it learned from 1,000 points and tested on 501 (half of them and one), where the definition's users take 10,000 and 5,000;
- its MLP dropped half of its units in the test as well;
- with the shape left out, four factors were drawn, but its networks still chose among five classes;
- for codes of ICA, its linear network learned by Adam at a rate of 1 in place of Adagrad at 0.01;
- for codes of PCA, its networks began with the optimiser that a VAE's points had left behind. These two are of several codes
  at once: `classifiers_as_published` has them.
"""

from __future__ import annotations

from typing import NamedTuple


class Mode(NamedTuple):
    """How many points, whether dropout answers the test, and whether factors that are never drawn are classes too."""

    train: int
    test: int
    dropout_at_test: bool
    idle_classes: bool


CORRECTED = Mode(train=10_000, test=5_000, dropout_at_test=False, idle_classes=False)
AS_PUBLISHED = Mode(train=1_000, test=501, dropout_at_test=True, idle_classes=True)
