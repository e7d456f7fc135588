"""What a study trains and measures, as typed data: models, arms, measures, what a command asks. Nothing is done here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator

from kelbo.recipes.schema import Recipe
from kelbo.recipes.spec import Spec
from kelbo.sweeps.grid import Lane, grid

if TYPE_CHECKING:
    from kelbo.runs import Run
    from kelbo.runs.study_folder import StudyFolder

Mode = Literal["corrected", "as-published"]
MODES: tuple[Mode, ...] = ("corrected", "as-published")
Setting = bool | int | float | str


def _each_once(seeds: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if seeds is not None and (not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds)):
        raise ValueError("seeds are numbers from 0, each once, such as 0,1,2")
    return seeds


Seeds = Annotated[tuple[int, ...] | None, AfterValidator(_each_once)]
"""an option of a study: the seeds of its lanes, separated by commas; None: the budget's"""


@dataclass(frozen=True)
class StudyModel:
    """A cell of an arm's grid, of which several seeds are trained: a row of the tables, a line of the figures.

    settings  by path, with typed values; all lanes that have them are the model's, so one without settings is the whole arm
    name      how it is called in tables and figures
    printed   how paper.toml calls it
    """

    arm: str
    settings: tuple[tuple[str, Setting], ...] = ()
    name: str = field(default="", compare=False)
    printed: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name or ", ".join(f"{path.rpartition('.')[2]} = {value}" for path, value in self.settings)

    def has(self, arm: str, settings: Sequence[tuple[str, Setting]]) -> bool:
        """Whether a lane of these settings is one of the model's."""
        return arm == self.arm and set(self.settings) <= set(settings)


class StudyOptions(Spec):
    """What a user may choose of a study as NAME=VALUE; a study's own class adds its fields, each with a default.

    Fields in `SELECTING` choose some of the lanes: commands with other values of them add to one folder. All others, and the
    settings of the data, belong to the folder. A field of a tuple's type takes values separated by commas.
    """

    SELECTING: ClassVar[tuple[str, ...]] = ()

    @property
    def label(self) -> str:
        """What the study's folder is called after, beside study, budget and mode; "" if nothing."""
        return ""


@dataclass(frozen=True)
class Budget:
    """How much of a study is done; a study's own class adds its fields.

    about   for the list of studies: what it gives
    seconds about how long it takes on two processor cores
    scale   how it differs from the paper's size, "" if it does not; verdicts then read "at reduced scale"
    enough  of `Numbers`: why these models say nothing yet, "" if they do; None: the share of the paper's steps decides
    """

    name: str
    about: str = field(default="", kw_only=True)
    seconds: float = field(default=0.0, kw_only=True)
    scale: str = field(default="", kw_only=True)
    enough: Callable[[Any, Sequence[StudyModel]], str] | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Ask:
    """What one command asks of a study.

    only      keys of tables and figures; None: all
    changes   settings of the data: "crop=74"
    root      of official files
    features  the network of Fréchet distances by name; None: the study's choice
    folder    where it is done
    """

    options: StudyOptions
    budget: Budget
    mode: Mode = "corrected"
    only: tuple[str, ...] | None = None
    changes: tuple[str, ...] = ()
    root: Path | None = None
    features: str | None = None
    folder: StudyFolder | None = None

    @property
    def as_published(self) -> bool:
        return self.mode == "as-published"

    @property
    def selection(self) -> dict[str, Any]:
        """What it chooses among the lanes, as study.json keeps it."""
        return {"only": self.only and list(self.only), **self.options.model_dump(include={*self.options.SELECTING})}


@dataclass(frozen=True)
class Measure:
    """One measurement of one run, kept in the run's folder; its numbers are the quantities "KEY.…" of the frame.

    key       "bound": its elbo's mean is the quantity "bound.elbo"
    name      of the measurement
    settings  JSON, all that the value depends on besides weights. A kept measurement that has these (and others) is taken
    of        of(experiment, **settings, **how), a function of a module, gives a Measurement that it kept, or a JSON object
              (arrays allowed) that is kept under name and settings. None: made while training
    how       arguments that change no value, such as where a file lies
    images    that pass through the model, for the estimate of time; seconds: what it takes besides
    asked_as  the name by which needs ask for it together with others; "": its key
    """

    key: str
    name: str
    settings: Mapping[str, Any]
    of: Callable[..., Any] | None
    how: Mapping[str, Any] = field(default_factory=dict)
    images: int = 0
    seconds: float = 0.0
    asked_as: str = ""


@dataclass(frozen=True)
class Arm:
    """One sweep of a study: a recipe over a grid of settings and seeds.

    over         values by path, as texts: the whole grid, whatever was asked for
    paper_steps  that the paper trains for
    measures     all measures that a lane may have; tables and figures choose among them by key
    keeps        whether a lane of the grid is trained at all
    opens        arms by path of the recipe ("runs.primary", "start"): that arm's run of the same seed, trained before
    reads        of these paths, those of a setting that is read from that run, as text ("objective.target")
    probed       the recipe that is timed instead of its own, which may not be built without the runs that it opens
    of           the arm that its lanes count with in numbers, claims and tables; "" for itself
    title, note  for the table of what was trained; note: on its images
    images       of the training split, from which epochs follow
    train        the job of a lane, train(recipe, folder, *arguments, tell=…); None: `train_lane`
    """

    name: str
    recipe: Recipe
    seeds: tuple[int, ...]
    paper_steps: int
    over: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    measures: Callable[[Lane], Sequence[Measure]] = field(default=lambda _lane: ())
    keeps: Callable[[Lane], bool] = field(default=lambda _lane: True)
    opens: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, Callable[[Run], str]] = field(default_factory=dict)
    probed: Recipe | None = None
    of: str = ""
    title: str = ""
    note: str = ""
    images: int = 0
    train: tuple[Callable[..., Any], tuple[Any, ...]] | None = None

    @property
    def counts_with(self) -> str:
        return self.of or self.name

    @property
    def axes(self) -> list[str]:
        """As a sweep takes them: "objective.beta=0.1,1"."""
        return [f"{path}={','.join(values)}" for path, values in self.over.items()]

    def lanes(self) -> list[Lane]:
        """The whole grid. Raises as `grid` does."""
        return grid(self.recipe, self.axes, self.seeds)


@dataclass(frozen=True)
class Extra:
    """A measurement of several runs or of none, kept in the study's folder under the hashes of all these runs' weights.

    of    of(runs, **settings, **how) gives a JSON object; runs: paths
    arm   that its numbers count with as a lane of `model`'s settings and `seed`; "" if it is no row of the frame. Of a value
          with "lanes", a list of {"settings": {…}, …}, each is a lane of its own
    """

    key: str
    settings: Mapping[str, Any]
    of: Callable[..., Mapping[str, Any]]
    runs: tuple[Path, ...] = ()
    how: Mapping[str, Any] = field(default_factory=dict)
    arm: str = ""
    seed: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Prerequisite:
    """Something made before anything is measured, such as a feature network: a file that call(*arguments, tell=…) writes."""

    name: str
    file: Path
    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What a study does of what was asked for.

    facts     JSON for pages and claims: data (the set, as paper.toml calls it), split, …
    left_out  what cannot be done or is not, and why
    extras    of the lanes there are (`StudyLane`)
    """

    arms: tuple[Arm, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[tuple[str, str], ...] = ()
    before: tuple[Prerequisite, ...] = ()
    extras: Callable[[Sequence[Any]], Sequence[Extra]] = field(default=lambda _lanes: ())


@dataclass(frozen=True)
class Need:
    """Lanes of some arms and what is measured of them, for a table or figure.

    measures  keys of measures, or what several are asked for as
    where     values by path, as texts; of other paths all. first: of the seeds, only the first
    """

    arms: tuple[str, ...]
    measures: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    first: bool = False

    def covers(self, arm: Arm, lane: Lane) -> bool:
        if arm.name not in self.arms or (self.first and lane.seed != arm.seeds[0]):
            return False
        return all(lane.settings.get(path) in values for path, values in self.where.items())
