"""Where Prometheus finds the metrics: a port on the loopback address."""

import logging
from collections.abc import Callable
from contextlib import ExitStack

from edge.config import Settings
from edge.errors import MaskGateError
from edge.health.health import Health
from edge.watch.observer import Observer

ADDRESS = "127.0.0.1"
log = logging.getLogger(__name__)


class MetricsPort(Observer):
    """Answers Prometheus where the settings ask for it, until it is closed."""

    def __init__(self, health: Callable[[], Health], port: int | None) -> None:
        """Begin to answer.

        Args:
            health: how the device is doing now.
            port: on the loopback address; None for none.

        Raises:
            MaskGateError: the port is taken.
        """
        self._health = health
        self._open = ExitStack()
        self._port: int | None = None
        self._answer_at(port)

    def adopted(self, settings: Settings) -> None:
        """Answer at another port, if the settings ask for one; one that is taken is logged."""
        if settings.health.metrics_port != self._port:
            self.close()
            try:
                self._answer_at(settings.health.metrics_port)
            except MaskGateError as error:
                log.error("%s", error)

    def close(self) -> None:
        """Answer no more."""
        self._open.close()
        self._port = None

    def _answer_at(self, port: int | None) -> None:
        if port is None:
            return
        # Some megabytes, for those who want it.
        from prometheus_client import CollectorRegistry, start_http_server

        from edge.health.metrics import HealthCollector

        registry = CollectorRegistry(auto_describe=False)
        registry.register(HealthCollector(self._health))
        try:
            server, thread = start_http_server(port, ADDRESS, registry=registry)
        except OSError as error:
            raise MaskGateError(
                f"health.metrics_port: {port} cannot be used ({error.strerror}); choose another"
            ) from error
        self._open.callback(thread.join)
        self._open.callback(server.server_close)
        self._open.callback(server.shutdown)
        self._port = port
