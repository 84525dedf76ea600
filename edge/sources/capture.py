"""Capture: the newest frame wins, and reading never waits for inference."""

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable

from edge.errors import MaskGateError
from edge.health.outage import Outage
from edge.sources.freeze import Freeze
from edge.sources.source import Source, SourceAway
from edge.sources.state import CameraState, Record
from edge.values import Frame, Pixels

START_LIMIT = 2.0
"""Seconds that start() waits for the source to open; a slow camera goes on opening after it."""
STOP_LIMIT = 1.0
"""Seconds that stop() waits for a read to return."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 5.0
"""Seconds before a live source is opened again; doubled each time until the longest. A camera shall
be seen again within ten seconds of being back: the longest pause, and what opening it takes."""

log = logging.getLogger(__name__)


class Capture:
    """Reads a source in a thread of its own and keeps only the newest frame.

    A file plays at its own pace and ends. A live source that cannot be opened, breaks off or
    freezes is opened again after growing pauses, with one warning per outage.
    """

    broken = None

    def __init__(
        self,
        open_source: Callable[[threading.Event], Source],
        record: Record,
        on_news: Callable[[], object] = lambda: None,
        frozen_after: float = 0,
    ) -> None:
        """Prepare to capture.

        Args:
            open_source: opens the source; called in the thread, again after each outage, with what
                is set when its pictures are wanted no more.
            record: of the camera, begun by earlier captures.
            on_news: called in the thread when there is a new frame, or none will come any more.
            frozen_after: seconds of the same picture after which a camera counts as frozen; 0 for
                never.
        """
        self._open_source = open_source
        self._record = record
        self._outage = Outage()
        self._on_news = on_news
        self._frozen_after = frozen_after
        self._freeze = Freeze()
        self._fresh = 0
        """Pictures so far, those of a frozen camera left out."""
        name = f"capture-{record.camera}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._news = threading.Condition()
        self._frame: Frame | None = None
        self._done = False
        self._failure: Exception | None = None
        self._tried = threading.Event()
        self._stopping = threading.Event()

    @property
    def state(self) -> CameraState:
        """How the camera is doing."""
        return self._record.state()

    @property
    def ended(self) -> bool:
        """Whether reading is over and the last frame was handed out."""
        with self._news:
            return self._done and self._frame is None

    def begin(self) -> None:
        """Start reading, and wait for nothing."""
        self._record.become("starting")
        self._thread.start()

    def wait_opened(self) -> None:
        """Wait a moment for the source to open.

        Raises:
            MaskGateError: the source cannot be opened and is no camera that may come back.
        """
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
                if not self._done:
                    failed = self._failure is not None
                    self._record.become("failed" if failed else "ended", str(self._failure or ""))
                self._done = True
                self._news.notify_all()
            self._tried.set()
            self._on_news()

    def _capture(self) -> None:
        pause = FIRST_PAUSE
        live = False
        while not self._stopping.is_set():
            began, opened_at = time.monotonic(), math.inf
            fresh = self._fresh
            try:
                source = self._open_source(self._stopping)
                opened_at = time.monotonic()
                live = source.live
                self._tried.set()
                with contextlib.closing(source):
                    self._read(source)
                if not live:
                    return
                reason = f"camera {self._record.camera}: broke off"
            except MaskGateError as error:
                # Once it has worked, even a refusal may pass: a camera just plugged in again
                # belongs to root for a moment.
                if not (live or isinstance(error, SourceAway)):
                    raise
                reason = str(error)
            # A camera that comes and goes must not be asked ever so often, nor one that is frozen.
            if self._fresh > fresh and time.monotonic() - opened_at > pause:
                pause = FIRST_PAUSE
            self._note_outage(reason)
            # One that hangs while it is opened has had its pause.
            tried_for = time.monotonic() - began if opened_at == math.inf else 0.0
            self._stopping.wait(max(0.0, pause - tried_for))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _read(self, source: Source) -> None:
        due = -math.inf
        self._freeze.opened(time.monotonic())
        while not self._stopping.is_set():
            pixels = source.read()
            if pixels is None:
                return
            if source.interval:
                due = max(due + source.interval, time.monotonic())
                self._stopping.wait(due - time.monotonic())
            if source.live and self._freeze.see(pixels, time.monotonic(), self._frozen_after):
                raise SourceAway(
                    f"camera {self._record.camera}: the same picture for {self._frozen_after:g} s; "
                    "it hangs, or is covered"
                )
            if not self._freeze.stands:
                self._put(pixels, source.skipped)

    def _put(self, pixels: Pixels, skipped: int) -> None:
        record = self._record
        with self._news:
            if self._done:
                return
            if record.condition == "away":
                log.info("camera %s: back again", record.camera, extra={"camera": record.camera})
                self._outage.over()
            record.become("delivering")
            record.captured += skipped
            record.dropped += skipped + (self._frame is not None)
            now = time.monotonic(), time.time()
            self._frame = Frame(pixels, record.camera, record.captured, *now)
            record.captured += 1
            self._fresh += 1
            self._news.notify_all()
        self._on_news()

    def _note_outage(self, reason: str) -> None:
        self._tried.set()
        with self._news:
            if self._done:
                return
            reminder = self._outage.failed()
            about = {"camera": self._record.camera}
            if self._record.condition != "away":
                log.warning("%s; trying again until it is back", reason, extra=about)
            elif reminder:
                log.warning("%s; %s", reason, reminder, extra=about)
            self._record.become("away", reason)
