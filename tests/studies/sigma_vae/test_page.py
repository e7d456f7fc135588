"""The σ-VAE study's page is made of results.json alone: it needs neither models nor data."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kelbo.studies.sigma_vae.study import STUDY

RESULTS = Path(__file__).parents[3] / "benchmarks/results/sigma_vae_minutes.json"
WRITE = """
import sys
from pathlib import Path
from kelbo.studies.page import write_page
from kelbo.studies.sigma_vae.study import STUDY
write_page(STUDY, Path(sys.argv[1]))
assert "torch" not in sys.modules
"""


@pytest.mark.slow
def test_the_page_of_committed_results_is_written_without_torch(tmp_path):
    (tmp_path / "results.json").write_text(RESULTS.read_text())
    subprocess.run([sys.executable, "-c", WRITE, str(tmp_path)], check=True)
    page = (tmp_path / "report.html").read_text()
    assert all(f'id="claim-{claim.id}"' in page for claim in STUDY.claims)
    assert (tmp_path / "report/balance.png").is_file()
    assert not (tmp_path / "report/decoders.png").exists()  # its pictures are in the runs, which are not there


def test_the_list_of_studies_says_about_how_long_a_minutes_run_took():
    seconds = json.loads(RESULTS.read_text())["seconds"]
    assert STUDY.budgets["minutes"].seconds == round(seconds["training"] + seconds["measuring"], -1)
