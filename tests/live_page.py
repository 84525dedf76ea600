"""A live view that is served, with what it shows made up, and what a client gets from it."""

import http.client
import json
import ssl
import time
from datetime import date
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import cv2
import numpy as np

from edge.alerting.alerts import Alert, State
from edge.chain import Outcome
from edge.config import Settings, View
from edge.people.counts import Counts
from edge.sources.state import CameraState
from edge.values import Box, Face, Frame, Landmarks, Pixels, Track, Verdict
from edge.view.live import Live
from edge.view.server import LiveView
from edge.vision.gate import Look

PASSWORD = "open sesame"  # noqa: S105
POINT = (0.0, 0.0)
FACE = Box(100, 80, 160, 160)
NOISE: Pixels = np.random.default_rng(3).integers(0, 256, (240, 320, 3), np.uint8)


def outcome(*verdicts: Verdict, bystanders: tuple[Box, ...] = ()) -> Outcome:
    face = Face(FACE, 0.99, Landmarks(POINT, POINT, POINT, POINT, POINT))
    people = [
        (Track(number, FACE, face, 1.0, 2.0, hits=5), verdict)
        for number, verdict in enumerate(verdicts, 1)
    ]
    return Outcome(people, [], {}, Look("off"), list(bystanders))


def alert(state: State, decided: float) -> Alert:
    return Alert(
        violation=VIOLATION, state=state, label="face_no_mask", camera="entrance",
        first_seen=decided - 1, last_seen=decided, decided=decided, votes=4, confidence=0.9,
        box=Box(0.1, 0.1, 0.2, 0.2), bundle="compact", bundle_version="1.0.0",
    )  # fmt: skip


VIOLATION = uuid4()


class Page:
    """A live view that is served, and what a client gets from it."""

    def __init__(self, view: View, **settings: object) -> None:
        self.settings = Settings.model_validate({"view": view, **settings})
        self.counts = Counts(date(2026, 11, 28))
        self.live = Live(self.settings, lambda: self.counts, self.states)
        self.served = LiveView(self.settings, self.live)
        self.cookie = ""
        self.context: ssl.SSLContext | None = None

    def states(self) -> list[CameraState]:
        return [
            CameraState(name, "delivering", None, time.monotonic(), 0, 7, 2)
            for name in self.settings.cameras
        ]

    def show(self, found: Outcome, pixels: Pixels = NOISE, camera: str = "entrance") -> None:
        self.live.saw(camera, Frame(pixels, camera, 0, 0.0, 0.0), found)

    @property
    def port(self) -> int:
        return urlsplit(self.served.url).port or 0

    def ask(
        self, path: str, method: str = "GET", body: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer."""
        if self.context is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        else:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=10, context=self.context
            )
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"Host": f"127.0.0.1:{self.port}", "Cookie": self.cookie, **given}
        connection.putrequest(method, path, skip_host=True)
        for name, value in given.items():
            if value:
                connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode() if body is not None else None)
        answer = connection.getresponse()
        found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        connection.close()
        return found

    def log_in(self, password: str = PASSWORD, **headers: str) -> tuple[int, dict[str, str], bytes]:
        scheme = "https" if self.context else "http"
        given = {"Origin": f"{scheme}://127.0.0.1:{self.port}", **headers}
        return self.ask("/login", "POST", urlencode({"password": password}), **given)

    def picture(self, after: int = 0, viewer: str = "viewer00") -> tuple[dict[str, object], bytes]:
        status, _, body = self.ask(f"/picture/entrance?after={after}&viewer={viewer}")
        assert status == 200, (status, body)
        line, jpeg = body.split(b"\n", 1)
        return json.loads(line), jpeg


def decoded(jpeg: bytes) -> Pixels:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
