"""A page of data with factors names the factor that moves each latent."""

import re

import numpy as np
from tests.reports.conftest import Page
from tests.reports.test_scores_of_a_run import with_factors

from kelbo.experiments.latent_order import LEAST
from kelbo.experiments.pictures import measure_page
from kelbo.reports.run_page import write_page
from kelbo.reports.shown import shown


def test_traversals_are_labelled_with_the_factor_that_moves_each_latent(trained):
    experiment = with_factors(trained("training.steps=3"))
    page = measure_page(experiment)
    of = shown(experiment.run, page)
    labels = re.findall(
        r"<b>([^<]*)</b> <span>z (\d+), [\d.e−]+ nats</span>", Page(write_page(experiment.run, page).read_text()).html
    )
    shares = of.parts["factor-shares"].value
    latents = of.parts["traversals"].settings["latents"]
    told = [int(index) for _, index in labels]
    assert told == [latent for latent in latents if shares["active"][latent] and max(shares["shares"][latent]) >= LEAST]
    assert all(re.fullmatch(r".+ \d+\s%", label) for label, _ in labels)
    best = [int(np.argmax(shares["shares"][latent])) for latent in told]
    assert best == sorted(best)
