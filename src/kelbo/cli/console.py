"""Rich's console for what the commands print as tables, bars and lines."""

from __future__ import annotations

from typing import Any

from rich.console import Console as RichConsole
from rich.text import Text

from kelbo.cli.printing import plain


class Console(RichConsole):
    """Rich's, for text that is printed as it is: no markup, no emoji names, plain letters where the encoding has no others."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(plain(text, self.encoding), **options)
