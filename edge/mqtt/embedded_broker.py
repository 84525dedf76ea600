"""The MQTT broker that runs inside the program when none is configured; on loopback only."""

import asyncio
import logging
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from edge.config import Broker
from edge.errors import MaskGateError

HOST = "127.0.0.1"
USUAL_PORT = 1883
"""The port registered with IANA for MQTT, where a subscriber looks first."""
START_SECONDS = 10.0
STOP_SECONDS = 5.0
PATIENCE_SECONDS = 0.3
"""How long amqtt may take to part from all its clients; it takes some milliseconds."""
_ATTEMPTS = 3
"""Another program may take a free port before the broker does."""


class EmbeddedBroker:
    """An amqtt broker on a thread of its own. It keeps nothing when it stops."""

    def __init__(self, port: int = USUAL_PORT) -> None:
        """Prepare the broker.

        Args:
            port: the one to take if it is free, otherwise any other.

        Raises:
            MaskGateError: amqtt is not installed.
        """
        try:
            import amqtt.broker
        except ImportError as error:
            raise MaskGateError(
                "no broker is configured and the embedded one is not installed; run "
                "'pip install maskgate[demo]', or give broker.url"
            ) from error
        self._make = amqtt.broker.Broker
        self._wanted = port
        self._started: Future[int] = Future()
        """The port, once it listens."""
        self._ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)

    def start(self) -> Broker:
        """Start it and wait until it listens.

        Returns:
            The settings with which it is reached.

        Raises:
            MaskGateError: it does not start.
        """
        # It logs every lost connection as if that were the user's trouble.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._thread.start()
        try:
            port = self._started.result(START_SECONDS)
        except Exception as error:
            reason = str(error) or f"not ready after {START_SECONDS:g} s"
            raise MaskGateError(
                f"the embedded broker does not start on {HOST} ({reason}); give broker.url"
            ) from error
        # It speaks nothing newer.
        return Broker(url=f"mqtt://{HOST}:{port}", protocol="3.1.1")

    def stop(self) -> None:
        """Disconnect everybody and end."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(STOP_SECONDS + 1)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        from amqtt.errors import BrokerError, PluginError

        self._loop = asyncio.get_running_loop()
        for attempt in range(_ATTEMPTS):
            port = _free_port() if attempt else self._wanted
            try:
                broker = self._make(_config(port))
                await broker.start()
            except (BrokerError, PluginError) as error:
                if attempt == _ATTEMPTS - 1:
                    self._started.set_exception(error)
            else:
                self._started.set_result(port)
                await self._ending.wait()
                await _shut_down(broker)
                return


async def _shut_down(broker: Any) -> None:
    # Before Python 3.12 asyncio.wait_for may swallow the cancellation by which amqtt ends a
    # client's session. It then waits for that client for ever; asked again, it skips it.
    loop = asyncio.get_running_loop()
    deadline = loop.time() + STOP_SECONDS
    while loop.time() < deadline:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(broker.shutdown(), PATIENCE_SECONDS)
            return


def _config(port: int) -> dict[str, Any]:
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
        "plugins": {
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
        },
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
