"""What is printed: any text on any output, and users' text as it is."""

import io
import os
import shlex
import subprocess
import sys

import pytest
from rich.table import Table

from kelbo.cli.console import Console
from kelbo.cli.main import main
from kelbo.cli.printing import PLAIN, aligned, command, plain, quoted, say

ODD = "a[/x] [bold] :bug: {y}"
"""the folder `a[`, and one in it"""
SIGNS = "σ 0.1 ± 0.2 × β → …"


def printed_in(encoding, *words):
    """The exit code of a command, and the bytes of its output and errors, which are of this encoding only."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["kelbo", *map(str, words)])
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
    for stream in streams:
        stream.flush()
    return code, *(stream.buffer.getvalue().decode(encoding) for stream in streams)


@pytest.fixture(scope="module")
def odd_run(tmp_path_factory):
    """A run in a folder of an odd name, and what training it printed in ASCII."""
    run = tmp_path_factory.mktemp("runs") / ODD
    code, out, _ = printed_in("ascii", "train", "digits", "--out", run, "--steps", 1)
    assert code == 0
    return run, out


def test_users_text_is_printed_as_it_is_and_suggested_commands_can_be_pasted(odd_run, kelbo):
    run, out = odd_run
    assert f"{run.name}, step 1" in " ".join(out.split())
    first = out.splitlines()[-1].removeprefix("next: ").split("   ")[0]
    assert shlex.split(first) == ["kelbo", "evaluate", str(run)]
    code, out, _ = kelbo("runs", "list", run.parents[1])
    assert code == 0
    assert "".join(run.name.split()) in "".join(out.split())
    assert kelbo("prior", "list", run)[1].count(shlex.quote(str(run))) == 1


@pytest.mark.parametrize(("encoding", "sigma"), [("ascii", "sigma"), ("cp1252", "sigma"), ("utf-8", "σ")])
def test_commands_print_in_any_encoding(odd_run, encoding, sigma):
    run, _ = odd_run
    code, out, _ = printed_in(encoding, "evaluate", run)
    assert (code, f"decoder's {sigma}" in out) == (0, True)
    for words in (["runs", "list", run.parents[1]], ["runs", "show", run], ["data", "list"], ["train", "-h"]):
        assert printed_in(encoding, *words)[0] == 0


def test_a_process_whose_output_is_ascii_says_what_is_wrong():
    surroundings = {**os.environ, "PYTHONIOENCODING": "ascii"}
    words = [sys.executable, "-m", "kelbo", "runs", "show", "größe"]
    done = subprocess.run(words, env=surroundings, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"gr\\xf6\\xdfe is no run" in done.stderr


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "sigma 0.1 +/- 0.2 x beta -> ..."), ("cp1252", "sigma 0.1 ± 0.2 × beta -> …")]
)
def test_signs_become_plain_letters_only_where_the_encoding_lacks_them(encoding, shown, monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", output)
    say(SIGNS)
    table = Table(SIGNS, box=None, pad_edge=False)
    Console(file=output, width=80).print(table)
    output.flush()
    lines = output.buffer.getvalue().decode(encoding).splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    assert [line.rstrip() for line in lines] == [shown, shown]


def test_every_plain_form_is_ascii():
    assert all(text.isascii() for text in PLAIN.values())
    assert plain("größe", "ascii") == "gr\\xf6\\xdfe"
    assert plain("größe", "utf-8") == "größe"


@pytest.mark.skipif(os.name == "nt", reason="quotes for a POSIX shell")
@pytest.mark.parametrize("name", [b"plain", b"a b", b"it's", b"$HOME `x`", b"raw\xff", b"two\nlines", "größe".encode()])
def test_a_quoted_name_is_one_word_of_a_shell(name):
    done = subprocess.run(["bash", "-c", f"printf %s {quoted(os.fsdecode(name))}"], capture_output=True, check=True)
    assert done.stdout == name


def test_a_path_that_begins_with_a_dash_is_no_option(tmp_path):
    assert shlex.split(command("evaluate", tmp_path.relative_to(tmp_path) / "-x")) == [
        "kelbo",
        "evaluate",
        f".{os.sep}-x",
    ]


def test_rows_are_aligned_by_what_a_terminal_shows_and_never_cut():
    rows = [("runs/" + "long" * 40, "a"), ("界", "bb"), ("x", "")]
    first, second, third = aligned(rows).split("\n")
    assert first == f"{rows[0][0]}  a"
    assert second.startswith("界" + " " * (165 - 2 + 2) + "bb")
    assert third == "x"


@pytest.mark.parametrize("show", [say, lambda text: Console().print(text)], ids=["say", "console"])
def test_a_name_cannot_speak_to_the_terminal(show, capsys):
    show("runs/\x1b[2Ja\rb\x9b31m\x07c\td\n")
    shown = capsys.readouterr().out
    assert not {letter for letter in shown if ord(letter) < 32 or 127 <= ord(letter) < 160} - {"\n", "\t"}
    assert "\\x1b[2Ja\\x0db\\x9b31m\\x07c" in shown
