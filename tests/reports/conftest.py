"""Tiny runs, trained once, and a reader of the pages that they become."""

from html.parser import HTMLParser

import pytest
from tests.records import page_of

from kelbo.experiments import open_run, train
from kelbo.recipes import change, parse
from kelbo.runs import write_json

TINY = {
    "name": "tiny",
    "data": {"kind": "digits", "size": 8},
    "model": {"latents": 4, "network": {"kind": "higgins", "width": 32}},
    "training": {"steps": 6, "batch_size": 32, "log_every": 2, "checkpoint_every": 6, "pictures_every": 3},
}

HOSTILE = "<script>alert(1)</script>"


class Page(HTMLParser):
    """A page taken apart: its tags with their attributes, the addresses it loads, its text."""

    def __init__(self, html):
        super().__init__()
        self.html, self.tags, self.addresses, self.words = html, [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.addresses += [value for name, value in attributes if name in ("src", "srcset", "href", "data", "action")]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    @property
    def alternatives(self):
        return [attributes["alt"] for tag, attributes in self.tags if tag == "img"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A function that trains the tiny recipe, changed by settings, and brings the run back.

    Fields of the recipe that are given by name are not checked.
    """

    def train_tiny(*settings, **as_written):
        recipe = change(parse(TINY), settings).model_copy(update=as_written)
        run = train(recipe, tmp_path_factory.mktemp("runs") / "run")
        return open_run(run.path, device="cpu")

    return train_tiny


@pytest.fixture(scope="session")
def tiny(trained):
    return trained()


@pytest.fixture(scope="session")
def tiny_page(tiny):
    return Page(page_of(tiny).read_text())


@pytest.fixture(scope="session")
def autoencoder_page(trained):
    """Of a plain autoencoder stopped before its first reading and picture, and with hostile names."""
    settings = ("model.kind=autoencoder", "training.log_every=50", "training.pictures_every=50")
    experiment = trained(*settings, name=HOSTILE)  # as a run of an older version may have it
    experiment.run.journal.path.unlink()
    told = experiment.run.provenance()
    told["data"]["name"] = '<img src=x onerror="alert(2)">'
    write_json(experiment.run.provenance_path, told)
    return Page(page_of(experiment).read_text())
