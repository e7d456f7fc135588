"""The page is made of results.json alone, and its claims are judged by it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.studies.invented import arm, lane, results

from kelbo.studies.frame import Numbers
from kelbo.studies.judge import verdicts
from kelbo.studies.vae_gan.study import STUDY

RESULTS = Path(__file__).parents[3] / "benchmarks/results/vae_gan_minutes.json"
SEEDS = (0, 1, 2)
WRITE = """
import sys
from pathlib import Path
from kelbo.studies.vae_gan.study import STUDY
from kelbo.studies.page import write_page
write_page(STUDY, Path(sys.argv[1]))
assert "torch" not in sys.modules
"""


def one(seed, distance, high, *, cost=0.5, **more):
    """A lane, a little different for each seed. Of one that draws only, the distance of samples is the only one."""
    place = "distance.sample.frechet" if "errors.pixels" in more else "distance.frechet"
    measured = {place: distance + 0.1 * seed, "sharp.sample": high - 0.01 * seed}
    costs = {f"journal.discriminator/{side}": [[500, 0.7], [2000, cost]] for side in ("real", "fake")}
    return lane(seed, measured | more, courses=costs, steps=2000)


def reading(seed, distance, high, pixels, features, f1):
    """A lane of a model that reads images too."""
    measured = {
        "distance.reconstruction.frechet": distance / 2,
        "sharp.reconstruction": high + 0.02 * seed,
        "errors.pixels": pixels + 0.1 * seed,
        "errors.features": features + 0.001 * seed,
        "bound.rate": 60.0,
        "edits.edits.Smiling.f1": f1 + 0.01 * seed,
        "edits.edits.Smiling.baseline_f1": 0.2,
        "edits.edits.Smiling.own_f1": 0.8,
    }
    found = one(seed, distance, high, **measured)
    found["courses"]["progress.course.f1"] = [[15, 0.1], [2000, f1 + 0.01 * seed]]
    found["courses"]["journal.feature_distortion"] = [[15, 900.0], [2000, 800.0]]
    return found


def told(seed, cosine, error):
    return one(seed, 9, 0.9, **{"similarity.cosine": cosine + 0.001 * seed, "similarity.squared_error": error})


@pytest.fixture(scope="module")
def made():
    return results(
        arm("vae", *(reading(seed, 20, 0.1, 10, 0.4, 0.4) for seed in SEEDS)),
        arm("gan", *(one(seed, 8, 0.8) for seed in SEEDS)),
        arm("learned", *(reading(seed, 14, 0.5, 14, 0.3, 0.5) for seed in SEEDS)),
        arm("vaegan", *(reading(seed, 9, 0.7, 15, 0.2, 0.6) for seed in SEEDS)),
        arm("told-vae", *(told(seed, 0.7, 1.2 + 0.01 * seed) for seed in SEEDS)),
        arm("told-gan", *(told(seed, 0.6, 1.3) for seed in SEEDS)),
        arm("told-vaegan", *(told(seed, 0.8, 1.0) for seed in SEEDS)),
        study="vae-gan",
        options={"data": "celeba", "attributes": None, "seeds": None},
        facts={"data": "", "set": "celeba", "shape": [3, 32, 32], "attributes": ["Smiling"], "images": 300},
    )


def test_results_as_the_paper_has_them_reproduce_its_claims(made):
    found = {verdict.claim.id: verdict for verdict in verdicts(STUDY.claims, Numbers(STUDY, made))}
    assert {name: verdict.reason for name, verdict in found.items() if verdict.outcome != "reproduced"} == {}
    assert found["sharper"].word == "reproduced at reduced scale"


def test_a_lost_game_decides_nothing(made):
    lost = json.loads(json.dumps(made))
    for each in lost["arms"][3]["lanes"]:
        each["courses"]["journal.discriminator/fake"] = [[500, 0.7], [2000, 0.01]]
    found = {verdict.claim.id: verdict for verdict in verdicts(STUDY.claims, Numbers(STUDY, lost))}
    assert found["better-samples"].outcome == "not tested"
    assert "discriminator of VAE/GAN" in found["better-samples"].brief
    assert found["gan-samples"].outcome == "reproduced"


def test_without_attributes_nothing_is_said_of_edits(made):
    bare = made | {"facts": made["facts"] | {"attributes": []}}
    found = {verdict.claim.id: verdict for verdict in verdicts(STUDY.claims, Numbers(STUDY, bare))}
    assert found["edits-seen"].outcome == "not tested"


@pytest.mark.slow
def test_the_page_is_written_without_torch(made, tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(made))
    subprocess.run([sys.executable, "-c", WRITE, str(tmp_path)], check=True)
    page = (tmp_path / "report.html").read_text()
    assert all(f'id="claim-{claim.id}"' in page for claim in STUDY.claims)
    assert "recalled" in page
    drawn = {path.stem for path in (tmp_path / "report").iterdir()}
    assert drawn == {"errors", "progress", "game"}  # pictures are in the runs, which are not there


def test_the_list_of_studies_says_about_how_long_a_minutes_run_took():
    seconds = json.loads(RESULTS.read_text())["seconds"]
    assert STUDY.budgets["minutes"].seconds == round(seconds["training"] + seconds["measuring"], -1)
