"""What the device says of alerts that it could not keep."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import edge
from edge.alerting import outbox as outbox_module
from edge.alerting.alerts import Alert
from edge.alerting.losses import Losses, to_dropped_event
from edge.alerting.outbox import Outbox
from edge.config import Broker, Device
from edge.config import Outbox as OutboxSettings
from edge.mqtt.publisher import Publisher
from tests.brokers import Embedded, Listener, Mosquitto
from tests.outbox.alerts import full_disk, numbers
from tests.samples import alert
from tests.waiting import wait_until

SCHEMA = json.loads((Path(edge.__file__).parent / "schemas" / "dropped.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
DEVICE = Device(site="hq", id="north-door")
Open = Callable[..., Outbox]


@pytest.fixture
def open_outbox(tmp_path: Path) -> Iterator[Open]:
    opened: list[Outbox] = []

    def open_it(**bounds: int) -> Outbox:
        opened.append(Outbox(OutboxSettings(path=tmp_path / "outbox.sqlite", **bounds)))
        return opened[-1]

    yield open_it
    for outbox in opened:
        outbox.close()


def trusted(number: int) -> Alert:
    return replace(alert(number, "closed"), clock="trusted")


def test_a_loss_says_how_many_and_of_what_time():
    (loss,) = Losses(total=5).plus([trusted(1), trusted(2)]).plus([trusted(3)]).untold
    event = to_dropped_event(loss, DEVICE)
    VALIDATOR.validate(event)
    assert event == {
        "specversion": "1.0",
        "id": f"{loss.id}.dropped",
        "source": "/maskgate/hq/north-door",
        "type": "org.maskgate.alerts.dropped",
        "datacontenttype": "application/json",
        "data": {
            "device": "north-door",
            "site": "hq",
            "count": 3,
            "total": 8,
            "oldest": "1970-01-01T00:16:42.500Z",
            "newest": "1970-01-01T00:16:44.500Z",
            "clock": "trusted",
        },
    }


def test_of_alerts_that_cannot_be_read_only_the_number_is_told():
    (loss,) = Losses().plus([None, None]).untold
    event = to_dropped_event(loss, DEVICE)
    VALIDATOR.validate(event)
    assert event["data"] == {"device": "north-door", "site": "hq", "count": 2, "total": 2}


def test_one_time_that_cannot_be_trusted_spoils_the_others():
    (loss,) = Losses().plus([trusted(1), alert(2)]).untold
    assert to_dropped_event(loss, DEVICE)["data"]["clock"] == "untrusted"


def test_what_may_have_been_sent_grows_no_more():
    first = Losses().plus([trusted(1)]).offered()
    grown = first.plus([trusted(2)]).plus([trusted(3)])
    assert grown.untold[0] == first.untold[0]
    assert (grown.untold[1].count, grown.untold[1].total) == (2, 3)
    left = grown.told(grown.untold[0])
    assert [loss.count for loss in left.untold] == [2]
    assert left.total == 3


def test_losses_counted_apart_are_joined():
    joined = Losses().plus([None] * 4).and_then(Losses().plus([trusted(1)]))
    assert joined.total == 5
    assert [(loss.count, loss.total) for loss in joined.untold] == [(4, 4), (1, 5)]


def test_the_outbox_keeps_within_its_bytes(open_outbox: Open):
    outbox = open_outbox(max_bytes=10_000)
    for number in range(1, 101):
        outbox.add(trusted(number))
    kept = numbers(outbox)
    assert kept == list(range(101 - len(kept), 101))
    size = outbox._file.bytes
    assert 10_000 - size < size / len(kept)
    assert outbox.dropped == 100 - len(kept)
    outbox.remove([row.sequence for row in outbox.waiting(limit=len(kept))])
    assert outbox._file.bytes == 0


def test_the_bytes_are_known_after_a_restart(open_outbox: Open):
    outbox = open_outbox(max_bytes=10_000)
    for number in range(1, 101):
        outbox.add(trusted(number))
    size, kept = outbox._file.bytes, len(outbox)
    outbox.close()
    again = open_outbox(max_bytes=10_000)
    assert (again._file.bytes, len(again)) == (size, kept)


def test_the_file_takes_no_more_than_the_settings_promise(tmp_path: Path, open_outbox: Open):
    outbox = open_outbox(max_bytes=100_000)
    for number in range(600):
        outbox.add(trusted(number))
    assert outbox._file.bytes > 99_000
    taken = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert 4_000_000 < taken < 1.2 * 100_000 + 5_000_000


def test_a_loss_outlives_the_process_until_it_is_told(open_outbox: Open):
    outbox = open_outbox(max_alerts=100)
    for number in range(1, 106):
        outbox.add(trusted(number))
    loss = outbox.loss()
    assert loss is not None
    assert (loss.count, loss.oldest, loss.newest) == (5, 1002.5, 1006.5)
    outbox.close()
    outbox = open_outbox(max_alerts=100)
    found = outbox.loss()
    assert found is not None
    assert (found.id, found.count) == (loss.id, 5)
    outbox.told(found)
    assert outbox.loss() is None
    outbox.close()
    outbox = open_outbox(max_alerts=100)
    assert outbox.loss() is None
    assert outbox.dropped == 5


def test_alerts_lost_in_memory_are_told_too(open_outbox: Open, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outbox_module, "MEMORY_ALERTS", 10)
    outbox = open_outbox()
    with full_disk():
        for number in range(1, 26):
            outbox.add(trusted(number))
        loss = outbox.loss()
    assert loss is not None
    assert (loss.count, loss.oldest, loss.newest) == (15, 1002.5, 1016.5)


def test_a_subscriber_is_told_once_and_before_the_alerts_that_are_left(
    broker: Mosquitto | Embedded,
    open_outbox: Open,
    listen: Callable[[Broker], Listener],
):
    outbox = open_outbox(max_alerts=100)
    for number in range(1, 131):
        outbox.add(trusted(number))
    listener = listen(broker.settings)
    publisher = Publisher(broker.settings, DEVICE, outbox)
    publisher.start()
    try:
        assert publisher.wait_until_delivered(10)
        wait_until(lambda: len(listener.payloads("alert")) == 101)
    finally:
        publisher.stop()
    lost, *others = map(json.loads, listener.payloads("alert"))
    VALIDATOR.validate(lost)
    assert (lost["data"]["count"], lost["data"]["total"]) == (30, 30)
    assert all(event["type"] == "org.maskgate.violation.closed" for event in others)
    assert outbox.loss() is None
    assert outbox.dropped == 30
