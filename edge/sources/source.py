"""What every source of frames can do."""

from typing import Protocol

from edge.errors import MaskGateError
from edge.values import Pixels


class SourceAway(MaskGateError):  # noqa: N818 - a state that may heal, as its name says
    """A camera that does not answer now, but may in a while: worth another try."""


class Source(Protocol):
    """An open source of pictures. One thread reads it and closes it."""

    @property
    def interval(self) -> float:
        """Seconds from the picture before to the one last read; 0 for a camera.

        A file says by it when a picture is due; a camera's pictures come when they come.
        """

    @property
    def live(self) -> bool:
        """True for a camera: when it breaks off, it is worth opening again."""

    @property
    def broken(self) -> str | None:
        """Why frames of a file are missing, as far as it was read; None while none are.

        Always None for a camera: that one is opened again.
        """

    @property
    def skipped(self) -> int:
        """Pictures that came since the one before the last read, and were read by nobody."""

    def read(self) -> Pixels | None:
        """The next picture: RGB uint8, height x width x 3, contiguous.

        Returns:
            None when the source has ended, or when a live one has broken off.

        Raises:
            MaskGateError: what came is unusable.
        """

    def close(self) -> None:
        """Let go of the file or the camera; reading is over."""
