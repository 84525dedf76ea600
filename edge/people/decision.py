"""Judges persons by the votes of several frames, and says when a violation begins and ends.

A track gets at most one violation, opened once and closed once. Nothing here knows of networks or
pictures: votes in, verdicts and changes out.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import hypot
from typing import Literal

from edge.config import Decision
from edge.values import Box, Track, Verdict

UNSURE = Verdict(None, 0.0, 0)


@dataclass(frozen=True, slots=True)
class Vote:
    """What one frame says about one person."""

    label: str
    confidence: float
    """Probability of the label, 0..1."""


@dataclass(frozen=True, slots=True)
class Change:
    """A violation that begins or ends."""

    state: Literal["opened", "closed"]
    label: str
    """What the person is accused of, the same when it opens and when it closes."""
    track: Track
    verdict: Verdict
    """The votes that opened it; the same again when it closes."""


@dataclass(slots=True, eq=False)
class _Person:
    votes: deque[Vote]
    verdict: Verdict = UNSURE
    looked: float = float("-inf")
    """Monotonic seconds of the last look of the classifier."""
    state: Literal["watched", "violating", "over", "silenced"] = "watched"
    accusation: Verdict = UNSURE
    """The verdict that opened this person's violation."""


@dataclass(slots=True, eq=False)
class _Spot:
    """Where a violation was, and until when the place stays silent."""

    box: Box
    silent_until: float


@dataclass(slots=True)
class People:
    """How many persons there were, each counted once, when they have left."""

    seen: int = 0
    by_label: Counter[str] = field(default_factory=Counter)
    unsure: int = 0

    def __add__(self, other: "People") -> "People":
        """Those of two cameras together."""
        return People(
            self.seen + other.seen, self.by_label + other.by_label, self.unsure + other.unsure
        )


class Judge:
    """Keeps the votes of everyone in sight and decides."""

    def __init__(self, settings: Decision, confirm_hits: int) -> None:
        """Begin with nobody in sight.

        Args:
            settings: see `edge.config.Decision`.
            confirm_hits: frames that must show a face before it counts as a person.
        """
        self._settings = settings
        self._confirm_hits = confirm_hits
        self._persons: dict[int, _Person] = {}
        self._spots: list[_Spot] = []
        self.people = People()

    def adopt(self, settings: Decision, confirm_hits: int) -> None:
        """Go on by other settings; the window is that of people who come from now on."""
        self._settings = settings
        self._confirm_hits = confirm_hits

    def verdict(self, track: Track) -> Verdict:
        """Say what is known of a person so far."""
        person = self._persons.get(track.id)
        return person.verdict if person else UNSURE

    def due(self, tracks: Sequence[Track], now: float) -> list[Track]:
        """Pick the persons the classifier should look at in this frame.

        Everyone whose face is seen and whose verdict does not stand yet, the others now and
        then; at most `faces_per_frame`, those not looked at for longest first.
        """
        waiting = []
        for track in tracks:
            person = self._person(track)
            pause = self._settings.classify_every if person.verdict.label is not None else 0.0
            if track.face is not None and now - person.looked >= pause:
                waiting.append((person.looked, track))
        waiting.sort(key=lambda pair: pair[0])
        return [track for _, track in waiting[: self._settings.faces_per_frame]]

    def vote(self, track: Track, vote: Vote | None, now: float) -> list[Change]:
        """Take one frame's vote on a person; None where the face was unfit or unsure."""
        person = self._person(track)
        person.looked = now
        if vote is None:
            return []
        person.votes.append(vote)
        person.verdict = self._count(person.votes)
        return self._changes(track, person, now)

    def end(self, tracks: Sequence[Track], now: float) -> list[Change]:
        """Take leave of persons whose tracks have ended: count them, close their violations."""
        changes = []
        for track in tracks:
            person = self._persons.pop(track.id, None) or self._person_without_votes()
            if person.state == "violating":
                changes.append(_closed(track, person))
            if person.state in {"violating", "silenced"}:
                self._silence(track.box, now)
            if track.hits >= self._confirm_hits and person.state != "silenced":
                self.people.seen += 1
                # Who was told of counts as that, whatever the last votes say.
                label = person.accusation.label or person.verdict.label
                if label is None:
                    self.people.unsure += 1
                else:
                    self.people.by_label[label] += 1
        self._spots = [spot for spot in self._spots if spot.silent_until > now]
        return changes

    def _person(self, track: Track) -> _Person:
        if track.id not in self._persons:
            self._persons[track.id] = self._person_without_votes()
        return self._persons[track.id]

    def _person_without_votes(self) -> _Person:
        return _Person(deque(maxlen=self._settings.window))

    def _count(self, votes: deque[Vote]) -> Verdict:
        tally = Counter(vote.label for vote in votes)
        label, most = tally.most_common(1)[0]
        if len(votes) < self._settings.min_votes or most < self._settings.agreement * len(votes):
            return Verdict(None, 0.0, len(votes))
        agreeing = [vote.confidence for vote in votes if vote.label == label]
        # Votes for something else count as no confidence at all.
        return Verdict(label, sum(agreeing) / len(votes), len(votes))

    def _changes(self, track: Track, person: _Person, now: float) -> list[Change]:
        label = person.verdict.label
        if label is None:
            return []
        violates = label in self._settings.violations
        if person.state == "violating":
            if violates:
                return []
            # The mask is on: this violation is over, and the track had its one.
            person.state = "over"
            return [_closed(track, person)]
        if person.state != "watched" or not violates or track.hits < self._confirm_hits:
            return []
        if self._silent(track.box, now):
            person.state = "silenced"
            return []
        person.state, person.accusation = "violating", person.verdict
        return [Change("opened", label, track, person.verdict)]

    def _silent(self, box: Box, now: float) -> bool:
        return any(spot.silent_until > now and _same_spot(spot.box, box) for spot in self._spots)

    def _silence(self, box: Box, now: float) -> None:
        if self._settings.cooldown:
            self._spots.append(_Spot(box, now + self._settings.cooldown))


def _closed(track: Track, person: _Person) -> Change:
    accusation = person.accusation
    return Change("closed", accusation.label or "", track, accusation)


def _same_spot(one: Box, other: Box) -> bool:
    """Tell whether two faces are at the same place: centres less than a face apart."""
    (x1, y1), (x2, y2) = one.centre, other.centre
    larger, smaller = max(one.height, other.height), min(one.height, other.height)
    return hypot(x2 - x1, y2 - y1) < larger and larger < 2 * smaller
