"""The command line: thin faces over the library. Heavy imports stay inside each verb, so that --help is quick."""

from __future__ import annotations

import logging
import sys

import typer

from kelbo.cli import (
    attribute,
    baselines,
    data,
    encode,
    explore,
    film,
    imports,
    measure,
    prior,
    progressive,
    recipe,
    refine,
    report,
    reproduce,
    runs,
    sample,
    scores,
    sweep,
    train,
    walks,
)
from kelbo.cli.launching import prints
from kelbo.cli.printing import Warnings, make_printable, say
from kelbo.cli.remedies import options, options_of
from kelbo.container import fail_before_kill
from kelbo.errors import KelboError, message
from kelbo.shortage import memory_for

app = typer.Typer(
    name="kelbo",
    help="Variational autoencoders with honest rate and distortion: train, measure, explore.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(train.train)
app.command()(measure.evaluate)
app.command()(scores.score)
app.command()(scores.doctor)
app.command()(baselines.baseline)
app.command()(sample.sample)
app.command()(explore.reconstruct)
app.command()(refine.refine)
app.command()(progressive.progressive)
app.command()(film.film)
app.command()(walks.traverse)
app.command()(walks.interpolate)
app.command()(attribute.attribute)
app.command()(attribute.similarity)
app.command()(encode.encode)
app.command()(report.report)
app.command()(reproduce.reproduce)
app.add_typer(sweep.app, name="sweep")
app.add_typer(data.app, name="data")
app.add_typer(scores.features, name="features")
app.add_typer(prior.app, name="prior")
app.add_typer(imports.app, name="import")
app.add_typer(recipe.app, name="recipe")
app.add_typer(runs.app, name="runs")

WARNINGS = Warnings()


def main() -> None:
    """Run a command; a user's mistake or a failed run gives one message and an exit code, never a traceback."""
    make_printable()
    logging.getLogger("kelbo").addHandler(WARNINGS)
    fail_before_kill()
    try:
        with memory_for("this command", "Ask for less at once, or end other programs."):
            app()
    except KelboError as error:
        _tell(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of the output ended: `kelbo … | head`
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        _tell(error)
        sys.exit(1)
    except KeyboardInterrupt:
        say("stopped", err=True)
        sys.exit(130)


def _tell(error: Exception) -> None:
    if prints(error):
        known = options_of(typer.main.get_command(app), sys.argv[1:])
        say(f"error: {message(error)}{options(error, known)}", err=True, red=True)
