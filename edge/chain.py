"""The way of a frame: gate, detect, track, classify, decide.

A frame in, verdicts and alerts out.
"""

import uuid
from dataclasses import dataclass, field
from itertools import pairwise
from time import perf_counter

from edge.alerting.alerts import Alert, shares_of_frame
from edge.clock import Clock
from edge.config import Camera, Settings
from edge.nets import OpenNets
from edge.people.bystanders import Bystanders
from edge.people.decision import Change, Judge, People, Vote
from edge.people.tracker import Tracker
from edge.people.zones import Zones
from edge.values import Box, Frame, Track, Verdict
from edge.vision.gate import Gate, Look, search
from edge.vision.quality import is_fit

STAGES = ("gate", "detect", "track", "classify", "decide")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one frame led to."""

    people: list[tuple[Track, Verdict]]
    """Everyone who is followed, those hidden in this frame included."""
    alerts: list[Alert]
    seconds: dict[str, float]
    """Time spent in each of STAGES."""
    look: Look
    """Where faces were searched, and why."""
    bystanders: list[Box] = field(default_factory=list)
    """Where faces are, or were a moment ago, that do not count at this camera."""

    @property
    def faces(self) -> list[Box]:
        """Where any face is or may be still, for those who hide faces in a picture."""
        return [track.box for track, _ in self.people] + self.bystanders


class Chain:
    """Everything between a frame of one camera and its alerts; knows of no camera and no network.

    The nets are shared with the chains of other cameras. One thread runs them all.
    """

    def __init__(self, nets: OpenNets, settings: Settings, camera: Camera | None = None) -> None:
        """Begin with nobody in sight.

        Args:
            nets: opened by these settings.
            settings: how people are followed and judged.
            camera: which faces count; all when None.
        """
        self._nets, self._settings = nets, settings
        self._zones = Zones(camera or Camera())
        self._bystanders = Bystanders()
        self._gate = self._new_gate()
        self._tracker = Tracker(settings.tracking)
        self._judge = Judge(settings.decision, settings.tracking.confirm_hits)
        self._violations: dict[int, uuid.UUID] = {}
        self._clock = Clock()
        self._last_frame: Frame | None = None

    def adopt(self, nets: OpenNets, settings: Settings, camera: Camera) -> None:
        """Go on by other settings; who is in sight stays the same person."""
        before, self._settings = self._settings, settings
        self._zones = Zones(camera)
        if nets is not self._nets or settings.detector != before.detector:
            self._nets = nets
            self._gate = self._new_gate()
        self._tracker.adopt(settings.tracking)
        self._judge.adopt(settings.decision, settings.tracking.confirm_hits)

    @property
    def people(self) -> People:
        """How many persons there were so far, each counted once, when they have left."""
        return self._judge.people

    def process(self, frame: Frame) -> Outcome:
        """Take the next frame of one camera."""
        self._last_frame = frame
        times = [perf_counter()]
        look = self._plan(frame)
        times.append(perf_counter())
        faces, look = search(self._nets.detector, frame.pixels, look)
        times.append(perf_counter())
        counted = self._zones.counted(faces, frame)
        others = [face.box for face in faces if face not in counted]
        bystanders = self._bystanders.update(others, look.covers, frame.monotonic)
        tracks, ended = self._tracker.update(frame, counted, look.covers)
        times.append(perf_counter())
        now = frame.monotonic
        votes = [(track, self._look(frame, track)) for track in self._judge.due(tracks, now)]
        times.append(perf_counter())
        changes = [change for track, vote in votes for change in self._judge.vote(track, vote, now)]
        changes += self._judge.end(ended, now)
        alerts = [self._alert(change, frame) for change in changes]
        people = [(track, self._judge.verdict(track)) for track in tracks]
        times.append(perf_counter())
        spent = [after - before for before, after in pairwise(times)]
        stages = dict(zip(STAGES, spent, strict=True))
        return Outcome(people, alerts, stages, look, bystanders)

    def finish(self) -> list[Alert]:
        """Take leave of everyone in sight, for no more frames will come."""
        frame = self._last_frame
        if frame is None:
            return []
        changes = self._judge.end(self._tracker.finish(), frame.monotonic)
        return [self._alert(change, frame) for change in changes]

    def _new_gate(self) -> Gate | None:
        detector = self._settings.detector
        return Gate(detector.min_face, parts=self._nets.detector.parts) if detector.gate else None

    def _plan(self, frame: Frame) -> Look:
        """Ask the gate where to search; wanted is whoever the stages after it wait for.

        That is who is due for a vote, who was not seen often enough to be a person, and who is lost
        from sight: that a face was not found once does not mean that it cannot be.
        """
        if self._gate is None:
            return Look("off")
        expected = self._tracker.expected(frame)
        due = {track.id for track in self._judge.due([one for one, _ in expected], frame.monotonic)}
        confirmed = self._settings.tracking.confirm_hits
        wanted = [
            box
            for track, box in expected
            if track.id in due or track.hits < confirmed or track.face is None
        ]
        return self._gate.plan(frame, [box for _, box in expected], wanted)

    def _look(self, frame: Frame, track: Track) -> Vote | None:
        face, settings, judging = track.face, self._settings.decision, self._nets.classifier
        min_face = settings.min_face or self._settings.detector.min_face
        if face is None or not is_fit(
            face, frame.pixels, min_face, settings.max_turn, settings.min_sharpness
        ):
            return None
        vote = judging.vote(judging.classify(frame.pixels, face.box))
        return Vote(*vote) if vote else None

    def _alert(self, change: Change, frame: Frame) -> Alert:
        track, verdict = change.track, change.verdict
        height, width = frame.pixels.shape[:2]
        if change.state == "opened":
            violation = self._violations[track.id] = uuid.uuid4()
        else:
            violation = self._violations.pop(track.id)
        # Wall times come from monotonic ones, by the clocks as they stand now: so they fit each
        # other although the wall clock may have jumped since the person came.
        now = self._clock.read()
        return Alert(
            violation=violation,
            state=change.state,
            label=change.label,
            camera=frame.camera,
            first_seen=now.wall_at(track.first_seen),
            last_seen=now.wall_at(track.last_seen),
            decided=now.wall_at(frame.monotonic),
            votes=verdict.votes,
            confidence=verdict.confidence,
            box=shares_of_frame(track.box, width, height),
            bundle=self._nets.judging.manifest.name,
            bundle_version=self._nets.judging.manifest.version,
            clock=now.trust,
            monotonic=frame.monotonic,
        )
