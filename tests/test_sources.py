"""Sources that are not there, or can never be: what is said of them."""

import os
import socket
from pathlib import Path

import pytest

from edge.errors import MaskGateError
from edge.sources.opening import open_source
from edge.sources.source import SourceAway
from edge.sources.stream import masked
from tests.media import (
    source_of,
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a" * 300, "File name too long"),
        ("~nobody-of-this-name/a.mp4", "source ~nobody-of-this-name"),
        ("gone.mp4", r"gone\.mp4: no such file or folder; expected demo, a video"),
        ("ftp://camera/a", r"ftp://camera/a: unknown kind of URL; expected demo"),
        ("rtsp://", r"not a camera's URL; expected rtsp://"),
        ("rtsp://camera:port/", r"not a camera's URL"),
        ("http://[::1/", r"not a camera's URL"),
    ],
)
def test_a_source_that_can_never_be_is_refused_with_what_is_expected(text: str, says: str):
    with pytest.raises(MaskGateError, match=says) as raised:
        open_source(source_of(text))
    assert not isinstance(raised.value, SourceAway)


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MaskGateError, match="neither a file nor a folder"):
        open_source(source_of(tmp_path / "pipe"))


@pytest.mark.parametrize("text", ["97", "/dev/video97"])
def test_a_camera_that_is_not_there_may_come(text: str):
    with pytest.raises(SourceAway, match=r"/dev/video97: not there \(cameras here: .*plugged in"):
        open_source(source_of(text))


def test_a_device_that_is_no_camera_is_named():
    with pytest.raises(SourceAway, match="/dev/null: gives no pictures"):
        open_source(source_of("/dev/null"))


def test_a_network_camera_that_is_off_may_come_back():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(SourceAway, match=r"cannot connect .*refused") as raised:
        open_source(source_of(f"rtsp://admin:secret@127.0.0.1:{port}/live"))
    assert "secret" not in str(raised.value)
    assert f"rtsp://admin:***@127.0.0.1:{port}/live" in str(raised.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://10.0.0.7:8554/live", "rtsp://10.0.0.7:8554/live"),
        ("rtsp://admin@cam/live", "rtsp://admin@cam/live"),
        ("rtsp://admin:secret@cam/live", "rtsp://admin:***@cam/live"),
        ("rtsp://admin:se@c/re#t@cam/live", "rtsp://admin:***@cam/live"),
        ("http://cam/v.mjpg?user=a&pwd=secret", "http://cam/v.mjpg?***"),
        ("rtsp://cam/user=a&password=secret&channel=1", "rtsp://cam/user=a&password=***&channel=1"),
    ],
)
def test_no_message_shows_a_cameras_password(url: str, shown: str):
    assert masked(url) == shown


@pytest.mark.parametrize("password", ["Zq#7K", "Zq?7K", "Zq@7K"])
def test_a_password_that_breaks_the_url_is_not_shown_either(password: str):
    with pytest.raises(MaskGateError) as raised:
        open_source(source_of(f"rtsp://127.0.0.1:{password}@127.0.0.1:1/"))
    assert "Zq" not in str(raised.value)
    assert "7K" not in str(raised.value)
