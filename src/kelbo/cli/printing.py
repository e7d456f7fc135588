"""What the commands print: text of users is never markup, and letters that the output cannot show become plain ones."""

from __future__ import annotations

import codecs
import io
import logging
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

PLAIN = {
    **{"α": "alpha", "β": "beta", "σ": "sigma", "μ": "mu", "ε": "epsilon", "Δ": "Delta", "ψ": "psi", "Σ": "Sum"},
    **{"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "±": "+/-", "×": "x", "÷": "/", "·": "|", "•": "*"},
    **{"≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "∞": "inf", "→": "->", "←": "<-", "…": "...", "√": "sqrt"},
    **{"½": "1/2", "¼": "1/4", "²": "^2", "³": "^3", "¹": "^1", "⁰": "^0", "⁴": "^4", "⁵": "^5", "⁶": "^6"},
    **{"⁷": "^7", "⁸": "^8", "⁹": "^9", "°": " degrees", "§": "section ", "µ": "mu"},
    **{"‘": "'", "’": "'", "“": '"', "”": '"', "\u00a0": " ", "\u202f": " ", "\u2009": " "},
}
"""what is printed for a letter that the output's encoding does not have; other letters are escaped, as "\\xf6\""""

CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
"""control characters, which a name may hold and with which it would move the cursor or change the terminal, as text"""

ERRORS = "kelbo.plain"


def make_printable() -> None:
    """Let standard output and error print any text, whatever their encoding."""
    codecs.register_error(ERRORS, _instead)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)


def plain(text: str, encoding: str | None) -> str:
    """The text in letters that an encoding has, without control characters.

    Bytes of names that are no UTF-8 stay, for the stream to write as they are.
    """
    text = text.translate(CONTROLS)
    try:
        text.encode(encoding or "utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return "".join(letter if _has(encoding, letter) else _plain(letter) for letter in text)
    return text


def say(text: object = "", *, err: bool = False, nl: bool = True, red: bool = False) -> None:
    """Print text, or an object as text, to standard output or error. red: where that is a terminal."""
    stream = sys.stderr if err else sys.stdout
    shown = plain(str(text), stream.encoding)
    if red and stream.isatty():
        shown = typer.style(shown, fg="red")
    stream.write(shown + "\n" * nl)
    stream.flush()


class Warnings(logging.Handler):
    """Prints what the library warns of."""

    def emit(self, record: logging.LogRecord) -> None:
        say(f"warning: {record.getMessage()}", err=True)


def quoted(part: str | Path) -> str:
    """A part of a command that the user may paste into a shell.

    A path that begins with "-" is no option; letters that the terminal may not show are written as $'\\xf6'.
    """
    text = str(part)
    if isinstance(part, Path) and text.startswith("-"):
        text = f".{os.sep}{text}"
    if os.name == "nt":
        return subprocess.list2cmdline([text])
    if text.isprintable() and plain(text, sys.stdout.encoding) == text:
        return shlex.quote(text)
    escaped = re.sub(rb"[^ -~]|[\\']", lambda found: b"\\x%02x" % found[0][0], os.fsencode(text))
    return f"$'{escaped.decode('ascii')}'"


def command(*parts: str | Path) -> str:
    """A command of kelbo's, to be pasted: command("evaluate", run.path)."""
    return " ".join(["kelbo", *map(quoted, parts)])


def _has(encoding: str | None, letter: str) -> bool:
    try:
        letter.encode(encoding or "utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _plain(letter: str) -> str:
    return PLAIN.get(letter) or letter.encode("ascii", "backslashreplace").decode("ascii")


def _instead(error: UnicodeError) -> tuple[str | bytes, int]:
    """Codecs' handler: bytes of names as they are, other letters as plain ones."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letter = error.object[error.start]
    if "\udc80" <= letter <= "\udcff":
        return bytes([ord(letter) - 0xDC00]), error.start + 1
    return _plain(letter), error.start + 1


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines with columns below one another. Cells are never cut or folded as a table would: paths can be pasted."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
