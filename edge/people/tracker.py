"""Follows faces from frame to frame, so that a person is judged over several of them.

Each face goes to the track whose predicted place and size fit best; a track moves on at constant
velocity while its face is hidden, and is forgotten after a while. Everything per person is
dropped with the track, so memory is bounded by the people in sight.
"""

from dataclasses import dataclass, field
from math import hypot
from typing import Final

from edge.config import Tracking
from edge.values import Box, Face, Frame, Track

_VELOCITY_GAIN: Final = 0.4
"""How much of a newly measured velocity is believed; small boxes jump by a pixel or two."""


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
        # A hidden face is not followed across the whole picture: people stop and turn.
        ahead = min(now - self.last_seen, 0.5)
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

    def frozen(self) -> Track:
        return Track(self.id, self.box, self.face, self.first_seen, self.last_seen, hits=self.hits)


class Tracker:
    """Gives each face the track of the person it belongs to."""

    def __init__(self, settings: Tracking) -> None:
        self._settings = settings
        self._followed: list[_Followed] = []
        self._last_id = 0

    def update(self, frame: Frame, faces: list[Face]) -> tuple[list[Track], list[Track]]:
        """Take the faces of the next frame.

        Args:
            frame: gives the time; must not be older than the one before.
            faces: what the detector found in it.

        Returns:
            The tracks that are alive (those seen in this frame have a face), and those that have
            just ended, each told once.
        """
        now = frame.monotonic
        for followed in self._followed:
            followed.face = None
        unmatched = set(range(len(faces)))
        for _, followed, index in self._pairs(faces, now):
            if followed.face is None and index in unmatched:
                followed.see(faces[index], now)
                unmatched.discard(index)
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
        return settings.forget_after if followed.hits >= settings.confirm_hits else 0.5

    def _pairs(self, faces: list[Face], now: float) -> list[tuple[float, _Followed, int]]:
        """All pairs of track and face that may belong together, the best first."""
        pairs = []
        for followed in self._followed:
            expected = followed.predicted(now)
            # What is known of a hidden face gets vaguer by the second.
            reach = self._settings.reach * (1 + min(now - followed.last_seen, 2.0) / 2)
            for index, face in enumerate(faces):
                distance = _distance(expected, face.box)
                if distance <= reach:
                    pairs.append((distance, followed, index))
        pairs.sort(key=lambda pair: pair[0])
        return pairs


def _distance(expected: Box, found: Box) -> float:
    """How badly a found box fits an expected one: 0 is the same box, 1 is a face's width off.

    The distance of the centres in widths of the face, plus the difference of the sizes in octaves.
    """
    (x1, y1), (x2, y2) = expected.centre, found.centre
    size = max(expected.width, expected.height, found.width, found.height, 1.0)
    smaller = max(min(expected.height, found.height), 1e-6)
    larger = max(expected.height, found.height)
    return hypot(x2 - x1, y2 - y1) / size + (larger / smaller - 1)
