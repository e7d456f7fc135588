"""A study of one's own: does a VAE that begins from a trained one get further? The example of docs/studies.md."""

from pathlib import Path

from kelbo.recipes import change, find
from kelbo.studies.arms import Arm, Ask, Budget, Need, Plan, StudyModel
from kelbo.studies.charts import curve, curves
from kelbo.studies.figures import ordered_looks
from kelbo.studies.judge import Claim, apart
from kelbo.studies.measures import bound, sizes_of
from kelbo.studies.paper import paper
from kelbo.studies.study import Figure, Section, Study, Table
from kelbo.studies.tables import Column, by_model

SCRATCH = StudyModel("scratch", name="From scratch", printed="scratch")
BEGUN = StudyModel("begun", name="From a trained run", printed="begun")
BOTH = (SCRATCH, BEGUN)


def plan(ask: Ask) -> Plan:
    recipe = change(find("digits"), ["training.steps=30", "training.log_every=5", "model.network.width=32"])
    test = sizes_of(recipe)["test"]
    first = Arm(
        "scratch", recipe, (0, 1), 100, measures=lambda _lane: [bound("bound", "test", test)], title="From scratch"
    )
    second = Arm("begun", recipe, (0, 1), 100, measures=first.measures, opens={"start": "scratch"}, title="Begun")
    return Plan((first, second), {"data": "digits", "split": "test"})


def further(n):
    yield apart(n, "loss", SCRATCH, BEGUN, "nats", above=0)


NEED = (Need(("scratch", "begun"), ("bound",)),)
COLUMNS = (Column("−ELBO, nats", "loss", printed="loss"), Column("Rate, nats", "bound.rate"))
STUDY = Study(
    name="toy",
    title="Twice as long",
    about="two arms on scikit-learn's digits",
    paper=paper(Path(__file__).with_name("toy.toml")),
    budgets={"minutes": Budget("minutes", about="seconds", seconds=20)},
    plan=plan,
    claims=[
        Claim(
            "further", "§1", "A run that begins from a trained one gets further.", further, BOTH, rule="difference > 0"
        )
    ],
    sections=[
        Section(
            "Bounds",
            (
                Table("table1", lambda n: by_model(n, "Table 1", "", COLUMNS, {"": BOTH}), NEED),
                Figure(
                    "fig1",
                    "While training",
                    lambda n: curves(
                        "fig1",
                        [("Bound", "−ELBO", [c for m in BOTH for c in curve(n, "journal.elbo", m, sign=-1)])],
                        ordered_looks(BOTH),
                    ),
                    NEED,
                ),
            ),
        )
    ],
    main=("fig1",),
    derived={"loss": lambda lane: None if lane["bound.elbo"] is None else -lane["bound.elbo"]},
)
