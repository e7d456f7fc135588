"""A run's records by label, and changes of them."""

from kelbo.experiments.pictures import measure_page
from kelbo.reports.run_page import write_page
from kelbo.runs.measurements import records
from kelbo.runs.writing import read_json, write_json


def evaluations(run):
    return records(run.measurements.newest("evaluation"))


def scores(run):
    return records(one for one in run.measurements.newest() if "scores" in one.value)


def as_older(run, folder, label, record):
    """Leave a record as older versions did, and no measurement of its label."""
    for one in run.measurements.all():
        if one.label == label:
            one.place.unlink()
    write_json(run.path / folder / f"{label}.json", record)


def rewrite(run, label, change):
    """Change what a measurement's file holds; it stays where it is."""
    found = [one for one in run.measurements.newest() if one.label == label]
    assert found
    for one in found:
        told = read_json(one.place)
        change(told)
        write_json(one.place, told)


def page_of(experiment, *, noise=False):
    """Measure what a page shows and write it; its path."""
    return write_page(experiment.run, measure_page(experiment, noise=noise))
