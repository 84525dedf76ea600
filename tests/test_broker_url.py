"""Where the broker is, and the password for it."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from edge.config import Broker
from edge.errors import MaskGateError
from edge.mqtt.broker_url import BrokerAddress, parse_broker_url, read_password


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker", BrokerAddress("broker", 1883, tls=False, user=None)),
        ("mqtts://broker", BrokerAddress("broker", 8883, tls=True, user=None)),
        ("mqtt://10.0.0.1:99/", BrokerAddress("10.0.0.1", 99, tls=False, user=None)),
        ("mqtt://door@broker:99", BrokerAddress("broker", 99, tls=False, user="door")),
        ("mqtt://a%40b.c@broker", BrokerAddress("broker", 1883, tls=False, user="a@b.c")),
        ("mqtt://[::1]:99", BrokerAddress("::1", 99, tls=False, user=None)),
    ],
)
def test_a_url_is_taken_apart(url: str, address: BrokerAddress):
    assert parse_broker_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker",
        "http://broker",
        "mqtt://",
        "mqtt://door@",
        "mqtt://broker:0",
        "mqtt://broker:99999",
        "mqtt://broker:port",
        "mqtt://broker/topic",
        "mqtt://broker?a=b",
        "mqtt://bro ker",
        "mqtt://broker\n",
        "mqtt://[::1",
    ],
)
def test_what_is_no_url_is_refused(url: str):
    with pytest.raises(ValueError, match="expected mqtt://"):
        parse_broker_url(url)


@pytest.mark.parametrize("url", ["mqtt://door:s3cr3t@broker", "mqtt://door:s3cr3t/x@broker"])
def test_a_password_in_the_url_is_refused_and_not_repeated(url: str):
    with pytest.raises(ValueError, match=r"password|expected") as caught:
        parse_broker_url(url)
    assert "s3cr3t" not in str(caught.value)
    with pytest.raises(ValidationError):
        Broker(url=url)


def test_an_address_is_written_as_host_and_port():
    assert str(parse_broker_url("mqtt://door@[::1]")) == "[::1]:1883"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\nmore\n"])
def test_the_password_is_the_first_line_of_the_file(tmp_path: Path, ending: str):
    file = tmp_path / "password"
    file.write_bytes(" pass wörd ".encode() + ending.encode())
    assert read_password("door", file) == " pass wörd "


@pytest.mark.parametrize(
    ("content", "user", "complaint"),
    [
        (None, "door", "No such file"),
        (b"", "door", "its first line is empty"),
        (b"\nsecond", "door", "its first line is empty"),
        (b"\xff\xfe", "door", "not UTF-8"),
        (b"password", None, "there is no user for it"),
    ],
)
def test_a_password_file_that_is_no_use_is_refused(
    tmp_path: Path, content: bytes | None, user: str | None, complaint: str
):
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(MaskGateError, match=complaint) as caught:
        read_password(user, file)
    assert str(file) in str(caught.value)


def test_a_password_file_that_everybody_can_read_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    file = tmp_path / "password"
    file.write_text("password")
    file.chmod(0o640)
    read_password("door", file)
    assert not caplog.records
    file.chmod(0o644)
    read_password("door", file)
    read_password("door", file)
    (record,) = caplog.records
    assert str(file) in record.message
    assert "chmod o-r" in record.message


@pytest.mark.parametrize(
    ("user", "variable", "password"),
    [("door", "s3cr3t", "s3cr3t"), ("door", "", None), (None, "s3cr3t", None)],
)
def test_the_environment_gives_the_password_of_a_user(
    monkeypatch: pytest.MonkeyPatch, user: str | None, variable: str, password: str | None
):
    monkeypatch.setenv("MASKGATE_PASSWORD", variable)
    assert read_password(user, None) == password


def test_the_file_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MASKGATE_PASSWORD", "old")
    file = tmp_path / "password"
    file.write_text("new")
    assert read_password("door", file) == "new"
