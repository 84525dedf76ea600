"""Shows a person how far a download is."""

import sys
from typing import Any

import click


class DownloadBar:
    """A bar on standard error; nothing where that is no terminal, or nothing is downloaded."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._at = 0

    def show(self, there: int, size: int | None) -> None:
        """Take note of the bytes that are there and, where it is known, how many there will be."""
        if not sys.stderr.isatty():
            return
        if self._bar is None or there < self._at:  # Begun anew.
            self._close()
            self._bar, self._at = click.progressbar(length=size or 0, file=sys.stderr), 0
            self._bar.__enter__()
        self._bar.update(there - self._at)
        self._at = there

    def __enter__(self) -> "DownloadBar":
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None
