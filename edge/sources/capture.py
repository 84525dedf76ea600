"""Capture: the newest frame wins, and reading never waits for inference."""

import contextlib
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator

from edge.errors import MaskGateError
from edge.sources.source import Source, SourceAway
from edge.values import Frame, Pixels

START_LIMIT = 2.0
"""Seconds that start() waits for the source to open; a slow camera goes on opening after it."""
STOP_LIMIT = 1.0
"""Seconds that stop() waits for a read to return."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before a live source is opened again; doubled each time until the longest."""

log = logging.getLogger(__name__)


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


class Capture:
    """Reads a source in a thread of its own and keeps only the newest frame.

    A file plays at its own pace and ends. A live source that cannot be opened or breaks off is
    opened again after growing pauses, with one warning per outage.
    """

    def __init__(self, open_source: Callable[[], Source], camera: str) -> None:
        """Prepare to capture.

        Args:
            open_source: opens the source; called in the thread, again after each outage.
            camera: the camera's name in the frames.
        """
        self._open_source = open_source
        self._camera = camera
        self._thread = threading.Thread(target=self._run, name=f"capture-{camera}", daemon=True)
        self._news = threading.Condition()
        self._frame: Frame | None = None
        self._sequence = 0
        self._done = False
        self._failure: Exception | None = None
        self._tried = threading.Event()
        self._stopping = threading.Event()
        self.dropped = 0
        """Frames that a newer one replaced before they were asked for."""
        self.outages = 0
        """How often the live source was away."""
        self.outage: str | None = None
        """Why the live source is away now; None while it delivers."""

    def start(self) -> None:
        """Start reading.

        Raises:
            MaskGateError: the source cannot be opened and is no camera that may come back.
        """
        self._thread.start()
        self._tried.wait(START_LIMIT)
        with self._news:
            self._raise_failure()

    def newest(self, timeout: float) -> Frame | None:
        """The newest frame that was not asked for yet.

        Args:
            timeout: seconds to wait for one.

        Returns:
            None when none came in time, or the source has ended.

        Raises:
            MaskGateError: the source failed for good.
        """
        with self._news:
            self._news.wait_for(lambda: self._frame is not None or self._done, timeout)
            frame, self._frame = self._frame, None
            if frame is None:
                self._raise_failure()
            return frame

    @property
    def captured(self) -> int:
        """Frames read so far, dropped ones included."""
        return self._sequence

    @property
    def ended(self) -> bool:
        """Whether reading is over and the last frame was handed out."""
        with self._news:
            return self._done and self._frame is None

    def stop(self) -> None:
        """Stop reading; returns within a second even if the source hangs.

        A thread that hangs in a read is left behind; it closes the source when the read returns.
        """
        self._stopping.set()
        with self._news:
            self._done, self._frame = True, None
            self._news.notify_all()
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT)

    def _raise_failure(self) -> None:
        # A frame that came before the failure is handed out first.
        if self._failure is not None and self._frame is None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._capture()
        except Exception as error:  # noqa: BLE001 - newest() raises it where it is seen
            self._failure = error
        finally:
            with self._news:
                self._done = True
                self._news.notify_all()
            self._tried.set()

    def _capture(self) -> None:
        pause = FIRST_PAUSE
        live = False
        while not self._stopping.is_set():
            opened_at = math.inf
            try:
                source = self._open_source()
                opened_at = time.monotonic()
                live = source.live
                self._tried.set()
                with contextlib.closing(source):
                    self._read(source)
                if not live:
                    return
                reason = f"camera {self._camera}: broke off"
            except MaskGateError as error:
                # Once it has worked, even a refusal may pass: a camera just plugged in again
                # belongs to root for a moment.
                if not (live or isinstance(error, SourceAway)):
                    raise
                reason = str(error)
            # A camera that comes and goes must not be asked ever so often.
            if time.monotonic() - opened_at > pause:
                pause = FIRST_PAUSE
            self._note_outage(reason)
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _read(self, source: Source) -> None:
        due = -math.inf
        while not self._stopping.is_set():
            pixels = source.read()
            if pixels is None:
                return
            if source.interval:
                due = max(due + source.interval, time.monotonic())
                self._stopping.wait(due - time.monotonic())
            self._put(pixels)

    def _put(self, pixels: Pixels) -> None:
        if self.outage is not None:
            log.info("camera %s: back again", self._camera)
            self.outage = None
        with self._news:
            if self._done:
                return
            self.dropped += self._frame is not None
            self._frame = Frame(pixels, self._camera, self._sequence, time.monotonic(), time.time())
            self._sequence += 1
            self._news.notify_all()

    def _note_outage(self, reason: str) -> None:
        self._tried.set()
        if self.outage is None and not self._stopping.is_set():
            self.outages += 1
            self.outage = reason
            log.warning("%s; trying again until it is back", reason)
