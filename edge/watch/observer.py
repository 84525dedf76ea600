"""Who looks on while the device watches: the console, a recording, the live view, the health."""

from collections.abc import Sequence

from edge.alerting.alerts import Alert
from edge.chain import Outcome
from edge.config import Settings
from edge.values import Frame


class Observer:
    """Is told what happens, on the thread that watches; override what you need.

    Be quick, for the next frame waits. A MaskGateError ends the watch; any other failure is logged
    and the watch goes on.
    """

    def saw(self, camera: str, frame: Frame, outcome: Outcome) -> None:
        """A frame of a camera was processed; its pixels must stay as they are."""

    def told(self, alerts: Sequence[Alert]) -> None:
        """Alerts were put into the outbox, one or more."""

    def went_round(self) -> None:
        """The watch has gone round all cameras, be there frames or not: five times a second."""

    def reloading(self) -> None:
        """The settings are about to be read again, which may take a while."""

    def adopted(self, settings: Settings) -> None:
        """Other settings are in force."""
