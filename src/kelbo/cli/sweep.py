"""`kelbo sweep`: many runs as one, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from kelbo.cli.options import Begin, BeginAt, DataRoot, RecipeSettings
from kelbo.cli.printing import command, say
from kelbo.names import as_utf8

if TYPE_CHECKING:
    from kelbo.recipes.schema import Recipe
    from kelbo.sweeps.definition import PreparedSweep
    from kelbo.sweeps.engines import LaneOptions
    from kelbo.sweeps.jobs import Job, Outcome


class _TrainingByDefault(TyperGroup):
    """`kelbo sweep RECIPE …` is `kelbo sweep train RECIPE …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["train", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_TrainingByDefault,
    help="Many runs as one: kelbo sweep RECIPE --over PATH=A,B --seeds N,M --out SWEEP (see kelbo sweep train --help).",
    epilog="Example: kelbo sweep digits --over objective.beta=0.5,4 --seeds 1,2",
    no_args_is_help=True,
)

Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes of the queue. By default as many as suit the machine.")
]


@app.command()
def train(
    recipe: Annotated[
        str | None, typer.Argument(help="A named recipe or a .toml file; the sweep's own with --resume.")
    ] = None,
    over: Annotated[
        list[str] | None,
        typer.Option(parser=as_utf8, metavar="PATH=A,B,…", help="A setting and its values: objective.beta=0.1,1,4."),
    ] = None,
    seeds: Annotated[str | None, typer.Option(metavar="N,N,…", help="Seeds, each for every combination.")] = None,
    out: Annotated[Path | None, typer.Option(help="The sweep's folder. By default sweeps/RECIPE.")] = None,
    how: Annotated[
        Literal["auto", "stack", "queue"],
        typer.Option(help="One stacked program, a queue of processes, or whichever a short probe finds faster."),
    ] = "auto",
    on: Annotated[
        str | None, typer.Option(metavar="ray[:ADDRESS]", help="Send the queue to Ray, here or at an address.")
    ] = None,
    workers: Workers = None,
    cpus_per_lane: Annotated[
        float | None, typer.Option(help="On Ray: processors that a lane takes, and threads. By default 1.")
    ] = None,
    gpus_per_lane: Annotated[
        float | None,
        typer.Option(help="On Ray: share of an accelerator that a lane takes. By default 1 if there are any."),
    ] = None,
    settings: RecipeSettings = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Length of each run: training.steps.")] = None,
    data_root: DataRoot = None,
    begin: Begin = None,
    begin_at: BeginAt = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the sweep in --out, or begin it. Diverged lanes are left alone.")
    ] = False,
    retry_diverged: Annotated[
        bool, typer.Option("--retry-diverged", help="With --resume: continue diverged lanes too.")
    ] = False,
) -> None:
    """Train RECIPE over every combination of --over and --seeds, each lane in the folder of an ordinary run."""
    from kelbo.cli.lane_lines import JobLines
    from kelbo.cli.train import starts
    from kelbo.sweeps.definition import require_all_done, train_lanes
    from kelbo.sweeps.engines import LaneOptions, engine_for

    options = LaneOptions(how, on, workers, cpus_per_lane, gpus_per_lane)
    settings = [*starts(begin, begin_at), *(settings or [])]
    prepared = _prepared(recipe, over or [], seeds, out, settings, steps, data_root, resume, options)
    todo = [lane.recipe for lane in prepared.to_train(retry_diverged)]
    _tell(prepared, todo)
    lanes = JobLines(len(todo))

    def work(
        jobs: Sequence[Job], **how: Any
    ) -> list[Outcome]:  # in the lock, since a probe of the engines takes seconds
        engine = engine_for(todo, prepared.sweep.path, options)
        say(f"{len(todo)} lane{'s' * (len(todo) > 1)}, {engine.description}")
        with lanes:
            return engine.work(jobs, **how)

    outcomes = train_lanes(prepared, watch=lanes.watch, work=work, retry_diverged=retry_diverged) if todo else []
    require_all_done(prepared, outcomes)
    say(f"next: {command('sweep', 'table', prepared.sweep.path)}   {command('report', prepared.sweep.path)}")


@app.command()
def table(
    sweep: Annotated[Path, typer.Argument(help="A sweep's folder.", metavar="SWEEP")],
    out: Annotated[
        Path | None, typer.Option(help="A .csv or .parquet file. By default table.csv in the sweep.")
    ] = None,
) -> None:
    """Every lane's numbers as a tidy table, and their mean, spread and interval over seeds."""
    from kelbo.cli.console import Console
    from kelbo.cli.places import write_and_tell
    from kelbo.runs import Sweep
    from kelbo.sweeps.table_files import printed, require_table, rows, summary, write_rows

    opened = Sweep.open(sweep)
    if out is not None:
        require_table(out)
    found = rows(opened)
    Console().print(printed(summary(found)))
    write_and_tell(out, opened.table(), sweep, lambda path: write_rows(path, found))


def _tell(prepared: PreparedSweep, todo: Sequence[Recipe]) -> None:
    """Print how many lanes are not trained now, and why."""
    missing, lanes = len(prepared.unfinished()), len(prepared.lanes)
    if missing < lanes:
        say(f"{lanes - missing} of {lanes} lanes are finished already")
    if missing > len(todo):
        say(f"{missing - len(todo)} of {lanes} lanes diverged and are left alone (--retry-diverged tries them)")


def _prepared(
    name: str | None,
    over: list[str],
    seeds: str | None,
    out: Path | None,
    settings: list[str],
    steps: int | None,
    data_root: Path | None,
    resume: bool,
    options: LaneOptions,
) -> PreparedSweep:
    """The sweep's folder, opened or created; it is created only after checking that its lanes can be trained."""
    from kelbo.cli.train import changed
    from kelbo.data.image_set import describe_splits
    from kelbo.errors import RecipeError
    from kelbo.names import as_native
    from kelbo.recipes.named import find
    from kelbo.runs import Sweep
    from kelbo.sweeps.definition import find_sweep, prepare_sweep
    from kelbo.sweeps.grid import grid, seeds_of
    from kelbo.sweeps.inputs import require_inputs

    options.require_sound()
    if name is None:
        if not (resume and out):
            raise RecipeError(
                "Say what to train: `kelbo sweep RECIPE --over …`, or `kelbo sweep --resume --out SWEEP`."
            )
        if over or seeds or settings or steps:
            raise RecipeError(
                "A sweep that is resumed by its folder keeps its own lanes: give RECIPE too, or no settings."
            )
        return find_sweep(out) if data_root is None else find_sweep(out).reading(data_root)
    recipe = changed(find(name), settings, steps, None, data_root)
    folder, asked_seeds = out or Path("sweeps") / as_native(recipe.name), seeds_of(seeds) if seeds is not None else ()
    if not (resume and Sweep(folder).definition_path.exists()):
        recipes = [lane.recipe for lane in grid(recipe, over, asked_seeds)]
        require_inputs(recipes, folder, options, inspect=lambda data: say(describe_splits(data)))
    return prepare_sweep(recipe, over, asked_seeds, folder, resume=resume)
