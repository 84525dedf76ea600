"""What frames are taken from: the newest ones of a camera, or every one of a file."""

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from edge.sources.source import Source
from edge.sources.state import Record
from edge.values import Frame


class Feed(Protocol):
    """Gives the frames of one camera."""

    @property
    def ended(self) -> bool:
        """Whether no frame will come any more."""

    @property
    def broken(self) -> str | None:
        """Why frames of a file are missing, where every one is wanted; None while none are."""

    def begin(self) -> None:
        """Open the source, or begin to."""

    def wait_opened(self) -> None:
        """Wait a moment for the source to open.

        Raises:
            MaskGateError: it cannot be opened and is no camera that may come back.
        """

    def newest(self, timeout: float) -> Frame | None:
        """The next frame, waiting so many seconds at most.

        Raises:
            MaskGateError: the source failed for good.
        """

    def stop(self) -> None:
        """Read no more frames."""


class EveryFrame:
    """Gives every frame of a source, as fast as they are asked for."""

    def __init__(self, open_source: Callable[[], Source], record: Record) -> None:
        self._open_source, self._record = open_source, record
        self._source: Source | None = None
        self._frames: Iterator[Frame] = iter(())
        self.ended = False

    @property
    def broken(self) -> str | None:
        """Why frames are missing, as far as the source was read; None while none are."""
        return self._source.broken if self._source else None

    @property
    def interval(self) -> float:
        """Seconds from frame to frame, as the source says when it is opened; 0 for a camera."""
        return self._source.interval if self._source else 0.0

    def begin(self) -> None:
        """Open the source.

        Raises:
            MaskGateError: it cannot be opened.
        """
        self._source = self._open_source()
        self._frames = every_frame(self._source, self._record.camera)

    def wait_opened(self) -> None:
        """It is open."""

    def newest(self, timeout: float) -> Frame | None:  # noqa: ARG002 - it waits for the source
        """The next frame; None at the end.

        Raises:
            MaskGateError: what came is unusable.
        """
        frame = next(self._frames, None)
        if frame is None:
            self.ended = True
            self._record.become("ended")
        else:
            self._record.captured += 1
            self._record.become("delivering")
        return frame

    def stop(self) -> None:
        """Close the source."""
        self.ended = True
        self._frames = iter(())
        if self._source is not None:
            self._source.close()


def every_frame(source: Source, camera: str) -> Iterator[Frame]:
    """All frames of a source, none dropped, as fast as they are asked for.

    The frames of a file carry the file's own time, counted from now: processing them faster or
    slower than real time leads to the same decisions.

    Args:
        source: an open source; the caller closes it.
        camera: the camera's name in the frames.
    """
    monotonic, wall = time.monotonic(), time.time()
    for sequence in itertools.count():
        pixels = source.read()
        if pixels is None:
            return
        if not source.interval:
            monotonic, wall = time.monotonic(), time.time()
        elif sequence:
            monotonic, wall = monotonic + source.interval, wall + source.interval
        yield Frame(pixels, camera, sequence, monotonic, wall)
