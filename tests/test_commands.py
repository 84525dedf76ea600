"""Commands from the network: what is obeyed, what is refused, and what is answered."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from edge.commands import desk as desk_module
from edge.commands.desk import Desk, Handler
from edge.commands.rate import Rate
from edge.commands.request import LARGEST, Pause, Request, read_request
from edge.config import Device
from edge.config.commands import COMMANDS, CommandName
from edge.errors import MaskGateError
from edge.lane import MOST_WAITING
from edge.mqtt.message import Message, Publication
from tests.schemas import schema
from tests.waiting import wait_until

DEVICE = Device(site="hq", id="north-door")
ROOT = "maskgate/hq/north-door"
MakeDesk = Callable[..., Desk]


@pytest.fixture
def answers() -> list[Publication]:
    return []


@pytest.fixture
def make_desk(answers: list[Publication]) -> Iterator[MakeDesk]:
    desks: list[Desk] = []

    def make(**handlers: Handler) -> Desk:
        table: dict[CommandName, Handler] = {
            name: handlers[name] for name in COMMANDS if name in handlers
        }
        desks.append(Desk(DEVICE, table, answers.append))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close(2)


def asked(name: str, payload: str | bytes, **more: Any) -> Message:
    content = payload.encode() if isinstance(payload, str) else payload
    return Message(f"{ROOT}/command/{name}", content, **more)


def results(answers: list[Publication]) -> list[dict[str, Any]]:
    found = [json.loads(answer.payload) for answer in answers]
    for result in found:
        Draft202012Validator(schema("result")).validate(result)
    return found


def test_a_command_is_done_and_answered_under_its_id(
    make_desk: MakeDesk, answers: list[Publication]
):
    heard: list[Request] = []

    def pause(request: Pause) -> str:
        heard.append(request)
        return "paused for 60 s"

    make_desk(pause=pause).take(asked("pause", '{"id": "7", "seconds": 60}'))
    wait_until(lambda: bool(answers))
    assert heard == [Pause(id="7", seconds=60)]
    assert results(answers) == [
        {"command": "pause", "id": "7", "outcome": "done", "detail": "paused for 60 s"}
    ]
    assert answers[0].topic == f"{ROOT}/command/pause/result"
    assert not answers[0].retain


VALID = [
    ("pause", '{"id": "1"}'),
    ("pause", '{"id": "1", "seconds": 1}'),
    ("pause", '{"id": "1", "seconds": null}'),
    ("resume", '{"id": "a.B:c-9_"}'),
    ("snapshot", '{"id": "1"}'),
    ("snapshot", '{"id": "1", "camera": "north-1_a"}'),
    ("snapshot", '{"id": "1", "camera": null}'),
    ("reload", '{"id": "1"}'),
    ("update", '{"id": "1"}'),
    ("update", '{"id": "1", "url": "https://example.org/compact.zip"}'),
]
MALFORMED = [
    ("pause", "", "expected a JSON object"),
    ("pause", "PRESS", "expected a JSON object"),
    ("pause", "[]", "expected a JSON object"),
    ("pause", '"text"', "expected a JSON object"),
    ("pause", b"\xff\xfe", "expected a JSON object"),
    ("pause", "[" * 2000, "expected a JSON object"),
    ("pause", "{}", "id: it is missing"),
    ("pause", '{"id": 1}', "id: "),
    ("pause", '{"id": ""}', "id: "),
    ("pause", '{"id": "a b"}', "id: "),
    ("pause", f'{{"id": "{"x" * 65}"}}', "id: "),
    ("pause", '{"id": "1", "seconds": 0}', "seconds: "),
    ("pause", '{"id": "1", "seconds": 86401}', "seconds: "),
    ("pause", '{"id": "1", "seconds": 1.5}', "seconds: "),
    ("pause", '{"id": "1", "seconds": "60"}', "seconds: "),
    ("pause", '{"id": "1", "seconds": true}', "seconds: "),
    ("pause", '{"id": "1", "seconds": NaN}', ""),
    ("snapshot", '{"id": "1", "camera": "../etc"}', "camera: "),
    ("resume", '{"id": "1", "seconds": 1}', "unknown key; known are id"),
    ("reload", '{"id": "1", "file": "/etc/shadow"}', "unknown key; known are id"),
    ("update", '{"id": "1", "url": "http://example.org/x.zip"}', "url: "),
    ("update", '{"id": "1", "url": "file:///etc/shadow"}', "url: "),
    ("update", '{"id": "1", "url": "https://a b"}', "url: "),
]


@pytest.mark.parametrize(("name", "payload"), VALID)
def test_what_the_schema_allows_is_taken(name: CommandName, payload: str):
    Draft202012Validator(_schema_of(name)).validate(json.loads(payload))
    assert read_request(name, payload.encode()).id


@pytest.mark.parametrize(("name", "payload", "complaint"), MALFORMED)
def test_what_is_malformed_is_refused_with_the_reason_and_not_tried(
    make_desk: MakeDesk, answers: list[Publication], name: str, payload: str, complaint: str
):
    tried: list[Request] = []

    def handle(request: Request) -> str:
        tried.append(request)
        return "done"

    make_desk(**dict.fromkeys(COMMANDS, handle)).take(asked(name, payload))
    wait_until(lambda: bool(answers))
    (result,) = results(answers)
    assert (result["command"], result["id"], result["outcome"]) == (name, None, "refused")
    assert result["detail"].startswith(complaint)
    assert "\n" not in result["detail"]
    assert not tried


@pytest.mark.parametrize(("name", "payload", "_complaint"), MALFORMED)
def test_what_is_refused_the_schema_does_not_allow(name: str, payload: str, _complaint: str):
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return
    assert not Draft202012Validator(_schema_of(name)).is_valid(content)


def _schema_of(name: str) -> dict[str, Any]:
    return {**schema("command"), "$ref": f"#/$defs/{name}"}


def test_what_is_too_large_is_refused_unread(make_desk: MakeDesk, answers: list[Publication]):
    make_desk(pause=lambda _: "").take(asked("pause", b" " * LARGEST + b'{"id": "1"}'))
    assert (
        results(answers)[0]["detail"] == f"expected at most {LARGEST} bytes, found {LARGEST + 11}"
    )


def test_a_command_that_is_not_switched_on_is_refused_and_says_where_it_would_be(
    make_desk: MakeDesk, answers: list[Publication]
):
    make_desk(pause=lambda _: "").take(asked("update", '{"id": "1"}'))
    (result,) = results(answers)
    assert result["outcome"] == "refused"
    assert "commands.allow" in result["detail"]


def test_a_retained_command_is_refused(make_desk: MakeDesk, answers: list[Publication]):
    make_desk(pause=lambda _: "done").take(asked("pause", '{"id": "1"}', retained=True))
    (result,) = results(answers)
    assert result["outcome"] == "refused"
    assert "retained" in result["detail"]


@pytest.mark.parametrize("name", ["explode", "", "result", "pause\x00", "a" * 1000])
def test_a_command_that_nobody_knows_is_dropped_and_counted(
    make_desk: MakeDesk, answers: list[Publication], name: str
):
    desk = make_desk(pause=lambda _: "done")
    desk.take(asked(name, '{"id": "1"}'))
    assert desk.dropped == 1
    assert not answers


def test_a_repeat_is_dropped_and_the_same_id_means_something_else_for_another_command(
    make_desk: MakeDesk, answers: list[Publication]
):
    desk = make_desk(pause=lambda _: "done", resume=lambda _: "done")
    for name in ("pause", "pause", "resume", "pause"):
        desk.take(asked(name, '{"id": "1"}'))
    wait_until(lambda: len(answers) == 2)
    time.sleep(0.1)
    assert [result["command"] for result in results(answers)] == ["pause", "resume"]
    assert desk.dropped == 2


def test_a_flood_gets_one_refusal_and_then_silence(
    make_desk: MakeDesk, answers: list[Publication], caplog: pytest.LogCaptureFixture
):
    desk = make_desk()
    for number in range(1000):
        desk.take(asked("pause", f'{{"id": "{number}"}}'))
    assert len(answers) == desk_module.PER_MINUTE + 1
    assert "commands a minute" in results(answers)[-1]["detail"]
    assert desk.dropped == 1000 - desk_module.PER_MINUTE
    assert len(caplog.records) == 1


def test_a_rate_comes_back_with_time(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr("edge.commands.rate.time.monotonic", lambda: now[0])
    rate = Rate(60)
    assert [rate.allows() for _ in range(61)].count(True) == 60
    now[0] += 2.0
    assert [rate.allows() for _ in range(3)] == [True, True, False]
    now[0] += 10_000
    assert [rate.allows() for _ in range(61)].count(True) == 60


def test_a_command_that_fails_says_why_and_the_next_is_done(
    make_desk: MakeDesk, answers: list[Publication]
):
    def reload(_request: Request) -> str:
        raise MaskGateError("settings x.toml: unknown key a\nsettings x.toml: unknown key b")

    def resume(_request: Request) -> str:
        raise ZeroDivisionError

    desk = make_desk(reload=reload, resume=resume, pause=lambda _: "paused")
    for name in ("reload", "resume", "pause"):
        desk.take(asked(name, '{"id": "1"}'))
    wait_until(lambda: len(answers) == 3)
    assert [(result["outcome"], result["detail"]) for result in results(answers)] == [
        ("failed", "settings x.toml: unknown key a; settings x.toml: unknown key b"),
        ("failed", "a fault in the program (ZeroDivisionError), see its log"),
        ("done", "paused"),
    ]


def test_an_update_keeps_no_pause_waiting_and_too_many_are_refused(
    make_desk: MakeDesk, answers: list[Publication]
):
    end = threading.Event()

    def update(_request: Request) -> str:
        end.wait(10)
        return "updated"

    desk = make_desk(update=update, pause=lambda _: "paused")
    desk.take(asked("update", '{"id": "first"}'))
    desk.take(asked("pause", '{"id": "1"}'))
    wait_until(lambda: len(answers) == 1)
    assert results(answers)[0]["command"] == "pause"
    for number in range(MOST_WAITING + 1):
        desk.take(asked("update", f'{{"id": "{number}"}}'))
    assert "wait already" in results(answers)[-1]["detail"]
    end.set()
    wait_until(lambda: len(answers) == 2 + 1 + MOST_WAITING)


USUAL = f"{ROOT}/command/pause/result"


@pytest.mark.parametrize(
    ("reply_to", "where"),
    [
        (None, USUAL),
        (USUAL, USUAL),
        (f"{USUAL}/app-7", f"{USUAL}/app-7"),
        (f"{ROOT}/alert", USUAL),
        (f"{ROOT}/command/resume", USUAL),
        ("maskgate/hq/other/alert", USUAL),
        (f"{USUAL}/#", USUAL),
        (f"{USUAL}/" + "x" * 300, USUAL),
        ("$SYS/x", USUAL),
    ],
)
def test_the_answer_goes_where_it_is_wanted_within_the_device_s_own_results(
    make_desk: MakeDesk, answers: list[Publication], reply_to: str | None, where: str
):
    desk = make_desk(pause=lambda _: "paused")
    desk.take(asked("pause", '{"id": "1"}', reply_to=reply_to, correlation=b"\x00\x01"))
    wait_until(lambda: bool(answers))
    assert answers[0].topic == where
    assert answers[0].correlation == b"\x00\x01"
