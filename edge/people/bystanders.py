"""Faces that do not count at a camera: nobody follows them, but pictures of them are hidden too."""

from collections.abc import Callable, Sequence
from typing import Final

from edge.values import Box

_REMEMBERED: Final = 1.0
"""Seconds that a face is thought to be where it was: the detector misses one now and then."""
_MOST: Final = 100


class Bystanders:
    """Remembers where such faces are, and for a moment where they were."""

    def __init__(self) -> None:
        self._seen: list[tuple[Box, float]] = []
        """Each with when it was seen, or known to be as it was, last."""

    def update(
        self, found: Sequence[Box], searched: Callable[[Box], bool], now: float
    ) -> list[Box]:
        """Take the next frame's.

        Args:
            found: faces in it that do not count, pixels.
            searched: tells whether a face in this place would have been found. Where nothing was
                searched because nothing moved, faces are as they were.
            now: when the frame was taken, monotonic seconds.

        Returns:
            Those found, and where others were a moment ago.
        """
        before = [
            (box, seen if searched(box) else now)
            for box, seen in self._seen
            if not any(box.overlap(other) > 0 for other in found)
        ]
        known = [(box, now) for box in found] + [
            (box, seen) for box, seen in before if now - seen <= _REMEMBERED
        ]
        self._seen = known[:_MOST]
        return [box for box, _ in self._seen]
