"""`maskgate subscribe`: shows what the devices of a broker publish, until it is told to stop."""

import io
import logging
import os
import sys
import threading
import time
import uuid
from concurrent.futures import Future, wait
from contextlib import closing

import click

from edge.config import Broker
from edge.ending import End
from edge.errors import MaskGateError
from edge.mqtt.alert_reader import AlertReader
from edge.mqtt.backoff import Backoff
from edge.mqtt.broker_answer import RefusedError, UnreachableError
from edge.mqtt.connection import Connection
from edge.mqtt.embedded_broker import HOST, USUAL_PORT
from edge.mqtt.topics import ROOT
from edge.mqtt.waker import Waker

TOPICS = (f"{ROOT}/+/+/alert", f"{ROOT}/+/+/status")
IDLE_SECONDS = 1.0
"""Longest wait before it looks around."""
OPENING_SECONDS = 0.2
"""The same while it connects, where a signal does not end the wait."""
log = logging.getLogger(__name__)


def subscribe(broker: Broker, *, as_json: bool, seconds: float | None = None) -> None:
    """Print a line for each alert and change of status, each event once.

    It reconnects for as long as it runs, and ends by Ctrl-C, SIGTERM, or when nobody reads its
    output any more. To be called on the main thread, which has the signals.

    Args:
        broker: the one to listen at; without a URL the one of `maskgate run` on this machine.
        as_json: print JSON objects instead of words.
        seconds: end after so many.

    Raises:
        MaskGateError: the broker refuses the login or the subscription, its certificate does not
            hold, a file with the password or the CA is not usable, or there was no connection in
            all the seconds.
    """
    # 3.1.1 does all that is needed here, and brokers that speak nothing newer understand it.
    chosen = {"url": broker.url or f"mqtt://{HOST}:{USUAL_PORT}", "protocol": "3.1.1"}
    broker = broker.model_copy(update=chosen)
    reader = AlertReader(as_json=as_json)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A letter that the terminal does not have must not end the program.
        sys.stdout.reconfigure(errors="replace")
    with closing(Waker()) as waker, End(seconds, waker.wake) as end:
        try:
            _keep_listening(broker, reader, end, waker)
        except BrokenPipeError:
            # Python flushes standard output once more when it exits; let that go nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _keep_listening(broker: Broker, reader: AlertReader, end: End, waker: Waker) -> None:
    backoff = Backoff()
    told: set[str] = set()
    connected = False
    trouble = f"broker {broker.url}: no answer"
    while end.left(IDLE_SECONDS):
        backoff.attempt()
        connection = Connection(broker, f"maskgate-sub-{uuid.uuid4().hex[:8]}")
        try:
            if _opened(connection, end):
                connected = True
                _listen(connection, reader, end, waker)
        except RefusedError as error:
            raise MaskGateError(str(error)) from error
        except UnreachableError as error:
            trouble = str(error)
            if backoff.was_steady():
                told.clear()
            if trouble not in told:
                told.add(trouble)
                log.warning("%s; trying again", trouble)
            over = time.monotonic() + backoff.pause(error)
            while (left := end.left(IDLE_SECONDS)) and (pause := over - time.monotonic()) > 0:
                waker.wait(min(pause, left))
    if not connected and not end.asked:
        raise MaskGateError(f"{trouble}; there was no connection in all the seconds")


def _opened(connection: Connection, end: End) -> bool:
    """Connect and log in, unless it is time to end first.

    On a thread of its own, which is left to itself then: the look-up of a host's name and a TLS
    handshake cannot be ended early.
    """
    opened: Future[None] = Future()

    def open_it() -> None:
        with closing(Waker()) as waker:
            try:
                connection.open(waker)
            except Exception as error:  # noqa: BLE001  # raised where its result is taken
                connection.drop()
                opened.set_exception(error)
            else:
                opened.set_result(None)

    threading.Thread(target=open_it, name="connecting", daemon=True).start()
    while left := end.left(OPENING_SECONDS):
        if wait([opened], left).done:
            opened.result()
            return True
    return False


def _listen(connection: Connection, reader: AlertReader, end: End, waker: Waker) -> None:
    try:
        connection.subscribe(*TOPICS)
        log.info("listening at broker %s", connection.address)
        while left := end.left(IDLE_SECONDS):
            try:
                connection.step(left, waker)
            finally:
                _show(connection, reader)
            if connection.subscription_refusal is not None:
                raise RefusedError(
                    f"broker {connection.address}: {connection.subscription_refusal}"
                )
        connection.close(waker)
    finally:
        connection.drop()


def _show(connection: Connection, reader: AlertReader) -> None:
    for message in connection.received:
        line = reader.line(message)
        if line is not None:
            click.echo(line)
    connection.received.clear()
