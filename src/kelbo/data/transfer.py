"""Download one file over HTTP into a partial file: resumed if the server allows it, never larger than expected."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from kelbo.data.sources import SCHEMES, File

BLOCK = 2**16
BUSY = (408, 429, 500, 502, 503, 504)  # temporary


class TransferError(Exception):
    """Why one home did not deliver the file."""


class Unreachable(TransferError):
    """No connection, or the home does not have it."""


class Cut(TransferError):
    """It ended too early or the server was busy: what has arrived is kept, and another attempt may finish it."""


class Wrong(TransferError):
    """It is not the official file; what arrived was deleted."""


class _Redirects(request.HTTPRedirectHandler):
    """Follows redirects only to addresses that downloads may come from, and never from https to http."""

    def redirect_request(
        self, req: request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> request.Request | None:
        to = urlsplit(newurl).scheme
        if to not in SCHEMES or (req.type == "https" and to != "https"):
            fp.close()
            raise Wrong(
                f"it leads to {newurl}, which is refused: only http and https are followed, https never to http"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> request.OpenerDirector:
    """No handler for file, ftp or data addresses; certificates are verified, urllib's default."""
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def transfer(
    url: str, file: File, partial: Path, moved: Callable[[int, int | None], None], timeout: float = 30.0
) -> None:
    """Complete the file `partial`, continuing after what it holds; `moved(done, total)` is called after every block.

    timeout: seconds without a byte. Raises Unreachable, Cut or Wrong; OSError if the disk cannot be written.
    """
    held = partial.stat().st_size if partial.exists() else 0
    try:
        response = _open(url, held, timeout)
    except HTTPError as error:
        with error:
            if error.code == 416 and held:
                _beyond(error, partial, held)
                return
            if 300 <= error.code < 400:  # urllib refuses other schemes and redirect loops
                raise Wrong(f"it leads elsewhere, which is refused: {error.reason}") from error
            kind = Cut if error.code in BUSY else Unreachable
            raise kind(f"the server answers {error.code} {error.reason}") from error
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:  # once it was reached
        raise Cut(f"the connection broke ({error or type(error).__name__})") from error
    except (URLError, OSError) as error:
        raise Unreachable(f"no connection ({getattr(error, 'reason', error)})") from error
    with response:
        start, total = _extent(response, held)
        _check_size(file, total)
        _copy(response, file, partial, start, total, moved)


def _open(url: str, held: int, timeout: float) -> http.client.HTTPResponse:
    headers = {"User-Agent": "kelbo", "Accept-Encoding": "identity"} | ({"Range": f"bytes={held}-"} if held else {})
    return _opener().open(request.Request(url, headers=headers), timeout=timeout)


def _beyond(error: HTTPError, partial: Path, held: int) -> None:
    """The server has no further byte: either the partial file is complete, or it is part of another file."""
    if re.fullmatch(rf"bytes \*/{held}", error.headers.get("Content-Range", "")):
        return
    partial.unlink()
    raise Cut(f"the {held:,} bytes kept from before are not part of it and were deleted")


def _extent(response: http.client.HTTPResponse, held: int) -> tuple[int, int | None]:
    """Where the body starts in the file, and the file's total length, if the server says."""
    if response.status == 206:
        given = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not given or int(given[1]) != held:
            raise Wrong(f"it was asked for the bytes from {held} on and sent {response.headers.get('Content-Range')!r}")
        return held, None if given[2] == "*" else int(given[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _check_size(file: File, total: int | None) -> None:
    if total is None:
        return
    if file.contents is None and file.size is not None and total != file.size:
        raise Wrong(f"the file there has {total:,} bytes instead of {file.size:,}; nothing was kept")
    if total > file.limit:
        raise Wrong(f"the file there has {total:,} bytes, more than the {file.limit:,} accepted; nothing was kept")


def _copy(
    response: http.client.HTTPResponse,
    file: File,
    partial: Path,
    start: int,
    total: int | None,
    moved: Callable[[int, int | None], None],
) -> None:
    done = start
    with partial.open("ab" if start else "wb") as out:
        while block := _read(response):
            done += len(block)
            if done > file.limit:
                break
            out.write(block)
            moved(done, total or file.size)
    if done > file.limit:
        partial.unlink()
        raise Wrong(
            f"it sends more than the {file.limit:,} bytes accepted; it was stopped and what had arrived was deleted"
        )
    expected = total or (file.size if file.contents is None else None)
    if expected is not None and done < expected:
        raise Cut(f"the connection ended after {done:,} of {expected:,} bytes")


def _read(response: http.client.HTTPResponse) -> bytes:
    """The next block; empty at the end, even if that is too early: the caller counts."""
    try:
        return response.read1(BLOCK)
    except (http.client.HTTPException, OSError):
        return b""
