"""The models of the study by the names that its pages have for them."""

from __future__ import annotations

from kelbo.studies.arms import StudyModel
from kelbo.studies.frame import Numbers

VAE = StudyModel("vae", name="VAE", printed="vae")
GAN = StudyModel("gan", name="GAN", printed="gan")
LEARNED = StudyModel("learned", name="Learned distance", printed="learned")
VAEGAN = StudyModel("vaegan", name="VAE/GAN", printed="vaegan")
FOUR = (VAE, GAN, LEARNED, VAEGAN)
READERS = (VAE, LEARNED, VAEGAN)
"""those that have reconstructions"""

TOLD_VAE = StudyModel("told-vae", name="VAE, told attributes", printed="vae")
TOLD_GAN = StudyModel("told-gan", name="GAN, told attributes", printed="gan")
TOLD_VAEGAN = StudyModel("told-vaegan", name="VAE/GAN, told attributes", printed="vaegan")
TOLD = (TOLD_VAE, TOLD_GAN, TOLD_VAEGAN)
"""those that are told each image's attributes"""


def attributes(n: Numbers) -> list[str]:
    """The attributes that images are edited along."""
    return list(n.facts.get("attributes") or ())
