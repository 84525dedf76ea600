"""Follows faces from frame to frame, so that a person is judged over several of them.

Each face goes to the track whose predicted place and size fit best; a track moves on at constant
velocity while its face is hidden, and is forgotten after a while. Everything per person is
dropped with the track, so memory is bounded by the people in sight.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import hypot
from typing import Final

from edge.config import Tracking
from edge.values import Box, Face, Frame, Track

_VELOCITY_GAIN: Final = 0.4
"""How much of a newly measured velocity is believed; small boxes jump by a pixel or two."""
_COASTING: Final = 0.5
"""Seconds that a hidden face is thought to move on: people stop and turn."""
_DOUBTED: Final = 0.5
"""Seconds to wait for a face that was not seen often enough to be a person."""
_VAGUE: Final = 2.0
"""Seconds after which it is at its vaguest where a hidden face may be: twice the reach."""


@dataclass(slots=True, eq=False)
class _Followed:
    """The changing state behind one `Track`."""

    id: int
    box: Box
    first_seen: float
    last_seen: float
    face: Face | None
    hits: int = 1
    velocity: tuple[float, float] = field(default=(0.0, 0.0))
    """Pixels per second, x and y."""

    def predicted(self, now: float) -> Box:
        ahead = min(now - self.last_seen, _COASTING)
        x, y = self.velocity[0] * ahead, self.velocity[1] * ahead
        box = self.box
        return Box(box.left + x, box.top + y, box.right + x, box.bottom + y)

    def see(self, face: Face, now: float) -> None:
        elapsed = now - self.last_seen
        if elapsed > 0:
            old, new = self.box.centre, face.box.centre
            self.velocity = (
                self.velocity[0]
                + _VELOCITY_GAIN * ((new[0] - old[0]) / elapsed - self.velocity[0]),
                self.velocity[1]
                + _VELOCITY_GAIN * ((new[1] - old[1]) / elapsed - self.velocity[1]),
            )
        self.box, self.face, self.last_seen = face.box, face, now
        self.hits += 1

    def stay(self, now: float) -> None:
        """Nothing moved where the face was: it is there still, which proves nothing new of it."""
        self.last_seen = now
        self.velocity = (0.0, 0.0)

    def frozen(self) -> Track:
        return Track(self.id, self.box, self.face, self.first_seen, self.last_seen, hits=self.hits)


class Tracker:
    """Gives each face the track of the person it belongs to."""

    def __init__(self, settings: Tracking) -> None:
        self._settings = settings
        self._followed: list[_Followed] = []
        self._last_id = 0

    def adopt(self, settings: Tracking) -> None:
        """Go on by other settings."""
        self._settings = settings

    def expected(self, frame: Frame) -> list[tuple[Track, Box]]:
        """The tracks so far, and where the face of each should be in the next frame."""
        now = frame.monotonic
        return [(one.frozen(), one.predicted(now)) for one in self._followed]

    def update(
        self, frame: Frame, faces: list[Face], searched: Callable[[Box], bool] = lambda _: True
    ) -> tuple[list[Track], list[Track]]:
        """Take the faces of the next frame.

        Args:
            frame: gives the time; must not be older than the one before.
            faces: what the detector found in it.
            searched: tells whether a face in this place would have been found. Where nothing was
                searched because nothing moved, faces are as they were.

        Returns:
            The tracks that are alive (those seen in this frame, or known to be as they were, have a
            face), and those that have just ended, each told once.
        """
        now = frame.monotonic
        unseen = list(self._followed)
        unmatched = set(range(len(faces)))
        for _, followed, index in self._pairs(faces, now):
            if followed in unseen and index in unmatched:
                followed.see(faces[index], now)
                unseen.remove(followed)
                unmatched.discard(index)
        for followed in unseen:
            if followed.face is not None and not searched(followed.predicted(now)):
                followed.stay(now)
            else:
                followed.face = None
        for index in sorted(unmatched):
            self._last_id += 1
            face = faces[index]
            self._followed.append(_Followed(self._last_id, face.box, now, now, face))
        ended = [one for one in self._followed if now - one.last_seen > self._patience(one)]
        self._followed = [one for one in self._followed if one not in ended]
        return [one.frozen() for one in self._followed], [one.frozen() for one in ended]

    def finish(self) -> list[Track]:
        """End all tracks: the source has ended."""
        ended, self._followed = self._followed, []
        return [one.frozen() for one in ended]

    def _patience(self, followed: _Followed) -> float:
        """Seconds to wait for a face to come back: little for what may never have been one."""
        settings = self._settings
        return settings.forget_after if followed.hits >= settings.confirm_hits else _DOUBTED

    def _pairs(self, faces: list[Face], now: float) -> list[tuple[float, _Followed, int]]:
        """All pairs of track and face that may belong together, the best first."""
        pairs = []
        for followed in self._followed:
            expected = followed.predicted(now)
            reach = self._settings.reach * (1 + min(1.0, (now - followed.last_seen) / _VAGUE))
            for index, face in enumerate(faces):
                distance = _distance(expected, face.box)
                if distance <= reach:
                    pairs.append((distance, followed, index))
        pairs.sort(key=lambda pair: pair[0])
        return pairs


def _distance(expected: Box, found: Box) -> float:
    """How badly a found box fits an expected one: 0 is the same box, 1 is a whole face off.

    The distance of the centres in sides of the larger face, plus the share by which the higher
    box is higher than the other.
    """
    (x1, y1), (x2, y2) = expected.centre, found.centre
    size = max(expected.width, expected.height, found.width, found.height, 1.0)
    smaller = max(min(expected.height, found.height), 1e-6)
    larger = max(expected.height, found.height)
    return hypot(x2 - x1, y2 - y1) / size + (larger / smaller - 1)
