"""`kelbo data cache`: what is kept decoded on this machine, and how to be rid of it."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kelbo.cli.options import Json
from kelbo.cli.printing import aligned, say

if TYPE_CHECKING:
    from kelbo.data.cache_size import Kept

app = typer.Typer(help="List or clear what is kept decoded on this machine.", no_args_is_help=True)
SHOWN = 8
"""digits of a key that a list shows"""
DAY = 24 * 3600
NO_CACHE = "there is no cache: KELBO_CACHE is none, or there is no home folder"


@app.command("list")
def list_kept(as_json: Json = False) -> None:
    """List what is kept: what it was made from, its images, size and last use."""
    from kelbo.data.cache_size import LIMIT, cache_root, limit_of, used_in
    from kelbo.units import counted, sized

    cache = cache_root()
    if cache is None:
        say(json.dumps({"cache": None, "limit": None, "sets": []}, indent=2) if as_json else NO_CACHE)
        return
    found, limit = used_in(cache), limit_of(cache)
    if as_json:
        sets = [_as_json(one) | {"in_use": used} for one, used in found.items()]
        say(json.dumps({"cache": str(cache), "limit": limit, "sets": sets}, indent=2))
        return
    most = "without a limit" if limit is None else f"of at most {sized(limit)}"
    say(f"{cache}: {counted(len(found), 'set')}, {sized(sum(one.bytes for one in found))} {most} ({LIMIT})")
    if found:
        rows = [(*_row(one), "in use" if used else "") for one, used in found.items()]
        say(aligned([("key", "images", "size", "last used", "made from", ""), *rows]))


@app.command()
def clear(
    names: Annotated[
        list[str] | None, typer.Argument(help="Keys, or folders or files that sets were made from. By default all.")
    ] = None,
    older_than: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="Only what was not used for so many days.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove what is kept; sets that a process uses stay. What is needed again is decoded again."""
    from kelbo.data.cache_size import cache_root, clear as clear_cache, freed, used_in

    cache = cache_root()
    if cache is None:
        say(NO_CACHE)
        return
    chosen = _named([*used_in(cache)], names or [])
    chosen = [one for one in chosen if older_than is None or time.time() - one.used >= older_than * DAY]
    shown = {one: " ".join((_row(one)[0], _row(one)[-1])) for one in chosen}  # before it is gone
    gone = clear_cache(cache, chosen, dry_run=dry_run)
    for one, row in shown.items():
        if one in gone:
            say(f"{'would remove' if dry_run else 'removed'} {row}")
        else:
            say(f"left {row}: a process uses it, or it belongs to another user")
    say(f"{'would free' if dry_run else 'freed'} {freed(gone)}")


def _named(found: list[Kept], names: list[str]) -> list[Kept]:
    """Those of these keys, or made from these places. DataUnknown if a name is none's."""
    from kelbo.errors import DataUnknown

    chosen: list[Kept] = []
    for name in names:
        some = [one for one in found if (len(name) >= 4 and one.key.startswith(name)) or _is_from(one, name)]
        if not some:
            raise DataUnknown(
                f"Nothing in the cache has the key {name!r} or was made from it; `kelbo data cache list` shows all."
            )
        chosen += [one for one in some if one not in chosen]
    return chosen if names else found


def _is_from(one: Kept, name: str) -> bool:
    of = one.about().get("of")
    return of is not None and (of == name or Path(of).absolute() == Path(name).absolute())


def _row(one: Kept) -> tuple[str, str, str, str, str]:
    from kelbo.units import sized

    about = one.about()
    count = f"{about['shape'][0]:,}" if "shape" in about else "?"
    split = f" ({about['split']})" if about.get("split", "all") != "all" else ""
    used = f"{datetime.fromtimestamp(one.used):%Y-%m-%d %H:%M}"
    return one.key[:SHOWN], count, sized(one.bytes), used, f"{about.get('of', 'by an earlier version')}{split}"


def _as_json(one: Kept) -> dict[str, Any]:
    about = one.about()
    used = datetime.fromtimestamp(one.used).astimezone().isoformat(timespec="seconds")
    known = {name: about.get(name) for name in ("of", "split", "shape")}
    return {"key": one.key, **known, "bytes": one.bytes, "last_used": used}
