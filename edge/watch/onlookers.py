"""Those who look on while the device watches."""

import logging
from collections.abc import Callable

from edge.errors import MaskGateError
from edge.watch.observer import Observer

log = logging.getLogger(__name__)


class Onlookers:
    """Observers that are told one after the other, on the thread that watches."""

    def __init__(self) -> None:
        self._all: list[Observer] = []
        self._stumbled: set[Observer] = set()

    def add(self, observer: Observer) -> None:
        """Let another one look on."""
        self._all.append(observer)

    def tell(self, what: Callable[[Observer], object]) -> None:
        """Tell each of them something.

        Raises:
            MaskGateError: one of them cannot go on, and so the watch cannot.
        """
        for observer in self._all:
            try:
                what(observer)
            except MaskGateError:
                raise
            except Exception:
                # Somebody who looks on must not end the watch, nor fill the log.
                if observer not in self._stumbled:
                    self._stumbled.add(observer)
                    log.exception("%s failed; the watch goes on", type(observer).__name__)
