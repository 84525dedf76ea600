"""Where alerts go: into the outbox, and from there to the broker."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing

from edge.alerting.alerts import Alert
from edge.alerting.outbox import Outbox
from edge.config import Broker, Settings
from edge.mqtt.embedded_broker import EmbeddedBroker
from edge.mqtt.publisher import Publisher

PARTING_LIMIT = 2.0
"""Seconds that the publisher has for its goodbye."""


class Dispatch:
    """The outbox and the publisher, and the embedded broker where none is configured."""

    SECTIONS = ("device", "broker", "outbox", "commands", "home_assistant")
    """What of the settings it is opened by; opened anew when one of them changes."""

    def __init__(
        self,
        settings: Settings,
        say: Callable[[str], object],
        attach: Callable[[Publisher, Settings], object],
    ) -> None:
        """Open the outbox and begin to publish.

        Args:
            settings: see SECTIONS.
            say: tells a person something.
            attach: lets the publisher say and hear more than alerts, before it starts.

        Raises:
            MaskGateError: the outbox cannot be used, the embedded broker does not start, or a file
                that the settings name for the broker is not usable.
        """
        with ExitStack() as stack:
            self.outbox = stack.enter_context(closing(Outbox(settings.outbox)))
            self.broker = settings.broker
            if settings.broker.url is None:
                self.broker = _embedded(stack, say)
            self.publisher = Publisher(self.broker, settings.device, self.outbox)
            attach(self.publisher, settings)
            self.publisher.start()
            stack.callback(self.publisher.stop, PARTING_LIMIT)
            self._stack = stack.pop_all()

    def send(self, alerts: Sequence[Alert]) -> None:
        """Put alerts into the outbox, and let them go."""
        for alert in alerts:
            self.outbox.add(alert)
        if alerts:
            self.publisher.notify()

    def close(self) -> None:
        """Say goodbye to the broker; what it does not have waits in the outbox."""
        self._stack.close()


def _embedded(stack: ExitStack, say: Callable[[str], object]) -> Broker:
    """Start the embedded broker and say how to subscribe."""
    embedded = EmbeddedBroker()
    broker = embedded.start()
    stack.callback(embedded.stop)
    say(
        f"no broker is configured: one runs here, at {broker.url}. In another terminal:\n"
        f"    .venv/bin/maskgate subscribe --broker {broker.url}\n"
        f"    mosquitto_sub -v -L '{broker.url}/maskgate/#'"
    )
    return broker
