"""The live view of a running watch: opened, closed and changed with the settings."""

import http.client
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from threading import Thread

import pytest

from edge.chain import Chain
from edge.config import Broker, Camera, Classifier, Detector, Outbox, Settings, View
from edge.demo.source import Demo
from edge.ending import End
from edge.nets import OpenNets
from edge.people.counts import Counts
from edge.values import Frame
from edge.view.showing import Showing
from edge.watch.running import Watch
from tests.waiting import free_port, wait_until

CPU = {"detector": Detector(accelerator="cpu"), "classifier": Classifier(accelerator="cpu")}
WALL = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.1))
"""A zone in which nobody's face ever is."""


@contextmanager
def running(settings: Settings, said: list[str]) -> Iterator[Watch]:
    watching = Watch(settings, str)
    showing = Showing(watching, lambda: Counts(date(2026, 11, 28)), said.append)
    watching.observe(showing)
    end = End(None)

    def go() -> None:
        with watching:
            watching.run(end)

    thread = Thread(target=go)
    thread.start()
    try:
        yield watching
    finally:
        end.asked = True
        thread.join(20)
        showing.close()


def answer(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        got = connection.getresponse()
        return got.status, got.read()
    finally:
        connection.close()


def hidden(port: int) -> bool:
    return bool(json.loads(answer(port, "/state")[1])["faces_hidden"])


def test_the_page_comes_goes_and_changes_with_the_settings_while_the_watch_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    port, said = free_port(), list[str]()
    off = Settings(
        broker=Broker(url=f"mqtt://127.0.0.1:{free_port()}"),
        outbox=Outbox(path=tmp_path / "outbox"),
        **CPU,
    )

    def view(**keys: object) -> Settings:
        shown = View.model_validate({"enabled": True, "port": port, **keys})
        return off.model_copy(update={"view": shown})

    with running(off, said) as watching:

        def go_by(settings: Settings) -> list[str]:
            return watching.do(lambda: watching.apply(settings)).result(20)

        assert said == []
        assert go_by(view()) == ["view"]
        assert said == [f"live view: http://127.0.0.1:{port}"]
        assert not hidden(port)
        picture = "/picture/entrance?after=0&viewer=viewer00"
        assert answer(port, picture)[0] == 200
        go_by(view(pixelate=True))
        assert hidden(port)
        go_by(off)
        with pytest.raises(ConnectionRefusedError):
            answer(port, "/state")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            go_by(view(port=taken.getsockname()[1]))
        assert "there is no live view: view.address 127.0.0.1" in caplog.text
        go_by(view())
        wait_until(lambda: answer(port, picture)[0] == 200)


def test_who_does_not_count_at_a_camera_is_pixelated_too() -> None:
    settings = Settings(cameras={"entrance": Camera(zones=(WALL,))}, **CPU)
    chain = Chain(OpenNets(settings), settings, settings.cameras["entrance"])
    demo = Demo()
    frames = [demo.read() for _ in range(60)]
    faces = []
    for number, pixels in enumerate(frames):
        assert pixels is not None
        outcome = chain.process(Frame(pixels, "entrance", number, number / 15, 0.0))
        assert outcome.people == []
        faces.append(outcome.faces)
    # Also in the frames that the gate has not had searched.
    assert all(faces[20:])
