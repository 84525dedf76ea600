"""Fetches a file over HTTPS: within a size and a time, and on from where an attempt broke off."""

import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from edge.errors import MaskGateError
from edge.updates.https import Answer, BrokenOffError, Deadline, ask, require_https, tls_context
from edge.updates.https_url import shown
from edge.updates.partial import Partial

PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds between the attempts, each of which goes on where the one before broke off, if it can."""
TOTAL_LIMIT = 1800.0
"""Seconds that all of it may take: 100 MB at half a megabit a second."""
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Answers after which another attempt may do better."""
log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]
"""Told the bytes that are there and, where it is known, how many there will be."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to fetch, and within which bounds."""

    url: str
    limit: int
    """Bytes that the file may have."""
    ca_file: Path | None
    """CA certificates (PEM); the system's when None."""
    progress: Progress = lambda _there, _size: None


def fetch(wanted: Wanted, partial: Partial, seconds: float = TOTAL_LIMIT) -> bool:
    """Fetch a file.

    Args:
        wanted: what to fetch.
        partial: where to; what has come stays there when this breaks off, and the next call goes
            on from it.
        seconds: how long all of it may take.

    Returns:
        Whether a part of it is from an earlier attempt, so that, if it does not hold together, it
        is worth fetching all of it anew.

    Raises:
        MaskGateError: no HTTPS, a certificate that is not trusted, a refusal, a file that is too
            large, no room for it, or a server that cannot be reached in all attempts.
    """
    url, resumed = require_https(wanted.url), False
    context = tls_context(wanted.ca_file)
    with Deadline(seconds) as deadline:
        for pause in (*PAUSES, None):
            try:
                return _attempt(wanted, partial, context, deadline) or resumed
            except BrokenOffError as error:
                resumed = True
                if pause is None or deadline.passed:
                    raise MaskGateError(
                        f"download {shown(url)}: {error}; what has come is kept, try again later"
                    ) from error
                log.warning("download %s: %s; trying again", shown(url), error)
                time.sleep(pause)
            except OSError as error:
                raise MaskGateError(
                    f"download {shown(url)}: {partial.path} cannot be written ({error.strerror}); "
                    "free some space, or set updates.folder to a folder that can be written"
                ) from error
    raise AssertionError("the last attempt returns or raises")


def _attempt(wanted: Wanted, partial: Partial, context: ssl.SSLContext, deadline: Deadline) -> bool:
    """Fetch what is missing; give whether something was there before."""
    headers = partial.asks_for(wanted.url)
    answer = ask(require_https(wanted.url), headers, context, deadline)
    try:
        _require_the_file(answer, partial)
        there, size = 0, answer.length
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            size = partial.continues(answer)
            if size is None:
                partial.discard()
                raise BrokenOffError("the server sends another part of the file than was asked for")
            there = partial.path.stat().st_size
        else:
            partial.begin(wanted.url, answer)
        resumed = there > 0
        _require_small(size or 0, answer, wanted, partial)
        with partial.appending() as write:
            for chunk in answer.chunks():
                there += len(chunk)
                _require_small(there, answer, wanted, partial)
                write(chunk)
                wanted.progress(there, size)
    finally:
        answer.close()
    if size is not None and there < size:
        raise BrokenOffError(f"the connection ended after {there} of {size} bytes")
    return resumed


def _require_the_file(answer: Answer, partial: Partial) -> None:
    """Refuse an answer that is not the file or a part of it."""
    status = answer.status
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        partial.discard()
        raise BrokenOffError("the file has changed on the server")
    if status in _PASSING:
        raise BrokenOffError(f"the server answers {status}")
    if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        raise MaskGateError(
            f"download {shown(answer.url)}: expected the file, the server answers {status}; check "
            "the URL"
        )
    if answer.header("Content-Encoding") not in (None, "identity"):
        raise MaskGateError(
            f"download {shown(answer.url)}: the server packs it; expected the file as it is"
        )


def _require_small(size: int, answer: Answer, wanted: Wanted, partial: Partial) -> None:
    if size > wanted.limit:
        partial.discard()
        raise MaskGateError(
            f"download {shown(answer.url)}: it has {size} bytes or more, expected at most "
            f"{wanted.limit}; check the URL, or set updates.max_megabytes higher"
        )
