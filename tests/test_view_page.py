"""The live view in a real browser."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.sources.state import CameraState
from edge.values import Verdict
from tests.browser import CHROMIUM, DRIVER, Browser
from tests.live_page import PASSWORD, Page, alert, outcome

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium is not installed"),
]
BARE, MASKED = Verdict("face_no_mask", 0.987, 7), Verdict("face_with_mask", 0.95, 12)


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def browser(window: Browser, serve: Callable[..., Page]) -> Iterator[Browser]:  # noqa: ARG001
    """A window the size of a desktop's, whose page has nothing to complain of.

    It is left before what it shows is gone.
    """
    window.become(1280, 800)
    yield window
    window.leave()
    assert window.complaints() == []


@pytest.fixture
def live() -> Iterator[Callable[[Page], None]]:
    """Lets a page have a new picture twenty times a second."""
    stop = threading.Event()
    threads = []

    def begin(page: Page) -> None:
        def feed() -> None:
            random = np.random.default_rng(1)
            while not stop.wait(0.05):
                noise = random.integers(0, 256, (240, 320, 3), np.uint8)
                for camera in page.settings.cameras:
                    page.show(outcome(BARE, MASKED), noise, camera)

        threads.append(threading.Thread(target=feed, daemon=True))
        threads[-1].start()

    yield begin
    stop.set()
    for thread in threads:
        thread.join(5)


def test_the_demo_is_shown_with_its_people_verdicts_votes_and_alerts(
    browser: Browser, tmp_path: Path
) -> None:
    """The whole: `maskgate run --view`, as `make run` starts it."""
    environment = {
        **os.environ,
        "MASKGATE_VIEW__PORT": "0",
        "MASKGATE_DETECTOR__ACCELERATOR": "cpu",
        "MASKGATE_CLASSIFIER__ACCELERATOR": "cpu",
        "MASKGATE_OUTBOX__PATH": str(tmp_path / "outbox"),
    }
    command = "from edge.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", command, "run", "--view", "--seconds", "60"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment,
    ) as process:  # fmt: skip
        try:
            assert process.stderr
            said = next(line for line in process.stderr if line.startswith("live view: "))
            threading.Thread(target=process.stderr.read, daemon=True).start()
            browser.open(said.removeprefix("live view: ").strip())
            browser.wait("#link", "live")
            browser.wait("#labels .violation", "no mask")
            browser.wait("#labels .masked", "with mask", seconds=30)
            browser.wait("#people .masked", "votes")
            assert browser.find("#overlay rect.box")
            assert re.search(r"face \d+ px", browser.text("#people"))
            browser.wait("#alerts li", "no mask")
            assert browser.texts("#alerts img") == []
            browser.wait("#counts .violation", "1unmasked", seconds=30)
            first = picture(browser)
            time.sleep(1)
            assert not np.array_equal(picture(browser), first)
            browser.wait("#health dd", "frames/s")
            browser.leave()
        finally:
            process.terminate()
            process.wait(10)


def test_the_picture_moves_and_is_what_the_camera_saw(
    browser: Browser, page: Page, live: Callable[[Page], None]
) -> None:
    live(page)
    browser.open(page.served.url)
    browser.wait("#facts", "pictures/s")
    seen = [picture(browser) for _ in range(5)]
    assert seen[0].shape == (240, 320)
    assert len({one.tobytes() for one in seen}) > 1
    assert seen[0].std() > 40


def test_boxes_and_zones_lie_where_the_faces_and_zones_are(
    browser: Browser, serve: Callable[..., Page], live: Callable[[Page], None]
) -> None:
    page = serve(cameras={"entrance": {"zones": [[[0, 0], [0.5, 0], [0.5, 1]]], "min_face": 64}})
    live(page)
    browser.open(page.served.url)
    browser.wait("#labels .violation", "#1 no mask 99 %")
    box, stage = browser.run(
        "return ['#overlay rect.violation', '#stage'].map((one) => "
        "document.querySelector(one).getBoundingClientRect().toJSON())"
    )
    scale = stage["width"] / 320
    assert stage["height"] == pytest.approx(240 * scale, abs=1)
    assert box["x"] - stage["x"] == pytest.approx(100 * scale, abs=3)
    assert box["y"] - stage["y"] == pytest.approx(80 * scale, abs=3)
    assert box["width"] == pytest.approx(60 * scale, abs=3)
    browser.wait("#labels .aid", "64 px")
    # At once, for the page draws it anew with every picture.
    points = "return document.querySelector('#overlay polygon.zone').getAttribute('points')"
    assert browser.run(points) == "0,0 160,0 160,240"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_phone_needs_no_sideways_scrolling(
    browser: Browser,
    serve: Callable[..., Page],
    live: Callable[[Page], None],
    width: int,
    dark: bool,  # noqa: FBT001
) -> None:
    long = "a-camera-whose-name-is-as-long-as-a-name-may-ever-be-in-here-63"
    page = serve(cameras={"entrance": {}, long: {}, "yard": {}}, device={"site": "s" * 60})
    live(page)
    page.live.told([alert("opened", time.time())])
    browser.become(width, 700, dark=dark, scale=2)
    browser.open(page.served.url)
    browser.wait("#labels .violation")
    browser.wait("#alerts li", "still here")
    assert browser.overhang() <= 0
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground))) < 200) is dark
    # A thumb hits what is at least 40 pixels high.
    heights = browser.run(
        "return [...document.querySelectorAll('button, .switch')]"
        ".map((one) => one.offsetHeight).filter((height) => height)"
    )
    assert min(heights) >= 40


def test_the_picture_can_fill_the_screen(
    browser: Browser, page: Page, live: Callable[[Page], None]
) -> None:
    live(page)
    browser.become(390, 844)
    browser.open(page.served.url)
    browser.wait("#labels .violation")
    browser.find("#large")[0].click()
    width = browser.run("return document.getElementById('stage').offsetWidth")
    assert width == 390
    assert browser.text("#large") == "Back"
    browser.find("#large")[0].click()
    assert browser.run("return document.getElementById('stage').offsetWidth") < 390


def test_another_camera_is_a_tap_away_and_says_why_it_has_no_picture(
    browser: Browser, serve: Callable[..., Page]
) -> None:
    page = serve(cameras={"entrance": {}, "yard": {}})
    hostile = "<img src=x onerror=alert(1)> & co"
    page.states = lambda: [  # type: ignore[method-assign]
        CameraState("entrance", "delivering", None, 0.0, 0, 1, 0),
        CameraState("yard", "away", hostile, 0.0, 3, 1, 0),
    ]
    page.live._states = page.states
    page.show(outcome(BARE))
    browser.open(page.served.url)
    browser.wait("#labels .violation")
    browser.find("#cameras button")[1].click()
    browser.wait("#notice", "waiting")
    assert browser.texts("#labels span") == []
    browser.wait("#notice", f"this camera is away: {hostile}")
    browser.wait("#health dd", hostile)
    assert "away 3 times" in browser.text("#health")
    browser.find("#cameras button")[0].click()
    page.show(outcome(MASKED))
    browser.wait("#labels .masked")


def test_nothing_is_asked_of_any_other_host(
    browser: Browser, page: Page, live: Callable[[Page], None]
) -> None:
    live(page)
    browser.open(page.served.url)
    browser.wait("#facts", "pictures/s")
    asked = browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert len(asked) > 5
    assert all(name.startswith((page.served.url, f"blob:{page.served.url}")) for name in asked)


def test_a_wrong_password_is_refused_and_the_right_one_shows_the_page(
    browser: Browser, locked: Page, live: Callable[[Page], None]
) -> None:
    live(locked)
    browser.open(locked.served.url)
    assert browser.driver.current_url.endswith("/login")
    browser.find("#password")[0].send_keys("open sesam3\n")
    browser.wait(".refusal", "That is not the password.")
    # The browser itself notes the refusal.
    assert ["403" in complaint for complaint in browser.complaints()] == [True]
    browser.find("#password")[0].send_keys(f"{PASSWORD}\n")
    browser.wait("#labels .violation")
    assert browser.run("return document.cookie") == ""
    browser.find("#logout button")[0].click()
    browser.wait("label", "Password")
    browser.open(locked.served.url)
    assert browser.driver.current_url.endswith("/login")


def test_whose_session_ends_gets_back_to_the_form(
    browser: Browser, locked: Page, live: Callable[[Page], None]
) -> None:
    live(locked)
    browser.open(locked.served.url)
    browser.find("#password")[0].send_keys(f"{PASSWORD}\n")
    browser.wait("#labels .violation")
    browser.driver.delete_all_cookies()
    browser.wait("label", "Password")
    assert all("401" in complaint for complaint in browser.complaints())


def test_the_page_says_that_faces_are_pixelated(
    browser: Browser, serve: Callable[..., Page], live: Callable[[Page], None]
) -> None:
    page = serve({"pixelate": True})
    live(page)
    browser.open(page.served.url)
    browser.wait("#facts", "pictures/s · faces pixelated")
    assert picture(browser)[85:155, 105:155].std() < 20


def test_the_page_says_when_the_device_is_gone_and_goes_on_when_it_is_back(
    browser: Browser, live: Callable[[Page], None], serve: Callable[..., Page]
) -> None:
    page = serve()
    live(page)
    browser.open(page.served.url)
    browser.wait("#labels .violation")
    page.served.__exit__()
    browser.wait("#link", "no connection")
    browser.wait("#notice", "no connection")
    again = serve({"port": page.port})
    again.show(outcome(MASKED))
    browser.wait("#labels .masked")
    browser.wait("#link", "live")
    assert all("ERR_" in complaint for complaint in browser.complaints())


def test_with_many_looking_the_page_waits_for_a_place(
    browser: Browser, page: Page, live: Callable[[Page], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.view.viewers._AWAY", 2.0)
    live(page)
    for number in range(4):
        page.picture(viewer=f"viewer0{number}")
    browser.open(page.served.url)
    browser.wait("#notice", "too many people look")
    browser.wait("#labels .violation")
    assert all("503" in complaint for complaint in browser.complaints())


def picture(browser: Browser) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    """The picture that is shown, grey."""
    width, height, pixels = browser.run(
        "const shown = document.getElementById('picture');"
        "const canvas = document.createElement('canvas');"
        "[canvas.width, canvas.height] = [shown.naturalWidth, shown.naturalHeight];"
        "const context = canvas.getContext('2d'); context.drawImage(shown, 0, 0);"
        "return [canvas.width, canvas.height, [...context.getImageData(0, 0, canvas.width, "
        "canvas.height).data].filter((_, index) => index % 4 === 0)]"
    )
    return np.array(pixels, np.uint8).reshape(height, width)
