"""Video files and GIFs."""

import logging
from pathlib import Path

import cv2

from edge.errors import MaskGateError
from edge.paths import check_name
from edge.sources.colours import to_rgb
from edge.sources.gif import read_structure
from edge.values import Pixels

RATES = (0.1, 1000.0)
"""Frames per second that a file may claim; some claim 0 or 90000 (their clock's)."""
USUAL_RATE = 15.0
"""Frames per second when a file claims nothing believable."""
LONGEST_INTERVAL = 10.0
"""Seconds between two frames; a longer gap in a file's time stamps is taken for a fault."""
MARGIN = 0.5
"""Seconds that a file may end before the length it claims: containers round and estimate, and
their sound may go on for a moment."""
TEXT = "ansi"
"""What FFmpeg calls text that it would paint like a terminal (libavcodec, ansi.c)."""

log = logging.getLogger(__name__)


class VideoFile:
    """A video file or GIF, read frame by frame."""

    live = False
    skipped = 0

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            MaskGateError: it is no video that OpenCV's FFmpeg can read.
        """
        self._path = path
        # An absolute path, since FFmpeg takes "a:b.mp4" for a protocol.
        place = str(path.resolve())
        check_name(place, "source")
        self._capture = cv2.VideoCapture(place, cv2.CAP_FFMPEG)
        if not self._capture.isOpened() or self._is_text():
            raise self._unreadable()
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self._usual = 1 / (rate if RATES[0] <= rate <= RATES[1] else USUAL_RATE)
        self._shown_at = 0.0
        self._frames = 0
        self.broken: str | None = None
        """After which frame the file broke off; None if it did not, or not yet."""
        self.interval = self._usual
        """Seconds from the frame before to the one last read, by the file's time stamps."""

    def read(self) -> Pixels | None:
        """The next frame; None at the end, with a warning if the file breaks off before it.

        Raises:
            MaskGateError: the file holds not a single frame that can be decoded.
        """
        there, pixels = self._capture.read()
        if not there:
            self._say_how_it_ended()
            return None
        self._frames += 1
        shown_at = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        # GIFs and phone videos have no fixed rate, so the time stamps tell the pace.
        step = shown_at - self._shown_at
        self.interval = step if 0 < step <= LONGEST_INTERVAL else self._usual
        if step > 0:
            self._shown_at = shown_at
        elif self._frames > 1:  # the last frames of some AVIs have no stamp
            self._shown_at += self.interval
        return to_rgb(pixels)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _is_text(self) -> bool:
        codec = int(self._capture.get(cv2.CAP_PROP_FOURCC))
        return codec == cv2.VideoWriter.fourcc(*TEXT)

    def _unreadable(self) -> MaskGateError:
        return MaskGateError(
            f"source {self._path}: neither a picture nor a video that can be read; it may be "
            "damaged or cut short, expected e.g. JPEG, PNG, GIF, MP4, MKV or AVI"
        )

    def _say_how_it_ended(self) -> None:
        if self._frames == 0:
            raise self._unreadable()
        if self.broken is None and self._breaks_off():
            self.broken = f"breaks off after frame {self._frames} ({self._shown_at:.1f} s)"
            log.warning("video %s %s; is it damaged or cut short?", self._path, self.broken)

    def _breaks_off(self) -> bool:
        # A GIF claims no length, and FFmpeg goes on to the end of what it understands.
        structure = read_structure(self._path)
        if structure is not None:
            return not structure.complete or structure.pictures > self._frames
        # Some containers count empty packets, some estimate, so the count says little by itself.
        claimed = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        length = claimed / (self._capture.get(cv2.CAP_PROP_FPS) or USUAL_RATE)
        return claimed > self._frames + 1 and length > self._shown_at + self._usual + MARGIN
