"""Record frames as a video."""

import logging
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from edge.errors import MaskGateError
from edge.paths import check_name, check_not_same, check_place
from edge.values import Pixels

log = logging.getLogger(__name__)


class Recording:
    """An MP4 file that takes its name only when it is complete.

    Until then it lies beside it as `.NAME.part.mp4`. Use it as a context manager, or call
    `close()` to finish and `discard()` to give up.
    """

    def __init__(self, path: Path, rate: float, source: str = "") -> None:
        """Prepare to record; the first frame decides the size.

        Args:
            path: the file to make, *.mp4; one that is there is replaced in the end.
            rate: frames per second, above 0.
            source: what is recorded, as the configuration names it; that file is not replaced.

        Raises:
            MaskGateError: another kind of file, a folder that is missing or not writable, or the
                source itself.
        """
        check_name(str(path.resolve()), "recording")
        if path.suffix.lower() != ".mp4":
            raise MaskGateError(f"recording {path}: expected a name that ends in .mp4")
        check_place(path, "recording")
        check_not_same(path, Path(source).expanduser(), "recording")
        self._path = path
        self._part = path.with_name(f".{path.name}.part.mp4")
        self.rate = rate
        """Frames per second; as it is when the first frame is written."""
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self.frames = 0
        """Frames written so far."""

    def write(self, pixels: Pixels) -> None:
        """Append a frame; one of another size than the first is fitted into it.

        Args:
            pixels: RGB uint8, height x width x 3.

        Raises:
            MaskGateError: the file cannot be made.
        """
        if self._writer is None:
            self._writer = self._begin(pixels.shape[1], pixels.shape[0])
        bgr = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
        self._writer.write(_fitted(bgr, *self._size))
        self.frames += 1

    def _begin(self, width: int, height: int) -> cv2.VideoWriter:
        self._size = (width, height)
        # The encoder that every build of OpenCV has; H.264 depends on the build.
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(self._part), cv2.CAP_FFMPEG, codec, self.rate, self._size)
        if not writer.isOpened():
            self._part.unlink(missing_ok=True)
            raise MaskGateError(
                f"recording {self._path}: cannot record {width} x {height} pixels at "
                f"{self.rate:g} frames/s; expected at least 2 x 2 and OpenCV with FFmpeg"
            )
        return writer

    def close(self) -> None:
        """Finish the file and give it its name; without a frame there is no file.

        Raises:
            MaskGateError: the file did not become complete, e.g. since the disk is full.
        """
        if self._writer is None:
            log.warning("recording %s: no frames came, nothing is saved", self._path)
            return
        self._release()
        # OpenCV does not say when a write fails, so count what is in the file.
        there = _frames_in(self._part)
        if there != self.frames:
            self._part.unlink(missing_ok=True)
            raise MaskGateError(
                f"recording {self._path}: {there} of {self.frames} frames are in the file, "
                "it was thrown away; is the disk full?"
            )
        self._part.replace(self._path)

    def discard(self) -> None:
        """Throw away what was recorded."""
        self._release()
        self._part.unlink(missing_ok=True)

    def _release(self) -> None:
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    def __enter__(self) -> "Recording":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.discard()


def _fitted(pixels: Pixels, width: int, height: int) -> Pixels:
    """The picture in a frame of this size, with black bars where its shape is another."""
    if pixels.shape[:2] == (height, width):
        return pixels
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    wide = max(1, round(pixels.shape[1] * scale))
    high = max(1, round(pixels.shape[0] * scale))
    fitted = np.zeros((height, width, 3), np.uint8)
    left, top = (width - wide) // 2, (height - high) // 2
    fitted[top : top + high, left : left + wide] = cv2.resize(
        pixels, (wide, high), interpolation=cv2.INTER_AREA
    )
    return fitted


def _frames_in(path: Path) -> int:
    capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
    try:
        return round(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    finally:
        capture.release()
