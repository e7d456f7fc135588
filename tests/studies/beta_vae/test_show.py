"""What the β-VAE study's page shows of results that nobody ran."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.studies.beta_vae.whole_results import FACTS, extras, part, with_pictures
from tests.studies.invented import results

from kelbo.reports.figure import LIGHT
from kelbo.reports.gallery import Labelled
from kelbo.studies import beta_vae
from kelbo.studies.beta_vae import figures, quirk_shows, tables
from kelbo.studies.beta_vae.models import ARMS, BETAS, CONV, MLP, beta, linear
from kelbo.studies.beta_vae.sections import MAIN, SECTIONS
from kelbo.studies.beta_vae.words import lead
from kelbo.studies.figures import Absent
from kelbo.studies.frame import Numbers
from kelbo.studies.paper import paper
from kelbo.studies.study import Figure, Study

PAPER = paper(Path(beta_vae.__file__).with_name("paper.toml"))
STUDY = Study(
    "beta-vae", "β-VAE", "", PAPER, {}, plan=lambda _ask: pytest.fail("not planned"), claims=[], sections=SECTIONS
)


def numbers_of(*names, folder=None, **more):
    return Numbers(STUDY, results(*map(part, names), study="beta-vae", **({"facts": FACTS} | more)), folder)


def everything(folder=None):
    return numbers_of(*[name for name in ARMS.values() if name != "cifar100-conv"], folder=folder, extras=extras())


FIGURES = [thing for section in SECTIONS for thing in section.things if isinstance(thing, Figure)]


def named(table, group=0):
    return {row.title: row.cells for row in table.groups[group].rows}


def test_table_1_joins_what_is_printed_to_mean_deviation_and_median():
    cells = named(tables.table_1(everything()))["β\u00a0=\u00a04"]
    assert [(c.value, c.error, c.notes) for c in cells[2:4]] == [
        ("62.0", "7.1", ("printed 89.09 ± 15.82",)),
        ("62.0", "", ("printed 95.15",)),
    ]
    assert cells[4].value == "99.23 ± 0.1"


def test_figure_3_has_a_column_for_each_set_and_choice_of_factors():
    table = tables.figure_3_scores(everything())
    assert table.columns == [f"{name} factors" for name in ("2Dshapes, 4", "2Dshapes, 5", "3Dshapes, 6", "MPI3DToy, 7")]
    assert [cell.value for cell in named(table)["ICA"]] == ["60.0", "55.0", "55.0", "55.0"]


def test_table_2_pools_the_scores_of_all_choices_of_factors():
    table = tables.table_2(everything())
    linear_one, mlp = named(table)["2Dshapes"][:2]
    assert (linear_one.value, linear_one.notes[1:]) == ("59.0", ("16 scores", "of 2,000 points each"))
    assert (linear_one.mark, mlp.notes[2]) == ("a", "of 200 points each")
    assert set(table.footnotes) == {"a"}
    assert named(table)["MPI3DToy"][0].notes[1] == "8 scores"


def test_table_3_has_each_sets_printed_numbers_and_says_why_one_has_none_of_ours():
    table = tables.table_3(everything())
    assert [cell.value for cell in named(table)["β\u00a0=\u00a010"]] == ["11", "13", "266.5"]
    assert [(cell.value, cell.mark) for cell in named(table)["WGAN-GP"]] == [("–", ""), ("–", ""), ("29.3", "b")]
    assert named(table, 1)["β\u00a0=\u00a00.1"][2].value == "132.1"
    assert [bool(group.note) for group in table.groups] == [False, True]


def test_table_4_marks_what_is_not_built_as_printed():
    table = tables.table_4(everything())
    marked = {title for title, cells in named(table, 1).items() if cells[1].mark}
    assert marked == {"Encoder"}
    assert named(table, 1)["Input"][1].value == "4,096 (1×64×64)"
    assert [bool(group.note) for group in table.groups] == [True, False, True, True, True, True]


def test_quirks_stand_in_the_order_of_their_texts_with_the_distances_made_of_the_lanes_own():
    table = quirk_shows.quirks(everything())
    assert [group.title.partition(" · ")[2] for group in table.groups] == ["3Dshapes", "3Dshapes", "CIFAR-10"]
    assert [cell.value for cell in named(table)["PCA"]] == ["20.0 %", "75.0 %", "−55.0 points"]
    assert named(table)["PCA"][0].notes == ("10.0 to 30.0",)
    assert [cell.value for cell in named(table, 2)["β\u00a0=\u00a01"]] == ["2.00", "4.00", "−2.00"]


def test_a_beta_looks_alike_in_all_arms_and_no_two_models_do():
    models = [*map(lambda b: beta(MLP, b), BETAS), *(linear("mpi3d", kind) for kind in ("pca", "ica"))]
    assert len({figures.looks(model).colour(LIGHT) for model in models}) == len(models)
    assert figures.looks(beta(CONV, 4.0)) == figures.looks(beta(MLP, 4.0))


def test_traversals_are_of_the_run_with_the_best_score():
    n = everything()
    model, best, score = figures.best(n, MLP)
    assert (model, best["seed"], score) == (beta(MLP, 10.0), 2, pytest.approx(0.68))


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.key)
def test_a_figure_of_no_lane_says_why_there_is_none(figure):
    with pytest.raises(Absent):
        figure.draw(numbers_of())


@pytest.mark.slow
def test_every_figure_is_drawn_of_whole_results_without_torch_or_data(tmp_path):
    code = (
        "import sys; from pathlib import Path; from tests.studies.beta_vae.test_show import draw_all; "
        "draw_all(Path(sys.argv[1])); assert not [m for m in sys.modules if m.startswith(('torch', 'kelbo.data'))]"
    )
    subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code, str(tmp_path)],
        check=True,
        cwd=Path(__file__).parents[3],
    )


def draw_all(folder):
    n = with_pictures(everything(folder))
    for figure in FIGURES:
        drawn = figure.draw(n)
        picture = drawn.picture if isinstance(drawn, Labelled) else drawn
        assert picture.name == figure.key


def test_what_things_need_is_there():
    things = STUDY.things
    assert set(MAIN) <= things.keys()
    assert {name for thing in things.values() for need in thing.needs for name in need.arms} == set(ARMS.values())


def test_the_lead_names_the_sets_that_are_drawn_here():
    *_, told = lead(numbers_of(MLP))
    assert ("2Dshapes (shapes2d)" in told, "CIFAR" in told) == (True, False)
    assert told not in lead(numbers_of(facts=FACTS | {"sets": {}}))
