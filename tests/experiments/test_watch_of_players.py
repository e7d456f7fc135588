"""A run whose discriminator tells all images right for long says so."""

import pytest

from kelbo.experiments.watch import RunWatch
from kelbo.runs import Run


def warned(tmp_path, accuracy, distance=None, steps=1000):
    run = Run.create(tmp_path / "run", "name = 'made'\n", {})
    watch = RunWatch(run, None, steps, lambda _: None, has_rate=False)
    watch.begin()
    for step in range(20, steps + 1, 20):
        row = {"step": step, "discriminator/accuracy": accuracy(step)}
        watch(row if distance is None else row | {"feature_distortion": distance(step)})
    return {one["kind"]: (one["step"], one["fields"]) for one in run.warnings()}


def test_a_discriminator_that_wins_is_told_with_the_distance_that_rises(tmp_path):
    found = warned(tmp_path, lambda step: 0.8 if step < 300 else 0.998, lambda step: 100.0 + step)
    step, fields = found["discriminator-wins"]
    assert step == 380  # nearly a tenth of the run after it began
    assert (fields["accuracy"], fields["step"]) == (0.998, 380)
    assert fields["before"] < fields["distance"] == 480


def test_of_a_gan_or_of_a_distance_that_falls_there_is_no_rise(tmp_path):
    for name, distance in (("gan", None), ("vaegan", lambda step: -float(step))):
        _, fields = warned(tmp_path / name, lambda _: 1.0, distance)["discriminator-wins"]
        assert fields["distance"] is None


@pytest.mark.parametrize(
    "accuracy",
    [
        lambda _: 0.5,
        lambda _: 0.9,
        lambda step: 0.5 if step % 80 == 0 else 1.0,
        lambda step: 1.0 if step < 240 else 0.7,
    ],
)
def test_players_that_play_are_not_warned_of(tmp_path, accuracy):
    assert warned(tmp_path, accuracy) == {}
