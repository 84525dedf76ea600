"""What the program tells systemd: ready, stopping, reloading, a line of status, still alive.

The protocol is one datagram of text to one socket (sd_notify(3)), so there is no library for it
here: the packages that exist are not kept up, or measure the watchdog's time by the wall clock,
which jumps by years on a device that boots without NTP.
"""

import logging
import os
import socket
import time
from collections.abc import Mapping

SEND_SECONDS = 1.0
"""How long systemd may take to make room for a message; it is lost then."""
RELOAD_SECONDS = 300.0
"""What the watchdog has patience for while settings are read anew: nets may be measured then."""
log = logging.getLogger(__name__)


class Systemd:
    """The service manager that started the program; without one nothing is said to anybody.

    Any thread may call any method.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Find out whether there is one, by the variables that it sets."""
        self._address = environment.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        self._failed = False
        asked = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environment.get("WATCHDOG_USEC", "")
        self.watchdog: float | None = None
        """Seconds after a sign of life within which the next is expected; None: none is."""
        if self._address and asked and microseconds.isdecimal() and int(microseconds):
            self.watchdog = int(microseconds) / 1e6

    def ready(self) -> None:
        """Say that the start, or a reload, is over."""
        self._say("READY=1" + self._patience(self.watchdog))

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._say("STOPPING=1")

    def reloading(self) -> None:
        """Say that the settings are being read anew, without signs of life; `ready` ends it."""
        # systemd tells by the time whether this came before or after it asked.
        since = f"\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"
        self._say("RELOADING=1" + since + self._patience(self.watchdog and RELOAD_SECONDS))

    def status(self, line: str) -> None:
        """Show a line in `systemctl status`."""
        self._say("STATUS=" + " ".join(line.split()))

    def alive(self) -> None:
        """Give a sign of life to the watchdog."""
        self._say("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Ask for so much more time, from now, to start or stop."""
        self._say(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    @staticmethod
    def _patience(seconds: float | None) -> str:
        return f"\nWATCHDOG_USEC={int(seconds * 1e6)}" if seconds else ""

    def _say(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                to.settimeout(SEND_SECONDS)
                to.sendto(message.encode(), self._address)
        except OSError as error:
            if not self._failed:
                log.warning("systemd cannot be told anything (%s)", error)
            self._failed = True
        else:
            self._failed = False
