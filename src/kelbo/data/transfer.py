"""One file over HTTP into a partial file beside its place: resumed where the server can, never larger than it may be."""

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
BUSY = (408, 429, 500, 502, 503, 504)  # what may pass by itself


class TransferError(Exception):
    """Why one home did not give the file."""


class Unreachable(TransferError):
    """No connection, or the home does not have it."""


class Cut(TransferError):
    """It ended too early or the server was busy: what came is kept, and another attempt may finish it."""


class Wrong(TransferError):
    """Something else than the official file is there; what came was deleted."""


class _Redirects(request.HTTPRedirectHandler):
    """Follows only to where a download may come from, and never from https to http."""

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
    """No handler for file, ftp or data addresses; certificates are verified, as is urllib's default."""
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
    """Bring `partial` to its full length, going on from what it holds; `moved(done, total)` is told of every block.

    timeout: seconds without a byte. Raises Unreachable, Cut or Wrong; OSError where the disk refuses.
    """
    held = partial.stat().st_size if partial.exists() else 0
    try:
        response = _open(url, held, timeout)
    except HTTPError as error:
        with error:
            if error.code == 416 and held:
                _beyond(error, partial, held)
                return
            if 300 <= error.code < 400:  # urllib's own refusal, of another scheme or of going round in circles
                raise Wrong(f"it leads elsewhere, which is refused: {error.reason}") from error
            kind = Cut if error.code in BUSY else Unreachable
            raise kind(f"the server answers {error.code} {error.reason}") from error
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:  # it was reached, and went away
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
    """The server has no byte after ours: either we hold all of it, or our part is of another file."""
    if re.fullmatch(rf"bytes \*/{held}", error.headers.get("Content-Range", "")):
        return
    partial.unlink()
    raise Cut(f"the {held:,} bytes kept from before are no part of it and were deleted")


def _extent(response: http.client.HTTPResponse, held: int) -> tuple[int, int | None]:
    """Where the body starts in the file, and the file's whole length, where the server says."""
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
        raise Wrong(f"the file there has {total:,} bytes instead of {file.size:,}; nothing of it was kept")
    if total > file.limit:
        raise Wrong(
            f"the file there has {total:,} bytes, more than the {file.limit:,} accepted; nothing of it was kept"
        )


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
        raise Wrong(f"it sends more than the {file.limit:,} bytes accepted; it was stopped and what came was deleted")
    expected = total or (file.size if file.contents is None else None)
    if expected is not None and done < expected:
        raise Cut(f"the connection ended after {done:,} of {expected:,} bytes")


def _read(response: http.client.HTTPResponse) -> bytes:
    """The next block; nothing at the end, be it one too early: the caller counts."""
    try:
        return response.read1(BLOCK)
    except (http.client.HTTPException, OSError):
        return b""
