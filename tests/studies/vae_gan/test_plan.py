"""Which lanes the study trains, which runs they open, and that a small one runs from end to end."""

from dataclasses import replace

import pytest
from tests.data.test_sprites import written
from tests.studies.vae_gan.painted import NAMES, paint

from kelbo.errors import DataUnknown, RecipeError
from kelbo.runs.study_folder import StudyFolder
from kelbo.studies import probe
from kelbo.studies.arms import Ask
from kelbo.studies.course import begin, recipes_by_title, reproduce
from kelbo.studies.lanes import course_of
from kelbo.studies.measuring import missing
from kelbo.studies.options import options_of
from kelbo.studies.page import read_numbers
from kelbo.studies.vae_gan.asked import BUDGETS, GanBudget
from kelbo.studies.vae_gan.models import FOUR, READERS, TOLD, VAE, VAEGAN
from kelbo.studies.vae_gan.sets import Losses, Size, data_of
from kelbo.studies.vae_gan.study import STUDY

TRAINING = {"training.batch_size": 8, "training.log_every": 4, "training.pictures_every": 1_000}
TINY = GanBudget(
    "minutes", 12, (0,), Size(16, 0.05, 4), Losses(True, 1e-3, "paper"), TRAINING, images=20, clouds=20, taught=64
)
PAPER = replace(BUDGETS["paper"], size=Size(16, 0.05, 4))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return paint(tmp_path_factory.mktemp("painted") / "pictures")


def ask(data, *texts, budget=TINY, **more):
    options, changes = options_of(STUDY, (f"data={data}", *texts))
    return Ask(options, budget, changes=changes, **more)


def of(pictures, *texts, **more):
    return ask(f"folder:{pictures}", f"attributes_file={pictures.parent / 'table.csv'}", *texts, **more)


def course(tmp_path, asked):
    return course_of(STUDY, [asked], StudyFolder(tmp_path / "study"))


def test_all_models_have_the_same_networks_and_other_losses(pictures, tmp_path):
    arms = {arm.name: arm for arm in course(tmp_path, of(pictures)).plan.arms}
    assert [*arms] == [model.arm for model in (*FOUR, *TOLD)]
    assert len({arm.recipe.model.network.model_dump_json() for arm in arms.values()}) == 1
    losses = {name: (arm.recipe.adversary is not None, arm.recipe.distance is not None) for name, arm in arms.items()}
    assert losses["vae"] == (False, False)
    assert losses["gan"] == (True, False)
    assert losses["learned"] == (False, True)
    assert losses["vaegan"] == (True, True)
    assert arms["learned"].opens == {"runs.discriminator": "gan"}
    assert [arm.recipe.model.given for arm in arms.values()] == [None] * 4 + ["attributes"] * 3


def test_at_the_papers_size_losses_are_the_papers(pictures, tmp_path):
    arms = {arm.name: arm.recipe for arm in course(tmp_path, of(pictures, budget=PAPER)).plan.arms}
    assert (arms["vaegan"].distance.convention, arms["vaegan"].distance.weight) == ("convex", 1e-6)
    assert {arms[name].distance.sigma for name in ("learned", "vaegan")} == {"unit"}
    assert (arms["vae"].likelihood.kind, arms["vae"].likelihood.sigma) == ("fixed_gaussian", 0.5)
    assert (BUDGETS["paper"].size.pixels, BUDGETS["paper"].size.width, BUDGETS["paper"].size.latents) == (64, 1, 128)


def test_a_set_without_attributes_trains_four_models_and_edits_none(tmp_path):
    found = course(tmp_path, ask("digits"))
    assert {lane.arm.name for lane in found.lanes} == {model.arm for model in FOUR}
    assert found.plan.facts["attributes"] == []
    assert {what for what, _ in found.plan.left_out} == {model.arm for model in TOLD}
    assert not any("grid" in {one.key for one in lane.measures} for lane in found.lanes)


def test_a_set_with_attributes_is_edited_along_those_named(pictures, tmp_path):
    assert course(tmp_path, of(pictures)).plan.facts["attributes"] == [*NAMES]
    assert course(tmp_path, of(pictures, "attributes=warm")).plan.facts["attributes"] == ["warm"]
    with pytest.raises(DataUnknown):
        STUDY.plan(of(pictures, "attributes=cold"))


def test_factors_are_attributes_of_sprites(tmp_path):
    found = course(tmp_path, ask("sprites", root=written(tmp_path)))
    assert found.plan.facts["attributes"] == ["hair=1", "top=1", "bottom=1", "body=1"]
    assert {lane.lane.recipe.model.given for lane in found.lanes} == {None, "factors"}
    assert found.plan.before


def test_faces_are_mirrored_at_random():
    assert data_of("celeba", None, 32).augment.flip


def test_a_figure_asks_for_no_more_than_it_needs(pictures, tmp_path):
    found = course(tmp_path, of(pictures, only=("reconstructions",)))
    assert {lane.arm.name for lane in found.lanes} == {"vae", "gan", "learned", "vaegan"}  # the second opens the GAN
    assert not any(one.key == "distance" for lane in found.lanes for one in lane.measures)


@pytest.mark.parametrize("texts", [("imagenet",), ("folder",), ("digits", "seeds=1,1"), ("digits", "crop=3")])
def test_wrong_options_and_settings_are_refused(texts):
    with pytest.raises(RecipeError):
        STUDY.plan(ask(*texts))


@pytest.mark.slow
def test_models_that_read_nothing_or_are_told_attributes_are_timed(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "SECONDS", 0)
    found = probe.rates(recipes_by_title(course(tmp_path, of(pictures)).lanes), tell=print)
    assert len(found) == len((*FOUR, *TOLD))
    assert all(min(rate) > 0 for rate in found.values())


@pytest.mark.slow
@pytest.mark.usefixtures("in_turn")
def test_a_small_study_runs_and_does_nothing_twice(pictures, tmp_path):
    study, asked, place = replace(STUDY, budgets={"minutes": TINY}), of(pictures), tmp_path / "study"
    reproduce(study, asked, place)
    n = read_numbers(study, place)
    for model in FOUR:
        assert n.by_seed("distance.sample", model).keys() == n.by_seed("off.sample", model).keys() == {0}
    for model in READERS:
        assert n.by_seed("features", model).keys() == n.by_seed("f1-gain", model).keys() == {0}
        assert n.by_seed("edits.edits.left.f1", model).keys() == {0}
    assert all(n.by_seed("similarity.cosine", model) for model in TOLD)
    assert n.mean("rate", VAE) is not None
    assert len(n.course("journal.discriminator/real", VAEGAN)[0]) == 3
    found = begin(study, asked, place)
    assert all(lane.done and not missing(lane.run, lane.measures) for lane in found.lanes)
    page = (place / "report.html").read_text()
    assert all(f'id="{key}"' in page for key in study.things if key not in study.main)
    assert {path.stem for path in (place / "report").iterdir()} >= {
        "samples",
        "reconstructions",
        "edited",
        "watched",
        "told",
    }
