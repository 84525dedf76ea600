"""Log lines for the journal: one entry each, with its priority and where it comes from as fields.

This is journald's own protocol: one datagram an entry. Text on standard error would lose the
priority, and a traceback would become twenty entries.
"""

import logging
import os
import socket
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
LONGEST = 40_000
"""Characters of a message that are kept: what is longer than a datagram would be lost."""
SEND_SECONDS = 1.0
"""How long journald may take to make room for an entry; it is lost then."""
PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6}
"""Levels of Python's, highest first, and what syslog has for them; what is below is 7, debug."""


def goes_to_journal(descriptor: int, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether what is written to a file descriptor ends up in the journal."""
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


class JournalHandler(logging.Handler):
    """Sends log records to journald."""

    def __init__(self, path: Path = SOCKET) -> None:
        """Prepare to log.

        Args:
            path: journald's socket.
        """
        super().__init__()
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(SEND_SECONDS)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; a journal that is away loses it."""
        try:
            self._socket.sendto(entry(record, self.format(record)), str(self._path))
        except OSError:
            self.handleError(record)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
        super().close()


def entry(record: logging.LogRecord, message: str) -> bytes:
    """A record as journald's protocol has it.

    Args:
        record: what to log; its attribute `camera`, if it has one, becomes MASKGATE_CAMERA.
        message: its text, traceback included.
    """
    fields = {
        "MESSAGE": message[:LONGEST],
        "PRIORITY": _priority(record.levelno),
        "SYSLOG_IDENTIFIER": "maskgate",
        "LOGGER": record.name,
        "THREAD_NAME": record.threadName or "",
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName or "",
    }
    camera = getattr(record, "camera", None)
    if camera is not None:
        fields["MASKGATE_CAMERA"] = str(camera)
    return b"".join(_field(name, value) for name, value in fields.items())


def _priority(level: int) -> str:
    return str(next((PRIORITIES[least] for least in PRIORITIES if level >= least), 7))


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "replace")
    if b"\n" in data:
        return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
    return name.encode() + b"=" + data + b"\n"
