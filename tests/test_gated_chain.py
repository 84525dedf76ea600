"""The chain with the motion gate tells of the same persons as one that searches every frame."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.chain import Chain
from edge.config import Classifier, Decision, Detector, Outbox, Settings
from edge.demo.entrance import DESK, entrance
from edge.demo.figure import Clothing, CutOut, Figure
from edge.demo.masks import SURGICAL
from edge.demo.portraits import COLLINS, HOPPER
from edge.demo.source import RATE, Demo
from edge.nets import OpenNets
from edge.values import Frame, Pixels
from tests.accelerators import built_delegate

LATE = 3
"""Frames that a person, or an alert, may come later."""


class Told:
    """What a chain tells of some pictures."""

    def __init__(self, pictures: Iterable[Pixels], *, gate: bool) -> None:
        settings = Settings(
            detector=Detector(accelerator="cpu", gate=gate),
            classifier=Classifier(accelerator="cpu"),
            decision=Decision(),
        )
        chain = Chain(OpenNets(settings), settings)
        self.first_seen: dict[int, int] = {}
        self.alerts: list[tuple[str, str, int]] = []
        self.looks: Counter[str] = Counter()
        self.parts = 0
        number = 0
        for number, pixels in enumerate(pictures):
            frame = Frame(pixels, "entrance", number, number / RATE, number / RATE)
            outcome = chain.process(frame)
            self.looks[outcome.look.reason] += 1
            self.parts += outcome.look.regions is not None
            self.alerts += [(one.state, one.label, number) for one in outcome.alerts]
            for track, _ in outcome.people:
                if track.hits >= settings.tracking.confirm_hits:
                    self.first_seen.setdefault(track.id, number)
        self.alerts += [(one.state, one.label, number) for one in chain.finish()]
        self.people = chain.people


def noisy(pictures: Iterable[Pixels], sigma: float = 4.0) -> Iterator[Pixels]:
    cv2.setRNGSeed(3)
    for pixels in pictures:
        noise = cv2.randn(np.empty(pixels.shape, np.int16), 0, sigma)
        yield np.clip(pixels + noise, 0, 255).astype(np.uint8)


def assert_alike(gated: Told, full: Told) -> None:
    assert gated.people == full.people
    for mine, other in zip(
        sorted(gated.first_seen.values()), sorted(full.first_seen.values()), strict=True
    ):
        assert mine <= other + LATE
    assert [alert[:2] for alert in gated.alerts] == [alert[:2] for alert in full.alerts]
    for (state, _, mine), (_, _, other) in zip(gated.alerts, full.alerts, strict=True):
        assert state == "closed" or mine <= other + LATE


def standing(clothing: Clothing, count: int, *, before: int = 20) -> Iterator[Pixels]:
    """Nobody, and then somebody who stands still."""
    empty = entrance()
    occupied = empty.copy()
    Figure(CutOut(COLLINS), clothing).set_into(occupied, 320, 180, 70, DESK)
    for number in range(before + count):
        yield empty if number < before else occupied


def test_somebody_who_stands_still_keeps_their_track_and_their_alert() -> None:
    told = Told(noisy(standing(Clothing(), 120)), gate=True)
    assert len(told.first_seen) == 1
    assert [alert[:2] for alert in told.alerts] == [
        ("opened", "face_no_mask"),
        ("closed", "face_no_mask"),
    ]
    assert told.alerts[1][2] == 139  # when the frames end
    assert told.looks["still"] > 50


def test_a_mask_that_is_taken_off_is_seen_though_nothing_else_moves() -> None:
    def pictures() -> Iterator[Pixels]:
        yield from standing(Clothing(SURGICAL), 40)
        yield from standing(Clothing(), 60, before=0)

    gated, full = Told(noisy(pictures()), gate=True), Told(noisy(pictures()), gate=False)
    assert [alert[0] for alert in full.alerts] == ["opened", "closed"]
    assert_alike(gated, full)


def test_who_appears_so_slowly_that_each_step_drowns_in_the_noise_is_seen() -> None:
    empty = entrance().astype(np.float32)
    occupied = entrance()
    Figure(CutOut(HOPPER), Clothing()).set_into(occupied, 320, 180, 70, DESK)

    def pictures() -> Iterator[Pixels]:
        for number in range(100):
            share = np.float32(min(1.0, max(0, number - 20) / 60))
            yield (empty + share * (occupied - empty)).astype(np.uint8)

    gated, full = Told(noisy(pictures()), gate=True), Told(noisy(pictures()), gate=False)
    assert_alike(gated, full)


def test_an_accelerator_is_shown_whole_frames_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DELEGATE", "idle")
    settings = Settings(
        detector=Detector(accelerator=f"delegate:{built_delegate(tmp_path)}"),
        classifier=Classifier(accelerator="cpu"),
        outbox=Outbox(path=tmp_path / "outbox.sqlite"),
    )
    chain = Chain(OpenNets(settings), settings)
    looks = [
        chain.process(Frame(pixels, "entrance", number, number / RATE, number / RATE)).look
        for number, pixels in enumerate(standing(Clothing(), 20))
    ]
    assert "moved" in {look.reason for look in looks}
    assert {look.regions for look in looks} == {None, ()}


@pytest.mark.slow
def test_the_demos_people_are_told_of_alike() -> None:
    demo = Demo(endless=False)
    pictures = [pixels for _ in range(demo.frames_in_loop) if (pixels := demo.read()) is not None]
    seen = list(noisy(pictures))
    for played in (seen, seen[::-1]):
        gated, full = Told(played, gate=True), Told(played, gate=False)
        assert_alike(gated, full)
        assert gated.parts > 50
        assert full.looks.keys() == {"off"}
