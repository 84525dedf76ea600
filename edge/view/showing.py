"""The live view of a running watch: served or not, as the settings say at the moment."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from edge.alerting.alerts import Alert
from edge.chain import Outcome
from edge.config import Settings
from edge.errors import MaskGateError
from edge.people.counts import Counts
from edge.values import Frame
from edge.watch.observer import Observer
from edge.watch.running import Watch

if TYPE_CHECKING:
    from edge.view.live import Live

log = logging.getLogger(__name__)


class Showing(Observer):
    """Opens the page and closes it; what happens it hands on while the page is there."""

    def __init__(
        self,
        watching: Watch,
        counts: Callable[[], Counts],
        say: Callable[[str], object],
        health: Callable[[], Mapping[str, Any] | None] = lambda: None,
    ) -> None:
        """Open the page if the settings ask for it.

        Args:
            watching: what is shown.
            counts: tells how many persons there were today; asked on any thread.
            say: tells a person something.
            health: tells how the device is doing, as it is published; None while it is not known.

        Raises:
            MaskGateError: the page cannot be served, see LiveView.
        """
        self._watching, self._counts = watching, counts
        self._say, self._health = say, health
        self._served = ExitStack()
        self._live: Live | None = None
        self._open(watching.settings)

    def saw(self, camera: str, frame: Frame, outcome: Outcome) -> None:
        """Show a frame."""
        if self._live:
            self._live.saw(camera, frame, outcome)

    def told(self, alerts: Sequence[Alert]) -> None:
        """Show when alerts were."""
        if self._live:
            self._live.told(alerts)

    def adopted(self, settings: Settings) -> None:
        """Open the page anew if it is to be another; the watch goes on if that is not possible."""
        if settings.view == self._view:
            if self._live:
                self._live.adopted(settings)
            return
        self.close()
        try:
            self._open(settings)
        except MaskGateError as error:
            log.error("there is no live view: %s", error)

    def close(self) -> None:
        """Serve the page no more."""
        self._live = None
        self._served.close()

    def _open(self, settings: Settings) -> None:
        self._view = settings.view
        if not settings.view.enabled:
            return
        # The web server takes 9 MB: it is loaded only where the page is wanted.
        from edge.view.live import Live
        from edge.view.server import LiveView

        watching = self._watching
        live = Live(settings, self._counts, watching.states, self._health)
        page = self._served.enter_context(LiveView(settings, live))
        self._live = live
        self._say(f"live view: {page.url}")
