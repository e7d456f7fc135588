from typing import get_args

import typer

from kelbo.cli.main import app
from kelbo.cli.remedies import OPTIONS, options, options_of
from kelbo.errors import Remedy, RunError


def flags_of(command) -> set[str]:
    own = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    return own.union(*map(flags_of, getattr(command, "commands", {}).values()))


def test_every_remedy_has_an_option_of_the_command_line():
    assert OPTIONS.keys() == set(get_args(Remedy))
    assert {text.split()[0] for text in OPTIONS.values()} <= flags_of(typer.main.get_command(app))


def test_the_options_follow_the_message():
    assert options(RunError("It exists.", remedy=("out", "resume"))) == " (options: --out PATH, --resume)"
    assert options(RunError("It exists.")) == ""


def test_a_remedy_of_another_version_is_left_out():
    assert options(RunError("It exists.", remedy=("magic",))) == ""  # pyright: ignore[reportArgumentType]


def test_only_options_of_the_command_that_failed_are_told():
    error = RunError("It exists.", remedy=("out", "data_root"))
    command = typer.main.get_command(app)
    assert options(error, options_of(command, ["prior", "fit", "runs/a"])) == " (options: --data-root PATH)"
    assert options(error, options_of(command, ["train", "digits"])) == " (options: --out PATH, --data-root PATH)"
    assert (
        options_of(command, ["sweep", "digits", "--seeds", "1"])
        == options_of(command, ["sweep", "train"])
        >= {"--over"}
    )
