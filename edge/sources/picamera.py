"""A Raspberry Pi's ribbon camera, by picamera2."""

import logging
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

import numpy as np

from edge.errors import MaskGateError
from edge.sources.source import SourceAway
from edge.sources.wanted import Wanted
from edge.values import Pixels

READ_LIMIT = 5.0
"""Seconds without a frame until the camera counts as away."""

log = logging.getLogger(__name__)


class PiCamera:
    """A camera that libcamera finds."""

    interval = 0.0
    live = True
    broken = None
    skipped = 0

    def __init__(self, wanted: Wanted) -> None:
        """Open and start the camera.

        Args:
            wanted: the source picamera2, or picamera2:1 for the second camera; width and height,
                which are made even, and rate.

        Raises:
            MaskGateError: picamera2 is not installed, or refuses these settings.
            SourceAway: libcamera finds no camera, or another program uses it.
        """
        try:
            self._camera: Any = _picamera2()(number_of(wanted.source))
        except (RuntimeError, IndexError) as error:
            raise SourceAway(
                f"camera picamera2: no camera ({error}); check the ribbon cable with "
                "'rpicam-hello --list-cameras' and that no other program uses it"
            ) from error
        width, height, rate = wanted.width, wanted.height, wanted.rate
        try:
            self._start(width - width % 2, height - height % 2, rate)
        except (RuntimeError, ValueError) as error:
            self._camera.close()
            raise MaskGateError(
                f"camera picamera2: refuses {width} x {height} at {rate:g} frames/s ({error}); "
                "set its width, height and rate to what it can"
            ) from error

    def _start(self, width: int, height: int, rate: float) -> None:
        # libcamera names formats by their order in a register: "BGR888" is R, G, B in memory,
        # and "RGB888" is B, G, R (picamera2 manual, 4.2.2).
        duration = round(1_000_000 / rate)
        self._camera.configure(
            self._camera.create_video_configuration(
                main={"size": (width, height), "format": "BGR888"},
                controls={"FrameDurationLimits": (duration, duration)},
            )
        )
        self._camera.start()

    def read(self) -> Pixels | None:
        """The next frame; None when none came in time or the camera has failed."""
        try:
            array = self._camera.capture_array("main", wait=READ_LIMIT)
        except FutureTimeout:
            # The job would stay in picamera2's list, and stop() would wait behind it.
            self._camera.cancel_all_and_flush()
            return None
        except RuntimeError:
            return None
        return np.ascontiguousarray(array, np.uint8)

    def close(self) -> None:
        """Stop the camera and let go of it."""
        try:
            self._camera.stop()
            self._camera.close()
        except RuntimeError as error:
            log.warning("camera picamera2: did not close (%s)", error)


def _picamera2() -> Any:
    """The class; imported here since only Raspberry Pi OS has it."""
    try:
        from picamera2 import Picamera2
    except ImportError as error:
        raise MaskGateError(
            f"source picamera2: the package is not there ({error}); run 'sudo apt install "
            "python3-picamera2' and make the environment with 'python3 -m venv "
            "--system-site-packages'"
        ) from error
    return Picamera2


def number_of(source: str) -> int | None:
    """The number of the camera that picamera2 or picamera2:NUMBER names; None for any other."""
    kind, _, number = source.partition(":")
    if kind != "picamera2" or not (number or "0").isdecimal():
        return None
    return int(number or 0)
