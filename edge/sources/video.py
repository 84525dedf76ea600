"""Video files and GIFs."""

import logging
from pathlib import Path

import cv2

from edge.errors import MaskGateError
from edge.sources.colours import to_rgb
from edge.values import Pixels

RATES = (0.1, 1000.0)
"""Frames per second that a file may claim; some claim 0 or 90000 (their clock's)."""
USUAL_RATE = 15.0
"""Frames per second when a file claims nothing believable."""
LONGEST_INTERVAL = 10.0
"""Seconds between two frames; a longer gap in a file's time stamps is taken for a fault."""

log = logging.getLogger(__name__)


class VideoFile:
    """A video file or GIF, read frame by frame."""

    live = False

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            MaskGateError: it is no video that OpenCV's FFmpeg can read.
        """
        self._path = path
        # An absolute path, since FFmpeg takes "a:b.mp4" for a protocol.
        self._capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise MaskGateError(
                f"source {path}: neither a picture nor a video that can be read; "
                "it may be cut short, expected e.g. JPEG, PNG, GIF, MP4, MKV or AVI"
            )
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self._usual = 1 / (rate if RATES[0] <= rate <= RATES[1] else USUAL_RATE)
        self._shown_at = 0.0
        self._frames = 0
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
        self._shown_at = shown_at
        return to_rgb(pixels)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _say_how_it_ended(self) -> None:
        if self._frames == 0:
            raise MaskGateError(
                f"video {self._path}: not one frame can be decoded; "
                "it is damaged or of a kind that OpenCV's FFmpeg does not know"
            )
        claimed = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        # Containers without an index estimate their count, hence a margin of one frame.
        if claimed > self._frames + 1:
            log.warning(
                "video %s breaks off after frame %d of %d", self._path, self._frames, claimed
            )
        elif _gif_is_cut_short(self._path):
            log.warning("GIF %s breaks off after frame %d", self._path, self._frames)


def _gif_is_cut_short(path: Path) -> bool:
    """Whether a GIF lacks its trailer (GIF89a, 27); its frames are counted, never claimed."""
    with path.open("rb") as file:
        if file.read(4) != b"GIF8":
            return False
        file.seek(-1, 2)
        # Some writers pad with zeros after the trailer.
        return file.read(1) not in {b";", b"\0"}
