"""`kelbo refine`: the pictures of one primary, refined by its secondaries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from kelbo.cli.options import Checkpoint, DataRoot, Device, Given, Seed
from kelbo.cli.own_files import read_files, require_files
from kelbo.cli.places import name_of, require_file, save_each
from kelbo.cli.printing import aligned, command, say
from kelbo.cli.sample import given_to

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from kelbo.bound import Batch
    from kelbo.evaluation.refined import Refined
    from kelbo.experiments import Experiment
    from kelbo.experiments.refining import Label

Rates = list[float | None]


def refine(
    secondaries: Annotated[
        list[Path], typer.Argument(metavar="SECONDARY...", help="Runs of secondaries of one primary.")
    ],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many pictures.")] = 8,
    reconstruct: Annotated[
        bool, typer.Option("--reconstruct", help="Reconstruct test images, in place of samples.")
    ] = False,
    picture: Annotated[
        list[Path] | None,
        typer.Option(metavar="PICTURE", help="Reconstruct this file, folder or zip of pictures. Once or more."),
    ] = None,
    given: Given = None,
    temperature: Annotated[
        float, typer.Option(min=0, help="Of samples: factor on the prior's standard deviations, in both stages.")
    ] = 1.0,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    device: Device = None,
    data_root: DataRoot = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="File to write, by its ending: .png or .npz (arrays). Once or more; by default a PNG beside the first run's "
            "pictures."
        ),
    ] = None,
) -> None:
    """Refine the pictures of one primary by each of its secondaries: the primary's in the first row, then a row a secondary.

    All rows are of one draw of the primary's latents. Rates are those of the images shown; of samples, which have none, those
    of the test split, if `kelbo evaluate` has measured them.
    """
    from kelbo.cli.code_files import as_npz
    from kelbo.experiments import open_run
    from kelbo.experiments.refining import primary_hash
    from kelbo.reports.strips import as_png

    for path in out or []:
        require_file(path, ".png", ".npz")
    reconstruct = reconstruct or bool(picture)
    _require_use(reconstruct, bool(picture), given, temperature)
    how = {"checkpoint": checkpoint, "device": device, "data_root": data_root}
    opened = [open_run(path, read_data=False, **how) for path in secondaries]
    weights = primary_hash(opened)
    if reconstruct:
        made = _reconstructed(opened, _batch(opened[0], picture, count, given), seed)
    else:
        made = _sampled(opened, count, given, temperature, seed)
    _say(made)
    make = {".png": lambda: as_png(_sheet(made)), ".npz": lambda: as_npz(_arrays(made, weights))}
    verb = "refine-own" if picture else "refine" if reconstruct else "refine-samples"
    save_each(out or [], opened[0], name_of(verb, given=given), make, [".png"])


def _require_use(reconstruct: bool, pictures: bool, given: str | None, temperature: float) -> None:
    """RecipeError for an option that would change nothing."""
    from kelbo.errors import RecipeError

    if reconstruct:
        require_files(given, pictures)
    if reconstruct and temperature != 1:
        raise RecipeError(
            f"--temperature is of samples; reconstructions are draws of the posterior. Leave it out; got {temperature:g}."
        )


class Made(NamedTuple):
    """What was refined. labels: of the primary, then of each secondary, with the nats of each or None; rates_of: whose."""

    found: Refined
    labels: list[Label]
    rates: Rates
    rates_of: str
    originals: np.ndarray | None = None


def _reconstructed(opened: list[Experiment], batch: Batch, seed: int) -> Made:
    from kelbo import evaluation

    found = evaluation.refine_images([one.model for one in opened], batch, seed=seed)
    rates = [] if found.rates is None else found.rates.mean(1).tolist()
    return Made(found, _labels(opened), rates, "these pictures", batch.x.cpu().numpy())


def _sampled(opened: list[Experiment], count: int, given: str | None, temperature: float, seed: int) -> Made:
    """Samples; their rates are those that the runs keep of the test split."""
    from kelbo import evaluation
    from kelbo.experiments.refining import kept_rates

    told, _ = given_to(opened[0], given, count)
    models = [one.model for one in opened]
    found = evaluation.refine_samples(models, count, given=told, temperature=temperature, seed=seed)
    kept = [kept_rates(one) for one in opened]
    for one, rates in zip(opened, kept, strict=True):
        if rates is None:
            say(
                f"no rate of {one.run.path}, which has no evaluation yet: {command('evaluate', one.run.path)}", err=True
            )
    first = next((rates[0] for rates in kept if rates), None)
    return Made(found, _labels(opened), [first, *(rates[1] if rates else None for rates in kept)], "the test split")


def _batch(experiment: Experiment, pictures: list[Path] | None, count: int, given: str | None) -> Batch:
    """Test images, or the user's pictures; of many, some that are spread evenly."""
    if not pictures:
        return experiment.pictured(count)
    read = read_files(experiment, pictures, given, count)
    if read.found > count:
        say(f"{count} of {read.found:,} pictures are shown (--count)")
    return experiment.batch_of(read.images)


def _labels(opened: list[Experiment]) -> list[Label]:
    from kelbo.experiments.refining import label, label_of_primary

    return [label_of_primary(opened[0]), *map(label, opened)]


def _say(made: Made) -> None:
    """A line a model: what it was held at, its rate and its squared error, means over the pictures."""
    from kelbo.reports.numbers import plain
    from kelbo.units import bits_per_dim

    errors = [] if made.found.squared_errors is None else made.found.squared_errors.mean(1).tolist()
    rows: list[tuple[str, ...]] = [("stage", "run", "target", "nats", "bits", *(["squared error"] if errors else []))]
    for place, (label, nats) in enumerate(zip(made.labels, made.rates, strict=True)):
        costs = ("", "") if nats is None else (plain(nats), plain(bits_per_dim(nats, 1)))
        error = [plain(errors[place])] if errors else []
        rows.append(("secondary" if place else "primary", label.name, label.target, *costs, *error))
    if any(nats is not None for nats in made.rates):
        say(f"rates of each stage: means over {made.rates_of}")
    say(aligned(rows))


def _sheet(made: Made) -> Image:
    """The originals if there are any, the primary's pictures and each secondary's, a row each."""
    from kelbo.reports.numbers import plain
    from kelbo.reports.strips import rows_with_labels
    from kelbo.runs.grids import as_pictures
    from kelbo.units import bits_per_dim

    rows, labels = [made.found.primary, *made.found.refined], list[list[str]]()
    for place, (label, nats) in enumerate(zip(made.labels, made.rates, strict=True)):
        about = [", ".join(filter(None, ["secondary" if place else "primary", label.target]))]
        if nats is not None:
            about.append(f"{'+ ' if place else ''}{plain(nats)} nats, {plain(bits_per_dim(nats, 1))} bits")
        labels.append([label.name, *about])
    if made.originals is not None:
        rows, labels = [made.originals, *rows], [["original"], *labels]
    return rows_with_labels([as_pictures(row) for row in rows], labels)


def _arrays(made: Made, weights: str) -> dict[str, np.ndarray]:
    """All pictures, and what is told of them; a rate that is not known is NaN."""
    import numpy as np

    found = {name: part for name, part in made.found._asdict().items() if part is not None}
    rates = np.array([np.nan if nats is None else nats for nats in made.rates])
    told = {
        "names": np.array([label.name for label in made.labels], np.str_),
        "targets": np.array([label.target for label in made.labels], np.str_),
        "mean_rates": rates,
        "mean_rates_of": np.array(made.rates_of, np.str_),
        "primary_weights": np.array(weights, np.str_),
    }
    return found | told | ({} if made.originals is None else {"originals": made.originals})
