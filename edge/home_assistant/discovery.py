"""Telling Home Assistant of the device: on connecting, when Home Assistant starts, and no more."""

import json
import random
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from edge.config import Broker, Device, HomeAssistant
from edge.errors import MaskGateError
from edge.home_assistant.description import identity
from edge.mqtt.broker_answer import RefusedError, UnreachableError
from edge.mqtt.connection import Connection
from edge.mqtt.message import Message, Publication
from edge.mqtt.waker import Waker

JITTER = (1.0, 5.0)
"""Seconds after Home Assistant's start: not all devices must answer it in the same moment."""
ANSWER_SECONDS = 5.0
"""How long the broker may take to acknowledge that the description is gone."""


class Discovery:
    """The retained message by which Home Assistant finds the device."""

    def __init__(
        self,
        settings: HomeAssistant,
        device: Device,
        describe: Callable[[], dict[str, Any]],
        post: Callable[[Publication, float], object],
    ) -> None:
        """Prepare the message.

        Args:
            settings: where Home Assistant looks for it.
            device: the device.
            describe: gives the description of the device, see `edge.home_assistant.description`.
            post: sends a message after so many seconds.
        """
        self.birth = f"{settings.prefix}/status"
        """Where Home Assistant says that it has started."""
        self._where = _topic(settings, device)
        self._describe = describe
        self._post = post
        self._answers = 0.0
        """Monotonic seconds when the last start will have been answered."""

    def message(self) -> Publication:
        """The message as of now."""
        return Publication(
            self._where,
            json.dumps(self._describe(), ensure_ascii=False),
            retain=True,
            content_type="application/json",
        )

    def on_birth(self, message: Message) -> None:
        """Take a message from `birth`; when Home Assistant has started, tell it again soon."""
        now = time.monotonic()
        if message.payload == b"online" and now >= self._answers:
            after = random.uniform(*JITTER)  # noqa: S311  # not a secret
            self._answers = now + after
            self._post(self.message(), after)


def remove(settings: HomeAssistant, broker: Broker, device: Device) -> str:
    """Take the device's description back, so that Home Assistant forgets the device.

    Returns:
        The topic that was cleared.

    Raises:
        MaskGateError: there is no broker, it cannot be reached, or does not take it.
    """
    where = _topic(settings, device)
    if broker.url is None:
        raise MaskGateError("discovery: no broker is configured; give --broker or set broker.url")
    with closing(Waker()) as waker:
        # Not the device's own id, under which it may be running.
        connection = Connection(broker, f"{identity(device)}-discovery")
        try:
            connection.open(waker)
            refusal = _publish(connection, Publication(where, b"", retain=True), waker)
            connection.close(waker)
        except (UnreachableError, RefusedError) as error:
            raise MaskGateError(str(error)) from error
        finally:
            connection.drop()
    if refusal is not None:
        raise MaskGateError(
            f"broker {connection.address}: it does not let this user publish to {where} "
            f"({refusal}); allow it there"
        )
    return where


def _publish(connection: Connection, publication: Publication, waker: Waker) -> str | None:
    connection.publish(publication)
    deadline = time.monotonic() + ANSWER_SECONDS
    while not connection.acknowledged:
        left = deadline - time.monotonic()
        if left <= 0:
            raise UnreachableError(
                f"broker {connection.address}: no acknowledgement for {ANSWER_SECONDS:g} s"
            )
        connection.step(left, waker)
    return connection.acknowledged[0].refusal


def _topic(settings: HomeAssistant, device: Device) -> str:
    return f"{settings.prefix}/device/{identity(device)}/config"
