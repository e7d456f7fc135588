"""The scores of the β-VAE study's classifiers, as it ran them and with one thing changed at a time."""

import numpy as np
import pytest

from kelbo.errors import ScoreError
from kelbo.metrics import beta_score, pair_differences
from kelbo.studies.beta_vae import quirks_scores
from kelbo.studies.beta_vae.as_published_classifiers import Task, answers_in_turn, as_published_score
from kelbo.studies.beta_vae.quirks_scores import few_points, networks


def by_name(entries):
    return {entry["name"]: entry for entry in entries}


def altered(record, **changes):
    return type(record)(**(record.__dict__ | changes))


def task_of(codes, factors, chosen, points, seed):
    drawn = pair_differences(codes, factors, points=sum(points), chosen=chosen, seed=seed)
    cut = points[0]
    return Task(drawn.differences[:cut], drawn.labels[:cut], drawn.differences[cut:]), drawn.labels[cut:]


def test_networks_are_compared_with_one_thing_changed(grey_subject, quick):
    found = by_name(networks(grey_subject, altered(quick, seeds=(3,))))
    tasks, asked = {}, {}
    for name in ("vae", "pca", "ica"):
        tasks[name], asked[name] = task_of(grey_subject.codes[name], grey_subject.factors, (1, 2, 3), quick.points, 3)

    def share(name, answers):
        return float((answers[name].whole == asked[name]).mean())

    def learn(names, **how):
        return answers_in_turn("linear", {n: tasks[n] for n in names}, classes=4, seed=3, steps=200, **how)

    (carried,) = found["carried-state"]["rows"]
    assert carried["published"]["value"] == share("pca", learn(["vae", "pca"]))
    assert carried["corrected"]["value"] == share("pca", learn(["pca"]))
    ica, alike = found["ica-optimizer"]["rows"]
    assert ica["published"]["value"] == share("ica", learn(["ica"]))
    assert ica["corrected"]["value"] == share("ica", learn(["ica"], tuned=()))
    assert alike["corrected"]["value"] == share("pca", learn(["pca"], tuned=("pca",)))
    (idle,) = found["idle-class"]["rows"]
    assert idle["published"]["value"] == share("vae", learn(["vae"]))
    among = {"vae": tasks["vae"]._replace(labels=tasks["vae"].labels - 1)}  # columns 1, 2 and 3
    told = answers_in_turn("linear", among, classes=3, seed=3, steps=200)["vae"].whole + 1
    assert idle["corrected"]["value"] == float((told == asked["vae"]).mean())
    (dropped,) = found["dropout-at-test"]["rows"]
    answers = answers_in_turn("mlp", {"vae": tasks["vae"]}, classes=4, seed=3, steps=25)["vae"]
    assert dropped["published"]["value"] == float((answers.dropped == asked["vae"]).mean())
    assert dropped["corrected"]["value"] == float((answers.whole == asked["vae"]).mean())
    assert found["dropout-at-test"]["note"] == "Steps of the classifiers: the MLP 25 of 5,000."
    assert found["idle-class"]["note"] == "Steps of the classifiers: the linear network 200 of 10,000."


def test_with_the_studys_steps_the_mlp_of_pca_is_compared_too(grey_subject, monkeypatch, quick):
    monkeypatch.setitem(quirks_scores.STEPS, "mlp", 20)
    found = by_name(networks(grey_subject, altered(quick, mlp_steps=20)))
    assert [row["label"] for row in found["carried-state"]["rows"]] == ["PCA, linear", "PCA, MLP"]
    assert "mlp" not in found["carried-state"]["note"]


def test_codes_that_are_none_are_refused(grey_subject, quick):
    with pytest.raises(ScoreError, match="at least 2 rows"):
        few_points(altered(grey_subject, codes={"vae": np.ones((1, 3))}, factors=grey_subject.factors[:1]), quick)


def test_without_a_factor_left_out_there_is_no_idle_class(colour_subject, quick):
    assert "idle-class" not in by_name(networks(colour_subject, altered(quick, seeds=(0,))))


def test_more_points_are_scores_of_the_reference(grey_subject, quick):
    (entry,) = few_points(grey_subject, quick)
    row = entry["rows"][0]
    scores = [
        beta_score(
            grey_subject.codes["vae"], grey_subject.factors, chosen=(1, 2, 3), train=600, test=300, seed=seed
        ).value
        for seed in (0, 1, 2)
    ]
    assert row["corrected"]["value"] == pytest.approx(np.mean(scores))
    assert row["corrected"]["value"] > row["published"]["value"] - 0.05
    assert "Standard deviations from seed to seed, points: VAE, β = 4 " in entry["note"]
    assert "; PCA " in entry["note"]


@pytest.mark.parametrize("classifier", ["linear", "mlp"])
def test_as_published_codes_are_learned_one_after_the_other_and_tested_with_dropout(grey_subject, classifier):
    steps = {"linear": 200, "mlp": 10}
    how = {"points": (200, 151), "seed": 4}
    found = as_published_score(
        grey_subject.codes, grey_subject.factors, (1, 2, 3), classifier=classifier, steps=steps, **how
    )
    drawn = {
        name: task_of(codes, grey_subject.factors, (1, 2, 3), (200, 151), 4)
        for name, codes in grey_subject.codes.items()
    }
    tasks = {name: task for name, (task, _) in drawn.items()}
    answers = answers_in_turn(classifier, tasks, classes=4, seed=4, steps=steps[classifier])
    assert found == {name: float((answers[name].dropped == asked).mean()) for name, (_, asked) in drawn.items()}


@pytest.mark.parametrize("classifier", ["logistic", "forest"])
def test_as_published_scikit_learns_each_code_by_itself(grey_subject, classifier):
    how = {"classifier": classifier, "points": (200, 151)}
    together = as_published_score(grey_subject.codes, grey_subject.factors, (1, 2, 3), **how)
    alone = as_published_score({"pca": grey_subject.codes["pca"]}, grey_subject.factors, (1, 2, 3), **how)
    assert together["pca"] == alone["pca"] > 0.5
