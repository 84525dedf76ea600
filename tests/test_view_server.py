"""The live view over HTTP: who gets what, and that the watch never waits for it."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.config import Settings, View
from edge.errors import MaskGateError
from edge.people.counts import Counts
from edge.values import Box, Verdict
from edge.view import server
from tests.live_page import Page, alert, decoded, outcome
from tests.waiting import free_port, wait_until


def test_a_picture_comes_with_what_was_found_in_it(page: Page) -> None:
    page.show(outcome(Verdict("face_no_mask", 0.987, 7), Verdict(None, 0.0, 2)))
    found, jpeg = page.picture()
    assert (found["width"], found["height"]) == (320, 240)
    bare, unsure = found["people"]  # type: ignore[misc]
    assert bare == {
        "id": 1, "box": [0.3125, 0.3333, 0.5, 0.6667], "pixels": 80, "in_sight": True,
        "kind": "violation", "label": "no mask", "confidence": 0.987, "votes": 7,
    }  # fmt: skip
    assert (unsure["kind"], unsure["label"], unsure["votes"]) == ("unsure", "unsure", 2)
    assert decoded(jpeg).shape == (240, 320, 3)


def test_the_newest_picture_wins_and_none_is_sent_twice(page: Page) -> None:
    for _ in range(5):
        page.show(outcome())
    number = page.picture()[0]["number"]
    assert number == 5
    threading.Timer(0.3, lambda: page.show(outcome())).start()
    begun = time.monotonic()
    assert page.picture(after=5)[0]["number"] == 6
    assert time.monotonic() - begun > 0.2


def test_a_picture_is_encoded_once_for_all_who_look_and_not_when_nobody_does(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = []
    encode = cv2.imencode
    monkeypatch.setattr(cv2, "imencode", lambda *words: encoded.append(1) or encode(*words))
    for _ in range(50):
        page.show(outcome())
    assert not encoded
    for number in range(4):
        page.picture(viewer=f"viewer0{number}")
    assert len(encoded) == 1


def test_showing_frames_takes_no_time_however_many_look(page: Page) -> None:
    large = np.zeros((2160, 3840, 3), np.uint8)
    page.show(outcome(), large)
    stop = threading.Event()

    def look(number: int) -> None:
        after = 0
        while not stop.is_set():
            after = int(str(page.picture(after, f"viewer0{number}")[0]["number"]))

    lookers = [threading.Thread(target=look, args=(number,), daemon=True) for number in range(4)]
    for looker in lookers:
        looker.start()
    longest = 0.0
    for _ in range(100):
        begun = time.perf_counter()
        page.show(outcome(), large)
        longest = max(longest, time.perf_counter() - begun)
        time.sleep(0.01)
    stop.set()
    page.show(outcome(), large)
    for looker in lookers:
        looker.join(10)
    # Encoding one of these takes longer; what is measured is the other threads' share of Python.
    assert longest < 0.05


def test_however_fast_a_camera_is_its_pictures_are_bounded(page: Page) -> None:
    after = 0
    numbers = set()
    begun = time.monotonic()
    while time.monotonic() < begun + 1:
        page.show(outcome())
        page.show(outcome())
        after = int(str(page.picture(after)[0]["number"]))
        numbers.add(after)
    # The first comes at once, and the last may come after the second is over.
    assert 5 <= len(numbers) <= 16 * (time.monotonic() - begun) + 1


def test_an_old_picture_is_not_shown_as_if_it_were_now(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.view.screen._STALE", 0.2)
    monkeypatch.setattr("edge.view.watching._PATIENCE", 0.1)
    page.show(outcome())
    page.picture()
    time.sleep(0.3)
    assert page.ask("/picture/entrance?after=0&viewer=viewer00")[0] == 204


def test_other_cameras_are_shown_when_other_settings_are_in_force(page: Page) -> None:
    page.show(outcome())
    page.settings = Settings.model_validate({"cameras": {"yard": {}}})
    page.live.adopted(page.settings)
    page.show(outcome(), camera="yard")
    assert page.ask("/picture/yard?after=0&viewer=viewer00")[0] == 200
    assert page.ask("/picture/entrance?after=0&viewer=viewer00")[0] == 404
    assert [c["name"] for c in json.loads(page.ask("/state")[2])["cameras"]] == ["yard"]


def test_a_page_that_fails_does_not_end_the_watch(
    serve: Callable[..., Page], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_words: object) -> None:
        raise RuntimeError("no loop")

    monkeypatch.setattr(server.Server, "serve", fail)
    page = serve()
    wait_until(lambda: "the device watches on without it" in caplog.text)
    page.show(outcome())


def test_large_pictures_are_made_smaller(page: Page) -> None:
    page.show(outcome(), np.zeros((1080, 1920, 3), np.uint8))
    found, jpeg = page.picture()
    assert (found["width"], found["height"]) == (1920, 1080)
    assert decoded(jpeg).shape == (720, 1280, 3)


@pytest.mark.parametrize(("pixelate", "hidden"), [(True, True), (False, False), (None, False)])
def test_faces_are_pixelated_when_the_settings_say_so(
    serve: Callable[..., Page],
    pixelate: bool | None,  # noqa: FBT001
    hidden: bool,  # noqa: FBT001
) -> None:
    page = serve({"pixelate": pixelate})
    # Noise blurs to grey in a square's mean, and stays noise where nothing is done to it.
    page.show(outcome(Verdict("face_no_mask", 0.9, 5), bystanders=(Box(220, 80, 280, 160),)))
    _, jpeg = page.picture()
    for left in (105, 225):  # also of those who do not count
        assert bool(decoded(jpeg)[85:155, left : left + 50].std() < 20) is hidden
    assert decoded(jpeg)[:60].std() > 40
    assert json.loads(page.ask("/state")[2])["faces_hidden"] is hidden


def test_the_state_tells_counts_alerts_without_pictures_and_how_cameras_do(page: Page) -> None:
    page.counts = Counts(date(2026, 11, 28), masked=3, unmasked=2, unsure=1)
    page.live.told([alert("opened", 1000.0)])
    status, headers, body = page.ask("/state")
    state = json.loads(body)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert state["counts"] == [
        {"what": "people", "count": 6, "kind": "all"},
        {"what": "masked", "count": 3, "kind": "masked"},
        {"what": "unmasked", "count": 2, "kind": "violation"},
        {"what": "unsure", "count": 1, "kind": "unsure"},
    ]
    [told] = state["alerts"]
    assert set(told) == {"id", "time", "camera", "label", "over"}
    assert (told["time"], told["label"], told["over"]) == (1000.0, "no mask", None)
    page.live.told([alert("closed", 1007.5)])
    assert json.loads(page.ask("/state")[2])["alerts"][0]["over"] == 1007.5
    [camera] = state["cameras"]
    assert (camera["name"], camera["condition"], camera["dropped"]) == ("entrance", "delivering", 2)


def test_only_the_newest_alerts_are_remembered(page: Page) -> None:
    for number in range(100):
        page.live.told([alert("opened", 1000.0 + number)])
    assert [a["time"] for a in json.loads(page.ask("/state")[2])["alerts"]] == list(
        range(1099, 1079, -1)
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/picture/entrance", 400),
        ("/picture/entrance?after=-1&viewer=viewer00", 400),
        ("/picture/entrance?after=9999999999999999&viewer=viewer00", 400),
        ("/picture/entrance?after=x&viewer=viewer00", 400),
        ("/picture/entrance?after=0&viewer=me", 400),
        ("/picture/entrance?after=0&viewer=%3Cscript%3E", 400),
        ("/picture/yard?after=0&viewer=viewer00", 404),
        ("/picture/../../etc/passwd?after=0&viewer=viewer00", 404),
        ("/..%2f..%2fetc%2fpasswd", 404),
        ("/page/index.html", 404),
        ("/login", 404),
        ("/" + "x" * 50_000, 404),
    ],
)
def test_what_nobody_should_ask_for_is_refused(page: Page, path: str, status: int) -> None:
    assert page.ask(path)[0] == status


@pytest.mark.parametrize(
    "rubbish",
    [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 5000,
     b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost: [::\r\n\r\n",
     b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
     b"POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://[\r\n\r\n"],
)  # fmt: skip
def test_rubbish_is_refused_and_the_page_lives_on(page: Page, rubbish: bytes) -> None:
    with socket.create_connection(("127.0.0.1", page.port), 5) as connection:
        connection.sendall(rubbish)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(12)
    assert answer[9:10] in {b"4", b""}
    assert page.ask("/")[0] == 200


def test_only_so_many_may_look_at_once(page: Page) -> None:
    page.show(outcome())
    for number in range(4):
        page.picture(viewer=f"viewer0{number}")
    status, headers, _ = page.ask("/picture/entrance?after=0&viewer=latecomer")
    assert (status, headers["retry-after"]) == (503, "5")
    page.show(outcome())
    page.picture(viewer="viewer03")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:1234", 200),
        ("localhost", 200),
        ("[::1]:8790", 200),
        ("192.168.7.5", 200),
        ("DOOR.example:8790", 200),
        (socket.gethostname(), 200),
        ("evil.example", 421),
        ("door.example.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost@evil.example", 421),
        ("evil.example:8790", 421),
        ("[::1", 421),
        ("door.example:x", 200),
    ],
)
def test_a_name_that_is_not_the_devices_own_is_refused_as_rebinding_would_use_one(
    serve: Callable[..., Page], host: str, status: int
) -> None:
    assert serve({"names": ["door.example"]}).ask("/", Host=host)[0] == status


def test_with_a_certificate_the_page_is_served_by_tls(
    serve: Callable[..., Page], password_file: Path, certificates: Path
) -> None:
    page = serve(
        {
            "password_file": password_file,
            "cert_file": certificates / "server.pem",
            "key_file": certificates / "server.key",
        }
    )
    assert page.served.url.startswith("https://")
    page.context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    cookie = page.log_in()[1]["set-cookie"]
    assert "Secure" in cookie
    page.cookie = cookie.split(";")[0]
    assert page.ask("/state")[0] == 200


def test_a_port_that_is_taken_is_an_error_of_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(MaskGateError, match=f"view.port {port}: Address already in use"):
            Page(View(port=port))


def test_a_connection_that_asks_for_nothing_is_closed(
    serve: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_REQUEST_LIMIT", 0.3)
    page = serve()
    for sent in (b"", b"GET / HTTP/1.1\r\nHost: loc"):
        with socket.create_connection(("127.0.0.1", page.port), 5) as idle:
            idle.sendall(sent)
            assert idle.recv(1) == b""


def test_idle_connections_are_bounded_and_do_not_lock_the_page(page: Page) -> None:
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(("127.0.0.1", page.port), 5))
        wait_until(lambda: len(page.served._server.server_state.connections) <= 64)
        assert page.ask("/")[0] == 200


def test_stopping_does_not_wait_for_those_who_look(serve: Callable[..., Page]) -> None:
    page = serve()
    waiting = threading.Thread(
        target=lambda: page.ask("/picture/entrance?after=0&viewer=viewer00"), daemon=True
    )
    waiting.start()
    time.sleep(0.2)
    begun = time.monotonic()
    page.served.__exit__()
    assert time.monotonic() - begun < 1.5
    waiting.join(5)
    assert not waiting.is_alive()


def test_the_port_is_free_again_at_once() -> None:
    port = free_port()
    for _ in range(2):
        page = Page(View(port=port))
        with page.served:
            assert page.ask("/")[0] == 200
